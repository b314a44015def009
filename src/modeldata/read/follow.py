"""Rows as they arrive in an archive: what is committed, once, whatever becomes of its files afterwards.

A look lists folders, reads manifests that are new or longer, and then only those rows with a (writer, sequence) that is new. So
late rows of an old time are given when they arrive, and compaction, which moves rows, gives none again. Manifests are written
after the rows that they name: half a row is never there to be seen.
"""

from __future__ import annotations

import time
from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa

from modeldata.catalog.batches import Catalog, Vanished
from modeldata.format import names
from modeldata.format.paths import moment
from modeldata.format.ranges import Ranges
from modeldata.read.chunks import Spans
from modeldata.read.newest import KEYS, ORDER
from modeldata.read.newest import newest as newest_rows
from modeldata.read.scan import Scan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from modeldata.catalog.batches import Contents, Listing
    from modeldata.format.ranges import Range
    from modeldata.read.query import ReadQuery

    Key = tuple[str, str]  # a collector's folder and a writer

DAY_NS = 86_400_000_000_000
NEAR_DAYS = (-1, 0, 1)
"""Days around today that each look lists: rows of yesterday arrive after midnight, and clocks differ."""
WHOLE_LOOK_NS = 60_000_000_000
"""So often all of the archive is listed: rows that waited for long have old times, and a new version has a folder of its own."""


class NewRows(NamedTuple):
    """Rows of one batch and one writer that were not given before, and the times that all of the batch lies within."""

    key: Key
    span: Range
    first_ns: int
    last_ns: int


class NewBatches(NamedTuple):
    """What a look at some folders found; `lengths` of the manifests before they were read, so that no line is missed."""

    new: list[NewRows]
    lengths: dict[str, int]


class Follower:
    """A collector that is looked at again and again. What is there when it is made counts as given.

    Raises, when it is made: `Vanished`, where compaction took a file since the archive was listed.
    """

    def __init__(self, query: ReadQuery, now_ns: int, fitting: Callable[[pa.Table], pa.Table] | None = None) -> None:
        """fitting: gives those rows of a table that are wanted; all are, without."""
        self._query = query
        self._fitting = fitting
        self._store = query.store
        self._seen: dict[Key, Ranges] = defaultdict(Ranges)
        self._lengths: dict[str, int] = {}
        self._listed_ns = now_ns
        self._folders = query.folders()
        self._take(self._look(query.catalog))

    def given(self, rows: pa.Table) -> None:
        """These rows, which have `KEYS`, need not be given again."""
        writers = rows[names.WRITER].to_pylist()
        for writer, number in zip(writers, rows[names.SEQUENCE].to_pylist(), strict=True):
            for folder in self._folders if writer is not None else ():
                self._seen[folder, writer].add(number, number)

    def look(self, now_ns: int) -> pa.Table | None:
        """What arrived since, by time; None where nothing did.

        Raises `StoreError`; then the next look gives it all.
        """
        whole = now_ns - self._listed_ns >= WHOLE_LOOK_NS
        catalog = Catalog.of(self._store) if whole else Catalog(self._store, self._near(now_ns))
        try:
            if whole:
                self._folders = self._query._replace(catalog=catalog).folders()
            batches = self._look(catalog)
            rows = self._read(catalog, batches.new) if batches.new else None
        except Vanished:
            return None  # what replaced that file is there at the next look
        self._take(batches)
        self._listed_ns = now_ns if whole else self._listed_ns
        return rows if rows is None or rows.num_rows or self._fitting is None else None

    def _near(self, now_ns: int) -> Iterator[str]:
        for folder in self._folders:
            for days in NEAR_DAYS:
                yield from self._store.walk(f"{folder}/{moment(now_ns + days * DAY_NS, False)}")

    def _look(self, catalog: Catalog) -> NewBatches:
        lengths: dict[str, int] = {}
        changed = [listing for listing in _of(catalog, self._folders) if self._has_grown(listing, lengths)]
        return NewBatches([new for contents in catalog.read_all(changed) for new in self._new_in(contents)], lengths)

    def _has_grown(self, listing: Listing, lengths: dict[str, int]) -> bool:
        """Manifests grow where files can; elsewhere a name says all, and nothing is asked of the store."""
        grows = getattr(self._store, "appends", True)
        now = {path: self._store.length(path) if grows else 0 for path in listing.manifests}
        lengths.update(now)
        return any(self._lengths.get(path) != length for path, length in now.items())

    def _new_in(self, contents: Contents) -> Iterator[NewRows]:
        assert contents.listing.place is not None
        for batch in self._query.batches(contents):
            for writer, first, last in batch.sequences:
                key = (contents.listing.place.collector, writer)
                for span in self._seen[key].missing(first, last):
                    yield NewRows(key, span, batch.first_ns, batch.last_ns)

    def _read(self, catalog: Catalog, new: Sequence[NewRows]) -> pa.Table:
        """The rows that are new, by time, in the columns that were asked for."""
        request = self._query.request
        start = max(request.start_ns, min(rows.first_ns for rows in new) // 1000 * 1000)
        end = min(request.end_ns, max(rows.last_ns for rows in new) + 1000)
        bounded = request._replace(start_ns=start, end_ns=end, columns=None, among_others=True)
        scan = Scan(self._store, self._query.archive, bounded, catalog)
        known = scan.schema.names
        wanted = known if request.columns is None else [name for name in request.columns if name in known]
        wide = scan if self._fitting else scan.narrowed(list(dict.fromkeys([*wanted, *KEYS])))
        spans = Spans((rows.key[1], *rows.span) for rows in new)
        tables = wide.consume(lambda batches: [spans.rows_of(pa.Table.from_batches([batch])) for batch in batches])
        ordered: pa.Table = pa.concat_tables([wide.schema.empty_table(), *tables]).sort_by(ORDER)
        return (self._fitting(ordered) if self._fitting else ordered).select(wanted)

    def _take(self, batches: NewBatches) -> None:
        for rows in batches.new:
            self._seen[rows.key].add(*rows.span)
        self._lengths.update(batches.lengths)


class Follow:
    """New rows of a collector as tables, each row once, in the order in which they arrive. Never half a row, no empty table.

    An iterator: each step waits until something is new, and looks at the archive every `interval` seconds. Where the store can't
    be asked, a step raises `StoreError`, and the next one gives what arrived meanwhile. Iteration ends once nothing was new
    for `timeout` seconds of waiting (None: never). Tables may differ in their columns where collectors change theirs.
    """

    def __init__(
        self,
        query: ReadQuery,
        *,
        newest: int = 0,
        interval: float = 1.0,
        timeout: float | None = None,
        now_ns: Callable[[], int] = time.time_ns,
        wait: Callable[[float], object] = time.sleep,
    ) -> None:
        self._interval, self._timeout = interval, timeout
        self._now_ns, self._wait = now_ns, wait
        self._follower = query.retried(lambda query: Follower(query, now_ns()))
        self._waiting = [query.retried(lambda query: newest_rows(query, newest))] if newest else []
        for rows in self._waiting:
            self._follower.given(rows)
        self._columns = query.request.columns

    def __iter__(self) -> Follow:
        return self

    def __next__(self) -> pa.Table:
        while self._waiting:
            rows = self._waiting.pop()
            if rows.num_rows:
                return rows if self._columns is None else rows.select(self._columns)
        waited = 0.0
        while (rows := self._follower.look(self._now_ns())) is None:
            if self._timeout is not None and waited >= self._timeout:
                raise StopIteration
            self._wait(self._interval)
            waited += self._interval
        return rows


def _of(catalog: Catalog, folders: Sequence[str]) -> Iterator[Listing]:
    for listing in catalog.listings.values():
        if listing.place is not None and listing.place.collector in folders:
            yield listing
