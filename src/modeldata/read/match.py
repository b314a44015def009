"""Which rows of two collectors belong together. Rows of one id lie in calls: calls are matched first, then their rows. Pure.

Calls of one key (an id of one model) are ordered by time. A call meets one call of the other collector:

    order   the first meets the first, the second the second
    first   each meets the first
    last    each meets the last
    asof    each meets the newest at or before its own time

In calls that meet, row 3 stands beside row 3, and a call of one row beside every row of the other. With `order` it does so only
where both have as many calls of that key: else nobody knows which call was meant. There is one more case of it: one call of
several rows meets as many calls of one row, row by row.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from modeldata.errors import SettingsError
from modeldata.format import names

if TYPE_CHECKING:
    from collections.abc import Mapping

    Numbers: TypeAlias = np.ndarray[Any, np.dtype[np.int64]]
    Flags: TypeAlias = np.ndarray[Any, np.dtype[np.bool_]]

Matching: TypeAlias = Literal["order", "first", "last", "asof"]
MATCHES = ("order", "first", "last", "asof")
PARTITION, CALL = 2**33, 24
"""On Spark, `$Row` counts partitions in steps of the first, and writers of one call share so many digits."""
NOBODY = -1
"""Where there is no such row, call or id."""
DENSE = 8
"""Up to so many possible keys for each row, a plain array finds them faster than a hash table."""


class Calls(NamedTuple):
    """The calls of a collector by key, and in the order of time for each key. Rows without an id are in none.

    key, nth (of its key), size (in rows), first (its first row): of each call. of_row, row: the call of each row, and its place
    there.
    """

    key: Numbers
    nth: Numbers
    size: Numbers
    first: Numbers
    of_row: Numbers
    row: Numbers

    @property
    def order(self) -> Numbers:
        """The rows of the first call, then those of the second, and so on."""
        order = np.lexsort((self.row, self.of_row))
        return order[np.count_nonzero(self.of_row < 0) :]

    def counts(self) -> tuple[Numbers, Numbers]:
        """For each call, how many calls and how many rows its key has."""
        begins = np.flatnonzero(self.nth == 0)
        calls = np.diff(np.append(begins, len(self.key)))
        rows = np.add.reduceat(self.size, begins) if len(begins) else self.size
        return np.repeat(calls, calls), np.repeat(rows, calls)

    def split(self, these: Flags) -> Calls:
        """Each row of these calls as a call of its own."""
        order = self.order
        call = self.of_row[order]
        return _calls_of(order, self.key[call], these[call] | (np.diff(call, prepend=NOBODY) != 0), self.row)


class Side:
    """A collector of a join: its rows, as a table with the columns that say which call of an id a row is of, and as numbers.

    ids: by row, the same number for the same id in all collectors. keys: for the same id of the same model version and service.
    row: its place in its call. apart: only rows of one version and service belong together.
    """

    def __init__(self, table: pa.Table, ids: Numbers, keys: Numbers, row: Numbers, apart: bool) -> None:
        self.table = table
        self.ids = ids
        self.row = row
        self.apart = apart
        self.keys = keys

    @property
    def calls(self) -> Calls:
        return self.calls_by(self.apart)

    def calls_by(self, apart: bool) -> Calls:
        return self._by_key if apart else self._by_id

    @cached_property
    def time(self) -> Numbers:
        """Of each row, in microseconds since 1970."""
        return np.asarray(self.table[names.TIMESTAMP].cast(pa.int64()).fill_null(0))

    @cached_property
    def _by_key(self) -> Calls:
        return _calls(self, self.keys)

    @cached_property
    def _by_id(self) -> Calls:
        return self._by_key if self.keys is self.ids else _calls(self, self.ids)


class Meeting(NamedTuple):
    """Another collector, as rows of the first meet it.

    By row of the first: which call it meets, and whether one row of a call may stand beside many.
    """

    calls: Calls
    call: Numbers
    spread: Flags

    def sizes(self, rows: Numbers) -> Numbers:
        """How many rows the calls have that these rows meet."""
        call = self.call[rows]
        return np.where(call < 0, 0, np.append(self.calls.size, 0)[call])

    def rows_beside(self, rows: Numbers, places: Numbers, nth: Numbers, alone: Flags) -> Numbers:
        """The row beside each of these. places, alone: its place in its call, and is it the only one; nth: which line of it."""
        calls, call, size, spread = self.calls, self.call[rows], self.sizes(rows), self.spread[rows]
        single, many = spread & (size == 1), spread & alone & (size > 1)
        there = many & (size > nth)
        firsts, repeated = calls.first[call[single]], call[there]
        call[single | many] = NOBODY
        del size, spread  # these arrays are as long as the join
        beside = self._by_number(call, places)
        beside[single] = firsts
        if len(repeated):
            begins = np.cumsum(calls.size) - calls.size
            beside[there] = calls.order[begins[repeated] + nth[there]]
        return beside

    def _by_number(self, call: Numbers, places: Numbers) -> Numbers:
        if (call == NOBODY).all():
            return call
        step = 1 + max(int(places.max(initial=0)), int(self.calls.row.max(initial=0)))
        return lookup(_paired(call, places, step), _paired(self.calls.of_row, self.calls.row, step))


def meeting(left: Side, right: Side, match: Matching, tolerance_us: int | None) -> Meeting:
    """How the rows of `left` meet those of `right`. Where one of them is not apart, the id alone decides."""
    apart = left.apart and right.apart
    mine, other = left.calls, right.calls_by(apart)
    keys = mine.key if apart else left.ids[mine.first]
    spread = np.ones(len(keys), bool)
    if not mine.nth.any() and not other.nth.any():
        match = "first" if match == "order" else match  # there is no other
    if match == "order":
        mine, keys, other = _dealt(mine, keys, other)
        call, spread = _in_order(keys, mine.nth, other), _even(mine, keys, other)
    else:
        call = _chosen(keys, left.time[mine.first], other, right.time[other.first], match, tolerance_us)
    return Meeting(other, np.append(call, NOBODY)[mine.of_row], np.append(spread, False)[mine.of_row])


def lines(left: Side, rows: Numbers, others: Mapping[str, Meeting]) -> tuple[Numbers, dict[str, Numbers]]:
    """Lines of a join: a row of `left` for each, some of them repeated, and the row of each other beside it."""
    alone = np.append(left.calls.size, 0)[left.calls.of_row[rows]] == 1
    nth = np.broadcast_to(np.int64(0), len(rows))
    times = _times(rows, alone, others)
    if times is not None:
        nth = np.arange(times.sum()) - np.repeat(np.cumsum(times) - times, times)
        rows, alone = np.repeat(rows, times), np.repeat(alone, times)
    places = left.calls.row[rows]
    return rows, {name: other.rows_beside(rows, places, nth, alone) for name, other in others.items()}


def _times(rows: Numbers, alone: Flags, others: Mapping[str, Meeting]) -> Numbers | None:
    """How often each row stands in the join; None where all do once."""
    times = np.ones(len(rows), np.int64)
    for other in others.values():
        np.maximum(times, other.sizes(rows), out=times, where=alone & other.spread[rows])
    return times if times.max(initial=1) > 1 else None


def lookup(wanted: Numbers, there: Numbers) -> Numbers:
    """Where each wanted number is; `NOBODY` where it is not, or is `NOBODY` itself."""
    largest = max(int(wanted.max(initial=-1)), int(there.max(initial=-1)))
    if largest < DENSE * (len(wanted) + len(there)):
        at = np.full(largest + 2, NOBODY, np.int64)
        at[there] = np.arange(len(there))
        at[-1] = NOBODY  # rows without an id went there
        return at[wanted]
    places = pc.index_in(pa.array(wanted), value_set=pa.array(there)).fill_null(NOBODY)
    return np.where(wanted < 0, NOBODY, np.asarray(places).astype(np.int64))


# Calls of rows


def _calls(side: Side, keys: Numbers) -> Calls:
    numbered = np.asarray(side.table[names.ROW].is_valid())
    if numbered.all() and _once(keys, side.row):
        return _single_calls(keys, side.row)
    writers = side.table[names.WRITER].combine_chunks()
    row = np.asarray(side.table[names.ROW].fill_null(0))
    if row.max(initial=0) >= PARTITION:  # a call on Spark has a writer for each partition
        writers = pc.utf8_slice_codeunits(writers, 0, CALL)
    writer = np.asarray(writers.dictionary_encode().indices.fill_null(0))
    # the same for all rows of one call, and no other's of this writer
    start = np.asarray(side.table[names.SEQUENCE].fill_null(0)) - row % PARTITION
    order = np.lexsort((row, start, writer, side.time, keys))
    order = order[np.count_nonzero(keys < 0) :]
    new = np.zeros(len(order), bool)
    new[:1] = True
    for values in (keys, side.time, writer, start):
        new[1:] |= np.diff(values[order]) != 0
    calls = _calls_of(order, keys[order], new, side.row)
    if numbered.all():
        return calls
    place = np.arange(len(order)) - np.repeat(np.flatnonzero(new), calls.size)
    row = side.row.copy()
    row[order] = np.where(numbered[order], row[order], place)
    return calls._replace(row=row)


def _once(keys: Numbers, row: Numbers) -> bool:
    """Is there one call of each key? Then each has one first row. (As a rule, and much is saved then.)"""
    some = keys[keys >= 0]
    firsts = np.bincount(keys[(keys >= 0) & (row == 0)], minlength=int(some.max(initial=-1)) + 1)
    return bool((firsts[some] == 1).all())


def _single_calls(keys: Numbers, row: Numbers) -> Calls:
    """Where each key has one call, no sorting is needed."""
    size = np.bincount(keys[keys >= 0])
    there = np.flatnonzero(size)
    of_row = np.append(np.cumsum(size > 0) - 1, NOBODY)[keys]
    begins = np.flatnonzero((keys >= 0) & (row == 0))
    first = np.empty(len(there), np.int64)
    first[of_row[begins]] = begins
    return Calls(there, np.zeros(len(there), np.int64), size[there], first, of_row, row)


def _calls_of(order: Numbers, keys: Numbers, new: Flags, row: Numbers) -> Calls:
    """Of rows in the order of their calls, with their keys; new: where a call begins."""
    begins = np.flatnonzero(new)
    key, size = keys[begins], np.diff(np.append(begins, len(order)))
    firsts = np.flatnonzero(np.diff(key, prepend=NOBODY) != 0)
    nth = np.arange(len(key)) - np.repeat(firsts, np.diff(np.append(firsts, len(key))))
    of_row = np.full(len(row), NOBODY, np.int64)
    of_row[order] = np.repeat(np.arange(len(key)), size)
    return Calls(key, nth, size, order[begins], of_row, row)


# Calls that meet


def _dealt(mine: Calls, keys: Numbers, other: Calls) -> tuple[Calls, Numbers, Calls]:
    """Both sides and the keys of mine, with a call of several rows split where the other side has as many calls of one row."""
    at = _with_key(keys, other)
    calls, rows = mine.counts()
    their_calls, their_rows = (np.append(count, 0)[at] for count in other.counts())
    as_many = (rows == their_rows) & (rows > 1)
    split_mine = as_many & (calls == 1) & (their_calls == rows)
    split_theirs = as_many & (their_calls == 1) & (calls == rows)
    if split_theirs.any():
        these = np.zeros(len(other.key), bool)
        these[at[split_theirs]] = True
        other = other.split(these)
    if split_mine.any():
        call_of_row = mine.of_row
        mine = mine.split(split_mine)
        keys = keys[call_of_row[mine.first]]
    return mine, keys, other


def _even(mine: Calls, keys: Numbers, other: Calls) -> Flags:
    """For each call of mine: has the other side as many calls of its key?"""
    even: Flags = mine.counts()[0] == np.append(other.counts()[0], 0)[_with_key(keys, other)]
    return even


def _with_key(keys: Numbers, other: Calls) -> Numbers:
    """The first call of each key."""
    return lookup(keys, np.where(other.nth == 0, other.key, NOBODY))


def _in_order(keys: Numbers, nth: Numbers, other: Calls) -> Numbers:
    step = 1 + max(int(nth.max(initial=0)), int(other.nth.max(initial=0)))
    return lookup(_paired(keys, nth, step), _paired(other.key, other.nth, step))


def _chosen(
    keys: Numbers, times: Numbers, other: Calls, their_times: Numbers, match: Matching, tolerance_us: int | None
) -> Numbers:
    if match == "first":
        return _with_key(keys, other)
    if match == "last":
        return lookup(keys, np.where(np.diff(other.key, append=NOBODY) != 0, other.key, NOBODY))
    moments, rank = np.unique(np.concatenate([times, their_times]), return_inverse=True)
    there = _paired(other.key, rank[len(times) :], len(moments))
    at = np.searchsorted(there, _paired(keys, rank[: len(times)], len(moments)), side="right") - 1
    fits = (at >= 0) & (np.append(other.key, NOBODY)[at] == keys)
    if tolerance_us is not None:
        fits &= times - np.append(their_times, 0)[at] <= tolerance_us
    return np.where(fits, at, NOBODY)


def _paired(keys: Numbers, nth: Numbers, step: int) -> Numbers:
    """One number for two; `NOBODY` stays."""
    if (int(keys.max(initial=0)) + 1) * step >= 2**63:
        raise SettingsError("join", cause="more rows than there are numbers for", hint="join fewer days at once")
    pairs: Numbers = keys * step
    pairs += nth
    pairs[keys < 0] = NOBODY
    return pairs
