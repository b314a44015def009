"""Columns of values that came one by one, as Parquet has them: one Arrow type for one kind of value, else JSON text.

The parts of a day are read together, and most readers want one type for all. So the type depends on what kind of values they
are, never on which of them happen to be in a batch: `1` and `1.5` have the same.

all values that are there are            in the file
numbers, whole or not, and bool          float64, if that keeps each; the manifest tells which were whole
only bool                                bool
whole numbers, one beyond 2^53           int64; decimal128(38, 0) where one is beyond 64 bit, text where one has more digits
Decimal                                  decimal128(38, 18); another scale where that does not hold them, text where none does
datetime, all with a zone or none        timestamp[us, UTC], the manifest has the zones; timestamp[us]
date, bytes, text                        date32, binary, text
timedelta                                int64, microseconds
time, UUID, complex                      text
lists, dicts, arrays of one shape        list, struct; numbers in them float64, as above
no value                                 null: the caller chooses a type
anything else                            JSON text
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as types

from modeldata.columns import ABSENT
from modeldata.encode.jsonl import json_text
from modeldata.encode.kinds import NUMBER, PLAIN, of_value, runs, within_json
from modeldata.encode.text import text_array, value_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from modeldata.encode.kinds import ColumnKinds, Kind

DIGITS = 38
"""Spark has no decimals with more."""
DECIMAL_SCALE = 18
"""Digits behind the point, also where the values of a batch have fewer."""
EXACT = 2**53
"""Up to here a float64 holds every whole number."""
MOST_NESTED = 16
"""Levels of lists and structs in one Arrow type. Readers of Parquet give up at some 50 lists; what is deeper is JSON text."""


class ParquetColumn(NamedTuple):
    """A column of a file, what the manifest has to say of it, and in how many cells lone surrogates became U+FFFD."""

    values: pa.Array | pa.ChunkedArray
    kinds: ColumnKinds | None
    replaced: int = 0


class NoType(Exception):
    """These values have no Arrow type in common that keeps them."""


def column_of(values: Sequence[object]) -> ParquetColumn:
    """The values, None where there is none."""
    values = [None if value is ABSENT else value for value in values]
    there = {type(value) for value in values if value is not None}
    if not there:
        return ParquetColumn(pa.nulls(len(values)), None)
    made = _SINGLE.get(next(iter(there))) if len(there) == 1 else None
    if made is None and all(map(_is_number, there)):
        made = _numbers
    try:
        return as_json_text(values) if made is None else made(values)
    except (NoType, pa.ArrowException, OverflowError, ValueError, TypeError, RecursionError):
        return as_json_text(values)


def as_json_text(values: Sequence[object]) -> ParquetColumn:
    """Each value as JSON text."""
    made, replaced = text_array([None if value is None else json_text(value) for value in values], pa.string())
    return ParquetColumn(made, runs(map(_json_kind, values)), replaced)


def _json_kind(value: object) -> Kind | None:
    kind = within_json(value, of_value(value))
    return None if kind is None else "json" if kind == PLAIN else {"json": kind}


def _kinds(values: Sequence[object]) -> ColumnKinds | None:
    return runs(map(of_value, values))


def _typed(kind: pa.DataType) -> Callable[[list[Any]], ParquetColumn]:
    return lambda values: ParquetColumn(pa.array(values, kind, from_pandas=False), _kinds(values))


def _texts(values: list[Any]) -> ParquetColumn:
    made, replaced = text_array([None if value is None else value_text(value) for value in values], pa.string())
    return ParquetColumn(made, _kinds(values), replaced)


def as_doubles(values: pa.Array) -> pa.Array:
    """Numbers as float64, where that keeps each of them; other values as they are."""
    if types.is_integer(values.type):
        least, most = pc.min_max(values).as_py().values()
        return values if least is not None and not -EXACT <= least <= most <= EXACT else values.cast(pa.float64())
    return values.cast(pa.float64()) if types.is_floating(values.type) else values


def _ints(values: list[Any]) -> ParquetColumn:
    for kind in (pa.int64(), pa.decimal128(38, 0)):
        try:
            return ParquetColumn(as_doubles(pa.array(values, kind)), "int")
        except (pa.ArrowException, OverflowError, ValueError):  # the last: of Python, which may not make text for the message
            continue
    return _texts(values)


def _is_number(kind: type) -> bool:
    """Of Python, or of numpy and not wider than float64."""
    if not issubclass(kind, np.generic):
        return kind in (bool, int, float)
    return np.dtype(kind).kind in "biuf" and np.dtype(kind).itemsize <= 8


def _numbers(values: list[Any]) -> ParquetColumn:
    if any(isinstance(value, (int, np.integer)) and abs(int(value)) > EXACT for value in values):
        raise NoType
    kinds = number_kind(values) or _kinds(values)
    return ParquetColumn(pa.array([None if value is None else float(value) for value in values], pa.float64()), kinds)


def number_kind(values: Sequence[object]) -> Kind | None:
    """What one word says of Python's numbers that are stored as float64; None where it takes more."""
    there = {type(value) for value in values if value is not None}
    if there == {float}:
        return "float"
    if there == {int}:
        return "int"
    whole = any(type(value) is float and value.is_integer() for value in values)
    return NUMBER if there == {int, float} and not whole else None


def _decimals(values: list[Decimal | None]) -> ParquetColumn:
    there = [value for value in values if value is not None]
    if not all(value.is_finite() and abs(value.adjusted()) <= DIGITS and len(str(value)) <= 2 * DIGITS for value in there):
        return _texts(values)
    scale = max(0, *(-int(value.as_tuple().exponent) for value in there))
    before = max(max(0, value.adjusted() + 1) for value in there)
    if scale + before > DIGITS:
        return _texts(values)
    if max(scale, DECIMAL_SCALE) + before > DIGITS:
        return ParquetColumn(pa.array(values, pa.decimal128(DIGITS, scale)), "decimal")
    kind = "decimal" if scale >= DECIMAL_SCALE else f"decimal[{scale}]"
    return ParquetColumn(pa.array(values, pa.decimal128(DIGITS, max(scale, DECIMAL_SCALE))), kind)


def _datetimes(values: list[dt.datetime | None]) -> ParquetColumn:
    zoned = {value.utcoffset() is not None for value in values if value is not None}
    if zoned == {False}:
        return ParquetColumn(pa.array(values, pa.timestamp("us")), "datetime")
    if len(zoned) > 1:
        raise NoType
    return ParquetColumn(pa.array([_utc(value) for value in values], pa.timestamp("us", "UTC")), runs(map(_zone, values)))


def _utc(value: dt.datetime | None) -> dt.datetime | None:
    return None if value is None else value.astimezone(dt.UTC)


def _zone(value: dt.datetime | None) -> Kind | None:
    """In text the offset is beside the time. Here only this keeps it."""
    kind = of_value(value)
    return kind if value is None or kind != "datetime" else f"datetime[{value.isoformat()[26 if value.microsecond else 19 :]}]"


def _timedeltas(values: list[dt.timedelta | None]) -> ParquetColumn:
    counts = [None if value is None else value // dt.timedelta(microseconds=1) for value in values]
    try:
        return ParquetColumn(pa.array(counts, pa.int64()), "timedelta")
    except (pa.ArrowException, OverflowError):
        return _texts(values)


def _nested(values: list[Any]) -> ParquetColumn:
    nested, kind = nested_type(values)
    return ParquetColumn(pa.array(values, nested, from_pandas=False), kind)


def nested_type(values: Sequence[object], room: int = MOST_NESTED) -> tuple[pa.DataType, Kind]:
    """The one Arrow type that holds all values exactly, at most `room` levels deep, and the kind of each. Raises NoType."""
    if not room:
        raise NoType
    there = [value for value in values if value is not None and value is not ABSENT]
    classes = {type(value) for value in there}
    if classes and classes <= {int, float}:
        return _number_type(there)
    if len(classes) != 1:
        raise NoType
    (cls,) = classes
    if cls is list:
        inner, kind = nested_type([item for value in there for item in value], room - 1)  # type: ignore[attr-defined]  # all lists
        return pa.list_(inner), PLAIN if kind == PLAIN else {"list": kind}
    if cls is dict:
        return _struct(there, room - 1)  # type: ignore[arg-type]  # all dicts
    if cls not in _EXACT:
        raise NoType
    return _EXACT[cls], PLAIN


def _number_type(values: list[Any]) -> tuple[pa.DataType, Kind]:
    """Whole numbers beyond 2^53 only where there are no others."""
    kind = number_kind(values)
    if kind is None:
        raise NoType
    if all(type(value) is float or abs(value) <= EXACT for value in values):
        return pa.float64(), PLAIN if kind == "float" else kind
    if kind != "int":
        raise NoType
    return pa.int64(), PLAIN


def _struct(values: list[dict[Any, object]], room: int) -> tuple[pa.DataType, Kind]:
    """One order of keys, as dicts keep it; a key that is missing somewhere would come back as None."""
    keys = list(values[0])
    if not keys or any(list(value) != keys for value in values) or not all(type(key) is str for key in keys):
        raise NoType
    fields = {key: nested_type([value[key] for value in values], room) for key in keys}
    kinds = {key: kind for key, (_, kind) in fields.items() if kind != PLAIN}
    return pa.struct([(key, kind) for key, (kind, _) in fields.items()]), {"dict": kinds} if kinds else PLAIN


_EXACT: dict[type, pa.DataType] = {
    bool: pa.bool_(),
    str: pa.string(),
    bytes: pa.binary(),
    dt.date: pa.date32(),
}


def _arrays(values: list[Any]) -> ParquetColumn:
    there = [value for value in values if value is not None]
    dtypes = {(value.dtype, value.ndim) for value in there}
    dtype, axes = dtypes.pop()
    if dtypes or dtype.kind not in "biuf" or dtype.itemsize > 8 or axes > MOST_NESTED:
        raise NoType
    kind = _items_type(dtype, there)
    for _ in range(axes):
        kind = pa.list_(kind)
    return ParquetColumn(pa.array([None if value is None else value.tolist() for value in values], kind), _kinds(values))


def _items_type(dtype: np.dtype[Any], arrays: list[Any]) -> pa.DataType:
    """int64 is what numpy makes of Python's whole numbers: as they are, it lies in the file as float64."""
    if dtype == np.int64 and all(not one.size or -EXACT <= one.min() <= one.max() <= EXACT for one in arrays):
        return pa.float64()
    return pa.from_numpy_dtype(np.dtype("<f4") if dtype.kind == "f" and dtype.itemsize == 2 else dtype)


_SINGLE: dict[type, Callable[[list[Any]], ParquetColumn]] = {
    bool: _typed(pa.bool_()),
    int: _ints,
    float: _typed(pa.float64()),
    str: _texts,
    bytes: _typed(pa.binary()),
    dt.date: _typed(pa.date32()),
    dt.datetime: _datetimes,
    dt.timedelta: _timedeltas,
    np.ndarray: _arrays,
    list: _nested,
    dict: _nested,
    Decimal: _decimals,
    dt.time: _texts,
    UUID: _texts,
    complex: _texts,
}
