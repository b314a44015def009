"""Columns in numbers, by DuckDB: two passes over a scan, whatever its size."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa
import pyarrow.types as types

from modeldata import names
from modeldata.read.errors import need

if TYPE_CHECKING:
    from modeldata.read.scan import Scan

BINS = 10
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
OWN = frozenset((names.TIMESTAMP, names.CORRELATION, names.REQUEST, names.WRITER, names.SEQUENCE, names.ROW))
AT_ONCE = 50
"""Columns in one query."""


class Described(NamedTuple):
    """A column. `low`, `high`, `mean` and `quantiles` (0.05, 0.25, 0.5, 0.75, 0.95) where its values have them, else None.

    different: how many different values, about. top: the most frequent (value, rows), about. histogram: rows in ten parts of
    [low, high], of finite values.
    """

    name: str
    type: str
    nulls: int
    different: int
    low: object
    high: object
    mean: float | None
    quantiles: list[float] | None
    top: list[tuple[str, int]]
    histogram: list[int] | None

    def as_dict(self) -> dict[str, object]:
        told = self._asdict()
        told["top"] = [{"value": value, "rows": rows} for value, rows in self.top]
        told["quantiles"] = None if self.quantiles is None else dict(zip(map(str, QUANTILES), self.quantiles, strict=True))
        return told


def describe(scan: Scan, top: int) -> tuple[int, list[Described]]:
    """The number of rows, and features one by one (our own columns, where only those are asked for). Raises `MissingExtra`."""
    try:
        import duckdb
    except ImportError:
        raise need("duckdb", "sql", "describe columns") from None
    fields = [field for field in scan.schema if field.name not in OWN] or list(scan.schema)
    connection = duckdb.connect()
    rows, made = 0, []
    for start in range(0, max(1, len(fields)), AT_ONCE):
        some = fields[start : start + AT_ONCE]
        relation = scan.to_duckdb(connection)
        rows, found = _first_pass(relation, some, top)
        counts = _histograms(scan.to_duckdb(connection), some, found)
        made += [one._replace(histogram=counts.get(one.name)) for one in found]
    return rows, made


def _first_pass(relation: Any, fields: list[pa.Field], top: int) -> tuple[int, list[Described]]:
    asked = ["count(*)"]
    for field in fields:
        asked += _aggregates(field, top)
    row = _only_row(relation, asked)
    rows = row.pop(0)
    return rows, [_described(field, rows, row, top) for field in fields]


def _aggregates(field: pa.Field, top: int) -> list[str]:
    """Always count, different, low, high, mean, quantiles, top: null where the type has none."""
    name = _quoted(field.name)
    finite = _number(field)
    ordered = _ordered(field.type)
    return [
        f"count({name})",
        f"approx_count_distinct({name})" if not types.is_nested(field.type) else "null",
        f"min({name})" if ordered else "null",
        f"max({name})" if ordered else "null",
        f"avg({finite})" if finite else "null",
        f"approx_quantile({finite}, {list(QUANTILES)})" if finite else "null",
        f"approx_top_k({name}::varchar, {top})" if top and _countable(field.type) else "null",
    ]


def _described(field: pa.Field, rows: int, row: list[Any], top: int) -> Described:
    count, different, low, high, mean, quantiles, frequent = (row.pop(0) for _ in range(7))
    numbers = None if not quantiles or quantiles[0] is None else [float(one) for one in quantiles]
    return Described(
        field.name, str(field.type), rows - count, min(different or 0, count), low, high,
        None if mean is None else float(mean), numbers, [(value, 0) for value in frequent or () if value is not None][:top], None,
    )  # fmt: skip


def _histograms(relation: Any, fields: list[pa.Field], found: list[Described]) -> dict[str, list[int]]:
    """Rows in each tenth of a column's range; and how often the frequent values are there, exactly."""
    asked: list[str] = []
    wanted: list[tuple[str, str, int]] = []
    for at, (field, one) in enumerate(zip(fields, found, strict=True)):
        finite = _number(field)
        ends = _ends(one)
        if finite and ends:
            low, step = ends[0], (ends[1] - ends[0]) / BINS or 1.0
            place = f"least({BINS - 1}, greatest(0, floor((({finite}) - {low!r}) / {step!r})))"
            asked += [f"count(*) filter (where {place} = {bin_})" for bin_ in range(BINS)]
            wanted.append(("bins", field.name, BINS))
        if one.top:
            asked += [f"count(*) filter (where {_quoted(field.name)}::varchar = {_text(value)})" for value, _ in one.top]
            wanted.append(("top", str(at), len(one.top)))
    row = _only_row(relation, asked) if asked else []
    bins: dict[str, list[int]] = {}
    for kind, name, count in wanted:
        mine, row = [int(value) for value in row[:count]], row[count:]
        if kind == "bins":
            bins[name] = mine
        else:
            one = found[int(name)]
            told = [(value, rows) for (value, _), rows in zip(one.top, mine, strict=True)]
            found[int(name)] = one._replace(top=sorted(told, key=lambda pair: -pair[1]))
    return bins


def _only_row(relation: Any, asked: list[str]) -> list[Any]:
    (row,) = relation.aggregate(", ".join(asked)).fetchall()
    return list(row)


def _ends(one: Described) -> tuple[float, float] | None:
    if one.quantiles is None or one.low is None or one.high is None:
        return None
    low, high = float(one.low), float(one.high)  # type: ignore[arg-type] # of a number
    if not math.isfinite(low):
        low = one.quantiles[0]
    if not math.isfinite(high):
        high = one.quantiles[-1]
    return (low, high) if math.isfinite(low) and math.isfinite(high) else None


def _number(field: pa.Field) -> str:
    """The column as finite numbers, null elsewhere; empty where it has none."""
    name, kind = _quoted(field.name), field.type
    if types.is_floating(kind):
        return f"case when isfinite({name}) then {name}::double end"
    if types.is_integer(kind) or types.is_decimal(kind):
        return f"{name}::double"
    return ""


def _ordered(kind: pa.DataType) -> bool:
    return not types.is_nested(kind) and not types.is_binary(kind) and not types.is_large_binary(kind)


def _countable(kind: pa.DataType) -> bool:
    return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_boolean(kind))


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(value: str) -> str:
    return "'" + str(value).replace("'", "''") + "'"
