"""numpy and pandas values inside a cell. Imported when the first of them is met: numpy is there already."""

from __future__ import annotations

from struct import Struct

import numpy as np
from msgpack import ExtType

from modeldata.snapshot.plan import Refused
from modeldata.snapshot.values import CODE_ARRAY, CODE_NUMPY, CODE_TIMESTAMP, _datetime, _iso, _timedelta

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    import pandas as pd

RAW = frozenset("biufcmM")
"""Kinds of dtype whose bytes are their value."""
_LENGTHS = Struct("<Q")


def numpy_scalar(value: Any) -> object:
    """Exactly its dtype, where bytes can say it; else what it is in Python."""
    dtype = value.dtype
    if dtype.names is not None:
        return dict(zip(dtype.names, value.item(), strict=True))
    if dtype.kind not in RAW:
        return value.item()
    if dtype.kind in "mM" and np.isnat(value):
        return None
    little = dtype.newbyteorder("<")
    return ExtType(CODE_NUMPY, little.str.encode() + b"\0" + value.astype(little).tobytes())


def numpy_array(value: Any) -> object:
    """An array in a cell: its dtype, shape and bytes; lists for strings, objects and records, and where values are masked."""
    if value.ndim == 0:
        return value.tolist() if value.dtype.kind not in RAW else value[()]
    if value.dtype.kind not in RAW or isinstance(value, np.ma.MaskedArray):
        return value.tolist()
    little = value.dtype.newbyteorder("<")
    head = [little.str.encode(), b"\0", bytes([value.ndim]), *map(_LENGTHS.pack, value.shape)]
    return ExtType(CODE_ARRAY, b"".join([*head, value.astype(little, copy=False).tobytes()]))


def like_array(value: Any) -> object:
    """Tensors and others that offer `__array__`."""
    return numpy_array(as_array(value))


def as_array(value: Any) -> np.ndarray[Any, np.dtype[Any]]:
    """What `__array__` gives. A tensor with a gradient, or on a device, is asked for its values first. Raises `Refused`."""
    try:
        if hasattr(type(value), "detach") and hasattr(type(value), "cpu"):
            value = value.detach().cpu()
        return np.asarray(value)
    except Exception as error:
        raise Refused("invalid_data", f"{type(value).__name__} gives no array: {type(error).__name__}: {error}") from error


def timestamp(value: pd.Timestamp) -> ExtType:
    if value.nanosecond == 0:
        return _datetime(value)
    return ExtType(CODE_TIMESTAMP, _iso(value))


def timedelta(value: pd.Timedelta) -> object:
    if value.nanoseconds == 0:
        return _timedelta(value)
    return value.to_timedelta64()
