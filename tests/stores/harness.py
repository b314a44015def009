"""A host in one process: rows of a known ledger, a spool, a real `Worker` whose clock is the test's, and the comparison.

The comparison reads with the cloud's own SDK, `csv`, `json` and pyarrow, never with our decoder.
"""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from modeldata.archive import archive_of
from modeldata.catalog.audit import COMPLETE, audit
from modeldata.settings import Settings
from modeldata.ship.leader import Surroundings, make_fleet
from modeldata.ship.status import status_of
from modeldata.ship.worker import Worker
from modeldata.spool.files import Files
from modeldata.spool.folder import SpoolFolder, open_place
from modeldata.spool.lock import Leadership
from modeldata.stats import Status
from modeldata.store import open_for
from tests.heads.kit import logs_of
from tests.support.archive import rows_of
from tests.support.ledger import FEATURES, assert_exactly_once, sha

if TYPE_CHECKING:
    from .backends import Backend

Key = tuple[str, str, int]
"""Collector, writer, number."""


class Ledger:
    """What was attempted and what was accepted."""

    def __init__(self) -> None:
        self.attempted: Counter[Key] = Counter()
        self.accepted: Counter[Key] = Counter()
        self._next: Counter[tuple[str, str]] = Counter()

    def rows(self, collector: str, writer: str, count: int, pad: str) -> tuple[list[Key], pa.Table]:
        first = self._next[collector, writer]
        self._next[collector, writer] += count
        numbers = range(first, first + count)
        columns = [[writer] * count, list(numbers), [sha(writer, n, pad) for n in numbers], [pad] * count]
        return [(collector, writer, n) for n in numbers], pa.table(dict(zip(FEATURES, columns, strict=True)))

    def assert_exactly_once(self, files: Mapping[str, bytes]) -> None:
        assert_exactly_once(self.attempted, self.accepted, found_keys(files))


class Clock:
    """Time that passes when the test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def wall_ns(self) -> int:
        return 1_795_435_200_000_000_000 + int(self.now * 1e9)


class Host:
    """One machine: `collect` writes to its spool, `ship` and `tick` are its shipper, which `restart` kills and starts again."""

    def __init__(
        self,
        folder: Path,
        url: str,
        *,
        ledger: Ledger | None = None,
        files: Files | None = None,
        name: str = "w",
        **settings: object,
    ) -> None:
        given = {"fsync": "never", "min_free_bytes": 0, "ship": "off", "exit_timeout": 0.0, **settings}
        self.name = name
        self.settings = Settings.build({}, archive=url, spool=str(folder / f"spool-{name}"), **given)
        self.ledger = ledger or Ledger()
        self.clock = Clock()
        self.warned: list[tuple[float, str]] = []
        """(when, what): the log of the shipper."""
        self.files = files or Files()
        self._leadership: Leadership | None = None
        self._workers: list[Worker] = []
        self._writers = 0

    def collect(self, calls: int = 8, rows: int = 5, *, collectors: tuple[str, ...] = ("inputs",), pad: str = "é,\"\n'x") -> None:
        """As a service does that ends afterwards: a new writer each time."""
        self._writers += 1
        writer = f"{self.name}{self._writers}"
        archive = archive_of(self.settings)
        made = {name: archive.collector("m", name) for name in collectors}
        for _ in range(calls):
            for name, collector in made.items():
                keys, table = self.ledger.rows(name, writer, rows, pad)
                self.ledger.attempted.update(keys)
                assert collector.collect(table), archive.stats().dropped
                self.ledger.accepted.update(keys)
        archive.close(0)

    @property
    def place(self) -> SpoolFolder:
        return open_place(self.settings.spool_folder(), Files(), b"\2" * 16, self.clock.wall_ns())

    @property
    def workers(self) -> list[Worker]:
        """One for each archive, as the leader of a real host has them."""
        if not self._workers:
            place = open_place(self.settings.spool_folder(), self.files, os.urandom(16), self.clock.wall_ns())
            self._leadership = Leadership.take(place.leader_lock, self.files)
            assert self._leadership is not None
            around = Surroundings(
                self.files, self._warn, self.clock.monotonic, self.clock.wall_ns, wait=lambda seconds: False, dice=lambda: 0.5
            )
            self._workers = make_fleet(place, self.settings, self._leadership, around)
        return self._workers

    @property
    def failures(self) -> int:
        """Tries that failed since one went well, of the first archive."""
        return self.workers[0].failures

    def _warn(self, text: str) -> None:
        self.warned.append((self.clock.now, text))
        logging.getLogger("modeldata").warning("%s", text)

    @property
    def warnings(self) -> list[str]:
        return [text for _, text in self.warned]

    def kill(self) -> None:
        """The shipper is gone, whatever it was doing; what it had in memory is lost."""
        if self._leadership is not None:
            self._leadership.release()
        self._workers, self._leadership = [], None

    def tick(self, seconds: float = 0.5) -> bool:
        """One look of the shipper; then time passes. True when nothing is left to do."""
        idle = [worker.tick() for worker in self.workers]
        self.clock.now += seconds
        return all(idle)

    def ship(self, *, seconds: float = 900.0, until: Callable[[], object] = lambda: False) -> None:
        """Tick until nothing is left, or `until` holds. Fails where that takes more than `seconds` of the host's time."""
        end = self.clock.now + seconds
        while not self.tick() and not until():
            assert self.clock.now < end, f"still not archived: {[worker.last_error for worker in self.workers]}"

    def ship_for(self, seconds: float, step: float = 0.5) -> None:
        end = self.clock.now + seconds
        while self.clock.now < end:
            self.tick(step)

    def pending_files(self) -> list[Path]:
        """Everything in the spool but what it consists of: segments, staging, intent."""
        found = Path(self.settings.spool_folder()).rglob("*")
        return sorted(path for path in found if path.suffix == ".seg" or path.name in ("staging", "intent"))


def found_keys(files: Mapping[str, bytes]) -> Counter[Key]:
    """Each row of the archive; fails on one that is mangled, and where a head is not that of its records."""
    logs_of({path: data for path, data in files.items() if "_heads/" in path})
    found: Counter[Key] = Counter()
    for row in rows_of(files):
        writer, n, report, pad = (str(row[name]) for name in FEATURES)
        assert n.isdigit() and report == sha(writer, int(n), pad), f"mangled: {row}"
        collector = str(row["@path"]).split("/")[-5]
        found[collector, writer, int(n)] += 1
    return found


def assert_complete(url: str, rows: int) -> None:
    """What we say of the archive ourselves, from its manifests."""
    found = audit(open_for(Settings.build({}, archive=url), Files()))
    assert (found.verdict, found.rows) == (COMPLETE, rows), found.as_dict()
    assert not found.unaccounted, found.unaccounted


def host_of(backend: Backend, folder: Path, *, files: Files | None = None, **settings: object) -> Host:
    return Host(folder, backend.url, files=files, **{**backend.settings, **settings})  # type: ignore[arg-type]


def assert_delivered(backend: Backend, host: Host) -> None:
    """Everything that was accepted is there once, nothing is left in the spool, and the manifests say so."""
    host.ledger.assert_exactly_once(backend.files())
    assert_complete(backend.url, len(host.ledger.accepted))
    assert not host.pending_files(), "the spool is not empty"


def stats_of(host: Host) -> Status:
    return status_of(host.settings, Files(), host.clock.wall_ns(), host.place)
