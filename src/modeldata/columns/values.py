"""What `modeldata.snapshot.values` put on the wire, back as Python values."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Final, Self
from uuid import UUID
from zoneinfo import ZoneInfo

import msgpack
import numpy as np

from modeldata.format import wire

if TYPE_CHECKING:
    from typing import Any, BinaryIO


class Absent:
    """The value of a cell in a row without this key. There is one, `ABSENT`."""

    _only: Self | None = None

    def __new__(cls) -> Self:
        if cls._only is None:
            cls._only = super().__new__(cls)
        return cls._only

    def __repr__(self) -> str:
        return "ABSENT"

    def __bool__(self) -> bool:
        return False


ABSENT: Final = Absent()


def ext_hook(code: int, data: bytes) -> object:
    """The value of an extension. Raises ValueError for a code or a payload that is none of ours."""
    reader = _READERS.get(code)
    if reader is None:
        raise ValueError(f"unknown kind of value: {code}")
    return reader(data)


def pairs_hook(pairs: list[tuple[object, object]]) -> dict[object, object]:
    """A dict in a cell. Keys that were tuples come as lists."""
    try:
        return dict(pairs)
    except TypeError:
        return {_hashable(key): value for key, value in pairs}


def _hashable(key: object) -> object:
    if isinstance(key, list):
        return tuple(map(_hashable, key))
    if isinstance(key, dict):
        return tuple((name, _hashable(value)) for name, value in key.items())
    return key.tobytes() if isinstance(key, np.ndarray) else key


def unpacker(source: BinaryIO | None = None) -> msgpack.Unpacker:
    """Reads values one after the other; whole numbers, text, lists and dicts as they were. Without a source, it is fed."""
    return msgpack.Unpacker(
        source,
        ext_hook=ext_hook,
        object_pairs_hook=pairs_hook,
        strict_map_key=False,
        unicode_errors="surrogatepass",
        max_buffer_size=0,
    )


def _datetime(data: bytes) -> object:
    """With its zone where this machine knows it, else with its offset. A year that Python has no form for stays text."""
    text, _, zone = data.decode("utf-8", "surrogatepass").partition("\0")
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        return text
    if not zone:
        return moment
    try:
        return in_zone(moment, ZoneInfo(zone))
    except (KeyError, ValueError, OSError):
        return moment


def in_zone(moment: dt.datetime, zone: dt.tzinfo) -> dt.datetime:
    """The same wall clock with the same offset in `zone`, whichever fold that is; at least the same instant."""
    for fold in (0, 1):
        there = moment.replace(tzinfo=zone, fold=fold)
        if there.utcoffset() == moment.utcoffset():
            return there
    return moment.astimezone(zone)


def _timestamp(data: bytes) -> object:
    text, _, _ = data.decode().partition("\0")
    day, _, time = text.partition("T")
    if "+" in time or "-" in time:
        return text
    return np.datetime64(f"{day}T{time}", "ns")


def _timedelta(data: bytes) -> dt.timedelta:
    return dt.timedelta(*wire.TIMEDELTA.unpack(data))


def _complex(data: bytes) -> complex:
    return complex(*wire.COMPLEX.unpack(data))


def _numpy(data: bytes) -> object:
    dtype, _, raw = data.partition(b"\0")
    value: object = np.frombuffer(raw, np.dtype(dtype.decode()), 1)[0]
    return value


def _array(data: bytes) -> np.ndarray[Any, np.dtype[Any]]:
    dtype, _, rest = data.partition(b"\0")
    start = 1 + 8 * rest[0]
    shape = np.frombuffer(rest[1:start], "<u8")
    return np.frombuffer(rest[start:], np.dtype(dtype.decode())).reshape(shape.tolist())


_READERS: dict[int, Callable[[bytes], object]] = {
    wire.CODE_ABSENT: lambda data: ABSENT,
    wire.CODE_BIG_INT: lambda data: int.from_bytes(data, "little", signed=True),
    wire.CODE_DECIMAL: lambda data: Decimal(data.decode()),
    wire.CODE_DATETIME: _datetime,
    wire.CODE_DATE: lambda data: dt.date.fromisoformat(data.decode()),
    wire.CODE_TIME: lambda data: dt.time.fromisoformat(data.decode()),
    wire.CODE_TIMEDELTA: _timedelta,
    wire.CODE_UUID: lambda data: UUID(bytes=data),
    wire.CODE_COMPLEX: _complex,
    wire.CODE_NUMPY: _numpy,
    wire.CODE_ARRAY: _array,
    wire.CODE_TIMESTAMP: _timestamp,
    wire.CODE_TEXT: lambda data: data.decode("utf-8", "surrogatepass"),
}
