"""The Arrow type of each column: what was declared, else what the manifest's kinds say, else what the values are. Pure.

Parts of one column that have different types get the narrowest that holds both:

    whole numbers            the wider; unsigned 64 bit beside signed: decimal128(38, 0)
    number and fraction      float64
    whole number, Decimal    decimal128, while 38 digits hold both
    date, time of day and more   timestamp; the finer unit; two zones: UTC
    lists                    lists of what holds the items of both
    no value at all          the other
    anything else            text: each value in the form of a CSV cell

Values that Arrow has no type for are text in that form, too (UUID, complex, values of several kinds, nested values from a source
that declared no type: JSON). `Scan.to_pylist` gives all of them back as what they were.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.types as types

from modeldata.columns.python import NO_VALUE
from modeldata.encode.kinds import of_declared, zone_of
from modeldata.format.declared import ARROW, ARROW_UNITS, DECIMALS, INTS, parse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from modeldata.encode.kinds import Kind

    Test: TypeAlias = Callable[[pa.DataType], bool]

TEXT = pa.string()
OPEN_DECIMAL = 18
"""Digits behind the point of Decimals that came without a type."""
DIGITS = 38
LONGEST = dt.timedelta(microseconds=2**63 - 1)
"""Of durations that Arrow has room for, in the unit that they come in."""

_WIDTHS = {name: pa.type_for_alias(name) for name in INTS}
_BY_KIND = {
    "float": pa.float64(),
    "float32": pa.float32(),
    "float16": pa.float32(),
    "bool": pa.bool_(),
    "str": TEXT,
    "bytes": pa.binary(),
    "date": pa.date32(),
    "time": pa.time64("us"),
    "timedelta": pa.duration("us"),
    "uuid": TEXT,
    "complex": TEXT,
    "interval": TEXT,
}


def column_type(declared: str, kinds: Any) -> pa.DataType | None:
    """The type of a column of one batch, by what its manifest line says; None where only the values show it. What is no kind
    that we know is text."""
    try:
        return _column_type(declared, kinds)
    except (*NO_VALUE, AttributeError):
        return TEXT


def _column_type(declared: str, kinds: Any) -> pa.DataType | None:
    if kinds is None:
        return declared_type(declared)
    if isinstance(kinds, list):
        return promoted([kind_type(kind) for kind, _ in kinds if kind is not None])
    if isinstance(kinds, dict) and not declared.startswith(ARROW):
        return None
    if kinds == of_declared(declared):
        return declared_type(declared)
    return kind_type(kinds)


def declared_type(declared: str) -> pa.DataType | None:
    """The type for a declared one (`columns.Column.type`); None where it leaves that open."""
    stored = parse(declared).stored
    if stored.name in _WIDTHS:
        return _WIDTHS[stored.name]
    if stored.name in DECIMALS:
        fits = 0 <= stored.scale <= stored.precision <= DIGITS
        return pa.decimal128(stored.precision, stored.scale) if fits else TEXT
    if stored.name == "time64" and stored.unit == "ns":
        return pa.time64("ns")
    kind = of_declared(declared)
    return pa.null() if kind == "null" else None if kind is None else kind_type(kind)


def kind_type(kind: Kind) -> pa.DataType | None:
    """The type for a kind (see `modeldata.encode.kinds`); None where its values have to be looked at."""
    if isinstance(kind, dict):
        return _nested_type(kind)
    if kind in _BY_KIND:
        return _BY_KIND[kind]
    time = parse(kind)
    if time.name == "datetime64":
        return pa.timestamp(time.unit, _known(time.zone) if time.zone else None)
    if time.name == "timedelta64":
        return pa.duration(time.unit)
    zone = zone_of(kind)
    if zone:
        return pa.timestamp("us", "UTC" if zone[:1] in "+-" else _known(zone))
    return _numpy_type(kind[3:]) if kind.startswith("np:") else None


@lru_cache(1024)
def _known(zone: str) -> str:
    """The zone, or UTC where this machine does not know it: no tool could show such times."""
    if zone[:1] in "+-":
        return zone
    try:
        return str(ZoneInfo(zone))
    except (ValueError, LookupError, OSError):
        return "UTC"


def _numpy_type(dtype: str) -> pa.DataType:
    try:
        made = pa.from_numpy_dtype(np.dtype(dtype))
    except (TypeError, pa.ArrowException):
        return TEXT
    return pa.float32() if types.is_float16(made) else made


def _nested_type(kind: dict[str, Any]) -> pa.DataType | None:
    """Of an Arrow column: its kinds name every part."""
    inner: list[pa.DataType | None]
    if "list" in kind:
        inner = [_inner_type(kind["list"])]
        return None if None in inner else pa.list_(inner[0])
    if "map" in kind:
        inner = [_inner_type(one) for one in kind["map"]]
        return None if None in inner else pa.map_(*inner)
    if "dict" in kind and "keys" not in kind:
        inner = [_inner_type(one) for one in kind["dict"].values()]
        return None if None in inner or not inner else pa.struct(list(zip(kind["dict"], inner, strict=True)))
    return None


def _inner_type(kind: Any) -> pa.DataType | None:
    return pa.int64() if kind == "int" else None if isinstance(kind, list) else kind_type(kind)


def found_type(stored: pa.DataType, kinds: Any) -> pa.DataType:
    """The type of a column that only its file tells: what lies there as float64 may be whole numbers, or other."""
    if isinstance(kinds, list):
        return promoted([found_type(stored, kind) for kind, _ in kinds if kind is not None]) or stored
    if types.is_float64(stored):
        return pa.int64() if kinds == "int" else kind_type(kinds or "float") or stored
    if types.is_decimal(stored) and stored.scale and kinds == "int":
        return pa.int64()
    if types.is_list(stored) and isinstance(kinds, dict):
        inner = f"np:{kinds['array']}" if "array" in kinds and not types.is_list(stored.value_type) else kinds.get("list", kinds)
        return pa.list_(found_type(stored.value_type, inner))
    if types.is_struct(stored) and isinstance(kinds, dict):
        fields = [stored.field(at) for at in range(stored.num_fields)]
        inner = kinds.get("dict", {})
        return pa.struct([(field.name, found_type(field.type, inner.get(field.name))) for field in fields])
    return stored


def value_type(values: Iterable[object]) -> pa.DataType:
    """The type that keeps each of these values (None: no value); text where Arrow has none."""
    return promoted([_of_group(group, there) for group, there in _grouped(values).items()]) or pa.null()


def _grouped(values: Iterable[object]) -> dict[type, list[Any]]:
    groups: dict[type, list[Any]] = {}
    for value in values:
        if value is not None:
            groups.setdefault(type(value), []).append(value)
    return groups


def _of_group(kind: type, values: list[Any]) -> pa.DataType:
    if kind is int:
        return pa.int64() if min(values) >= -(2**63) and max(values) < 2**63 else _of_digits(list(map(Decimal, values)))
    if kind is Decimal:
        return _of_digits(values)
    if kind is dt.timedelta and max(map(abs, values)) > LONGEST:
        return TEXT
    if issubclass(kind, dt.datetime):
        return promoted([_of_moment(value) for value in values]) or TEXT
    if issubclass(kind, np.generic):
        return _numpy_type(kind(0).dtype.str if kind is not np.datetime64 else values[0].dtype.str)
    return _BY_TYPE.get(kind, TEXT)


def _of_digits(values: Sequence[Decimal]) -> pa.DataType:
    if not all(value.is_finite() for value in values):
        return TEXT
    behind = max(max(0, -int(value.as_tuple().exponent)) for value in values)
    before = max(max(1, value.adjusted() + 1) for value in values)
    scale = OPEN_DECIMAL if 0 < behind <= OPEN_DECIMAL and before + OPEN_DECIMAL <= DIGITS else behind
    return pa.decimal128(DIGITS, scale) if before + scale <= DIGITS else TEXT


def _of_moment(value: dt.datetime) -> pa.DataType:
    if value.tzinfo is None:
        return pa.timestamp("us")
    return pa.timestamp("us", _known(getattr(value.tzinfo, "key", None) or "UTC"))


_BY_TYPE: dict[type, pa.DataType] = {
    bool: pa.bool_(),
    float: pa.float64(),
    str: TEXT,
    bytes: pa.binary(),
    dt.date: pa.date32(),
    dt.time: pa.time64("us"),
    dt.timedelta: pa.duration("us"),
}


def promoted(kinds: Iterable[pa.DataType | None]) -> pa.DataType | None:
    """The narrowest type that holds all; None where there is none to hold, or one of them is not known."""
    common: pa.DataType | None = None
    for kind in kinds:
        if kind is None:
            return None
        common = kind if common is None else promote(common, kind)
    return common


def promote(kind: pa.DataType, other: pa.DataType) -> pa.DataType:
    """The narrowest type that holds both (see the top)."""
    if kind.equals(other) or types.is_null(other):
        return kind
    if types.is_null(kind):
        return other
    for test, join in _JOINS:
        if test(kind) and test(other):
            return join(kind, other)
    return TEXT


def _integers(kind: pa.DataType, other: pa.DataType) -> pa.DataType:
    signed = types.is_signed_integer(kind) or types.is_signed_integer(other)
    both_signed = types.is_signed_integer(kind) and types.is_signed_integer(other)
    width = max(kind.bit_width, other.bit_width)
    if not signed:
        return _WIDTHS[f"uint{width}"]
    if not both_signed:
        unsigned = kind if types.is_unsigned_integer(kind) else other
        width = max(width, unsigned.bit_width * 2)
    return _WIDTHS[f"int{width}"] if width <= 64 else pa.decimal128(DIGITS, 0)


def _numbers(one: pa.DataType, other: pa.DataType) -> pa.DataType:
    return pa.float64()


def _exact(one: pa.DataType, other: pa.DataType) -> pa.DataType:
    scales = [kind.scale if types.is_decimal(kind) else 0 for kind in (one, other)]
    before = max(_before(one), _before(other))
    scale = max(scales)
    return pa.decimal128(DIGITS, scale) if before + scale <= DIGITS else TEXT


def _before(kind: pa.DataType) -> int:
    """Digits before the point. A type for whatever may come (38 digits) is taken to have no more than that leaves."""
    if not types.is_decimal(kind):
        return 19
    return 20 if kind.precision == DIGITS else int(kind.precision - kind.scale)


def _moments(one: pa.DataType, other: pa.DataType) -> pa.DataType:
    stamps = [kind for kind in (one, other) if types.is_timestamp(kind)]
    if not stamps:
        return pa.timestamp("us")
    zones = {kind.tz for kind in stamps}
    if len(stamps) == 1 and None not in zones:
        return TEXT
    if None in zones and len(zones) > 1:
        return TEXT
    zone = zones.pop() if len(zones) == 1 else "UTC"
    return pa.timestamp(_finer(*(kind.unit for kind in stamps)), zone)


def _lists(one: pa.DataType, other: pa.DataType) -> pa.DataType:
    """Of numbers of both; other lists as text, for each value of theirs keeps its form there."""
    inner = promote(one.value_type, other.value_type)
    return TEXT if types.is_string(inner) else pa.list_(inner)


def _finer(*units: str) -> str:
    return max(units, key=ARROW_UNITS.index)


_JOINS: tuple[tuple[Test, Callable[[pa.DataType, pa.DataType], pa.DataType]], ...] = (
    (types.is_integer, _integers),
    (lambda kind: types.is_integer(kind) or types.is_floating(kind), _numbers),
    (lambda kind: types.is_integer(kind) or types.is_decimal(kind), _exact),
    (lambda kind: types.is_timestamp(kind) or types.is_date(kind), _moments),
    (types.is_time64, lambda one, other: pa.time64(_finer(one.unit, other.unit))),
    (types.is_duration, lambda one, other: pa.duration(_finer(one.unit, other.unit))),
    (types.is_list, _lists),
)
