"""Promise 5: callers who choose the keys can't make a file of each call. What they sent comes back all the same."""

from __future__ import annotations

import csv
import datetime as dt
import json
from decimal import Decimal
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from modeldata import Archive
from modeldata.encode.restore import restore_column
from modeldata.ship.placement import MAX_SHAPES
from tests.support.archive import manifest_lines
from tests.support.service import pipeline_of

CALLS = 3 * MAX_SHAPES
MOMENT = dt.datetime(2026, 1, 2, tzinfo=dt.UTC)


def _value(number: int) -> object:
    return [number, str(number), MOMENT, Decimal(number), [number, {"a": None}]][number % 5]


def _files(root: Path, file_format: str) -> list[Path]:
    return sorted(path for path in root.rglob(f"data*.{file_format}") if "_manifest" not in path.parts)


def _rows(path: Path, file_format: str) -> list[dict[str, object]]:
    """By a reader that is none of ours."""
    if file_format == "csv":
        with path.open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))  # type: ignore[arg-type]  # its cells are text
    if file_format == "jsonl":
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    rows: list[dict[str, object]] = pq.read_table(path).to_pylist()
    return rows


@pytest.mark.parametrize("file_format", ["csv", "jsonl", "parquet"])
def test_rows_of_ever_new_keys_share_a_file_and_come_back_as_they_were(tmp_path: Path, file_format: str) -> None:
    archive = Archive(tmp_path / "a", format=file_format, ship="off", fsync="never", min_free_bytes=0)
    collector = archive.collector("m", "in")
    for number in range(CALLS):
        assert collector.collect({f"k{number}": _value(number), "$Json": number})
    pipeline = pipeline_of(archive.settings, warn=pytest.fail)
    while pipeline.step().rows:
        continue

    files = _files(tmp_path / "a", file_format)
    assert len(files) == MAX_SHAPES + 1
    shared = [row["$Json"] for path in files for row in _rows(path, file_format) if "$Json" in row]
    assert len(shared) == CALLS - MAX_SHAPES

    (line,) = [line for _, line in manifest_lines(tmp_path / "a") if line["columns"] == ["$Json"]]
    assert line["rows"] == CALLS - MAX_SHAPES and len(line["sequences"]) == 1
    there = restore_column(shared, line["types"][0], line.get("kinds", {}).get("$Json"))
    assert there == [{f"k{number}": _value(number), "$Json.1": number} for number in range(MAX_SHAPES, CALLS)]
    archive.close(0)


def test_files_and_what_a_shipper_remembers_stay_bounded_over_rounds_processes_and_restarts(tmp_path: Path) -> None:
    for turn in range(3):
        archive = Archive(tmp_path / "a", ship="off", fsync="never", min_free_bytes=0)
        collector = archive.collector("m", "in")
        for number in range(CALLS):
            assert collector.collect([{f"turn {turn} key {number}": number, "n": 1}, {f"turn {turn} key {number}": number}])
        archive.close(0)
        pipeline = pipeline_of(archive.settings, warn=pytest.fail)
        while pipeline.step().rows:
            continue

    files = _files(tmp_path / "a", "csv")
    assert len(files) == MAX_SHAPES + 1
    assert len(pipeline.state.targets) <= MAX_SHAPES + 2
    assert sum(len(_rows(path, "csv")) for path in files) == 3 * 2 * CALLS


def test_a_few_shapes_and_later_ones_of_known_columns_keep_files_of_their_own(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "a", ship="off", fsync="never", min_free_bytes=0)
    collector = archive.collector("m", "in")
    pipeline = pipeline_of(archive.settings, warn=pytest.fail)
    for turn in range(2):
        for number in range(MAX_SHAPES):
            assert collector.collect({f"k{number}": turn})
        while pipeline.step().rows:
            continue

    files = _files(tmp_path / "a", "csv")
    assert [len(_rows(path, "csv")) for path in files] == [2] * MAX_SHAPES
    archive.close(0)
