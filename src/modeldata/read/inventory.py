"""What an archive holds, by collector, as the manifests say: no row is read."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, NamedTuple

from modeldata.catalog.batches import Catalog
from modeldata.catalog.retry import retried
from modeldata.catalog.select import collectors
from modeldata.format import names
from modeldata.read.sql import view_names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from modeldata.catalog.batches import Contents
    from modeldata.catalog.lines import ArchivedBatch
    from modeldata.catalog.select import CollectorFolders
    from modeldata.store import ReadStore

DAY_NS = 86_400_000_000_000
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


class Totals(NamedTuple):
    """Rows, their bytes, and the times of the first and the last row, in nanoseconds since 1970, UTC; None without rows."""

    rows: int = 0
    bytes: int = 0
    first_ns: int | None = None
    last_ns: int | None = None

    def __add__(self, other: object) -> Totals:  # of sums, not of tuples
        assert isinstance(other, Totals)
        times = [time for time in (self.first_ns, other.first_ns, self.last_ns, other.last_ns) if time is not None]
        return Totals(self.rows + other.rows, self.bytes + other.bytes, min(times, default=None), max(times, default=None))

    @property
    def first(self) -> dt.datetime | None:
        """`first_ns` as a datetime, UTC."""
        return _moment(self.first_ns)

    @property
    def last(self) -> dt.datetime | None:
        """`last_ns` as a datetime, UTC."""
        return _moment(self.last_ns)

    @classmethod
    def of(cls, batch: ArchivedBatch) -> Totals:
        return cls(batch.rows, batch.size, batch.first_ns, batch.last_ns)


class CollectorInventory(NamedTuple):
    """What is archived of one collector, all of its versions together. Rows that were replaced or erased don't count.

    identity: account, service, model id, model name, identifier, by their names. view: its name in SQL.
    total, versions: rows, bytes, first and last time of all, and of each version. columns: its features, as first seen.
    files_without_manifest: files of the 2017 original; their bytes count, their rows are not known without reading them.
    problems: what of its manifests is not valid.
    """

    identity: dict[str, str]
    view: str
    total: Totals
    versions: dict[str, Totals]
    columns: tuple[str, ...]
    days: int
    files: int
    files_without_manifest: int
    problems: list[str]

    @property
    def name(self) -> str:
        """`<model name>/<identifier>`."""
        return f"{self.identity['model_name']}/{self.identity['identifier']}"


def inventory(store: ReadStore, wanted: Callable[[Catalog], list[CollectorFolders]] = collectors) -> list[CollectorInventory]:
    """The collectors that are wanted, by name. Raises `Unavailable`, `Damaged` where files go away at every look."""
    return retried(lambda: Catalog.of(store), lambda catalog: _inventory(store, catalog, wanted(catalog)))


def _inventory(store: ReadStore, catalog: Catalog, wanted: Iterable[CollectorFolders]) -> list[CollectorInventory]:
    views = {_key(identity): view for view, identity in view_names([each.identity for each in collectors(catalog)]).items()}
    groups: dict[tuple[str, ...], list[CollectorFolders]] = {}
    for folders in wanted:
        groups.setdefault(_key(folders.identity), []).append(folders)
    return [_of_group(store, catalog, group, views[key]) for key, group in sorted(groups.items(), key=_by_name)]


def _key(identity: Mapping[str, str | None]) -> tuple[str, ...]:
    return tuple(str(identity[part]) for part in names.IDENTITY if part != "model_version")


def _by_name(item: tuple[tuple[str, ...], list[CollectorFolders]]) -> tuple[str, ...]:
    identity = item[1][0].identity
    return identity["model_name"], identity["identifier"], *item[0]


def _of_group(store: ReadStore, catalog: Catalog, group: list[CollectorFolders], view: str) -> CollectorInventory:
    versions: dict[str, Totals] = {}
    columns: dict[str, None] = {}
    days, files, originals = set(), set(), 0
    problems: list[str] = []
    for version, contents in _contents(catalog, group):
        batches = contents.batches()
        problems += [*contents.problems, *contents.strays]
        unknown = Totals(bytes=sum(map(store.length, contents.originals)))
        versions[version] = sum(map(Totals.of, batches), versions.get(version, Totals()) + unknown)
        columns.update((name, None) for batch in batches for name in batch.columns)
        files.update([*contents.originals, *(batch.path for batch in batches)])
        originals += len(contents.originals)
        if (batches or contents.originals) and contents.listing.place:
            days.add(contents.listing.place.start_ns // DAY_NS)
    total = sum(versions.values(), Totals())
    identity = {part: value for part, value in group[0].identity.items() if part != "model_version"}
    return CollectorInventory(identity, view, total, versions, tuple(columns), len(days), len(files), originals, problems)


def _contents(catalog: Catalog, group: list[CollectorFolders]) -> Iterable[tuple[str, Contents]]:
    """What each folder holds, with the version that it belongs to."""
    for folders in group:
        for contents in catalog.read_all(folders.listings):
            yield folders.identity["model_version"], contents


def _moment(time_ns: int | None) -> dt.datetime | None:
    return None if time_ns is None else _EPOCH + dt.timedelta(microseconds=time_ns // 1000)
