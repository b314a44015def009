"""The newest rows of a collector, read from as few days and batches as hold them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from modeldata.catalog.batches import start_of
from modeldata.format import names
from modeldata.read.plan import check_columns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import Protocol, TypeVar

    from modeldata.catalog.lines import ArchivedBatch
    from modeldata.read.plan import ReadRequest
    from modeldata.read.query import ReadQuery

    Answer = TypeVar("Answer")

    class Rows(Protocol):
        """Rows to read: a scan, or those of one that fit a condition."""

        @property
        def schema(self) -> pa.Schema: ...
        def narrowed(self, columns: list[str]) -> Rows: ...
        def consume(self, work: Callable[[Iterator[pa.RecordBatch]], Answer]) -> Answer: ...


KEYS = (names.TIMESTAMP, names.WRITER, names.SEQUENCE)
ORDER = [(name, "ascending") for name in KEYS]
SLACK = 65_536
"""Rows that are collected before the oldest are forgotten."""
WIDER = 16
"""So many times as many rows are looked at next, where too few of them fit."""


def _all(query: ReadQuery, whole: bool) -> Rows:
    return query.scan()


def newest(query: ReadQuery, rows: int, rows_of: Callable[[ReadQuery, bool], Rows] = _all) -> pa.Table:
    """The last `rows` rows by time, oldest first, with `KEYS` behind the columns that were asked for.

    rows_of: gives the rows of a query that count, of all their columns. It is asked with True where the query has the whole
    range of times.

    Raises `NotThere`, `Damaged`, `Unavailable`; `Vanished` where compaction took a file since the archive was listed.
    """
    looked_at = rows
    while True:
        start_ns = _start(query, looked_at)
        found = _newest_from(query, start_ns, rows, rows_of)
        if start_ns is None or found.num_rows >= rows:
            return found
        looked_at *= WIDER


def _newest_from(query: ReadQuery, start_ns: int | None, rows: int, rows_of: Callable[[ReadQuery, bool], Rows]) -> pa.Table:
    """The last rows that are not older than `start_ns`; of the whole range for None."""
    request = query.request
    if start_ns is not None:
        request = request._replace(start_ns=start_ns // 1000 * 1000)
    scan = rows_of(query._replace(request=request._replace(columns=None)), start_ns is None)
    columns = scan.schema.names if request.columns is None else request.columns
    check_columns(columns, scan.schema.names, query.archive)
    narrow = scan.narrowed(list(dict.fromkeys([*columns, *KEYS])))
    kept = narrow.consume(lambda batches: _kept(batches, rows))
    return _last(pa.concat_tables([narrow.schema.empty_table(), *kept]), rows)


def _kept(batches: Iterable[pa.RecordBatch], rows: int) -> list[pa.Table]:
    """Few tables that have the last rows by time; older ones are forgotten on the way."""
    kept: list[pa.Table] = []
    for batch in batches:
        kept.append(pa.Table.from_batches([batch]))
        if sum(table.num_rows for table in kept) > 4 * rows + SLACK:
            kept = [_last(pa.concat_tables(kept), rows)]
    return kept


def _last(table: pa.Table, rows: int) -> pa.Table:
    ordered = table.sort_by(ORDER)
    return ordered.slice(max(0, ordered.num_rows - rows))


def _start(query: ReadQuery, rows: int) -> int | None:
    """A time within the range from which on there are `rows` rows at least; None where that takes the whole range."""
    request = query.request
    listings = [listing for each in query.collectors() for listing in each.listings]
    listings.sort(key=start_of, reverse=True)
    batches: list[ArchivedBatch] = []
    start: int | None = None
    for listing in listings:
        assert listing.place is not None
        if start is not None and listing.place.end_ns <= start:
            return start
        if listing.place.start_ns < request.end_ns and listing.place.end_ns > request.start_ns:
            contents = query.catalog.read(listing)
            batches += [batch for batch in query.batches(contents) if _inside(batch, request)]
            start = _covering(batches, rows)
    return start


def _inside(batch: ArchivedBatch, request: ReadRequest) -> bool:
    return request.start_ns <= batch.first_ns and batch.last_ns < request.end_ns


def _covering(batches: Sequence[ArchivedBatch], rows: int) -> int | None:
    """The latest time from which on these batches have `rows` rows; None where all of them have fewer."""
    left = rows
    for batch in sorted(batches, key=lambda batch: batch.first_ns, reverse=True):
        left -= batch.rows
        if left <= 0:
            return batch.first_ns
    return None
