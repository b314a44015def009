"""`coverage`: an hour in which nothing happened is distinguished from an hour in which nothing was recorded."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest

from modeldata.catalog.coverage import Coverage, Hour, coverage
from modeldata.format.head import Record, WriterRecord
from modeldata.format.manifest import Entry
from modeldata.format.names import IDENTITY, stream
from modeldata.format.paths import HOUR_NS
from tests.audit.kit import Harmed, store_at
from tests.support.scripts import modeldata

NOON = 1_795_435_200_000_000_000


def identity(service: str = "svc", model: str = "churn") -> dict[str, str]:
    return {**dict.fromkeys(IDENTITY, "x"), "service": service, "model_name": model}


CHURN, OTHER = stream(identity()), stream(identity(service="my svc", model="other"))


def record(hours: float, **fields: Any) -> Record:
    return Record(0, NOON + int(hours * HOUR_NS), host="host", **fields)


def writer(start: float, alive: float, *, ended: bool = False, accepted: dict[str, int] | None = None) -> WriterRecord:
    return WriterRecord(NOON + int(start * HOUR_NS), NOON + int(alive * HOUR_NS), ended, accepted or {})


def hours_of(records: list[Record], lines: list[Entry] = [], hours: int = 5, model: str | None = None) -> list[Hour]:  # noqa: B006 - never changed
    covered = Coverage(NOON, NOON + hours * HOUR_NS, model)
    for each in records:
        covered.add_record("log", each)
    for line in lines:
        covered.add_line(line)
    return list(covered.hours)


def test_an_idle_hour_and_a_dead_hour_are_two_things() -> None:
    found = hours_of(
        [
            record(0.5, ends={CHURN: {"w": 9}}, writers={"w": writer(0.1, 0.5, accepted={CHURN: 10})}),
            record(1.5, writers={"w": writer(0.1, 1.5, accepted={CHURN: 10})}),
            record(2.2, writers={"w": writer(0.1, 1.9, ended=True, accepted={CHURN: 10})}),
            record(4.5, ends={CHURN: {"v": 4}}, writers={"v": writer(4.1, 4.5, accepted={CHURN: 5})}),
        ]
    )
    assert [(hour.rows, hour.writers, hour.state) for hour in found] == [
        (10, 1, ""), (0, 1, "nothing happened"), (0, 0, "nothing recorded"), (0, 0, "nothing recorded"), (5, 1, ""),
    ]  # fmt: skip
    assert {(hour.host, hour.service) for hour in found} == {("host", "svc")}


def test_rows_are_counted_once_in_the_hour_in_which_they_were_archived() -> None:
    found = hours_of([record(at, ends={CHURN: {"w": end}}) for at, end in ((0.1, 4), (0.9, 9), (1.1, 9), (2.5, 29))], hours=3)
    assert [hour.rows for hour in found] == [10, 0, 20]


def test_services_and_models_are_kept_apart() -> None:
    records = [record(0.5, ends={CHURN: {"w": 1}, OTHER: {"w": 3}}, writers={"w": writer(0, 0.5)})]
    assert [(hour.service, hour.rows, hour.writers) for hour in hours_of(records, hours=1)] == [("my svc", 4, 1), ("svc", 2, 1)]
    assert [(hour.service, hour.rows) for hour in hours_of(records, hours=1, model="other")] == [("my svc", 4)]
    assert hours_of(records, hours=1, model="third") == []


def test_a_writer_without_any_row_is_seen() -> None:
    (found,) = hours_of([record(0.5, writers={"w": writer(0.1, 0.5)})], hours=1)
    assert (found.service, found.writers, found.state) == ("?", 1, "nothing happened")


def test_lag_is_the_time_from_the_newest_row_to_the_line() -> None:
    lines = [
        Entry(identity(), rows=2, batch=str(lag), file="data.csv", last_ns=NOON + 10, archived_ns=NOON + 10 + lag, host="host")
        for lag in (5, 70, 6)
    ]
    (found,) = hours_of([record(0.5, batches={"5": ["", ""], "70": ["", ""]}, ends={CHURN: {"w": 3}})], lines, hours=1)
    assert (found.lag_ns, found.rows) == (70, 6), "four rows by their record, two of a batch without one"


def test_batches_of_an_earlier_version_count_by_their_own_times() -> None:
    (found,) = hours_of([], [Entry(identity(), rows=3, batch="a", file="data.csv", last_ns=NOON + 1)], hours=1)
    assert (found.host, found.service, found.rows, found.lag_ns) == ("?", "svc", 3, None)


@pytest.mark.parametrize("collector", ["", "a/b", "a/b/c/d/e/f/g", "~/~ZZ/x/~~/x/x"])
def test_odd_names_in_a_record_are_no_error(collector: str) -> None:
    assert len(hours_of([record(0.5, ends={collector: {"w": 1}})], hours=1)) == 1


def test_the_hours_of_an_archive_hold_all_its_rows(tmp_path: Path) -> None:
    harmed = Harmed(tmp_path)
    found = coverage(store_at(harmed.root), 0, 2**62)
    assert sum(hour.rows for hour in found) == 6
    done = modeldata("coverage", str(harmed.root), "--json", "--days", "2")
    report = json.loads(done.stdout)["hours"]
    assert sum(hour["rows"] for hour in report) == 6 and {hour["host"] for hour in report} == {socket.gethostname()}
    assert report[-1]["lag_seconds"] is not None or report[-2]["lag_seconds"] is not None
    assert "rows" in modeldata("coverage", str(harmed.root)).stdout
