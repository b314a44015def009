"""What an archive holds, by collector, told by the manifests: nothing of the data is read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from modeldata.catalog.batches import Catalog, Vanished
from modeldata.catalog.select import collectors
from modeldata.cli.options import TRIES
from modeldata.format import names
from modeldata.read.sql import view_names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from modeldata.catalog.batches import ArchivedBatch, Contents
    from modeldata.catalog.select import CollectorFolders
    from modeldata.store import ReadStore


class Totals(NamedTuple):
    """Rows, bytes and files, and the times of the first and the last row, in nanoseconds since 1970, UTC."""

    rows: int = 0
    bytes: int = 0
    first_ns: int | None = None
    last_ns: int | None = None

    def __add__(self, other: object) -> Totals:  # of sums, not of tuples
        assert isinstance(other, Totals)
        firsts = [one for one in (self.first_ns, other.first_ns) if one is not None]
        lasts = [one for one in (self.last_ns, other.last_ns) if one is not None]
        return Totals(self.rows + other.rows, self.bytes + other.bytes, min(firsts, default=None), max(lasts, default=None))

    @classmethod
    def of(cls, batch: ArchivedBatch) -> Totals:
        return cls(batch.rows, batch.size, batch.first_ns, batch.last_ns)


class CollectorInventory(NamedTuple):
    """One collector, all of its versions together. `untold`: files of the 2017 original, whose rows no manifest tells."""

    identity: dict[str, str]
    """Without the version."""
    view: str
    """Its name in SQL."""
    total: Totals
    versions: dict[str, Totals]
    days: int
    files: int
    untold: int
    problems: list[str]

    @property
    def name(self) -> str:
        return f"{self.identity['model_name']}/{self.identity['identifier']}"


def inventory(store: ReadStore, wanted: Callable[[Catalog], list[CollectorFolders]]) -> list[CollectorInventory]:
    """The collectors that are wanted, by name. Raises `NotThere`, `Unavailable`; `Vanished` where files go away at every look."""
    for attempt in range(TRIES):
        catalog = Catalog.of(store)
        try:
            return _inventory(store, catalog, wanted(catalog))
        except Vanished:
            if attempt + 1 == TRIES:
                raise
    raise AssertionError("unreachable")


def _inventory(store: ReadStore, catalog: Catalog, wanted: Iterable[CollectorFolders]) -> list[CollectorInventory]:
    views = {_key(identity): view for view, identity in view_names([one.identity for one in collectors(catalog)]).items()}
    groups: dict[tuple[str, ...], list[CollectorFolders]] = {}
    for one in wanted:
        groups.setdefault(_key(one.identity), []).append(one)
    return [_held(store, catalog, group, views[key]) for key, group in sorted(groups.items(), key=_by_name)]


def _key(identity: Any) -> tuple[str, ...]:
    return tuple(identity[part] for part in names.IDENTITY if part != "model_version")


def _by_name(item: tuple[tuple[str, ...], list[CollectorFolders]]) -> tuple[str, ...]:
    identity = item[1][0].identity
    return identity["model_name"], identity["identifier"], *item[0]


def _held(store: ReadStore, catalog: Catalog, group: list[CollectorFolders], view: str) -> CollectorInventory:
    versions: dict[str, Totals] = {}
    days, files, untold, problems = set(), set(), 0, []
    for one in group:
        version = one.identity["model_version"]
        for contents in catalog.read_all(one.listings):
            batches, wrong = _batches(contents)
            problems += wrong
            originals = Totals(bytes=sum(map(store.length, contents.originals)))
            versions[version] = sum(map(Totals.of, batches), versions.get(version, Totals()) + originals)
            files.update([*contents.originals, *(batch.path for batch in batches)])
            untold += len(contents.originals)
            if (batches or contents.originals) and contents.listing.place:
                days.add(contents.listing.place.start_ns // 86_400_000_000_000)
    total = sum(versions.values(), Totals())
    identity = {part: value for part, value in group[0].identity.items() if part != "model_version"}
    return CollectorInventory(identity, view, total, versions, len(days), len(files), untold, problems)


def _batches(contents: Contents) -> tuple[list[ArchivedBatch], list[str]]:
    problems = list(contents.problems)
    try:
        return list(contents.batches()), problems
    except ValueError as error:
        return [], [*problems, str(error)]
