"""What each folder of an archive holds, by its manifests alone, and kept in memory until these change."""

from __future__ import annotations

from collections import Counter
from hashlib import sha256
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

from modeldata.catalog.batches import Catalog
from modeldata.catalog.retry import retried
from modeldata.catalog.select import collectors
from modeldata.format.paths import HOUR_NS
from modeldata.read.sql import view_names

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from modeldata.catalog.batches import Contents, Listing
    from modeldata.catalog.lines import ArchivedBatch
    from modeldata.catalog.select import CollectorFolders
    from modeldata.store import ReadStore


class FolderFacts(NamedTuple):
    """A day (or an hour) of one collector and version. Rows that were replaced or erased don't count.

    stamp: changes whenever a manifest or a data file of the folder comes, grows or goes. hours: rows by the hour they lie in
    (hours since 1970, UTC), of batches within one hour; `spread`: rows of the other batches. lost: numbers without a row, by
    the reason that was recorded. originals: files without a manifest: their rows are not counted.
    """

    path: str
    identity: dict[str, str]
    view: str
    start_ns: int
    end_ns: int
    stamp: str
    rows: int
    bytes: int
    files: int
    first_ns: int | None
    last_ns: int | None
    hours: dict[int, int]
    spread: int
    columns: tuple[str, ...]
    refused: dict[str, int]
    lost: dict[str, int]
    originals: int
    problems: tuple[str, ...]

    @property
    def version(self) -> str:
        return self.identity["model_version"]


class Facts:
    """The facts of all folders, looked at again and again: only manifests that changed are read."""

    def __init__(self, store: ReadStore) -> None:
        self._store = store
        self._known: dict[tuple[str, str], FolderFacts] = {}
        self._lock = Lock()

    def look(self) -> tuple[Catalog, list[FolderFacts]]:
        """The archive as it is listed now, in the order of collector and time. Raises `StoreError`."""
        with self._lock:
            return retried(lambda: Catalog.of(self._store), lambda catalog: (catalog, self._all(catalog)))

    def _all(self, catalog: Catalog) -> list[FolderFacts]:
        folders = collectors(catalog)
        views = _views(folders)
        stamps = self._stamps([listing for each in folders for listing in each.listings])
        wanted = [(each, listing) for each in folders for listing in each.listings if listing.place is not None]
        new = [listing for _, listing in wanted if (listing.path, stamps[listing.path]) not in self._known]
        fresh = {contents.listing.path: contents for contents in catalog.read_all(new)}
        facts = [
            _facts(self._store, each.identity, views[_key(each.identity)], stamps[listing.path], fresh[listing.path])
            if listing.path in fresh
            else self._known[listing.path, stamps[listing.path]]
            for each, listing in wanted
        ]
        self._known = {(each.path, each.stamp): each for each in facts}
        return sorted(facts, key=lambda each: (each.view, each.start_ns, each.path))

    def _stamps(self, listings: Sequence[Listing]) -> dict[str, str]:
        """Of each folder, by the files of all folders that may hold the same batches. Where files don't grow, names say all."""
        grows = getattr(self._store, "appends", True)
        texts: dict[tuple[object, ...], list[str]] = {}
        for listing in listings:
            lengths = [f"{path}:{self._store.length(path) if grows else 0}" for path in listing.manifests]
            texts.setdefault(_rivals(listing), []).append("\n".join([*sorted(lengths), *sorted(listing.data_files)]))
        marks = {
            key: sha256("\n\n".join(sorted(text)).encode("utf-8", "surrogatepass")).hexdigest()[:24]
            for key, text in texts.items()
        }
        return {listing.path: marks[_rivals(listing)] for listing in listings}


def _rivals(listing: Listing) -> tuple[object, ...]:
    """Folders that share this may be copies of each other: what counts in one depends on the other."""
    assert listing.place is not None
    return (*listing.place.collector.rsplit("/", 3)[-3:], listing.place.start_ns)


def _key(identity: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(value for part, value in identity.items() if part != "model_version")


def _views(folders: Sequence[CollectorFolders]) -> dict[tuple[str, ...], str]:
    """The name in SQL of each collector."""
    named = view_names([each.identity for each in folders])
    return {_key({part: str(value) for part, value in identity.items()}): name for name, identity in named.items()}


def _facts(store: ReadStore, identity: dict[str, str], view: str, stamp: str, contents: Contents) -> FolderFacts:
    place, batches = contents.listing.place, contents.batches()
    assert place is not None
    hours: Counter[int] = Counter()
    refused: Counter[str] = Counter()
    lost: Counter[str] = Counter()
    for batch in batches:
        if (hour := _hour(batch)) is not None:
            hours[hour] += batch.rows
    for line in contents.live:
        refused.update(line.entry.refused)
        for _, first, last, reason in line.entry.lost:
            lost[reason] += last - first + 1
    rows = sum(batch.rows for batch in batches)
    return FolderFacts(
        contents.listing.path, identity, view, place.start_ns, place.end_ns, stamp, rows,
        sum(batch.size for batch in batches) + sum(map(store.length, contents.originals)),
        len({*contents.originals, *(batch.path for batch in batches)}),
        min((batch.first_ns for batch in batches), default=None),
        max((batch.last_ns for batch in batches), default=None),
        dict(hours), rows - hours.total(),
        tuple(dict.fromkeys(name for batch in batches for name in batch.columns)),
        dict(refused), dict(lost), len(contents.originals), (*contents.problems, *contents.strays),
    )  # fmt: skip


def _hour(batch: ArchivedBatch) -> int | None:
    first, last = batch.first_ns // HOUR_NS, batch.last_ns // HOUR_NS
    return first if first == last else None
