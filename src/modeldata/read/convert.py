"""Cells of a file → an Arrow column of a given type, as a whole and not value by value wherever Arrow can. Pure.

Every function raises ValueError (Arrow's errors are some) where a cell is no value of that type, or would lose by it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as types

from modeldata.columns.moments import DURATION, NANOSECONDS
from modeldata.columns.python import python_values
from modeldata.encode.kinds import of_declared
from modeldata.encode.restore import restore_column
from modeldata.encode.text import column_text
from modeldata.format.declared import parse
from modeldata.read.forms import TEXT, column_type, promote
from modeldata.read.leaves import with_types

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

EXACT = 2**53
WHOLE = r"^-?[0-9]{16,}$"


def plain(kind: pa.DataType) -> bool:
    """Can Arrow's CSV and JSON readers make this type from the text that we write for it?"""
    return bool(
        types.is_integer(kind)
        or types.is_float64(kind)
        or types.is_float32(kind)
        or types.is_boolean(kind)
        or types.is_string(kind)
        or types.is_decimal(kind)
        or types.is_date32(kind)
        or types.is_timestamp(kind)
        or types.is_time64(kind)
    )


def from_text(cells: pa.Array | pa.ChunkedArray, declared: str, kinds: Any, target: pa.DataType) -> pa.Array | pa.ChunkedArray:
    """Text as CSV has it, null where a cell is empty and not quoted."""
    if types.is_string(target):
        return cells
    if types.is_null(target):
        return _nothing(cells)
    for test, turn in _FROM_TEXT:
        if test(target):
            return turn(cells, target)
    return from_values(restore_column(python_values(cells), declared, kinds), target)


def from_values(values: Sequence[object], target: pa.DataType) -> pa.Array:
    """Python values, as `restore_column` gives them; exactly, or not at all."""
    if types.is_string(target):
        return column_text(list(values), excel_safe=False).values.cast(TEXT)
    if types.is_floating(target):
        return _floats(values, target)
    if types.is_integer(target) and any(isinstance(value, (bool, float)) for value in values):
        raise ValueError("not whole numbers")
    if types.is_timestamp(target) and any(_zoned(value) is (target.tz is None) for value in values if value is not None):
        raise ValueError("times with and without a zone")
    if any(isinstance(value, (np.datetime64, np.timedelta64)) for value in values):
        return _counts([_count(value, target) for value in values], target)
    made = _made([value.tolist() if isinstance(value, np.ndarray) else value for value in values], target)
    if types.is_boolean(target) and any(type(value) is not bool for value in values if value is not None):
        raise ValueError("not booleans")
    return made


def _made(values: Sequence[object], target: pa.DataType) -> pa.Array:
    try:
        return pa.array(values, target, from_pandas=False)
    except pa.ArrowNotImplementedError:  # numpy's times, which are in UTC, are no times of a zone to Arrow
        return pa.array(values, with_types(target, _without_zone), from_pandas=False).cast(target)


def _without_zone(kind: pa.DataType) -> pa.DataType:
    return pa.timestamp(kind.unit) if types.is_timestamp(kind) else kind


def _count(value: object, target: pa.DataType) -> int | None:
    """How many units of a type a time or duration is, of numpy or of Python."""
    if value is None:
        return None
    if not isinstance(value, (np.datetime64, np.timedelta64)):
        return int(pa.scalar(value, target).value)
    if types.is_date32(target) and isinstance(value, np.datetime64):
        unit = "D"
    elif isinstance(value, np.datetime64 if types.is_timestamp(target) else np.timedelta64):
        unit = target.unit
    else:
        raise ValueError(f"{value!r} is no {target}")
    finer, step = np.datetime_data(value.dtype)
    whole, rest = divmod(int(value.astype(np.int64)) * step * NANOSECONDS[finer], NANOSECONDS[unit])
    if rest:
        raise ValueError(f"{value!r} is finer than {target}")
    return whole


def _counts(counts: list[int | None], target: pa.DataType) -> pa.Array:
    """A column of times, dates or durations. Raises OverflowError where one has no room."""
    return pa.array(counts, pa.int32() if types.is_date32(target) else pa.int64()).cast(target)


def _zoned(value: object) -> bool | None:
    offset = getattr(value, "utcoffset", None)
    return None if offset is None else offset() is not None


def _floats(values: Sequence[Any], target: pa.DataType) -> pa.Array:
    if any(isinstance(one, bool) or not isinstance(one, (int, float, np.number)) for one in values if one is not None):
        raise ValueError("not numbers")
    if any(isinstance(one, int) and abs(one) > EXACT for one in values):
        raise ValueError("a whole number beyond 2^53")
    return pa.array([None if one is None else float(one) for one in values], pa.float64(), from_pandas=False).cast(
        target, safe=False
    )


def from_arrow(cells: pa.Array | pa.ChunkedArray, declared: str, kinds: Any, target: pa.DataType) -> pa.Array | pa.ChunkedArray:
    """A column as Parquet has it, or as it was made from another file in the type that was declared there."""
    if types.is_null(target):
        return _nothing(cells)
    if types.is_float64(cells.type) and (kinds or of_declared(declared)) == "int":
        cells = cells.cast(pa.int64())
    kind = cells.type
    if kind.equals(target):
        return cells
    if types.is_string(kind):
        return from_text(cells, declared, kinds, target)
    if types.is_string(target):
        return _as_text(cells, declared, kinds)
    if types.is_duration(target) and types.is_integer(kind):
        return _durations_of(cells, declared, kinds).cast(target)
    if types.is_nested(kind) or types.is_nested(target):
        return _nested(cells, declared, kinds, target)
    known = column_type(declared, kinds)
    if known is not None:  # the file may have another for it, such as microseconds for all times
        cells = cells.cast(known)
    if not promote(cells.type, target).equals(target):
        raise ValueError(f"{cells.type} is more than {target}")
    return cells.cast(target)


def _as_text(cells: pa.Array | pa.ChunkedArray, declared: str, kinds: Any) -> pa.Array:
    simple = kinds is None and of_declared(declared) is not None
    values = cells if simple and not types.is_nested(cells.type) else restore_column(python_values(cells), declared, kinds)
    if isinstance(values, list):
        return from_values(values, TEXT)
    return column_text(values, excel_safe=False).values.cast(TEXT)


def _nested(cells: pa.Array | pa.ChunkedArray, declared: str, kinds: Any, target: pa.DataType) -> pa.Array | pa.ChunkedArray:
    try:
        return cells.cast(target)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError):  # other nesting than the file has: value by value
        return from_values(restore_column(python_values(cells), declared, kinds), target)


def _durations_of(cells: pa.Array | pa.ChunkedArray, declared: str, kinds: Any) -> pa.ChunkedArray:
    """Counts of the declared unit; Python's own durations are microseconds."""
    kind = kinds if isinstance(kinds, str) else of_declared(declared) or "timedelta"
    return cells.cast(pa.duration(parse(kind).unit or "us"))


def _nothing(cells: pa.Array | pa.ChunkedArray) -> pa.Array:
    if cells.null_count < len(cells):
        raise ValueError("values where there were none")
    return pa.nulls(len(cells))


def _cast(cells: pa.Array | pa.ChunkedArray, target: pa.DataType) -> pa.Array | pa.ChunkedArray:
    return cells.cast(target)


def _to_bool(cells: pa.Array | pa.ChunkedArray, target: pa.DataType) -> pa.Array | pa.ChunkedArray:
    if pc.all(pc.is_in(cells, pa.array(["True", "False"]))).as_py() is False and _strange(cells, "^(True|False)$"):
        raise ValueError("not booleans")
    return cells.cast(target)


def _strange(cells: pa.Array | pa.ChunkedArray, pattern: str) -> bool:
    """Is there a cell that is not of this form?"""
    return pc.all(pc.match_substring_regex(cells, pattern)).as_py() is False


def _to_float(cells: pa.Array | pa.ChunkedArray, target: pa.DataType) -> pa.Array | pa.ChunkedArray:
    """Whole numbers too long to be exact, and words that merely read as a number, are none."""
    floats = cells.cast(target)
    long = cells.filter(pc.fill_null(pc.match_substring_regex(cells, WHOLE), False))
    if any(abs(int(one)) > EXACT for one in long.to_pylist()):
        raise ValueError("a whole number beyond 2^53")
    if pc.any(pc.invert(pc.is_finite(floats))).as_py() and _strange(cells, r"^(-?[0-9.e+-]+|NaN|-?Inf)$"):
        raise ValueError("text")
    return floats


def _to_time(cells: pa.Array | pa.ChunkedArray, target: pa.DataType) -> pa.Array | pa.ChunkedArray:
    day = pa.scalar("1970-01-01T", cells.type)
    moments = pc.binary_join_element_wise(day, cells, pa.scalar("", cells.type)).cast(pa.timestamp(target.unit))
    return moments.cast(target)


def _to_duration(cells: pa.Array | pa.ChunkedArray, target: pa.DataType) -> pa.Array:
    """ISO 8601 as we write it: `-P1DT2H3M4.000005S`."""
    cells = pa.chunked_array(cells) if isinstance(cells, pa.Array) else cells
    parts = pc.extract_regex(cells, f"^{DURATION}$").combine_chunks()
    if parts.null_count > cells.null_count:
        raise ValueError("not durations")
    sign, days, hours, minutes, seconds, fraction = parts.flatten()
    whole = _sum((days, 86_400), (hours, 3600), (minutes, 60), (seconds, 1))
    behind = pc.utf8_rpad(fraction, 9, "0").cast(pa.int64())
    step = NANOSECONDS[target.unit]
    counts = pc.add_checked(pc.multiply_checked(whole, 10**9 // step), pc.divide_checked(behind, step))
    if pc.any(pc.not_equal(pc.multiply_checked(pc.divide_checked(behind, step), step), behind)).as_py():
        raise ValueError(f"finer than {target.unit}")
    counts = pc.if_else(pc.equal(sign, "-"), pc.negate_checked(counts), counts)
    return pc.if_else(cells.combine_chunks().is_valid(), counts, pa.scalar(None, pa.int64())).cast(target)


def _sum(*parts: tuple[pa.Array, int]) -> pa.Array:
    total = pa.scalar(0, pa.int64())
    for text, seconds in parts:
        total = pc.add_checked(
            total, pc.multiply_checked(pc.replace_with_mask(text, pc.equal(text, ""), "0").cast(pa.int64()), seconds)
        )
    return total


_FROM_TEXT: tuple[
    tuple[Callable[[pa.DataType], bool], Callable[[pa.Array | pa.ChunkedArray, pa.DataType], pa.Array | pa.ChunkedArray]], ...
] = (
    (lambda kind: types.is_integer(kind) or types.is_decimal(kind), _cast),
    (types.is_floating, _to_float),
    (types.is_boolean, _to_bool),
    (types.is_date32, _cast),
    (types.is_timestamp, _cast),
    (types.is_time64, _to_time),
    (types.is_duration, _to_duration),
)
