"""Kinds: what a reader needs, besides a column's declared type, to give back the values that went in.

A batch's manifest has `kinds` by column: one kind for all its rows, or `[[kind, rows], ...]` in their order. A column that is not
there has the kind its declared type says (`of_declared`), else `plain`. None is None under any kind, and parts no run.

    kind                             value
    plain                            as JSON, Arrow or text have it
    auto                             text: `True`, `False`, digits, a number with a point or an exponent, NaN, Inf and -Inf, JSON
                                     that begins with [ or {; else text
    json                             text that is JSON
    number                           a whole number where it is whole, else a float
    int float float32 float16 bool str bytes decimal uuid complex date time timedelta datetime null
    decimal[digits]                  a Decimal with so many digits behind the point; the file has more
    datetime[zone]                   a time with the zone, or the offset, that it had
    datetime64[unit], [unit, zone]   a time of an Arrow column, as Arrow gives it; timedelta64[unit] likewise
    np:dtype                         a numpy scalar
    interval                         Arrow's months, days and nanoseconds
    {"list": kind or runs}           a list, its items
    {"dict": {key: kind}}            a dict, its values (not named: plain). With "keys": kind or runs, keys that are not text
    {"map": [kind, kind]}            a list of pairs
    {"array": dtype}                 a numpy array. With "shape", where the lists can't tell it
    {"json": kind}                   text that is JSON, and what is in it
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeAlias
from uuid import UUID

import numpy as np
import pyarrow as pa
import pyarrow.types as types

from modeldata.columns import ABSENT
from modeldata.columns.listed import field_names, is_list
from modeldata.format.declared import DECIMALS, INTS, MOMENTS, SPANS, arrow_unit, parse
from modeldata.format.names import OWN_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from modeldata.columns import Column

Kind: TypeAlias = "str | dict[str, Any]"
ColumnKinds: TypeAlias = "Kind | list[list[Any]]"
"""Of a column: one kind, or runs of them."""

PLAIN = "plain"
NUMBER = "number"
INT64 = range(-(2**63), 2**64)
"""Whole numbers that readers of JSON take as they are: as signed or as unsigned."""


def of_value(value: object) -> Kind | None:
    """The kind of one value as it was decoded; None where it is None or was never there."""
    found = _BY_TYPE.get(type(value))
    try:
        return found(value) if found is not None else _of_other(value)
    except RecursionError:  # nested so deep that only JSON can tell
        return PLAIN


def _of_other(value: object) -> Kind | None:
    if isinstance(value, np.generic):
        return f"np:{value.dtype.str}"
    for base, found in _BY_TYPE.items():
        if isinstance(value, base):
            return found(value)
    return "str"  # what str() makes of it is all there is


def _of_datetime(value: dt.datetime) -> Kind:
    zone = getattr(value.tzinfo, "key", None)
    if getattr(value, "nanosecond", 0):  # pandas has those
        where = zone or (value.isoformat()[-6:] if value.tzinfo else "")
        return f"datetime64[ns, {where}]" if where else "datetime64[ns]"
    return f"datetime[{zone}]" if isinstance(zone, str) else "datetime"


def _of_list(value: Sequence[object]) -> Kind:
    items = runs([_inside(one) for one in value])
    return PLAIN if items in (None, PLAIN) else {"list": items}


def _of_dict(value: dict[object, object]) -> Kind:
    nested: dict[str, Any] = {}
    if any(type(key) is not str for key in value):
        from modeldata.encode.text import key_text

        nested["keys"] = runs([of_value(key) or "null" for key in value])
        value = {key_text(key): one for key, one in value.items()}
    inner = {key: _inside(one) for key, one in value.items()}
    by_key = {key: kind for key, kind in inner.items() if kind not in (None, PLAIN)}
    return {"dict": by_key, **nested} if by_key or nested else PLAIN


def _inside(value: object) -> Kind | None:
    return within_json(value, of_value(value))


def _of_array(value: np.ndarray[Any, Any]) -> Kind:
    content: dict[str, Any] = {"array": value.dtype.str}
    return {**content, "shape": list(value.shape)} if 0 in value.shape[:-1] else content


_BY_TYPE: dict[type, Callable[[Any], Kind | None]] = {
    type(None): lambda value: None,
    type(ABSENT): lambda value: None,
    bool: lambda value: "bool",
    int: lambda value: "int",
    float: lambda value: "float",
    str: lambda value: "str",
    bytes: lambda value: "bytes",
    Decimal: lambda value: "decimal",
    UUID: lambda value: "uuid",
    complex: lambda value: "complex",
    dt.datetime: _of_datetime,
    dt.date: lambda value: "date",
    dt.time: lambda value: "time",
    dt.timedelta: lambda value: "timedelta64[ns]" if getattr(value, "nanoseconds", 0) else "timedelta",  # pandas has those
    list: _of_list,
    tuple: _of_list,
    dict: _of_dict,
    np.ndarray: _of_array,
}


def runs(kinds: Iterable[Kind | None]) -> ColumnKinds | None:
    """Kinds in the order of the rows → the shortest way to tell them. None belongs to whatever is beside it."""
    lengths: list[list[Any]] = []
    for kind in kinds:
        if lengths and (kind is None or lengths[-1][0] is None or lengths[-1][0] == kind):
            lengths[-1] = [lengths[-1][0] if kind is None else kind, lengths[-1][1] + 1]
        else:
            lengths.append([kind, 1])
    if len(lengths) > 1:
        return lengths
    common: Kind | None = lengths[0][0] if lengths else None
    return common


def each(kinds: ColumnKinds, rows: int) -> list[Kind]:
    """The kind of every row."""
    if not isinstance(kinds, list):
        return [kinds] * rows
    each = (kind or "null" for kind, count in kinds for _ in range(count))
    return list(islice(each, rows + 1))  # one too many is enough for whoever counts them


def split(kinds: dict[str, Any], at: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """What `kinds` says of the first `at` rows, and of the others."""
    halves: tuple[dict[str, Any], dict[str, Any]] = ({}, {})
    for column, column_kinds in kinds.items():
        for half, part in zip(halves, _split(column_kinds, at), strict=True):
            half[column] = part
    return halves


def _split(runs_of_kinds: ColumnKinds, at: int) -> tuple[ColumnKinds, ColumnKinds]:
    if not isinstance(runs_of_kinds, list):
        return runs_of_kinds, runs_of_kinds
    left: list[list[Any]] = []
    right: list[list[Any]] = []
    for kind, rows in runs_of_kinds:
        here = min(at, rows)
        if here:
            left.append([kind, here])
        if rows > here:
            right.append([kind, rows - here])
        at -= here
    return left, right


def of_type(kind: pa.DataType) -> Kind | None:
    """The kind of every value of an Arrow column; None where each has one of its own (unions)."""
    if isinstance(kind, pa.BaseExtensionType):
        return of_type(kind.storage_type)
    if types.is_dictionary(kind) or types.is_run_end_encoded(kind):
        return of_type(kind.value_type)
    if types.is_timestamp(kind):
        return f"datetime64[{kind.unit}{f', {kind.tz}' if kind.tz else ''}]"
    if types.is_duration(kind):
        return f"timedelta64[{kind.unit}]"
    for test, word in _WORDS:
        if test(kind):
            return word
    return _of_nested_type(kind)


_WORDS: tuple[tuple[Callable[[pa.DataType], bool], str], ...] = (
    (types.is_integer, "int"),
    (types.is_boolean, "bool"),
    (types.is_float64, "float"),
    (types.is_float32, "float32"),
    (types.is_float16, "float16"),
    (lambda kind: types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind), "str"),
    (lambda kind: types.is_binary(kind) or types.is_large_binary(kind) or types.is_binary_view(kind), "bytes"),
    (types.is_fixed_size_binary, "bytes"),
    (types.is_decimal, "decimal"),
    (types.is_date, "date"),
    (types.is_time, "time"),
    (types.is_null, "null"),
    (types.is_interval, "interval"),
)


def _of_nested_type(kind: pa.DataType) -> Kind | None:
    if is_list(kind):
        inner = of_type(kind.value_type)
        return None if inner is None else {"list": inner}
    if types.is_map(kind):
        pair = [of_type(kind.key_type), of_type(kind.item_type)]
        return None if None in pair else {"map": pair}
    if types.is_struct(kind):
        fields = {name: of_type(kind.field(at).type) for at, name in enumerate(field_names(kind))}
        return None if None in fields.values() else {"dict": fields}
    return None


_DECLARED = {
    **dict.fromkeys(INTS, "int"),
    **dict.fromkeys(DECIMALS, "decimal"),
    **dict.fromkeys(("str", "string", "large_string", "string_view"), "str"),
    **dict.fromkeys(("bytes", "binary", "large_binary", "binary_view", "fixed_size_binary"), "bytes"),
    **dict.fromkeys(("date32", "date64"), "date"),
    **dict.fromkeys(("time32", "time64"), "time"),
    "bool": "bool",
    "float64": "float",
    "float32": "float32",
    "float16": "float16",
    "month_day_nano_interval": "interval",
    "null": "null",
}


@lru_cache(1024)
def of_declared(declared: str) -> str | None:
    """The kind that a declared type (`columns.Column.type`) says; None where it leaves that open."""
    stored = parse(declared).stored
    if stored.name in MOMENTS:
        return _of_time("datetime64", arrow_unit(stored.unit, moment=True), stored.zone)
    if stored.name in SPANS:
        return _of_time("timedelta64", arrow_unit(stored.unit, moment=False), "")
    return _DECLARED.get(stored.name)


def _of_time(head: str, unit: str | None, zone: str) -> str | None:
    if unit is None or unit == "D":
        return "date" if unit else None
    return f"{head}[{unit}{f', {zone}' if zone else ''}]"


def needed_kinds(kinds: ColumnKinds | None, declared: str, natural: frozenset[str]) -> ColumnKinds | None:
    """What has to be said of a column: None where its declared type, or else the format itself, says the same."""
    implied = of_declared(declared)
    if kinds is None or kinds == implied:
        return None
    if implied is None and isinstance(kinds, str) and kinds in natural:
        return None
    return kinds


def of_features(columns: Iterable[Column], kind_of: Callable[[Column], object | None]) -> dict[str, object]:
    """What a manifest has to say of each column. Our own columns are of types that everybody knows."""
    kinds = {column.name: kind_of(column) for column in columns if column.name not in OWN_COLUMNS}
    return {name: kind for name, kind in kinds.items() if kind is not None}


def zone_of(kind: str) -> str | None:
    """The zone or offset of a kind `datetime[zone]`; None for any other."""
    return kind[9:-1] if kind.startswith("datetime[") else None


def within_json(value: object, kind: Kind | None) -> Kind | None:
    """The kind of a value that is JSON among other JSON: most tell theirs themselves."""
    if kind in ("str", "bool") or (type(value) is int and value in INT64):
        return PLAIN
    return PLAIN if type(value) is float and value - value == 0 else kind


def simplest(values: Sequence[object], simpler: Callable[[object, Kind | None], Kind | None]) -> ColumnKinds | None:
    """What to tell of values that came one by one: the one kind of all; else in runs, which `simpler` kinds make longer."""
    kinds = [of_value(value) for value in values]
    told_exactly = runs(kinds)
    if not isinstance(told_exactly, list):
        return told_exactly
    return runs(list(map(simpler, values, kinds)))
