"""A question together with the archive that it is asked of, as it was listed just now."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from modeldata.catalog.batches import Catalog
from modeldata.catalog.retry import retried
from modeldata.catalog.select import choose
from modeldata.read.plan import check_manifests
from modeldata.read.scan import Scan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import TypeVar

    from modeldata.catalog.batches import Contents
    from modeldata.catalog.lines import ArchivedBatch
    from modeldata.catalog.select import CollectorFolders
    from modeldata.read.plan import ReadRequest
    from modeldata.store import ReadStore

    Answer = TypeVar("Answer")


class ReadQuery(NamedTuple):
    """archive: its URL, for messages."""

    store: ReadStore
    archive: str
    request: ReadRequest
    catalog: Catalog

    @classmethod
    def of(cls, store: ReadStore, archive: str, request: ReadRequest) -> ReadQuery:
        """Lists the archive. Raises `Unavailable`."""
        return cls(store, archive, request, Catalog.of(store))

    @property
    def name(self) -> str:
        return f"{self.request.identity['model_name']}/{self.request.identity['identifier']}"

    def collectors(self) -> list[CollectorFolders]:
        """The collectors that fit: several where they differ in version, service or account. Raises `NotThere`."""
        return choose(self.catalog, self.request.identity, self.archive)

    def folders(self) -> list[str]:
        """The folder of each of these collectors. Raises `NotThere`."""
        places = [listing.place for each in self.collectors() for listing in each.listings]
        return list(dict.fromkeys(place.collector for place in places if place is not None))

    def batches(self, contents: Contents) -> Iterable[ArchivedBatch]:
        """The live batches of a folder. Raises `Damaged`, unless damage is left out."""
        check_manifests(contents, self.request)
        return contents.batches()

    def scan(self) -> Scan:
        """Raises `NotThere`, `Damaged`, `Unavailable`."""
        return Scan(self.store, self.archive, self.request, self.catalog)

    def retried(self, work: Callable[[ReadQuery], Answer]) -> Answer:
        """The answer of `work`; where a file went away meanwhile, on a new list. Raises `Damaged`, `Unavailable`."""
        return retried(lambda: self._replace(catalog=Catalog.of(self.store)), work, self)
