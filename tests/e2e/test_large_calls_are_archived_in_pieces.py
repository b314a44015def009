"""A call of more bytes than a shipper decodes at once is archived some rows at a time, each row once, in its order."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from modeldata import Archive
from modeldata.encode import format_of
from modeldata.ship import batch
from tests.support.service import pipeline_of

ROWS = 400
SMALL = (1500, 1500)
"""Bytes of frames that are decoded at once."""


def _mixed() -> pd.DataFrame:
    odd = pd.Series([number if number % 2 else f"text {number}" for number in range(ROWS)], dtype=object)
    return pd.DataFrame({"n": range(ROWS), "text": [f"é{number}" for number in range(ROWS)], "odd": odd})


CALLS: dict[str, Callable[[], object]] = {
    "frame": _mixed,
    "block": lambda: np.arange(3 * ROWS).reshape(ROWS, 3),
    "arrow": lambda: pa.table({"n": range(ROWS), "text": [f"é{number}" for number in range(ROWS)], "odd": [[1, 2]] * ROWS}),
    "rows": lambda: [[number, f"é{number}", [number]] for number in range(ROWS)],
}


def _first_cells(file_format: str, root: Path) -> list[int]:
    """The first column of the call, by readers that are none of ours, in the order of the files."""
    files = sorted(
        (path for path in root.rglob(f"data*.{file_format}") if "_manifest" not in path.parts),
        key=lambda path: int(path.stem.rpartition("-")[2]) if "-" in path.stem else 0,
    )
    made: list[int] = []
    for path in files:
        if file_format == "csv":
            with path.open(newline="", encoding="utf-8") as file:
                made += [int(row[3]) for row in list(csv.reader(file))[1:]]
        elif file_format == "jsonl":
            made += [int(list(json.loads(line).values())[6]) for line in path.read_text(encoding="utf-8").split("\n")[:-1]]
        else:
            made += pq.read_table(path).column(6).to_pylist()
    return made


@pytest.mark.parametrize("file_format", ["csv", "jsonl", "parquet"])
@pytest.mark.parametrize("kind", CALLS)
def test_each_row_of_a_large_call_is_archived_once_and_no_more_than_a_portion_is_encoded_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, file_format: str
) -> None:
    counts: list[int] = []
    monkeypatch.setattr(type(format_of(file_format)), "portions", SMALL)
    inner = batch.encoded
    monkeypatch.setattr(batch, "encoded", lambda *given: counts.append(len(given[3][0].values)) or inner(*given))  # type: ignore[func-returns-value]
    archive = Archive(tmp_path / "a", format=file_format, ship="off", fsync="never", min_free_bytes=0)
    pipeline = pipeline_of(archive.settings, warn=pytest.fail)

    assert archive.collector("m", "in").collect(CALLS[kind]())
    while pipeline.step().rows:
        continue

    first = _first_cells(file_format, tmp_path / "a")
    assert first == ([3 * number for number in range(ROWS)] if kind == "block" else list(range(ROWS)))
    assert len(counts) > 3 and sum(counts) == ROWS and max(counts) < ROWS / 3
    archive.close(0)


@pytest.mark.parametrize("file_format", ["csv", "parquet"])
def test_a_call_without_memory_is_tried_in_parts_and_one_row_that_asks_for_too_much_stops_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file_format: str
) -> None:
    inner = batch.encoded

    def short(*given: object) -> object:
        columns = given[3]
        rows = columns[0].values  # type: ignore[index]  # the columns of a call
        if len(rows) > 100 or "bomb" in map(str, rows[:2]):
            raise MemoryError
        return inner(*given)  # type: ignore[arg-type]  # what was given

    monkeypatch.setattr(batch, "encoded", short)
    report: list[str] = []
    archive = Archive(tmp_path / "a", format=file_format, ship="off", fsync="never", min_free_bytes=0)
    pipeline = pipeline_of(archive.settings, warn=report.append)
    collector = archive.collector("m", "in")

    assert collector.collect([[number] for number in range(ROWS)])
    assert archive.collector("bad", "in").collect(["bomb"])
    assert archive.collector("good", "in").collect([7])
    while pipeline.step().rows:
        continue

    assert sorted(_first_cells(file_format, tmp_path / "a")) == sorted([*range(ROWS), 7])
    assert [("MiB of memory" in line) for line in report] == [True]
    archive.close(0)
