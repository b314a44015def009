"""What the columns of a collector hold. DuckDB finds it in two passes over the rows, in bounded memory.

The first pass counts, finds the ends, the mean and the quantiles (t-digest, about 1 % off), how many values differ
(HyperLogLog, about 5 % off) and which are frequent; the second counts these and the bars of a histogram exactly.
"""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow.types as types

from modeldata.catalog.errors import SKIP_HINT
from modeldata.read.duck import connected, failed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pyarrow as pa

    from modeldata.read.scan import Scan

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
BARS = 20
TOP = 5
SAMPLE = 4096
"""Frequent values are given for columns with at most so many different ones; of others they say nothing."""


class Top(NamedTuple):
    """A frequent value, as text, and how often it is there."""

    value: str
    rows: int


class ColumnSummary(NamedTuple):
    """One column. `low`, `high`, `mean` and `quantiles` of numbers (of times: seconds since 1970), finite ones only;
    `low` and `high` of whole numbers are exact.

    not_finite: NaN and infinities. bars: rows in each of `BARS` equal parts of [low, high].
    """

    name: str
    type: str
    rows: int
    nulls: int
    distinct: int | None = None
    low: float | int | None = None
    high: float | int | None = None
    mean: float | None = None
    quantiles: tuple[float, ...] = ()
    not_finite: int = 0
    bars: tuple[int, ...] = ()
    top: tuple[Top, ...] = ()
    is_time: bool = False


def summarize(scan: Scan) -> list[ColumnSummary]:
    """One for each column of the scan. Raises `MissingExtra`, and what a scan raises while it is read."""
    connection = connected("compute statistics")
    from duckdb import Error

    while True:
        try:
            return _summaries(scan, scan.to_duckdb(connection))
        except Error as error:
            if not _widened(scan):
                raise failed("compute statistics", error, SKIP_HINT) from None


def _widened(scan: Scan) -> bool:
    """A value did not fit its column, perhaps: read all once, for types that hold all. Did one change?"""
    before = scan.schema
    scan.consume(lambda batches: deque(batches, maxlen=0))
    return bool(scan.schema != before)


def _summaries(scan: Scan, relation: Any) -> list[ColumnSummary]:
    fields = list(scan.schema)
    counted = _rows_of(relation, [part for at, field in enumerate(fields) for part in _first(f"c{at}", field)], fields)
    found = [_begun(at, field, counted) for at, field in enumerate(fields)]
    asked = [part for at, one in enumerate(found) for part in _second(f"c{at}", one)]
    places = [f"{place} AS c{at}_place" for at, one in enumerate(found) if (place := _place(f"c{at}", one))]
    exact = _rows_of(relation, asked, fields, places) if asked else {}
    return [_finished(at, one, exact) for at, one in enumerate(found)]


def _rows_of(relation: Any, parts: Sequence[str], fields: Sequence[pa.Field], more: Sequence[str] = ()) -> dict[str, Any]:
    """One row of aggregates, by name. Columns are c0, c1, ... there: a user's names can be anything."""
    columns = ", ".join(column for at, field in enumerate(fields) for column in _columns(at, field))
    made = relation.project(columns).project(", ".join(["*", *more])).aggregate(", ".join(parts))
    return dict(zip(made.columns, made.fetchall()[0], strict=True))


def _columns(at: int, field: pa.Field) -> Iterator[str]:
    """A number, or text; only whether it is null where it is neither. Of numbers also the finite ones.

    An aggregate with FILTER would hold a copy of all columns: memory and time by the square of the columns.
    """
    value, name = f"#{at + 1}", f"c{at}"
    if is_number(field.type):
        value = f"CAST({value} AS DOUBLE)"
        yield f"{value} AS {name}"
        yield f"CASE WHEN isfinite({value}) THEN {value} END AS {name}_finite"
        if is_whole(field.type):
            yield f"CAST(#{at + 1} AS HUGEINT) AS {name}_exact"
    elif is_time(field.type):  # `epoch` says null for the times that DuckDB can't count
        finite = f"WHEN isfinite({value}) THEN epoch({value})"
        yield f"CASE {finite} WHEN {value} IS NOT NULL THEN CAST('inf' AS DOUBLE) END AS {name}"
        yield f"CASE {finite} END AS {name}_finite"
    else:
        yield f"CAST({value} AS VARCHAR) AS {name}" if is_text(field.type) else f"{value} IS NULL AS {name}"


def _first(name: str, field: pa.Field) -> Iterator[str]:
    if not (is_number(field.type) or is_time(field.type) or is_text(field.type)):
        yield f"count(*) AS {name}_rows"
        yield f"count_if({name}) AS {name}_nulls"
        return
    yield f"count(*) AS {name}_rows"
    yield f"count(*) - count({name}) AS {name}_nulls"
    yield f"approx_count_distinct({name}) AS {name}_distinct"
    if is_text(field.type):
        yield f"approx_top_k({name}, {TOP}) AS {name}_top"
        return
    quantiles = ", ".join(map(str, QUANTILES))
    yield f"count({name}) - count({name}_finite) AS {name}_odd"
    exact = f"{name}_exact" if is_whole(field.type) else f"{name}_finite"
    yield f"min({exact}) AS {name}_low"
    yield f"max({exact}) AS {name}_high"
    yield f"avg({name}_finite) AS {name}_mean"
    yield f"approx_quantile({name}_finite, [{quantiles}]) AS {name}_quantiles"


def _begun(at: int, field: pa.Field, counted: dict[str, Any]) -> ColumnSummary:
    def get(what: str) -> Any:
        return counted.get(f"c{at}_{what}")

    top = tuple(Top(value, 0) for value in get("top") or () if value is not None)
    return ColumnSummary(
        field.name, str(field.type), get("rows"), get("nulls"), get("distinct"), get("low"), get("high"), get("mean"),
        tuple(get("quantiles") or ()), get("odd") or 0, top=top, is_time=is_time(field.type),
    )  # fmt: skip


def _second(name: str, summary: ColumnSummary) -> Iterator[str]:
    if _has_few(summary):
        for at, top in enumerate(summary.top):
            text = top.value.replace("'", "''")
            yield f"count_if({name} = '{text}') AS {name}_{at}"
    elif _place(name, summary):  # not DuckDB's `histogram`: its time grows with the square of the columns
        for bar in range(BARS):
            yield f"count_if({name}_place = {bar}) AS {name}_{bar}"


def _has_few(summary: ColumnSummary) -> bool:
    return bool(summary.top) and (summary.distinct or 0) <= SAMPLE


def _place(name: str, summary: ColumnSummary) -> str:
    """In which bar of a histogram each value is; empty where a column has none."""
    if _has_few(summary) or summary.low is None or summary.high is None:
        return ""
    low, wide = float(summary.low), float(summary.high) - float(summary.low)
    if not 0 < wide < math.inf:
        return ""
    return f"least({BARS - 1}, CAST(floor(({name}_finite - {low!r}) / {wide!r} * {BARS}) AS INTEGER))"


def _finished(at: int, summary: ColumnSummary, exact: dict[str, Any]) -> ColumnSummary:
    counts = [exact.get(f"c{at}_{number}", 0) for number in range(len(summary.top))]
    bars = tuple(exact[f"c{at}_{bar}"] for bar in range(BARS)) if _place("", summary) else ()
    top = sorted((top._replace(rows=rows) for top, rows in zip(summary.top, counts, strict=True) if rows), key=_by_rows)
    distinct = summary.distinct if summary.distinct is None else min(summary.distinct, summary.rows - summary.nulls)
    return summary._replace(top=tuple(top), distinct=distinct, bars=bars)


def _by_rows(top: Top) -> tuple[int, str]:
    return -top.rows, top.value


def is_number(kind: pa.DataType) -> bool:
    return bool(types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind))


def is_whole(kind: pa.DataType) -> bool:
    """Whole numbers: their ends are exact, where a double would round them."""
    return bool(types.is_integer(kind) or (types.is_decimal128(kind) and kind.scale == 0))


def is_time(kind: pa.DataType) -> bool:
    return bool(types.is_timestamp(kind) or types.is_date(kind))


def is_text(kind: pa.DataType) -> bool:
    """And what has as few values as text: bool."""
    return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_boolean(kind) or types.is_dictionary(kind))
