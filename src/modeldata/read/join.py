"""Rows of several collectors side by side: what a model was asked, what it answered, and what turned out to be true.

Rows belong together that have one id, and one model version and service: `match` has the rule for ids that were used several
times. Rows without an id (an empty correlation id, the zero GUID) belong to no others; they are counted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from modeldata.columns.python import python_values
from modeldata.format import names
from modeldata.notebook import html_table
from modeldata.read.frames import to_pandas, to_polars
from modeldata.read.match import NOBODY, PARTITION, Side, lines, meeting

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from modeldata.read.match import Flags, Matching, Meeting, Numbers
    from modeldata.read.scan import Owned

IDS = {"correlation": names.CORRELATION, "request": names.REQUEST}
NO_ID = ("", names.ZERO_GUID)
KEY = (names.TIMESTAMP, names.WRITER, names.SEQUENCE, names.ROW)
"""What shows which call of an id a row is of, and which row of it."""
SHOWN = 5
"""Rows of a join that a notebook shows."""
HOWS = ("left", "inner", "outer")


class Match(NamedTuple):
    """One collector beside the first: how many rows of the first have one of its rows, how many of its own stand beside none.

    elsewhere: how many of these have an id that the first has in another model version or service.
    """

    identifier: str
    matched: int
    unmatched: int
    elsewhere: int = 0


class Coverage(NamedTuple):
    """How complete a join is. `str()` of it is one line.

    rows: of the first. without_id: rows by identifier that no other row can belong to. reused: by identifier, how many ids were
    used for more than one call.
    """

    first: str
    rows: int
    others: tuple[Match, ...]
    without_id: dict[str, int]
    reused: dict[str, int]

    def __str__(self) -> str:
        shares = ", ".join(
            f"{_percent(match.matched, self.rows)} {'of ' + self.first + ' have ' if at == 0 else ''}{match.identifier}"
            for at, match in enumerate(self.others)
        )
        lone = [f"{match.unmatched:,} {match.identifier} without {self.first}" for match in self.others if match.unmatched]
        apart = [
            f"{match.elsewhere:,} {match.identifier} with an id of {self.first} in another version or service (see across)"
            for match in self.others
            if match.elsewhere
        ]
        bare = [f"{rows:,} {identifier} without an id" for identifier, rows in self.without_id.items() if rows]
        reused = [f"{ids:,} ids of {identifier} used more than once" for identifier, ids in self.reused.items() if ids]
        return "; ".join([shares, *lone, *apart, *bare, *reused])


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


class JoinPlan(NamedTuple):
    """How collectors are joined.

    matches: by identifier, which call of it is meant where an id was used more than once. tolerance_us: how much older it may be
    with "asof". across: identifiers with rows that belong to rows of every version and service.
    """

    on: Literal["correlation", "request"]
    how: Literal["left", "inner", "outer"]
    matches: Mapping[str, Matching]
    tolerance_us: int | None
    across: Collection[str]

    def meeting(self, left: Side, right: Side, name: str) -> Meeting:
        return meeting(left, right, self.matches[name], self.tolerance_us)


def join_tables(owned: Mapping[str, Owned], plan: JoinPlan, inside: Mapping[str, Flags]) -> Joined:
    """Tables by identifier, each with its features, `KEY` and the id, joined to the first.

    inside: by identifier, which rows lie in the range that was asked for; the others only help to find what belongs to those.
    """
    table, coverage = _rows(owned, plan, inside)
    return Joined(_side_by_side({name: each.table for name, each in owned.items()}, table, IDS[plan.on]), coverage)


def _rows(owned: Mapping[str, Owned], plan: JoinPlan, inside: Mapping[str, Flags]) -> tuple[dict[str, Numbers], Coverage]:
    """Which row of each table stands in each line of the join."""
    first, *others = owned
    sides = dict(zip(owned, _sides(owned, plan), strict=True))
    meetings = {name: plan.meeting(sides[first], sides[name], name) for name in others}
    rows, beside = lines(sides[first], np.arange(len(sides[first].ids)), meetings)
    table = {first: rows, **beside}
    coverage = _coverage(sides, table, inside)
    kept = inside[first][rows]
    if plan.how == "inner":
        kept &= np.logical_and.reduce([table[name] >= 0 for name in others])
    elif plan.how == "outer":
        kept |= _only_there(table, kept, inside)
    table = table if kept.all() else {name: at[kept] for name, at in table.items()}
    if plan.how == "outer":
        table = _with_the_rest(table, sides, inside, plan)
    return table, coverage


def _sides(owned: Mapping[str, Owned], plan: JoinPlan) -> list[Side]:
    tables = [each.table for each in owned.values()]
    ends = np.cumsum([table.num_rows for table in tables])[:-1]
    ids = _ids(tables, IDS[plan.on])
    keys = _keys(ids, list(owned.values()))
    row = np.concatenate([np.asarray(table[names.ROW].fill_null(0)) for table in tables])
    if row.max(initial=0) >= PARTITION:
        row = np.unique(row, return_inverse=True)[1]
    split_ids = np.split(ids, ends)
    split_keys = split_ids if keys is ids else np.split(keys, ends)
    each = zip(owned, tables, split_ids, split_keys, np.split(row, ends), strict=True)
    return [Side(table, ids, keys, row, name not in plan.across) for name, table, ids, keys, row in each]


def _ids(tables: Sequence[pa.Table], id_column: str) -> Numbers:
    """A number for each row of all tables, the same for the same id; `NOBODY` without one."""
    texts = pa.chunked_array([chunk for table in tables for chunk in table[id_column].chunks], pa.string()).combine_chunks()
    encoded = texts.dictionary_encode()
    bare = np.isin(np.asarray(encoded.dictionary, dtype=object), NO_ID)
    ids = np.asarray(encoded.indices.fill_null(NOBODY)).astype(np.int64)
    ids[(ids >= 0) & bare[ids]] = NOBODY
    return ids


def _keys(ids: Numbers, owned: Sequence[Owned]) -> Numbers:
    """A number for each row, the same for the same id of the same version and service; the ids where there is one of these."""
    runs = [run for each in owned for run in each.owners]
    known = {owner: number for number, owner in enumerate(dict.fromkeys(owner for owner, _ in runs))}
    if len(known) < 2:
        return ids
    owner = np.repeat(np.array([known[owner] for owner, _ in runs], np.int64), [rows for _, rows in runs])
    pairs = pa.array(ids * len(known) + owner, mask=ids < 0).dictionary_encode()
    return np.asarray(pairs.indices.fill_null(NOBODY)).astype(np.int64)


def _coverage(sides: Mapping[str, Side], table: Mapping[str, Numbers], inside: Mapping[str, Flags]) -> Coverage:
    first, *others = sides
    bare = {name: int(((side.ids < 0) & inside[name]).sum()) for name, side in sides.items()}
    reused = {name: int((side.calls.nth[inside[name][side.calls.first]] == 1).sum()) for name, side in sides.items()}
    matches = tuple(_match(name, sides, table, inside) for name in others)
    return Coverage(first, int(inside[first].sum()), matches, bare, reused)


def _match(name: str, sides: Mapping[str, Side], table: Mapping[str, Numbers], inside: Mapping[str, Flags]) -> Match:
    first = next(iter(sides))
    mine, other = sides[first], sides[name]
    met = table[name] >= 0
    matched = _flags(table[first][met], len(mine.ids)) & inside[first]
    lone = np.flatnonzero(inside[name] & (other.ids >= 0) & ~_flags(table[name][met], len(other.ids)))
    elsewhere = 0
    if mine.apart and other.apart and mine.keys is not mine.ids:
        elsewhere = int((np.isin(other.ids[lone], mine.ids) & ~np.isin(other.keys[lone], mine.keys)).sum())
    return Match(name, int(matched.sum()), len(lone), elsewhere)


def _flags(rows: Numbers, length: int) -> Flags:
    flags = np.zeros(length, bool)
    flags[rows] = True
    return flags


def _only_there(table: Mapping[str, Numbers], kept: Flags, inside: Mapping[str, Flags]) -> Flags:
    """Lines that have a row of the range, beside a row of the first that is not of it, and have it nowhere else."""
    more = np.zeros(len(kept), bool)
    for name in list(table)[1:]:
        rows = table[name]
        only = inside[name] & ~_flags(rows[kept & (rows >= 0)], len(inside[name]))
        more |= np.append(only, False)[rows]
    return more


def _with_the_rest(
    table: dict[str, Numbers], sides: Mapping[str, Side], inside: Mapping[str, Flags], plan: JoinPlan
) -> dict[str, Numbers]:
    """Also the rows of the range that stand beside no row so far, with those of later collectors that belong to them."""
    first, *others = sides
    for at, name in enumerate(others, 1):
        taken = _flags(table[name][table[name] >= 0], len(inside[name]))
        rest = np.flatnonzero(inside[name] & ~taken)
        rows, beside = lines(sides[name], rest, {other: plan.meeting(sides[name], sides[other], other) for other in others[at:]})
        nobody = np.full(len(rows), NOBODY, np.int64)
        more = {first: nobody, name: rows, **beside}
        table = {other: np.concatenate([table[other], more.get(other, nobody)]) for other in sides}
    return table


def _side_by_side(tables: Mapping[str, pa.Table], rows: Mapping[str, Numbers], id_column: str) -> pa.Table:
    ids: list[pa.Array] = []
    places: list[pa.Array] = []
    parts: dict[str, Any] = {}
    for identifier, table in tables.items():
        at = pa.array(rows[identifier], mask=rows[identifier] < 0)
        ids.append(table[id_column].combine_chunks().take(at))
        places.append(table[names.ROW].combine_chunks().take(at))
        for name in table.column_names:
            if name == names.TIMESTAMP or name not in names.OWN_COLUMNS:
                parts[f"{identifier}.{name}"] = table[name].take(at)
    row = pc.max_element_wise(*places)  # one row of a call stands beside every row of the other
    return pa.table({id_column: pc.coalesce(*ids), names.ROW: row, **parts})


def _percent(part: int, whole: int) -> str:
    if part == whole:
        return "100 %" if whole else "0 %"
    share = min(99.9, max(0.1 if part else 0.0, round(100 * part / whole, 1)))
    return f"{share:g} %"
