"""numpy and pandas values inside a cell. Imported when the first of them is met: numpy is there already."""

from __future__ import annotations

from struct import Struct

import numpy as np
from msgpack import ExtType

from modeldata.format.wire import CODE_ARRAY, CODE_DATETIME, CODE_NUMPY, CODE_TIMEDELTA, CODE_TIMESTAMP, TIMEDELTA
from modeldata.snapshot.extensions import ext, iso_with_zone
from modeldata.snapshot.schema import RefusedData

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    import pandas as pd

    Array = np.ndarray[Any, np.dtype[Any]]
    DType = np.dtype[Any]

RAW = frozenset("biufcmM")
"""Kinds of dtype where the bytes are the value."""
FIRST_USERS = 256
"""Numbers of dtypes from here on, and below zero, are not numpy's own: only the library that made them knows what they are."""
_WIDER = tuple(map(np.dtype, ("i1", "u1", "<f4", "<f8")))
_LENGTHS = Struct("<Q")


def wire_dtype(dtype: DType) -> DType | None:
    """The dtype of such values on the wire, where their bytes are their value; None where there is no such dtype.

    Small numbers of other libraries (bfloat16, float8, int4) go as the smallest of numpy's own that holds each of them.
    """
    if 0 <= dtype.num < FIRST_USERS:
        return dtype.newbyteorder("<") if dtype.kind in RAW else None
    if dtype.names is not None or dtype.itemsize > 8 or not _holds_numbers(dtype):
        return None
    return next((wide for wide in _WIDER if np.can_cast(dtype, wide, "safe")), None)


def _holds_numbers(dtype: DType) -> bool:
    """Text can be cast to no number safely, but let nobody depend on it."""
    return dtype.kind in "biufV" and not issubclass(dtype.type, (np.character, np.void))


def numpy_scalar(value: Any) -> object:
    """Exactly its dtype, where bytes can say it; else what it is in Python."""
    head = _heads.get(_dtype_of(value))
    return _any_scalar(np.asarray(value)) if head is None else ext(CODE_NUMPY, head + _bytes_of(value))


def _heads_of_numbers() -> dict[DType, bytes]:
    """What stands before the bytes of a number, by its dtype."""
    numbers = [np.dtype(code) for code in "?bBhHiIlLqQefdFD"]
    return {dtype: dtype.str.encode() + b"\0" for dtype in numbers if dtype.newbyteorder("<") == dtype}


_heads = _heads_of_numbers()
_dtype_of = np.generic.dtype.__get__
_bytes_of = np.generic.tobytes


def _any_scalar(array: Array) -> object:
    dtype = array.dtype
    if dtype.names is not None:
        return {name: array[name][()] for name in dtype.names}
    wire = wire_dtype(dtype)
    if wire is None:
        return _python(array)
    if dtype.kind in "mM" and np.isnat(array):
        return None
    return ext(CODE_NUMPY, wire.str.encode() + b"\0" + array.astype(wire).tobytes())


def _python(array: Array) -> object:
    """What numpy gives for it. A dtype that nobody knows keeps its text."""
    item: object = array.item()
    return str(item) if isinstance(item, np.generic) else item


def numpy_array(value: Any) -> object:
    """An array in a cell: its dtype, shape and bytes; lists for strings, objects and records, and where values are masked."""
    if isinstance(value, np.ma.MaskedArray):
        value = unmasked(value)
    array = np.asarray(value)
    if array.dtype.names is not None:
        return list(array) if array.ndim else array[()]
    wire = wire_dtype(array.dtype)
    if wire is None or array.ndim == 0:
        return array.tolist() if wire is None else array[()]
    array = np.array(array, wire, order="C")  # a copy: another thread may give it another shape
    return ext(
        CODE_ARRAY,
        b"".join([wire.str.encode(), b"\0", bytes([array.ndim]), *map(_LENGTHS.pack, array.shape), array.tobytes()]),
    )


def unmasked(value: np.ma.MaskedArray[Any, Any]) -> Array:
    """The same as objects, each of its own type; None where it is masked. Records stay records."""
    if value.dtype.names is not None:
        records = np.empty(value.shape, [(name, object) for name in value.dtype.names])
        for name in value.dtype.names:
            records[name] = unmasked(value[name])
        return records
    return objects_of(np.ma.getdata(value), np.ma.getmaskarray(value))


def objects_of(values: Array, masked: Array | None = None) -> Array:
    """An array of objects, each of its own type: `tolist` makes whole numbers of times."""
    objects = np.empty(values.shape, object)
    for position, value in enumerate(values.flat):
        objects.flat[position] = value
    if masked is not None:
        objects[masked] = None
    return objects


def like_array(value: Any) -> object:
    """Tensors and others that offer `__array__`."""
    return numpy_array(as_array(value))


def as_array(value: Any) -> Array:
    """What `__array__` gives. A tensor with a gradient, or on a device, is asked for its values first. Raises `RefusedData`."""
    try:
        if hasattr(type(value), "detach") and hasattr(type(value), "cpu"):
            value = value.detach().cpu()
        return np.asarray(value)
    except Exception as error:
        raise RefusedData("invalid_data", f"{type(value).__name__} gives no array: {type(error).__name__}: {error}") from error


def timestamp(value: pd.Timestamp) -> ExtType:
    from pandas import Timestamp

    code = CODE_TIMESTAMP if value.nanosecond else CODE_DATETIME
    return ext(code, iso_with_zone(Timestamp.isoformat(value), value))


def timedelta(value: pd.Timedelta) -> object:
    if value.nanoseconds == 0:
        return ext(CODE_TIMEDELTA, TIMEDELTA.pack(value.days, value.seconds, value.microseconds))
    return value.to_timedelta64()


def pandas_list(value: Any) -> list[object]:
    """The values of a Series, an Index or an array of pandas. A missing interval is None: it has no NaN of its own."""
    values: list[object] = value.tolist()
    return with_intervals(values) if str(value.dtype).startswith("interval") else values


def with_intervals(values: Iterable[object]) -> list[object]:
    """pandas puts NaN into the place of an interval that is missing."""
    return [None if isinstance(value, float) else value for value in values]
