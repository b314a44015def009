"""The newest rows of a collector, read from as few days and batches as hold them."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pyarrow as pa

from modeldata.cli.options import fitting
from modeldata.format import names

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from modeldata.catalog.batches import ArchivedBatch
    from modeldata.cli.options import ReadQuery
    from modeldata.read.plan import ReadRequest

KEYS = (names.TIMESTAMP, names.WRITER, names.SEQUENCE)
ORDER = [(name, "ascending") for name in KEYS]
SLACK = 65_536
"""Rows that are collected before the oldest are forgotten."""
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def newest(asked: ReadQuery, rows: int) -> pa.Table:
    """The last `rows` rows by time, oldest first, with `KEYS` behind the columns that were asked for.

    Raises `NotThere`, `Damaged`, `Unavailable`; `Gone` where compaction took a file since the archive was listed.
    """
    start_ns = _start(asked, rows)
    more = {} if start_ns is None else {"start": moment(start_ns)}
    scan = asked.scan(**more, columns=None)
    asked_for = asked.question.get("columns")
    columns = scan.schema.names if asked_for is None else asked_for
    if asked_for is not None:
        asked.scan(**more)  # raises for a column that is none
    narrow = scan.narrowed(list(dict.fromkeys([*columns, *KEYS])))
    kept = fitting(narrow, lambda batches: _kept(batches, rows))
    return _last(pa.concat_tables([narrow.schema.empty_table(), *kept]), rows)


def _kept(batches: Iterable[pa.RecordBatch], rows: int) -> list[pa.Table]:
    """Few tables that have the last rows by time; older ones are forgotten on the way."""
    kept: list[pa.Table] = []
    for batch in batches:
        kept.append(pa.Table.from_batches([batch]))
        if sum(one.num_rows for one in kept) > 4 * rows + SLACK:
            kept = [_last(pa.concat_tables(kept), rows)]
    return kept


def _last(found: pa.Table, rows: int) -> pa.Table:
    ordered = found.sort_by(ORDER)
    return ordered.slice(max(0, ordered.num_rows - rows))


def moment(time_ns: int) -> dt.datetime:
    """As the reader takes a bound; a microsecond is the finest."""
    return _EPOCH + dt.timedelta(microseconds=time_ns // 1000)


def _start(asked: ReadQuery, rows: int) -> int | None:
    """A time within the range from which on there are `rows` rows at least; None where that takes the whole range."""
    request = asked.request
    listings = [one for each in asked.collectors() for one in each.listings if one.place is not None]
    listings.sort(key=lambda one: one.place.start_ns if one.place else 0, reverse=True)
    batches: list[ArchivedBatch] = []
    start: int | None = None
    for listing in listings:
        assert listing.place is not None
        if start is not None and listing.place.end_ns <= start:
            return start
        if listing.place.start_ns < request.end_ns and listing.place.end_ns > request.start_ns:
            contents = asked.catalog.read(listing)
            batches += [batch for batch in asked.understood(contents) if _inside(batch, request)]
            start = _covering(batches, rows)
    return start


def _inside(batch: ArchivedBatch, request: ReadRequest) -> bool:
    return request.start_ns <= batch.first_ns and batch.last_ns < request.end_ns


def _covering(batches: Sequence[ArchivedBatch], rows: int) -> int | None:
    """The latest time from which on these batches have `rows` rows; None where all of them have fewer."""
    left = rows
    for batch in sorted(batches, key=lambda one: one.first_ns, reverse=True):
        left -= batch.rows
        if left <= 0:
            return batch.first_ns
    return None
