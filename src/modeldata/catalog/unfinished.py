"""Hidden files of puts that did not come to their end: their shipper died, or is at it. They are not whole, and may hold rows.

Nobody reads them. A put that lives does not need them for long, and where one is removed under it, it begins again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from modeldata.format import names
from modeldata.format.paths import file_format, generation_of_remnant, name_of_remnant
from modeldata.store.port import ABANDONED_NS

if TYPE_CHECKING:
    from modeldata.catalog.batches import Listing
    from modeldata.store import ReadStore


class UnfinishedPuts(NamedTuple):
    """Of one folder, without those of rewrites. dead: nobody needs them. pending: files of rows that may be on their way."""

    dead: list[str]
    pending: list[str]

    @property
    def dead_rows(self) -> list[str]:
        """Those of `dead` that may have rows in them."""
        return [path for path in self.dead if file_format(name_of_remnant(path))]


def unfinished_puts(store: ReadStore, listing: Listing, now_ns: int) -> UnfinishedPuts:
    """listing: as it is now, since a file that has its name needs no hidden one. Raises `Unavailable`."""
    below = f"{listing.path}/{names.MANIFEST}"
    written_ns = {**store.unfinished_puts(listing.path), **store.unfinished_puts(below)}
    there = {*listing.data_files, *listing.manifests}
    puts = UnfinishedPuts([], [])
    for path, time_ns in written_ns.items():
        name = name_of_remnant(path)
        if generation_of_remnant(path) or not (file_format(name) or name.endswith(".jsonl")):
            continue
        if f"{path.rpartition('/')[0]}/{name}" in there or now_ns - time_ns > ABANDONED_NS:
            puts.dead.append(path)
        elif file_format(name):
            puts.pending.append(path)
    return puts
