"""Python values, or a numpy array, and a declared type → what a column holds.

declared                         column
any                              Arrow where all values are of one plain type (bool, int64, float64, text, one numpy dtype),
                                 None being null and NaN staying NaN; else the list of the values
bool, intN, uintN, floatN        Arrow, the same type; longdouble: a list of numpy scalars
complexN                         a list of numpy scalars, None where null
datetime64[s|ms|us|ns]           timestamp; [D] and coarser: date32, [h] and [m]: seconds; finer than ns: ISO text
datetime64[unit, zone]           timestamp with that zone
timedelta64[unit]                duration; months and years, and finer than ns: numpy's text
str                              text, NaN and None being null
bytes                            binary
category[T]                      as T, missing values being null
Int64, boolean, ... (nullable)   Arrow of the lower-case name
list[T]                          a list of lists
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import pyarrow as pa

from modeldata.format.declared import ARROW_UNITS, MOMENTS, SPANS, arrow_unit, parse

if TYPE_CHECKING:
    from typing import Any

    from modeldata.format.declared import Declared

    Array = np.ndarray[Any, np.dtype[Any]]

Values: TypeAlias = "pa.Array | pa.ChunkedArray | list[object]"


def from_numpy(values: Array, declared: str, null: Array | None = None) -> Values:
    """A column of raw values. `null` is True where there is none."""
    if values.dtype.kind in "mM":
        return _times(values, declared, null)
    if values.dtype.kind == "c" or (values.dtype.kind == "f" and values.dtype.itemsize > 8):
        scalars: list[object] = list(values)
        return scalars if null is None else [None if no else one for one, no in zip(scalars, null, strict=True)]
    return pa.array(np.ascontiguousarray(values), mask=null)


def _times(values: Array, declared: str, null: Array | None) -> Values:
    unit, step = np.datetime_data(values.dtype)
    if null is not None:
        values = np.where(null, np.array("NaT", values.dtype), values)
    zone = parse(declared).zone
    if zone:
        return pa.array(values).view(pa.timestamp(unit, zone))  # a cast would look the zone up, and not every machine has them
    if unit in ARROW_UNITS and step == 1:
        return pa.array(values)
    moment = values.dtype.kind == "M"
    coarse = "ns" if unit == "generic" and moment else arrow_unit(unit, moment=moment)
    if coarse is not None:
        wide = values.astype(f"{values.dtype.kind}8[{coarse}]")
        if np.array_equal(wide.astype(values.dtype), values, equal_nan=True):
            return pa.array(wide)
    return [None if np.isnat(one) else str(one) for one in values]


def from_values(values: list[object], declared: str) -> Values:
    """A column of values that came one by one."""
    found = parse(declared)
    if found.name == "category":
        values = [None if _missing(one) else one for one in values]
    return _of_type(values, found.stored)


def _of_type(values: list[object], declared: Declared) -> Values:
    if declared.name in ("str", "bytes"):
        return _text(values, pa.string() if declared.name == "str" else pa.binary())
    kind = _arrow_type(declared)
    if kind is None:
        return infer(values)
    try:
        return pa.array(values, kind)
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        return infer(values)


def _arrow_type(declared: Declared) -> pa.DataType | None:
    """The Arrow type of a declared one; None where it has none, or none that is worth spelling out here."""
    if declared.name in MOMENTS:
        return pa.timestamp(declared.unit, declared.zone or None) if declared.unit in ARROW_UNITS else None
    if declared.name in SPANS:
        return pa.duration(declared.unit) if declared.unit in ARROW_UNITS else None
    if declared.name in ("decimal128", "decimal256"):
        return (pa.decimal128 if declared.name == "decimal128" else pa.decimal256)(declared.precision, declared.scale)
    try:
        return pa.type_for_alias(declared.text if declared.unit else declared.name)
    except ValueError:
        return None


def _text(values: list[object], kind: pa.DataType) -> Values:
    """Missing text is null, whatever stands for it. Text with lone surrogates is nothing that Arrow can hold."""
    values = [one if isinstance(one, (str, bytes)) else None if _missing(one) else one for one in values]
    try:
        return pa.array(values, kind)
    except (pa.ArrowException, UnicodeError, TypeError):
        return values


def _missing(value: object) -> bool:
    """None or NaN, of whatever type."""
    return value is None or (isinstance(value, (float, np.floating)) and bool(np.isnan(value)))


_PLAIN: dict[type, pa.DataType] = {
    bool: pa.bool_(),
    int: pa.int64(),
    float: pa.float64(),
    str: pa.string(),
}


def infer(values: list[object]) -> Values:
    """Arrow where all values that are not None have one plain type, exactly; else the values themselves."""
    kinds = set(map(type, values))
    kinds.discard(type(None))
    if not kinds:
        return pa.nulls(len(values))
    if len(kinds) > 1:
        return values
    kind = kinds.pop()
    try:
        if kind in _PLAIN:
            return pa.array(values, _PLAIN[kind], from_pandas=False)
        if issubclass(kind, np.generic):
            return _scalars(values)
    except (pa.ArrowException, OverflowError, UnicodeError):
        return values
    return values


def _scalars(values: list[Any]) -> Values:
    """numpy scalars of one type. Of one dtype, too, unless they are times of different units."""
    dtypes = {scalar.dtype for scalar in values if scalar is not None}
    if len(dtypes) > 1:
        return values
    dtype = dtypes.pop()
    zero = np.zeros((), dtype)[()]
    null = np.array([scalar is None for scalar in values])
    dense = np.array([zero if scalar is None else scalar for scalar in values], dtype)
    return from_numpy(dense, dtype.name, null if null.any() else None)
