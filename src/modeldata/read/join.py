"""Rows of several collectors side by side: what a model was asked, what it answered, and what turned out to be true.

Rows belong together that have one id and one place: the same row of the same call of that id. Calls of one id are counted by
collector in the order of time, so that the second call of the inputs goes with the second of the predictions. Rows without an id
(an empty correlation id, the zero GUID) belong to no others; they are counted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from modeldata.columns.python import python_values
from modeldata.errors import SettingsError
from modeldata.format import names
from modeldata.notebook import html_table
from modeldata.read.frames import to_pandas, to_polars

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Places = np.ndarray[Any, np.dtype[np.int64]]

IDS = {"correlation": names.CORRELATION, "request": names.REQUEST}
NO_ID = ("", names.ZERO_GUID)
KEY = (names.TIMESTAMP, names.WRITER, names.SEQUENCE, names.ROW)
"""What shows which call of an id a row is of, and which row of it."""
PARTITION, CALL = 2**33, 24
"""On Spark, `$Row` counts partitions in steps of the first, and writers of one call share so many digits."""
DENSE = 8
"""Up to so many possible keys for each row, a plain array finds them faster than a hash table."""
SHOWN = 5
"""Rows of a join that a notebook shows."""
HOWS = ("left", "inner", "outer")


class Match(NamedTuple):
    """One collector beside the first: how many rows of the first have one of its rows, how many of its own have none there."""

    identifier: str
    matched: int
    unmatched: int


class Coverage(NamedTuple):
    """How complete a join is. `str()` of it is one line. without_id: rows by identifier that no other row can belong to."""

    first: str
    rows: int
    others: tuple[Match, ...]
    without_id: dict[str, int]

    def __str__(self) -> str:
        shares = ", ".join(
            f"{_percent(match.matched, self.rows)} {'of ' + self.first + ' have ' if at == 0 else ''}{match.identifier}"
            for at, match in enumerate(self.others)
        )
        lone = [f"{match.unmatched:,} {match.identifier} without {self.first}" for match in self.others if match.unmatched]
        bare = [f"{rows:,} {identifier} without an id" for identifier, rows in self.without_id.items() if rows]
        return "; ".join([shares, *lone, *bare])


class Joined(NamedTuple):
    """A join: its rows and how complete they are."""

    table: pa.Table
    coverage: Coverage

    def to_arrow(self) -> pa.Table:
        return self.table

    def to_pandas(self, **options: Any) -> Any:
        """A pandas DataFrame; options as for `pyarrow.Table.to_pandas`."""
        return to_pandas(self.table, **options)

    def to_polars(self) -> Any:
        """A polars DataFrame."""
        return to_polars(self.table)

    def __repr__(self) -> str:
        return f"Joined({self.table.num_rows:,} rows, {self.table.num_columns} columns: {self.coverage})"

    def _repr_html_(self) -> str:
        columns = [map(str, python_values(column.slice(0, SHOWN))) for column in self.table.columns]
        return html_table(repr(self), self.table.column_names, zip(*columns, strict=True))


def join_tables(
    tables: Mapping[str, pa.Table], on: str, how: Literal["left", "inner", "outer"], inside: Mapping[str, Any]
) -> Joined:
    """Tables by identifier, each with its features, `KEY` and the id `on` (one of `IDS`), joined to the first.

    inside: by identifier, which rows lie in the range that was asked for; the others only help to find what belongs to those.
    """
    first, *others = tables
    places = dict(zip(tables, _keys(list(tables.values()), IDS[on]), strict=True))
    base = np.flatnonzero(inside[first])
    rows = {first: base} | {other: _lookup(places[first][base], places[other]) for other in others}
    matches = [_match(name, rows[name], places, inside, first) for name in others]
    bare = {name: int(((places[name] < 0) & inside[name]).sum()) for name in tables}
    coverage = Coverage(first, len(base), tuple(matches), bare)
    if how == "inner":
        keep = np.logical_and.reduce([rows[other] >= 0 for other in others])
        rows = {name: at[keep] for name, at in rows.items()}
    elif how == "outer":
        rows = _with_the_rest(rows, places, inside)
    return Joined(_side_by_side(tables, rows, IDS[on]), coverage)


def _match(name: str, rows: Places, places: Mapping[str, Places], inside: Mapping[str, Any], first: str) -> Match:
    lone = inside[name] & (places[name] >= 0) & (_lookup(places[name], places[first]) < 0)
    return Match(name, int((rows >= 0).sum()), int(lone.sum()))


def _keys(tables: Sequence[pa.Table], id_column: str) -> list[Places]:
    """A number for each row, the same for rows that belong together, different within a table; -1 without an id."""
    ids = pa.chunked_array([chunk for table in tables for chunk in table[id_column].chunks], pa.string()).combine_chunks()
    encoded = ids.dictionary_encode()
    bare = np.isin(np.asarray(encoded.dictionary, dtype=object), NO_ID)
    codes = np.asarray(encoded.indices.fill_null(-1)).astype(np.int64)
    codes[(codes >= 0) & bare[codes]] = -1
    ends = np.cumsum([table.num_rows for table in tables])
    parts = [_calls(table, part) for table, part in zip(tables, np.split(codes, ends[:-1]), strict=True)]
    call = np.concatenate([call for call, _ in parts])
    row = np.concatenate([row for _, row in parts])
    if row.max(initial=0) >= PARTITION:
        row = np.unique(row, return_inverse=True)[1]
    calls, rows = int(call.max(initial=0)) + 1, int(row.max(initial=0)) + 1
    if int(codes.max(initial=0) + 1) * calls * rows >= 2**63:
        raise SettingsError("join", cause="more rows than there are numbers for", hint="join fewer days at once")
    return np.split(np.where(codes < 0, -1, (codes * calls + call) * rows + row), ends[:-1])


def _calls(table: pa.Table, codes: Places) -> tuple[Places, Places]:
    """(which call of its id, which row of the call) for each row."""
    row = np.asarray(table[names.ROW].fill_null(0))
    if _once(codes, row):
        return np.zeros(len(codes), np.int64), row
    time = np.asarray(table[names.TIMESTAMP].cast(pa.int64()).fill_null(0))
    sequence = np.asarray(table[names.SEQUENCE].fill_null(0))
    writers = table[names.WRITER].combine_chunks()
    if row.max(initial=0) >= PARTITION:  # a call on Spark has a writer for each partition
        writers = pc.utf8_slice_codeunits(writers, 0, CALL)
    writer = np.asarray(writers.dictionary_encode().indices.fill_null(0))
    start = sequence - row % PARTITION  # the same for all rows of one call, and no other's of this writer
    order = np.lexsort((row, start, writer, time, codes))
    call = np.zeros(len(codes), np.int64)
    if len(codes):
        sorted_ = [values[order] for values in (codes, time, writer, start)]
        new_id = np.flatnonzero(np.diff(sorted_[0], prepend=sorted_[0][0] - 1))
        new_call = np.logical_or.reduce([np.diff(values, prepend=values[0] - 1) != 0 for values in sorted_])
        counted = np.cumsum(new_call)
        lengths = np.diff(np.append(new_id, len(order)))
        call[order] = counted - np.repeat(counted[new_id], lengths)
    return call, row


def _once(codes: Places, row: Places) -> bool:
    """Is there one call of each id? Then each has one first row. (As a rule, and much is saved then.)"""
    some = codes[codes >= 0]
    firsts = np.bincount(codes[(codes >= 0) & (row == 0)], minlength=int(some.max(initial=-1)) + 1)
    return bool((firsts[some] == 1).all())


def _lookup(wanted: Places, there: Places) -> Places:
    """Where each wanted key is; -1 where it is not."""
    largest = max(int(wanted.max(initial=-1)), int(there.max(initial=-1)))
    if largest < DENSE * (len(wanted) + len(there)):
        at = np.full(largest + 2, -1, np.int64)
        at[there] = np.arange(len(there))
        at[-1] = -1  # rows without an id went there
        return at[wanted]
    found = pc.index_in(pa.array(wanted), value_set=pa.array(there)).fill_null(-1)
    return np.where(wanted < 0, -1, np.asarray(found).astype(np.int64))


def _with_the_rest(rows: dict[str, Places], places: Mapping[str, Places], inside: Mapping[str, Any]) -> dict[str, Places]:
    """Also the rows of the range that nothing so far belongs to, beside those that belong to them."""
    for name in list(rows)[1:]:
        taken = np.zeros(len(places[name]), bool)
        taken[rows[name][rows[name] >= 0]] = True
        rest = np.flatnonzero(~taken & inside[name])
        more = {name: rest}
        for other in rows:
            if other != name:
                at = _lookup(places[name][rest], places[other])
                used = np.isin(at, rows[other][rows[other] >= 0])
                more[other] = np.where(used, -1, at)
        rows = {other: np.concatenate([rows[other], more[other]]) for other in rows}
    return rows


def _side_by_side(tables: Mapping[str, pa.Table], rows: Mapping[str, Places], id_column: str) -> pa.Table:
    columns: dict[str, Any] = {}
    parts: dict[str, Any] = {}
    for identifier, table in tables.items():
        at = pa.array(rows[identifier], mask=rows[identifier] < 0)
        for name in table.column_names:
            if name == id_column or name == names.ROW:
                taken = table[name].combine_chunks().take(at)
                columns[name] = taken if name not in columns else pc.coalesce(columns[name], taken)
            elif name == names.TIMESTAMP or name not in names.OWN_COLUMNS:
                parts[f"{identifier}.{name}"] = table[name].take(at)
    return pa.table({id_column: columns[id_column], names.ROW: columns[names.ROW], **parts})


def _percent(part: int, whole: int) -> str:
    if part == whole:
        return "100 %" if whole else "0 %"
    share = min(99.9, max(0.1 if part else 0.0, round(100 * part / whole, 1)))
    return f"{share:g} %"
