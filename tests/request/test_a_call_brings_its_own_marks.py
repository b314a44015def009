"""Promise 4: the ids and the time that a caller gives with a call are those of its rows."""

from __future__ import annotations

import datetime as dt
import hashlib
import time
from pathlib import Path
from typing import Any

import pytest

import modeldata
from modeldata import Archive
from modeldata.spool.files import Files
from modeldata.spool.frame import MAX_ID
from modeldata.spool.lane import Lane
from modeldata.spool.segment import NotStored
from tests.support.archive import data_files, rows
from tests.support.service import ship_all

NEW_YEAR = dt.datetime(2024, 1, 1, 0, 30, tzinfo=dt.timezone(dt.timedelta(hours=1)))
NEW_YEAR_NS = 1_704_065_400 * 10**9


def _shipped(archive: Archive, folder: Path) -> list[dict[str, str]]:
    archive.close(0)
    ship_all(Files(), str(folder))
    return rows(folder)


def test_rows_have_the_time_of_their_event_and_lie_in_the_folder_of_its_day(tmp_path: Path) -> None:
    archive = Archive(tmp_path, ship="off")
    collector = archive.collector("m", "inputs", ["n"])
    times = [NEW_YEAR, NEW_YEAR_NS, dt.datetime(2023, 12, 31, 23, 30), dt.datetime(1969, 7, 20, tzinfo=dt.UTC)]
    assert all(collector.collect([number], timestamp=moment) for number, moment in enumerate(times))
    found = {row["n"]: row["$Timestamp"] for row in _shipped(archive, tmp_path)}
    assert {found[key] for key in "012"} == {"2023-12-31T23:30:00.000000"}
    assert found["3"] == "1969-07-20T00:00:00.000000"
    assert {"/".join(path.parts[-4:-1]) for path in data_files(tmp_path)} == {"2023/12/31", "1969/07/20"}


def test_an_event_of_the_past_does_not_set_the_clock_of_its_writer(tmp_path: Path) -> None:
    tended = []

    class CountingLane(Lane):
        def _tend(self, time_ns: int) -> None:
            tended.append(time_ns)
            super()._tend(time_ns)

    archive = Archive(tmp_path, ship="off")
    lane = CountingLane(archive._intake.writer, False)
    archive._intake.writer.lanes.append(lane)
    archive._intake.writer.release(lane)
    began = time.time_ns()
    assert archive.collector("m").collect([1], timestamp=0)
    assert tended and min(tended) >= began


@pytest.mark.parametrize("moment", ["2024-01-01", 1.5, True, 2**63, dt.datetime(3000, 1, 1), dt.date(2024, 1, 1), object()])
def test_what_is_no_time_is_refused_and_counted(tmp_path: Path, moment: Any) -> None:
    archive = Archive(tmp_path, ship="off")
    collector = archive.collector("m")
    assert collector.collect([1], timestamp=moment) is False
    assert archive.stats().dropped == {"invalid_data": 1}
    assert collector.collect([1])


def test_a_request_id_of_the_call_goes_before_the_one_around_it(tmp_path: Path) -> None:
    archive = Archive(tmp_path, ship="off")
    collector = archive.collector("m", "inputs", ["n"])
    with modeldata.request("around"):
        collector.collect([1], "c", request_id="own")
        collector.collect([2], "c")
    found = _shipped(archive, tmp_path)
    assert [(row["$RequestId"], row["$CorrelationId"]) for row in found] == [("own", "c"), ("around", "c")]


def test_a_row_that_was_stored_at_the_second_try_has_the_same_marks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = Archive(tmp_path, ship="off")
    collector = archive.collector("m", "inputs", ["n"])
    append = Lane.append

    def fail_once(self: Lane, *arguments: Any) -> None:
        monkeypatch.setattr(Lane, "append", append)
        raise NotStored(5, "a bad disk", "segment")

    monkeypatch.setattr(Lane, "append", fail_once)
    assert collector.collect([1], "c" * (MAX_ID + 1), request_id="own", timestamp=NEW_YEAR)
    (row,) = _shipped(archive, tmp_path)
    assert (row["$RequestId"], row["$Timestamp"]) == ("own", "2023-12-31T23:30:00.000000")
    assert len(row["$CorrelationId"]) == MAX_ID


def test_no_caller_keeps_itself_out_of_the_archive_by_a_long_id(tmp_path: Path) -> None:
    archive = Archive(tmp_path, ship="off")
    collector = archive.collector("m", "inputs", ["n"])
    ids = ["x" * 1_000_000, "x" * 1_000_000 + "y", "ä" * MAX_ID, "e" * MAX_ID]
    assert all(collector.collect([number], one) for number, one in enumerate(ids))
    with modeldata.request("r" * 1_000_000):
        assert collector.collect([4])
    found = _shipped(archive, tmp_path)
    for given, row in zip(ids[:3], found, strict=False):
        kept, _, mark = row["$CorrelationId"].rpartition("~~")
        assert mark == hashlib.sha256(given.encode()).hexdigest()[:32]
        assert given.startswith(kept) and MAX_ID - 40 < len(row["$CorrelationId"].encode()) <= MAX_ID
    assert found[3]["$CorrelationId"] == ids[3]
    assert len(found[4]["$RequestId"]) == MAX_ID


def test_the_reason_of_a_refusal_is_known_without_an_exception(tmp_path: Path) -> None:
    archive = Archive(tmp_path, ship="off", max_row_bytes=100)
    inputs, others = archive.collector("m", "inputs"), archive.collector("m", "others")
    assert inputs.last_refusal is None
    assert not inputs.collect(object())
    assert (inputs.last_refusal, others.last_refusal) == ("unsupported_type", None)
    assert not others.collect(["x" * 1000])
    assert others.last_refusal == "too_large"
    archive.close(0)
    assert not inputs.collect([1])
    assert inputs.last_refusal == "closed"


def test_threads_do_not_see_the_refusals_of_each_other(tmp_path: Path) -> None:
    import threading

    collector = Archive(tmp_path, ship="off").collector("m")
    thread = threading.Thread(target=lambda: collector.collect(object()))
    thread.start()
    thread.join()
    assert collector.last_refusal is None
