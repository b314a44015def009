"""Days, batches, row groups and columns that a question leaves out are not read: shown by what the store is asked for."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest

from modeldata.catalog import store_file
from modeldata.catalog.errors import NotThere
from modeldata.errors import SettingsError
from modeldata.read.reader import Reader
from modeldata.spool.files import Files
from modeldata.store import open_store
from tests.read.kit import FORMATS, Counting, Shipped

DAYS = [f"2026-11-{day:02d}" for day in range(1, 6)]


@pytest.fixture(params=FORMATS)
def shipped(request: pytest.FixtureRequest, tmp_path: Path) -> Shipped:
    made = Shipped(str(tmp_path / "archive"), tmp_path / "spool", request.param)
    for number, day in enumerate(DAYS):
        made.collect("inputs", [{"x": number, "text": "a"}], at=f"{day}T12:00:00")
    made.ship()
    return made


@pytest.fixture
def counting(tmp_path: Path) -> Counting:
    return Counting(open_store(str(tmp_path / "archive"), Files()))


def _days(counting: Counting) -> set[str]:
    return {"-".join(path.split("/")[-4:-1]) for path in counting.files_read()}


def test_only_files_of_the_days_asked_for_are_read(shipped: Shipped, counting: Counting) -> None:
    found = Reader(counting, "here").scan("m", "inputs", start="2026-11-02", end="2026-11-04").to_arrow()
    assert sorted(found["x"].to_pylist()) == [1, 2]
    assert _days(counting) == {"2026-11-02", "2026-11-03"}
    assert {path.split("/_manifest")[0][-10:] for path, _ in counting.reads if "_manifest" in path} == {
        "2026/11/02",
        "2026/11/03",
    }


def test_other_days_are_not_even_listed(shipped: Shipped, counting: Counting) -> None:
    found = Reader(counting, "here").scan("m", "inputs", start="2026-11-02", end="2026-11-04").to_arrow()
    folders = {path.split("/_manifest")[0].split("/data")[0][-10:] for path in counting.listed if "/" in path}
    assert folders == {"2026/11/02", "2026/11/03"}
    everything = Reader(counting, "here").scan("m", "inputs").to_arrow()
    assert found.schema.equals(everything.schema) and {day[-2:] for day in DAYS} == {
        path.split("/")[6] for path in counting.listed if "/" in path
    }


class ByName(Counting):
    """Lists by name, as clouds do, in pages of two, and goes on where it is sent."""

    def walk(
        self, folder: str = "", wanted: Callable[[str], bool] | None = None, skip: Callable[[str], str] | None = None
    ) -> Iterator[str]:
        since = ""
        for number, path in enumerate(sorted(self._store.walk(folder))):
            if path >= since:
                self.listed.append(path)
                yield path
                since = skip(path) if skip is not None and number % 2 else ""


@pytest.mark.parametrize(("start", "end"), list(itertools.combinations([None, *DAYS, "2027-01-01"], 2)))
def test_a_store_that_lists_by_name_skips_no_row_that_is_asked_for(
    shipped: Shipped, tmp_path: Path, start: str | None, end: str
) -> None:
    by_name = ByName(open_store(str(tmp_path / "archive"), Files()))
    found = Reader(by_name, "here").scan("m", "inputs", start=start, end=end).to_arrow()
    assert sorted(found["x"].to_pylist()) == [number for number, day in enumerate(DAYS) if (start or "") <= day < end]


def test_a_store_that_lists_by_name_is_sent_past_other_days(tmp_path: Path) -> None:
    made = Shipped(str(tmp_path / "archive"), tmp_path / "spool")
    for month in range(1, 11):
        made.collect("inputs", [{"x": month}], at=f"2025-{month:02}-01T12:00:00")
        made.collect("inputs", [{"x": month}], at=f"2026-{month:02}-01T12:00:00")
    made.ship()
    by_name = ByName(open_store(str(tmp_path / "archive"), Files()))
    found = Reader(by_name, "here").scan("m", "inputs", start="2026-03-01", end="2026-03-02").to_arrow()
    assert found["x"].to_pylist() == [3]
    assert len([path for path in by_name.listed if "/inputs/" in path]) <= 6, "of 40 files"


def test_a_range_without_rows_still_has_the_columns_and_a_wrong_name_the_right_ones(shipped: Shipped, counting: Counting) -> None:
    empty = Reader(counting, "here").scan("m", "inputs", start="2027-01-01").to_arrow()
    assert empty.num_rows == 0 and "x" in empty.column_names
    with pytest.raises(NotThere, match="did you mean 'inputs'"):
        Reader(counting, "here").scan("m", "input", start="2026-11-02", end="2026-11-03")


def test_batches_of_a_day_that_are_out_of_the_range_are_not_read(tmp_path: Path) -> None:
    made = Shipped(str(tmp_path / "archive"), tmp_path / "spool")
    for hour in range(10, 20):
        made.collect("inputs", pa.table({"x": [hour] * 100}), at=f"2026-11-23T{hour}:00:00")
        made.ship()
    counting = Counting(open_store(str(tmp_path / "archive"), Files()))
    found = Reader(counting, "here").scan("m", "inputs", start="2026-11-23T12:00", end="2026-11-23T14:00").to_arrow()
    assert sorted(set(found["x"].to_pylist())) == [12, 13] and found.num_rows == 200
    size = sum(path.stat().st_size for path in (tmp_path / "archive").rglob("data.csv"))
    assert sum(count for path, count in counting.reads if path.endswith(".csv")) < size / 4


@pytest.mark.parametrize(
    ("start", "end", "found"),
    [
        ("2026-11-02T12:00:00", "2026-11-03T12:00:00", [1]),
        (dt.datetime(2026, 11, 2, 12), dt.datetime(2026, 11, 3, 12, 0, 0, 1), [1, 2]),
        (dt.date(2026, 11, 4), None, [3, 4]),
        (None, dt.date(2026, 11, 2), [0]),
        (dt.datetime(2026, 11, 2, 13, tzinfo=ZoneInfo("Europe/Berlin")), "2026-11-02T12:00:00.000001Z", [1]),
        ("2026-11-02T12:00:00.000001", "2026-11-03", []),
        ("2027-01-01", None, []),
    ],
)
def test_a_range_is_half_open_and_in_utc(shipped: Shipped, start: str, end: str, found: list[int]) -> None:
    table = shipped.archive.read("m", "inputs", start=start, end=end)
    assert sorted(table["x"].to_pylist()) == found
    assert table.schema.field("x").type == pa.int64(), "also where there is no row"


def test_only_the_columns_asked_for_are_there_in_this_order(shipped: Shipped) -> None:
    found = shipped.archive.read("m", "inputs", columns=["x", "$Sequence"], start="2026-11-02", end="2026-11-02T18:00")
    assert found.to_pydict() == {"x": [1], "$Sequence": [1]}


def test_a_moment_that_is_none_says_what_is(shipped: Shipped) -> None:
    with pytest.raises(SettingsError, match="2026-11-23T12:00"):
        shipped.archive.read("m", "inputs", start="the other day")


def test_row_groups_and_columns_of_parquet_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Shipped(str(tmp_path / "archive"), tmp_path / "spool", "parquet")
    rows = 1 << 16
    random = np.random.default_rng(7)
    for minute in range(4):
        frame = pa.table({name: random.random(rows) for name in ("a", "b", "c", "d")})
        made.collect("inputs", frame, at=f"2026-11-23T12:0{minute}:00")
    made.ship()
    counting = Counting(open_store(str(tmp_path / "archive"), Files()))
    question = {"start": "2026-11-23T12:02", "end": "2026-11-23T12:03", "columns": ["b"]}
    found = Reader(counting, "here").scan("m", "inputs", **question).to_arrow()
    assert found.num_rows == rows
    size = sum(path.stat().st_size for path in (tmp_path / "archive").rglob("*.parquet"))
    read = sum(count for path, count in counting.reads if path.endswith(".parquet"))
    assert read < size / 8 + 2 * store_file.TAIL, "one of sixteen parts, and the footer"


def test_a_scan_holds_few_chunks_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from modeldata.read import chunks, scan

    monkeypatch.setattr(chunks.chunked, "__defaults__", (2000,))
    made = Shipped(str(tmp_path / "archive"), tmp_path / "spool")
    for _ in range(200):
        made.collect("inputs", [{"x": 1}] * 20)
        made.ship()
    counting = Counting(open_store(str(tmp_path / "archive"), Files()))
    stream = iter(Reader(counting, "here").scan("m", "inputs"))
    first = next(stream)
    read = sum(count for path, count in counting.reads if path.endswith(".csv"))
    size = sum(path.stat().st_size for path in (tmp_path / "archive").rglob("data*.csv"))
    most = (scan.AHEAD + scan.THREADS) * 2000
    assert read < most < size / 5
    assert first.num_rows + sum(batch.num_rows for batch in stream) == 200 * 20
