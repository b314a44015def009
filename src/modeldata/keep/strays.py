"""Rows of a collector that lie where nobody counts them: copies in other folders, and files under other names.

A rewrite touches only what is its folder's own. So erasing names such rows, until somebody removes the copy.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from modeldata.catalog.batches import Catalog
from modeldata.catalog.belonging import home
from modeldata.catalog.lines import batch_of
from modeldata.catalog.retry import retried
from modeldata.errors import ModelDataError
from modeldata.format.files import FORMATS
from modeldata.format.paths import collector_folder
from modeldata.read.part import Misfit

if TYPE_CHECKING:
    from collections.abc import Iterable

    from modeldata.catalog.lines import ArchivedBatch
    from modeldata.catalog.select import CollectorFolders
    from modeldata.keep.condition import Condition
    from modeldata.store import ReadStore


class Stray(NamedTuple):
    """A file that is no file of its folder: of a batch that belongs elsewhere, or (None) under a name of its own."""

    folder: str
    path: str
    batch: ArchivedBatch | None = None

    def rows(self, store: ReadStore, condition: Condition) -> int:
        """How many of its rows fit."""
        if self.batch is None:
            return condition.original_rows(store, self.folder, self.path)
        return len(condition.rows(store, self.folder, self.batch)) if store.length(self.path) else 0


def strays(store: ReadStore, catalog: Catalog, chosen: Iterable[CollectorFolders]) -> dict[str, list[Stray]]:
    """Those of some collectors, by the folder where each collector belongs. Reads all manifests of the archive."""
    of_collector: dict[str, list[Stray]] = {collector_folder(each.identity): [] for each in chosen}
    folders = {listing.path: collector_folder(each.identity) for each in chosen for listing in each.listings}

    def look(seen: Catalog) -> None:
        for known in of_collector.values():
            known.clear()
        for contents in seen.read_all(list(seen.listings.values())):
            folder = contents.listing.path
            for line in contents.misplaced:
                if line.entry.file and line.entry.rows and home(line) in of_collector:
                    batch = batch_of(line, folder)
                    of_collector[home(line)].append(Stray(folder, batch.path, batch))
            for path in contents.listing.foreign if folder in folders else ():
                if path.rpartition(".")[2] in FORMATS:
                    of_collector[folders[folder]].append(Stray(folder, path))

    retried(lambda: Catalog.of(store), look, catalog)
    return of_collector


def problems_by_folder(known: Iterable[Stray], store: ReadStore, condition: Condition) -> dict[str, str]:
    """What to say of rows that fit, by the folder where they lie."""
    rows: Counter[tuple[str, str]] = Counter()
    problems: dict[str, list[str]] = {}
    for stray in known:
        try:
            rows[stray.folder, stray.path] += stray.rows(store, condition)
        except (ModelDataError, Misfit) as error:
            problems.setdefault(stray.folder, []).append(f"{stray.path}: a copy that can't be read ({error}): look into it")
    for (folder, path), count in rows.items():
        if count:
            problems.setdefault(folder, []).append(f"{path}: {count} rows stay in this copy: remove it")
    return {folder: "; ".join(texts) for folder, texts in problems.items()}
