"""What is in an archive, what comes in, whether all is there and what waits: as a user asks, against files read by others."""

from __future__ import annotations

import csv
import datetime as dt
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from modeldata import Archive, NotThere, StoreError
from modeldata.keep.compact import Sizes
from modeldata.keep.job import KeepJob
from modeldata.keep.jobs import compact
from modeldata.keep.rewrite import RewriteRun
from modeldata.read.follow import Follow
from modeldata.read.query import ReadQuery
from modeldata.read.question import request_of
from modeldata.spool.files import Files
from modeldata.store import open_store
from tests.read.kit import FORMATS, Counting, Shipped

DAYS = ("2026-11-01", "2026-11-02", "2026-11-03")
NEXT_YEAR_NS = 1_800_000_000_000_000_000


@pytest.fixture(params=FORMATS)
def shipped(request: pytest.FixtureRequest, tmp_path: Path) -> Shipped:
    """Three days of inputs, two rows a call, at noon and a second after; one row of labels."""
    made = Shipped(str(tmp_path / "archive"), tmp_path / "spool", request.param)
    for number, day in enumerate(DAYS):
        made.collect("inputs", [{"x": number, "text": "a"}, {"x": -number, "text": "b"}], at=f"{day}T12:00:00")
        made.collect("inputs", [{"x": 10 + number, "text": "c"}], at=f"{day}T12:00:01")
    made.collect("labels", {"left": True}, at="2026-11-02T00:00:00")
    made.ship()
    return made


def data_files(shipped: Shipped, identifier: str) -> list[Path]:
    folder = Path(shipped.archive.settings.archive.removeprefix("file://"))
    return [path for path in folder.rglob(f"{identifier}/**/data*") if "_manifest" not in path.parts]


def rows_in(path: Path) -> int:
    """As others count them."""
    if path.suffix == ".parquet":
        return int(pq.ParquetFile(path).metadata.num_rows)
    with path.open(encoding="utf-8", newline="") as lines:
        return sum(1 for _ in (lines if path.suffix == ".jsonl" else csv.DictReader(lines)))


# What is there


def test_collectors_are_listed_with_what_their_files_hold(shipped: Shipped) -> None:
    inputs, labels = shipped.archive.collectors()
    assert (inputs.name, labels.name, inputs.view) == ("m/inputs", "m/labels", "m_inputs")
    for held in (inputs, labels):
        files = data_files(shipped, held.identity["identifier"])
        assert held.total.rows == sum(map(rows_in, files))
        assert held.total.bytes == sum(path.stat().st_size for path in files)
        assert held.files == len(files)
    assert inputs.columns == ("x", "text") and labels.columns == ("left",)
    assert (inputs.days, inputs.versions.keys(), inputs.problems) == (3, {"unknown"}, [])
    assert inputs.total.first == dt.datetime(2026, 11, 1, 12, tzinfo=dt.UTC)
    assert inputs.total.last == dt.datetime(2026, 11, 3, 12, 0, 1, tzinfo=dt.UTC)


def test_collectors_of_one_model_or_identifier_are_listed_alone_and_a_wrong_name_says_what_there_is(shipped: Shipped) -> None:
    assert [held.name for held in shipped.archive.collectors("m", "labels")] == ["m/labels"]
    assert [held.name for held in shipped.archive.collectors(identifier="inputs")] == ["m/inputs"]
    with pytest.raises(NotThere, match="did you mean 'inputs'"):
        shipped.archive.collectors("m", "input")


def test_an_empty_archive_has_no_collectors(tmp_path: Path) -> None:
    (tmp_path / "archive").mkdir()
    assert Archive(tmp_path / "archive").collectors() == []


def test_no_data_is_read_to_list_collectors(shipped: Shipped, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    counting = Counting(open_store(str(tmp_path / "archive"), Files()))
    monkeypatch.setattr("modeldata.read.reader.open_for", lambda *arguments: counting)
    assert shipped.archive.collectors()[0].total.rows == 9
    assert not counting.files_read()


# How many rows


@pytest.mark.parametrize(
    ("start", "end", "rows"),
    [
        (None, None, 9),
        ("2026-11-02", None, 6),
        ("2026-11-02", "2026-11-03", 3),
        ("2026-11-01T12:00:01", None, 7),
        ("2026-11-01T12:00:01", "2026-11-03T12:00:01", 6),
        ("2027-01-01", None, 0),
    ],
)
def test_rows_are_counted_as_they_are_read(shipped: Shipped, start: str | None, end: str | None, rows: int) -> None:
    scan = shipped.archive.scan("m", "inputs", start=start, end=end)
    assert scan.count() == rows == sum(batch.num_rows for batch in scan)


def test_rows_of_whole_batches_are_counted_without_reading_them(
    shipped: Shipped, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    counting = Counting(open_store(str(tmp_path / "archive"), Files()))
    monkeypatch.setattr("modeldata.read.reader.open_for", lambda *arguments: counting)
    scan = shipped.archive.scan("m", "inputs", start="2026-11-02", columns=["x"], types=None)
    counting.reads.clear()
    assert scan.count() == 6
    assert not counting.files_read()


def test_rows_are_counted_once_although_compaction_moves_them_meanwhile(tmp_path: Path) -> None:
    made = Shipped(str(tmp_path / "archive"), tmp_path / "spool", "csv")
    for hour in range(4):
        made.collect("inputs", {"x": hour}, {"x": hour}, at=f"{DAYS[0]}T{10 + hour}:00:00")
        made.collect("inputs", {"x": hour}, at=f"{DAYS[0]}T{10 + hour}:30:00")
        made.ship()
    scan = made.archive.scan("m", "inputs", start=f"{DAYS[0]}T10:10")
    compacted(tmp_path)
    assert not list((tmp_path / "archive").rglob("data.csv"))
    assert scan.count() == 10


def compacted(folder: Path) -> None:
    job = KeepJob(open_store(str(folder / "archive"), Files()), "archive", {}, RewriteRun("a" * 32, "host", NEXT_YEAR_NS))
    assert [done.problem for done in compact(job, Sizes())] == [""]


# What comes


def test_follow_gives_each_row_that_arrives_once_and_none_that_was_there(shipped: Shipped) -> None:
    coming = shipped.archive.follow("m", "inputs", interval=0.01, timeout=0.02, columns=["x"])
    assert list(coming) == []
    shipped.collect("inputs", {"x": 100, "text": "new"})
    shipped.ship()
    shipped.collect("inputs", {"x": 50, "text": "late"}, at=f"{DAYS[0]}T00:00:00")
    shipped.collect("inputs", {"x": 101, "text": "new"})
    shipped.ship()
    seen = [table["x"].to_pylist() for table in coming]
    assert sorted(x for table in seen for x in table) == [100, 101]  # days long ago are looked at once a minute
    assert list(coming) == []


def test_follow_begins_with_the_newest_rows_where_some_are_wanted(shipped: Shipped) -> None:
    coming = shipped.archive.follow("m", "inputs", newest=4, interval=0.01, timeout=0.02, columns=["x"])
    assert [table["x"].to_pylist() for table in coming] == [[12 - 1, 2, -2, 12]]
    shipped.collect("inputs", {"x": 100, "text": "new"})
    shipped.ship()
    assert [table["x"].to_pylist() for table in coming] == [[100]]


def test_a_step_that_fails_loses_no_row(shipped: Shipped, tmp_path: Path) -> None:
    store = Failing(open_store(str(tmp_path / "archive"), Files()))
    coming = Follow(ReadQuery.of(store, "here", request_of("m", "inputs", {})), interval=0, timeout=0)
    shipped.collect("inputs", {"x": 100, "text": "new"})
    shipped.ship()
    store.fails = True
    with pytest.raises(StoreError, match="no answer"):
        next(coming)
    store.fails = False
    assert next(coming)["x"].to_pylist() == [100]
    assert list(coming) == []


def test_follow_waits_as_long_between_looks_as_it_is_reported_and_ends_after_that_time_without_rows(
    shipped: Shipped, tmp_path: Path
) -> None:
    waits: list[float] = []
    query = ReadQuery.of(open_store(str(tmp_path / "archive"), Files()), "here", request_of("m", "inputs", {}))
    assert list(Follow(query, interval=7, timeout=21, now_ns=lambda: NEXT_YEAR_NS, wait=waits.append)) == []
    assert waits == [7, 7, 7]


class Failing(Counting):
    """A store that does not answer while it `fails`."""

    fails = False

    def length(self, path: str) -> int:
        if self.fails:
            raise StoreError("ask for a length", path, cause="no answer")
        return super().length(path)

    def read(self, path: str, start: int = 0, size: int | None = None) -> bytes:
        if self.fails:
            raise StoreError("read", path, cause="no answer")
        return super().read(path, start, size)


# Whether all is there, and what waits


def test_an_audit_proves_an_archive_complete_and_finds_a_changed_byte(shipped: Shipped) -> None:
    assert (shipped.archive.audit().verdict, shipped.archive.audit().rows) == ("complete", 10)
    path = data_files(shipped, "inputs")[0]
    path.write_bytes(path.read_bytes()[:-2] + b"?\n")
    found = shipped.archive.audit()
    assert found.verdict == "broken" and "are not what was archived" in found.problems[0]
    assert shipped.archive.audit(check_bytes=False).verdict == "complete"


def test_status_counts_what_waits_and_what_is_archived(shipped: Shipped) -> None:
    shipped.collect("inputs", [{"x": 1}, {"x": 2}])
    status = shipped.archive.status()
    assert (status.pending, status.archived, status.leader, status.last_error) == (2, 10, None, None)
    shipped.ship()
    assert (shipped.archive.status().pending, shipped.archive.status().archived) == (0, 12)


def test_status_of_another_process_needs_no_collector_and_makes_no_spool(tmp_path: Path) -> None:
    status = Archive(tmp_path / "archive", spool=tmp_path / "spool").status()
    assert status.pending == 0 and status.last_error is None
    assert not (tmp_path / "spool").exists()
