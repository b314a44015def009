"""A day of one service, for the example of `coverage`: rows, quiet hours, and an hour without a process. The clock is ours."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import pytest

from modeldata import Archive
from modeldata.ship.pipeline import Pipeline
from modeldata.spool.files import Files
from modeldata.spool.folder import open_place
from modeldata.store import open_for

DAY = "2026-11-22"
HOST = "web-1"
COMMAND = "modeldata.cli.commands.coverage"


def _moment(time: str) -> dt.datetime:
    return dt.datetime.fromisoformat(f"{DAY}T{time}+00:00")


def _ns(time: str) -> int:
    return int(_moment(time).timestamp()) * 1_000_000_000


class Worker:
    """A process of the service, and the shipper of its host, at the time that `at` says."""

    def __init__(self, folder: Path, at: str) -> None:
        self._at = at
        self._archive = Archive(folder / "fleet", spool=folder / "fleet-spool", ship="off", min_free_bytes=0, batch_seconds=0)
        settings, files = self._archive.settings, Files()
        place = open_place(settings.spool_folder(), files, b"\2" * 16, 0)
        self._pipeline = Pipeline(
            place, open_for(settings, files), settings,
            files=files, warn=pytest.fail, may_commit=lambda: True, wall_ns=lambda: _ns(self._at), host=HOST,
        )  # fmt: skip

    def collect(self, *rows: dict[str, float], at: str) -> None:
        with mock.patch("modeldata.collector.time_ns", lambda: _ns(at)), mock.patch("time.time_ns", lambda: _ns(at)):
            assert all(self._archive.collector("churn", "inputs", webservice_name="shop").collect([row]) for row in rows)

    def ship(self, at: str) -> None:
        self._at = at
        with mock.patch("time.time_ns", lambda: _ns(at)):
            while self._pipeline.step().rows:
                continue

    def end(self, at: str) -> None:
        with mock.patch("time.time_ns", lambda: _ns(at)):
            self._archive.close(0)
        self.ship(at)


def fill(folder: Path) -> None:
    """The archive `fleet`."""
    early = Worker(folder, "09:10:00")
    early.collect({"age": 34}, {"age": 52}, at="09:10:00")
    early.ship("09:10:01")
    early.ship("10:20:00")
    early.end("11:05:00")
    late = Worker(folder, "13:30:00")
    late.collect({"age": 41}, at="13:30:00")
    late.ship("13:30:02")


@contextmanager
def afternoon() -> Iterator[None]:
    """The command takes it for 13:50."""

    class Clock(dt.datetime):
        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> dt.datetime:  # type: ignore[override] # of the base class
            return _moment("13:50:00")

    with mock.patch(f"{COMMAND}.dt", SimpleNamespace(datetime=Clock, UTC=dt.UTC, timedelta=dt.timedelta)):
        yield
