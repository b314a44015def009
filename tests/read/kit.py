"""An archive to read from: collected, and shipped here and now."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Unpack
from unittest import mock

import pytest

from modeldata import Archive
from modeldata.keywords import IdentityOptions
from modeldata.store import ReadStore
from tests.support.service import pipeline_of

FORMATS = ("csv", "jsonl", "parquet")
OWN = ["$Timestamp", "$CorrelationId", "$RequestId", "$Writer", "$Sequence", "$Row"]


class Shipped:
    """An archive at `url` in one format, and a shipper for it that works when it is asked to."""

    def __init__(self, url: str, spool: Path, file_format: str = "csv", block_bytes: int = 0, **settings: object) -> None:
        self.archive = Archive(
            url, spool=spool, format=file_format, ship="off", fsync="never", min_free_bytes=0, batch_seconds=0, **settings
        )
        self._pipeline = pipeline_of(self.archive.settings, warn=pytest.fail, block_bytes=block_bytes)

    def collect(
        self, identifier: str, *calls: object, ids: str = "", at: str = "", model: str = "m", **identity: Unpack[IdentityOptions]
    ) -> None:
        """Collect, at an ISO time (UTC) where one is given; each call with the correlation id `ids`."""
        collector = self.archive.collector(model, identifier, **identity)
        with _at(at) if at else mock.patch("builtins.print"):
            assert all(collector.collect(call, user_correlation_id=ids) for call in calls)

    def ship(self) -> None:
        while self._pipeline.step().rows:
            continue


def _at(moment: str) -> mock._patch[Callable[[], int]]:
    when = dt.datetime.fromisoformat(moment).replace(tzinfo=dt.UTC)
    nanoseconds = int((when - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) / dt.timedelta(microseconds=1)) * 1000
    return mock.patch("modeldata.collector.time_ns", lambda: nanoseconds)


class Counting:
    """A store that counts what is asked of it."""

    def __init__(self, store: ReadStore) -> None:
        self._store = store
        self.reads: list[tuple[str, int]] = []
        self.listed: list[str] = []

    def walk(
        self, folder: str = "", wanted: Callable[[str], bool] | None = None, skip: Callable[[str], str] | None = None
    ) -> Iterator[str]:
        for path in self._store.walk(folder, wanted, skip):
            self.listed.append(path)
            yield path

    def unfinished_puts(self, folder: str) -> dict[str, int]:
        return self._store.unfinished_puts(folder)

    def claimed(self, path: str) -> bool:
        return self._store.claimed(path)

    def length(self, path: str) -> int:
        return self._store.length(path)

    def read(self, path: str, start: int = 0, size: int | None = None) -> bytes:
        found = self._store.read(path, start, size)
        self.reads.append((path, len(found)))
        return found

    def files_read(self) -> set[str]:
        """Data files of which anything was read."""
        return {path for path, _ in self.reads if "_manifest" not in path}
