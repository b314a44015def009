"""Single values that msgpack has no form for: `default` gives each a form on the wire, `modeldata.columns.values` reads it back.

    code          payload                                             comes back as
    ABSENT        nothing                                             columns.ABSENT: this row has no such key
    BIG_INT       two's complement, little endian                     int beyond 64 bit
    DECIMAL       its text                                            Decimal
    DATETIME      ISO text with offset, "\\0" and the zone's name      datetime (naive, with the zone, or with the offset)
    DATE, TIME    ISO text                                            date, time
    TIMEDELTA     days i32, seconds i32, microseconds i32             timedelta
    UUID          16 bytes                                            UUID
    COMPLEX       two f64                                             complex
    NUMPY         dtype text, "\\0", raw bytes                         numpy scalar of exactly this dtype
    ARRAY         dtype text, "\\0", axes u8, lengths u64, raw bytes   numpy array
    TIMESTAMP     as DATETIME, nine digits                            numpy datetime64[ns], or its text where it has a zone
    TEXT          UTF-8                                               str: what str() gave for any other object

Reduced to plain values: subclasses of int, float, str, bytes, list and dict; tuple, set, range and the like to list; Enum to its
value; numpy float64, int64, bool and str; pandas NA and NaT to None; Series and Index to list; Period and Interval to text.
Everything is found by the *name* of the type, so that nothing has to be imported.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, ValuesView
from collections.abc import Set as AbstractSet
from struct import Struct

from msgpack import ExtType

from modeldata.snapshot.plan import Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    import datetime as dt
    import decimal
    import enum
    import uuid
    from collections.abc import Callable, Iterable
    from typing import Any

    # A handler takes the type it is registered for: no static type can say that.
    Handler = Callable[[Any], object]

(
    CODE_ABSENT, CODE_BIG_INT, CODE_DECIMAL, CODE_DATETIME, CODE_DATE, CODE_TIME, CODE_TIMEDELTA, CODE_UUID, CODE_COMPLEX,
    CODE_NUMPY, CODE_ARRAY, CODE_TIMESTAMP, CODE_TEXT,
) = range(1, 14)  # fmt: skip

ABSENT = ExtType(CODE_ABSENT, b"")
TIMEDELTA = Struct("<iii")
COMPLEX = Struct("<dd")
MAX_TYPES = 4096


def default(value: object) -> object:
    """What the packer asks for a value it has no form for. Raises `Refused` for what has no value to keep."""
    kind = type(value)
    handler = _handlers.get(kind)
    if handler is None:
        handler = _resolve(kind)
    value = handler(value)
    if type(value) in _READY:
        return value
    return _int(value) if type(value) is int else default(value)  # the packer asks only once for each value


def _resolve(kind: type) -> Handler:
    handler = _by_name(kind) or _by_nature(kind)
    if len(_handlers) >= MAX_TYPES:  # types made on the fly
        _handlers.clear()
        _handlers.update(_BUILT_IN)
    _handlers[kind] = handler
    return handler


def _by_name(kind: type) -> Handler | None:
    for base in kind.__mro__[:-1]:
        if base in _BUILT_IN:
            return _BUILT_IN[base]
        handler = _NAMED.get((base.__module__.partition(".")[0], base.__qualname__))
        if handler is not None:
            return handler
    return None


def _by_nature(kind: type) -> Handler:
    if hasattr(kind, "__next__") or kind.__name__ in _NO_VALUE:
        return _refuse
    if hasattr(kind, "__array__"):
        return _like_array
    if issubclass(kind, Mapping):
        return _mapping
    if issubclass(kind, (Sequence, AbstractSet, ValuesView)):
        return list
    return _text


_NO_VALUE = frozenset(
    [
        "function",
        "builtin_function_or_method",
        "method",
        "module",
        "coroutine",
        "async_generator",
        "method_descriptor",
        "ufunc",
    ]
)


def _refuse(value: object) -> object:
    raise Refused("unserializable", f"a {type(value).__name__} has no value to store")


def _text(value: object) -> ExtType:
    try:
        text = str(value)
        return ExtType(CODE_TEXT, text.encode("utf-8", "surrogatepass"))
    except Exception as error:
        kind = type(value).__name__
        raise Refused(
            "unserializable", f"a {kind} has no form of its own, and its str() raised {type(error).__name__}"
        ) from error


def _int(value: int) -> object:
    value = int.__index__(value)
    bits = value.bit_length()
    if bits < 64 or (bits == 64 and value > 0):
        return value
    return ExtType(CODE_BIG_INT, value.to_bytes(bits // 8 + 1, "little", signed=True))


def _str(value: str) -> str:
    return str.__str__(value)


def _float(value: float) -> float:
    return float.__float__(value)


def _bytes(value: bytes) -> bytes:
    return b"".join((value,))


def _mapping(value: Mapping[object, object]) -> dict[object, object]:
    return {key: value[key] for key in value}


def _complex(value: complex) -> ExtType:
    return ExtType(CODE_COMPLEX, COMPLEX.pack(value.real, value.imag))


def _decimal(value: decimal.Decimal) -> ExtType:
    return ExtType(CODE_DECIMAL, str(value).encode())


def _datetime(value: dt.datetime) -> ExtType:
    return ExtType(CODE_DATETIME, _iso(value))


def _iso(value: dt.datetime) -> bytes:
    text = value.isoformat()
    zone = getattr(value.tzinfo, "key", None) or getattr(value.tzinfo, "zone", None)
    return f"{text}\0{zone}".encode() if isinstance(zone, str) else text.encode()


def _date(value: dt.date) -> ExtType:
    return ExtType(CODE_DATE, value.isoformat().encode())


def _time(value: dt.time) -> ExtType:
    return ExtType(CODE_TIME, value.isoformat().encode())


def _timedelta(value: dt.timedelta) -> ExtType:
    return ExtType(CODE_TIMEDELTA, TIMEDELTA.pack(value.days, value.seconds, value.microseconds))


def _uuid(value: uuid.UUID) -> ExtType:
    return ExtType(CODE_UUID, value.bytes)


def _enum(value: enum.Enum) -> object:
    return value.value


def _none(value: object) -> None:
    return None


def _numpy_plain(value: Any) -> object:
    return value.item()


def _numpy_scalar(value: object) -> object:
    from modeldata.snapshot.foreign import numpy_scalar

    return numpy_scalar(value)


def _numpy_array(value: object) -> object:
    from modeldata.snapshot.foreign import numpy_array

    return numpy_array(value)


def _like_array(value: object) -> object:
    from modeldata.snapshot.foreign import like_array

    return like_array(value)


def _timestamp(value: Any) -> ExtType:
    from modeldata.snapshot.foreign import timestamp

    return timestamp(value)


def _pandas_timedelta(value: Any) -> object:
    from modeldata.snapshot.foreign import timedelta

    return timedelta(value)


def _pandas_list(value: Any) -> object:
    return value.tolist()


def _pandas_frame(value: Any) -> object:
    return value.to_dict("list")


def _items(value: Iterable[object]) -> list[object]:
    return list(value)


_BUILT_IN: dict[type, Handler] = {
    int: _int,
    float: _float,
    str: _str,
    bytes: _bytes,
    complex: _complex,
    dict: _mapping,
    list: _items,
    tuple: _items,
    set: _items,
    frozenset: _items,
}
_handlers: dict[type, Handler] = dict(_BUILT_IN)
_READY = frozenset((ExtType, list, dict, str, float, bytes, bool, type(None)))

_NAMED: dict[tuple[str, str], Handler] = {
    ("decimal", "Decimal"): _decimal,
    ("datetime", "datetime"): _datetime,
    ("datetime", "date"): _date,
    ("datetime", "time"): _time,
    ("datetime", "timedelta"): _timedelta,
    ("uuid", "UUID"): _uuid,
    ("enum", "Enum"): _enum,
    ("array", "array"): _items,
    ("numpy", "float64"): _numpy_plain,
    ("numpy", "int64"): _numpy_plain,
    ("numpy", "bool"): _numpy_plain,
    ("numpy", "bool_"): _numpy_plain,
    ("numpy", "str_"): _numpy_plain,
    ("numpy", "bytes_"): _numpy_plain,
    ("numpy", "generic"): _numpy_scalar,
    ("numpy", "ndarray"): _numpy_array,
    ("pandas", "Timestamp"): _timestamp,
    ("pandas", "Timedelta"): _pandas_timedelta,
    ("pandas", "NaTType"): _none,
    ("pandas", "NAType"): _none,
    ("pandas", "Series"): _pandas_list,
    ("pandas", "Index"): _pandas_list,
    ("pandas", "DataFrame"): _pandas_frame,
}
"""(root module, name) of types that we may not import. The nearest base in a type's MRO decides."""
