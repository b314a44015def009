"""When was anything recorded, and when did a writer live? By hour, host and service, from heads and manifests alone.

A shipper's record speaks of each living writer at least once an hour, also where there are no rows. So an hour with a writer and
without rows is one in which nothing happened; an hour without either is one in which nothing was recorded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from modeldata.catalog.batches import Catalog
from modeldata.catalog.ledger import Ledger
from modeldata.catalog.retry import retried
from modeldata.format import names
from modeldata.format.paths import HOUR_NS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modeldata.catalog.batches import Listing
    from modeldata.format.head import Record
    from modeldata.format.manifest import Entry
    from modeldata.store import ReadStore

IDLE, UNRECORDED = "nothing happened", "nothing recorded"
UNKNOWN = "?"
"""A host or service that is not noted: of a batch by an earlier version, or of a writer that gave no row yet."""


class Hour(NamedTuple):
    """An hour of one service on one host.

    rows: archived in it. writers: that lived in it. lag_ns: the longest time from the newest row of a batch to its line in the
    archive; None where no line says it.
    """

    start_ns: int
    host: str
    service: str
    writers: int
    rows: int
    lag_ns: int | None

    @property
    def state(self) -> str:
        """Empty where rows came."""
        return "" if self.rows else IDLE if self.writers else UNRECORDED


Place = tuple[str, str]
"""(host, service)."""


class Coverage:
    """Adds up what records and lines say, for the hours that begin in [start_ns, end_ns)."""

    def __init__(self, start_ns: int, end_ns: int, model: str | None) -> None:
        self._first, self._stop = start_ns // HOUR_NS, -(-end_ns // HOUR_NS)
        self._model = model
        self._ends: dict[tuple[str, str], int] = {}
        self._rows: dict[tuple[Place, int], int] = {}
        self._writers: dict[tuple[Place, int], set[str]] = {}
        self._lags: dict[tuple[Place, int], int] = {}
        self._recorded: set[str] = set()
        self._known: dict[str, set[str]] = {}
        """Writer → collectors that it gave rows."""

    def add_record(self, log: str, record: Record) -> None:
        """Records of a log come in their order."""
        self._recorded.update(record.batches)
        for collector, ends in record.ends.items():
            for writer, end in ends.items():
                self._known.setdefault(writer, set()).add(collector)
                rows = end - self._ends.get((collector, writer), -1)
                self._ends[collector, writer] = max(end, self._ends.get((collector, writer), end))
                self._count(collector, record.host, record.time_ns, max(rows, 0))
        for writer, state in record.writers.items():
            collectors = self._known.setdefault(writer, set())
            collectors.update(state.accepted)
            for place in self._places(record.host, collectors):
                for hour in self._hours(state.started_ns, state.alive_ns):
                    self._writers.setdefault((place, hour), set()).add(writer)

    def add_line(self, entry: Entry) -> None:
        """A line of a batch that counts. Rows of batches that no record tells of are counted by their own times."""
        collector, host = names.stream(entry.identity), entry.host or UNKNOWN
        if entry.batch not in self._recorded:
            self._count(collector, host, entry.archived_ns or entry.last_ns, entry.rows)
        if entry.archived_ns and entry.host:
            for place in self._places(host, {collector}):
                key = place, entry.archived_ns // HOUR_NS
                self._lags[key] = max(entry.archived_ns - entry.last_ns, self._lags.get(key, 0))

    def _count(self, collector: str, host: str, time_ns: int, rows: int) -> None:
        for place in self._places(host or UNKNOWN, {collector}):
            key = place, time_ns // HOUR_NS
            self._rows[key] = self._rows.get(key, 0) + rows

    def _places(self, host: str, collectors: set[str]) -> set[Place]:
        """Where collectors belong, of those of the model that is asked for."""
        identities = [_identity(collector) for collector in collectors]
        if self._model is not None:
            identities = [identity for identity in identities if identity["model_name"] == self._model]
        elif not identities:
            return {(host, UNKNOWN)}
        return {(host, identity["service"]) for identity in identities}

    def _hours(self, start_ns: int, end_ns: int) -> range:
        return range(max(start_ns // HOUR_NS, self._first), min(end_ns // HOUR_NS + 1, self._stop))

    @property
    def hours(self) -> Iterator[Hour]:
        """In the order of time, without a gap from the first of each host and service to the end."""
        seen: dict[Place, int] = {}
        for place, hour in (*self._rows, *self._writers):
            if self._first <= hour < self._stop:
                seen[place] = min(hour, seen.get(place, hour))
        for hour in range(min(seen.values(), default=self._stop), self._stop):
            for place in sorted(place for place, first in seen.items() if first <= hour):
                key = place, hour
                writers = len(self._writers.get(key, ()))
                yield Hour(hour * HOUR_NS, *place, writers, self._rows.get(key, 0), self._lags.get(key))


def coverage(store: ReadStore, start_ns: int, end_ns: int, model: str | None = None) -> list[Hour]:
    """Hours that begin in [start_ns, end_ns). Raises `StoreError`."""

    def look(catalog: Catalog) -> list[Hour]:
        covered = Coverage(start_ns, end_ns, model)
        Ledger.read(store, covered.add_record)
        for contents in catalog.read_all([each for each in catalog.listings.values() if _may_hold(each, start_ns, end_ns)]):
            for line in contents.live:
                covered.add_line(line.entry)
        return list(covered.hours)

    return retried(lambda: Catalog.of(store), look)


def _may_hold(listing: Listing, start_ns: int, end_ns: int) -> bool:
    return listing.place is None or (listing.place.start_ns < end_ns and start_ns < listing.place.end_ns)


def _identity(collector: str) -> dict[str, str]:
    """Of the key of a collector (see `format.names.stream`). A part that has no text of its own stays as it stands there."""
    parts = [*collector.split("/"), *names.IDENTITY][: len(names.IDENTITY)]
    return {name: _text(part) for name, part in zip(names.IDENTITY, parts, strict=True)}


def _text(part: str) -> str:
    try:
        text = names.decode_component(part)
    except ValueError:
        text = None
    return part if text is None else text
