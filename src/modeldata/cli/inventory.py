"""What an archive holds, by collector, told by the manifests: nothing of the data is read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from modeldata import names
from modeldata.cli.whose import TRIES
from modeldata.read.catalog import Catalog, Gone
from modeldata.read.choose import collectors
from modeldata.read.sql import view_names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from modeldata.read.catalog import Batch, Contents
    from modeldata.read.choose import Collector
    from modeldata.store import ReadStore


class Sum(NamedTuple):
    """Rows, bytes and files, and the times of the first and the last row, in nanoseconds since 1970, UTC."""

    rows: int = 0
    bytes: int = 0
    first_ns: int | None = None
    last_ns: int | None = None

    def __add__(self, other: object) -> Sum:  # of sums, not of tuples
        assert isinstance(other, Sum)
        firsts = [one for one in (self.first_ns, other.first_ns) if one is not None]
        lasts = [one for one in (self.last_ns, other.last_ns) if one is not None]
        return Sum(self.rows + other.rows, self.bytes + other.bytes, min(firsts, default=None), max(lasts, default=None))

    @classmethod
    def of(cls, batch: Batch) -> Sum:
        return cls(batch.rows, batch.size, batch.first_ns, batch.last_ns)


class Held(NamedTuple):
    """One collector, all of its versions together. `untold`: files of the 2017 original, whose rows no manifest tells."""

    identity: dict[str, str]
    """Without the version."""
    view: str
    """Its name in SQL."""
    total: Sum
    versions: dict[str, Sum]
    days: int
    files: int
    untold: int
    problems: list[str]

    @property
    def name(self) -> str:
        return f"{self.identity['model_name']}/{self.identity['identifier']}"


def inventory(store: ReadStore, wanted: Callable[[Catalog], list[Collector]]) -> list[Held]:
    """The collectors that are wanted, by name. Raises `NotThere`, `Unavailable`; `Gone` where files go away at every look."""
    for attempt in range(TRIES):
        catalog = Catalog.of(store)
        try:
            return _inventory(store, catalog, wanted(catalog))
        except Gone:
            if attempt + 1 == TRIES:
                raise
    raise AssertionError("unreachable")


def _inventory(store: ReadStore, catalog: Catalog, wanted: Iterable[Collector]) -> list[Held]:
    views = {_key(identity): view for view, identity in view_names([one.identity for one in collectors(catalog)]).items()}
    groups: dict[tuple[str, ...], list[Collector]] = {}
    for one in wanted:
        groups.setdefault(_key(one.identity), []).append(one)
    return [_held(store, catalog, group, views[key]) for key, group in sorted(groups.items(), key=_by_name)]


def _key(identity: Any) -> tuple[str, ...]:
    return tuple(identity[part] for part in names.IDENTITY if part != "model_version")


def _by_name(item: tuple[tuple[str, ...], list[Collector]]) -> tuple[str, ...]:
    identity = item[1][0].identity
    return identity["model_name"], identity["identifier"], *item[0]


def _held(store: ReadStore, catalog: Catalog, group: list[Collector], view: str) -> Held:
    versions: dict[str, Sum] = {}
    days, files, untold, problems = set(), set(), 0, []
    for one in group:
        version = one.identity["model_version"]
        for contents in catalog.read_all(one.listings):
            batches, wrong = _batches(contents)
            problems += wrong
            originals = Sum(bytes=sum(map(store.length, contents.originals)))
            versions[version] = sum(map(Sum.of, batches), versions.get(version, Sum()) + originals)
            files.update([*contents.originals, *(batch.path for batch in batches)])
            untold += len(contents.originals)
            if (batches or contents.originals) and contents.listing.place:
                days.add(contents.listing.place.start_ns // 86_400_000_000_000)
    total = sum(versions.values(), Sum())
    identity = {part: value for part, value in group[0].identity.items() if part != "model_version"}
    return Held(identity, view, total, versions, len(days), len(files), untold, problems)


def _batches(contents: Contents) -> tuple[list[Batch], list[str]]:
    problems = list(contents.problems)
    try:
        return list(contents.batches()), problems
    except ValueError as error:
        return [], [*problems, str(error)]
