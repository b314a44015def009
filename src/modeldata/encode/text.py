"""Values as text: the one form that each kind of value has in a CSV cell (the table is in docs/data-layout.md).

Typed columns are turned as a whole, by Arrow and numpy; only columns of mixed Python values go one by one.
"""

from __future__ import annotations

import base64
import datetime as dt
import math
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from modeldata.columns import ABSENT
from modeldata.columns.listed import listed
from modeldata.columns.moments import FIRST, LAST, NANOSECONDS, PER_SECOND, date_text, duration_text, iso
from modeldata.encode.nested import dumped

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

TEXT = pa.large_string()
DIGITS = 4300
"""A number with more of them is written in a shorter way."""
SHORT_BITS, LONG_BITS = 2048, 14_280
"""Python may be set to make no text of whole numbers of more than 640 digits. Up to LONG_BITS they have at most DIGITS."""


class Text:
    """A column as text: null where the cell is empty. `free` cells hold a user's own text, which may need quotes."""

    def __init__(self, values: pa.Array, *, free: bool, replaced: int = 0) -> None:
        self.values = values
        self.free = free
        self.replaced = replaced


def column_text(values: pa.Array | pa.ChunkedArray | list[object], *, excel_safe: bool) -> Text:
    """Every value of a column in its documented form."""
    if isinstance(values, list):
        return _mixed(values, excel_safe)
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks() if values.num_chunks != 1 else values.chunk(0)
    try:
        return _typed(values, excel_safe)
    except MemoryError:
        raise
    except Exception:  # what Arrow can't do for a type or a value: each value has a form of its own
        return _mixed(listed(values), excel_safe)


def _typed(values: pa.Array, excel_safe: bool) -> Text:
    kind = values.type
    if isinstance(values, pa.ExtensionArray):
        return _typed(values.storage, excel_safe)
    if pa.types.is_dictionary(kind):
        return _typed(values.dictionary_decode(), excel_safe)
    if pa.types.is_run_end_encoded(kind):
        return _typed(pc.run_end_decode(values), excel_safe)
    if _is_text(kind):
        text = values.cast(TEXT)
        return Text(_safe(text) if excel_safe else text, free=True)
    for test, turn in _TYPED:
        if test(kind):
            return Text(turn(values), free=False)
    return _mixed(listed(values), excel_safe)


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _plain(values: pa.Array) -> pa.Array:
    return values.cast(TEXT)


def _bools(values: pa.Array) -> pa.Array:
    return pc.if_else(values, pa.scalar("True", TEXT), pa.scalar("False", TEXT))


def _floats(values: pa.Array) -> pa.Array:
    """Shortest text that gives the same number back, always with a point or an exponent."""
    if pa.types.is_float16(values.type):
        values = values.cast(pa.float32())
    text = values.cast(TEXT)
    numbers = values.to_numpy(zero_copy_only=False)
    finite = np.isfinite(numbers)
    with np.errstate(invalid="ignore"):
        bare = finite & (numbers == np.floor(numbers))
    if bare.any():
        mask = pa.array(bare)
        whole = text.filter(mask)
        pointed = pc.binary_join_element_wise(whole, pa.scalar(".0", TEXT), pa.scalar("", TEXT))
        text = pc.replace_with_mask(text, mask, pc.if_else(pc.match_substring(whole, "e"), whole, pointed))
    if not finite.all():
        text = pc.if_else(pc.fill_null(pc.is_nan(values), False), pa.scalar("NaN", TEXT), text)
        text = pc.if_else(pc.equal(values, math.inf), pa.scalar("Inf", TEXT), text)
        text = pc.if_else(pc.equal(values, -math.inf), pa.scalar("-Inf", TEXT), text)
    return text


def _nothing(values: pa.Array) -> pa.Array:
    return pa.nulls(len(values), TEXT)


def _timestamps(values: pa.Array) -> pa.Array:
    """ISO 8601 with `T`, as many digits as the unit has, and the offset where there is a zone."""
    kind = values.type
    if kind.tz is None:
        return _naive(values, kind.unit)
    utc = values.cast(pa.int64())
    local = _local(values)
    seconds = pc.divide(pc.subtract(local.cast(pa.int64()), utc), PER_SECOND[kind.unit])
    offsets = seconds.dictionary_encode()
    names = pa.array([_offset(value) for value in offsets.dictionary.to_pylist()], TEXT)
    return pc.binary_join_element_wise(_naive(local, kind.unit), names.take(offsets.indices), pa.scalar("", TEXT))


def _local(values: pa.Array) -> pa.Array:
    """The wall clocks of a zone; UTC where Arrow does not know it, or can't count there: the column's type names the zone."""
    utc = values.cast(pa.timestamp(values.type.unit, "UTC")).view(pa.timestamp(values.type.unit))
    try:
        local = pc.local_timestamp(values)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):  # a zone that is not in Arrow's database, or a far year
        return utc
    away = pc.min_max(pc.subtract(local.cast(pa.int64()), utc.cast(pa.int64()))).as_py()
    most = 86_400 * PER_SECOND[values.type.unit]
    return utc if away["min"] is not None and not -most < away["min"] <= away["max"] < most else local


def _naive(values: pa.Array, unit: str) -> pa.Array:
    if values.null_count == len(values):
        return _nothing(values)
    text = iso(np.asarray(values.cast(pa.int64()).fill_null(0)), unit)
    return pc.if_else(values.is_null(), pa.scalar(None, TEXT), text) if values.null_count else text


def _offset(seconds: int | None) -> str:
    sign = "-" if (seconds or 0) < 0 else "+"
    minutes, rest = divmod(abs(seconds or 0), 60)
    text = f"{sign}{minutes // 60:02d}:{minutes % 60:02d}"
    return f"{text}:{rest:02d}" if rest else text


def _dates(values: pa.Array) -> pa.Array:
    """ISO 8601, of any year; Arrow's own text ends at those of four digits."""
    days = values.cast(pa.int32())
    bounds = pc.min_max(days).as_py()
    if bounds["min"] is None or FIRST // 86_400 <= bounds["min"] <= bounds["max"] <= LAST // 86_400:
        return _plain(values)
    return pa.array([None if day is None else date_text(day) for day in days.to_pylist()], TEXT)


def _durations(values: pa.Array) -> pa.Array:
    """ISO 8601, to the nanosecond: Python's own durations end at the microsecond."""
    step = NANOSECONDS[values.type.unit]
    counts = values.cast(pa.int64()).to_pylist()
    return pa.array([None if count is None else duration_text(count * step) for count in counts], TEXT)


_TYPED: tuple[tuple[Callable[[pa.DataType], bool], Callable[[pa.Array], pa.Array]], ...] = (
    (pa.types.is_boolean, _bools),
    (pa.types.is_integer, _plain),
    (pa.types.is_floating, _floats),
    (pa.types.is_timestamp, _timestamps),
    (pa.types.is_date32, _dates),
    (pa.types.is_time, _plain),
    (pa.types.is_duration, _durations),
    (pa.types.is_null, _nothing),
)


def _safe(text: pa.Array) -> pa.Array:
    """A leading `'` before what a spreadsheet would take for a formula."""
    risky = pc.match_substring_regex(text, r"^[=+\-@\t\r]")
    return pc.if_else(risky, pc.binary_join_element_wise(pa.scalar("'", TEXT), text, pa.scalar("", TEXT)), text)


def _mixed(values: list[object], excel_safe: bool) -> Text:
    made = [value_text(value, excel_safe) for value in values]
    array, replaced = text_array(made)
    return Text(array, free=True, replaced=replaced)


def text_array(texts: Sequence[str | None], kind: pa.DataType = TEXT) -> tuple[pa.Array, int]:
    """The texts as an array; how many of them had lone surrogates, which became U+FFFD."""
    try:
        return pa.array(texts, kind), 0
    except UnicodeEncodeError:
        cleaned = [None if text is None else clean(text) for text in texts]
        return pa.array(cleaned, kind), sum(text != other for text, other in zip(texts, cleaned, strict=True))


def clean(text: str) -> str:
    """`text` with U+FFFD for each lone surrogate: UTF-8 has no form for those."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def value_text(value: object, excel_safe: bool = False) -> str | None:
    """One value in its documented form; None for an empty cell."""
    if value is None or value is ABSENT:
        return None
    if isinstance(value, str):
        return "'" + value if excel_safe and value[:1] in ("=", "+", "-", "@", "\t", "\r") and value else str(value)
    for kind, turn in _SCALARS:
        if isinstance(value, kind):
            return turn(value)
    if isinstance(value, (list, tuple, dict, np.ndarray)):
        return dumped(value, json_form, key_text)
    return str(value)


def _float_text(value: float) -> str:
    if math.isfinite(value):
        return repr(float(value))
    return "NaN" if math.isnan(value) else "Inf" if value > 0 else "-Inf"


def _numpy_float_text(value: np.floating) -> str:
    return str(value) if np.isfinite(value) else _float_text(float(value))


def _datetime_text(value: dt.datetime) -> str:
    return value.isoformat(timespec="nanoseconds" if getattr(value, "nanosecond", 0) else "microseconds")  # as pandas has it


def _numpy_datetime_text(value: np.datetime64) -> str | None:
    return None if np.isnat(value) else str(np.datetime_as_string(value))


def timedelta_text(value: dt.timedelta) -> str:
    """ISO 8601: `P1DT2H3M4.000005S`; a minus sign stands before the whole."""
    microseconds = value // dt.timedelta(microseconds=1)
    return duration_text(microseconds * 1000 + getattr(value, "nanoseconds", 0))  # pandas has those


def _numpy_timedelta_text(value: np.timedelta64) -> str | None:
    if np.isnat(value):
        return None
    unit, step = np.datetime_data(value.dtype)
    if unit not in NANOSECONDS:
        return str(value)  # months and years have no length; finer than ns, there is no digit for it
    return duration_text(int(value.astype(np.int64)) * step * NANOSECONDS[unit])


def _decimal_text(value: Decimal) -> str:
    """All digits; where those would be more than `DIGITS`, with an exponent: nineteen bytes can ask for a text of exabytes."""
    if not value.is_finite():
        return "NaN" if value.is_nan() else "Inf" if value > 0 else "-Inf"
    short = str(value)
    return format(value, "f") if abs(value.adjusted()) < DIGITS and len(short) < DIGITS else short


def int_text(value: int) -> str:
    """Decimal digits; hexadecimal ones where those would be more than `DIGITS`: they take no time to make, and no setting
    of Python forbids them."""
    bits = value.bit_length()
    if bits < SHORT_BITS:
        return str(value)
    return format(Decimal(value), "f") if bits < LONG_BITS else hex(value)


def _bytes_text(value: bytes) -> str:
    return base64.b64encode(value).decode("ascii")


_SCALARS: tuple[tuple[type | tuple[type, ...], Callable[..., str | None]], ...] = (
    (np.timedelta64, _numpy_timedelta_text),  # numpy has it among its whole numbers
    ((bool, np.bool_), lambda value: "True" if value else "False"),
    (np.floating, _numpy_float_text),
    (float, _float_text),
    ((int, np.integer), lambda value: int_text(int(value))),
    (dt.datetime, _datetime_text),
    ((dt.date, dt.time), lambda value: value.isoformat()),
    (dt.timedelta, timedelta_text),
    (np.datetime64, _numpy_datetime_text),
    (Decimal, _decimal_text),
    ((bytes, bytearray, memoryview), _bytes_text),
    (Enum, lambda value: value_text(value.value)),
    ((complex, np.complexfloating), lambda value: str(complex(value))),
)


def key_text(key: object) -> str:
    """A key of a dict, as JSON has it."""
    return key if isinstance(key, str) else str(value_text(key))


def json_form(value: object) -> object:
    """A nested value as strict JSON takes it: no NaN, keys as text, other kinds in the form that a cell would have."""
    if value is None or value is ABSENT or isinstance(value, (bool, str)):
        return None if value is ABSENT else value
    if isinstance(value, np.ndarray):
        return [json_form(one) for one in value.tolist()]
    if isinstance(value, (list, tuple)):
        return [json_form(one) for one in value]
    if isinstance(value, dict):
        return {key_text(key): json_form(one) for key, one in value.items()}
    if isinstance(value, np.timedelta64):  # numpy has it among its whole numbers
        return _numpy_timedelta_text(value)
    if isinstance(value, (int, np.integer)):
        return int(value) if int(value).bit_length() < SHORT_BITS else int_text(int(value))
    if isinstance(value, (float, np.floating)) and math.isfinite(value):
        return float(value)
    return value_text(value)
