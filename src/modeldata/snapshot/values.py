"""Single values that msgpack has no form for: `form_of` gives each one of `format.wire`; `columns.values` reads it back.

Reduced to plain values: subclasses of int, float, str, bytes, list and dict; tuple, set, range and the like to list; Enum to its
value; numpy float64, int64, bool and str; pandas NA and NaT to None; a pyarrow scalar to its Python value; Series, Index and
arrays of pyarrow, polars and pandas to list; Period and Interval to text; dataclasses, models and database rows to dict.

Everything is found by the *name* of the type, so that nothing has to be imported. A value is read by the methods of the base that
was found, never by those of a subclass: what a subclass says about itself may not be what the reader can read.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence, ValuesView
from collections.abc import Set as AbstractSet

from msgpack import ExtType

from modeldata.format import wire
from modeldata.snapshot import copies
from modeldata.snapshot.extensions import ext, iso_with_zone
from modeldata.snapshot.lazy import lazy_hint
from modeldata.snapshot.row_objects import fields_of
from modeldata.snapshot.schema import MAX_DEPTH, RefusedData
from modeldata.snapshot.type_table import TypeTable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    # A handler takes the type it is registered for: no static type can say that.
    Handler = Callable[[Any], object]
    Maker = Callable[[Any], Handler]

MAX_TEXT = 1 << 24
"""Letters that `str()` may give for an object that has no form of its own."""
PLAIN = frozenset((str, float, bool, type(None), bytes, ExtType))
"""Types of values that the packer takes as they are. (Not int: some are too large.)"""


def form_of(value: object) -> object:
    """A plain value, or a private list or dict of values that may need a form themselves. Raises `RefusedData`."""
    for _ in range(MAX_DEPTH):
        value = handlers[type(value)](value)
        cls = type(value)
        if cls in PLAIN or cls is list or cls is dict:
            return value
        if cls is int:
            return _int(value)  # type: ignore[arg-type]  # just checked
    raise RefusedData("unserializable", f"a {type(value).__name__} stands for another one without an end")


def is_single_value(cls: type) -> bool:
    """Is it text, bytes, a number, a time or the like: a value by itself, that holds no others?"""
    for base in cls.__mro__[:-1]:
        root = base.__module__.partition(".")[0]
        if base in _SINGLE or ((root, base.__qualname__) in _SINGLE_NAMES and _is_what_it_says(base, root)):
            return True
    return False


def _find(cls: type) -> Handler:
    return _by_name(cls) or _by_nature(cls)


def _by_name(cls: type) -> Handler | None:
    for base in cls.__mro__[:-1]:
        if base in _BUILT_IN:
            return _BUILT_IN[base]
        root = base.__module__.partition(".")[0]
        maker = _NAMED.get((root, base.__qualname__))
        if maker is not None and _is_what_it_says(base, root):
            return maker(base)
    return None


def _is_what_it_says(base: type, root: str) -> bool:
    """Anybody may call a class "decimal.Decimal". (Test tools put a subclass into the place of the real one.)"""
    known = getattr(sys.modules.get(root), base.__qualname__, None)
    return known is None or base in getattr(known, "__mro__", ())


def _by_nature(cls: type) -> Handler:
    if hasattr(cls, "__next__") or cls.__name__ in _NO_VALUE:
        return _refuse
    hint = lazy_hint(cls)
    if hint:
        return _refuse_with(hint)
    if hasattr(cls, "__array__"):
        return _like_array
    if issubclass(cls, Mapping):
        return _mapping
    fields = fields_of(cls)
    if fields is not None:
        return fields
    if issubclass(cls, (Sequence, AbstractSet, ValuesView)):
        return copies.of_items
    return _text


_NO_VALUE = frozenset(
    ["function", "builtin_function_or_method", "method", "module", "coroutine", "async_generator", "method_descriptor", "ufunc"]
)


def _refuse(value: object) -> object:
    raise RefusedData("unserializable", f"a {type(value).__name__} has no value to store")


def _refuse_with(message: str) -> Handler:
    def refuse(value: object) -> object:
        raise RefusedData("unserializable", message)

    return refuse


def _text(value: object) -> ExtType:
    try:
        text = str(value)
    except Exception as error:
        name = type(value).__name__
        raise RefusedData(
            "unserializable", f"a {name} has no form of its own, and its str() raised {type(error).__name__}"
        ) from error
    if str.__len__(text) > MAX_TEXT:
        raise RefusedData("too_large", f"the text of a {type(value).__name__} has more than {MAX_TEXT:,} letters")
    return ext(wire.CODE_TEXT, str.encode(text, "utf-8", "surrogatepass"))


def _int(value: int) -> object:
    value = int.__index__(value)
    bits = value.bit_length()
    if bits < 64 or (bits == 64 and value > 0):
        return value
    return ext(wire.CODE_BIG_INT, value.to_bytes(bits // 8 + 1, "little", signed=True))


def _str(value: str) -> str:
    return str.__str__(value)


def _float(value: float) -> float:
    return float.__float__(value)


def _bytes(value: bytes) -> bytes:
    return bytes.__getitem__(value, slice(None))


def _complex(value: complex) -> ExtType:
    value = complex.__complex__(value)
    return ext(wire.CODE_COMPLEX, wire.COMPLEX.pack(value.real, value.imag))


def _mapping(value: Mapping[object, object]) -> dict[object, object]:
    return keyed(copies.of_mapping(value))


def _dict(value: dict[object, object]) -> dict[object, object]:
    return keyed(copies.of_dict(value))


class Key(tuple[object, ...]):
    """A key that is a list on the wire: a dict takes only what can be hashed."""

    __slots__ = ()


def keyed(pairs: list[tuple[object, object]]) -> dict[object, object]:
    plain = {key if type(key) is str else _key(key): value for key, value in pairs}
    if len(plain) != len(pairs):
        raise RefusedData("unserializable", "two keys of a dict have one form")
    return plain


def _key(key: object) -> object:
    form = key if type(key) in PLAIN else form_of(key)
    if type(form) is list:
        return Key(map(_key, form))
    return _text(key) if type(form) is dict else form


def _decimal(base: Any) -> Handler:
    text = base.__str__
    return lambda value: ext(wire.CODE_DECIMAL, text(value).encode())


def _datetime(base: Any) -> Handler:
    return lambda value: ext(wire.CODE_DATETIME, iso_with_zone(base.isoformat(value), value))


def _iso(code: int) -> Maker:
    return lambda base: lambda value: ext(code, base.isoformat(value).encode())


def _timedelta(base: Any) -> Handler:
    days, seconds, rest = base.days.__get__, base.seconds.__get__, base.microseconds.__get__
    return lambda value: ext(wire.CODE_TIMEDELTA, wire.TIMEDELTA.pack(days(value), seconds(value), rest(value)))


def _uuid(base: Any) -> Handler:
    """By its number; a driver's own kind of UUID may keep only the bytes."""

    def form(value: Any) -> ExtType:
        try:
            data = int.to_bytes(base.int.__get__(value), 16, "big")
        except AttributeError:
            data = value.bytes
            if type(data) is not bytes or len(data) != 16:
                raise RefusedData("unserializable", f"a {type(value).__name__} does not have the 16 bytes of a UUID") from None
        return ext(wire.CODE_UUID, data)

    return form


def _by(method: str, **options: object) -> Maker:
    """What this method of the base gives."""

    def maker(base: Any) -> Handler:
        call: Handler = getattr(base, method)
        return (lambda value: call(value, **options)) if options else call

    return maker


def _none(base: Any) -> Handler:
    return lambda value: None


def _with_numpy(name: str) -> Maker:
    """A function of `modeldata.snapshot.numpy_values`, which imports numpy: that is there, where such a value is."""

    def maker(base: Any) -> Handler:
        from modeldata.snapshot import numpy_values

        handler: Handler = getattr(numpy_values, name)
        return handler

    return maker


def _pandas_frame(base: Any) -> Handler:
    values_of = _with_numpy("pandas_list")(base)
    return lambda value: keyed([(name, values_of(column)) for name, column in value.items()])


def _like_array(value: object) -> object:
    from modeldata.snapshot.numpy_values import like_array

    return like_array(value)


_BUILT_IN: dict[type, Handler] = {
    int: _int,
    float: _float,
    str: _str,
    bytes: _bytes,
    bytearray: copies.of_bytes,
    memoryview: memoryview.tobytes,
    complex: _complex,
    dict: _dict,
    list: copies.of_list,
    tuple: copies.of_tuple,
    set: copies.of_set,
    frozenset: copies.of_frozenset,
}
handlers: dict[type, Handler] = TypeTable(_BUILT_IN, _find)

_SINGLE = (str, bytes, bytearray, memoryview, int, float, complex)
_SINGLE_NAMES = frozenset(
    [
        ("decimal", "Decimal"), ("datetime", "datetime"), ("datetime", "date"), ("datetime", "time"), ("datetime", "timedelta"),
        ("uuid", "UUID"), ("enum", "Enum"), ("pyarrow", "Scalar"),
    ]
)  # fmt: skip

_NAMED: dict[tuple[str, str], Maker] = {
    ("decimal", "Decimal"): _decimal,
    ("datetime", "datetime"): _datetime,
    ("datetime", "date"): _iso(wire.CODE_DATE),
    ("datetime", "time"): _iso(wire.CODE_TIME),
    ("datetime", "timedelta"): _timedelta,
    ("uuid", "UUID"): _uuid,
    ("enum", "Enum"): lambda base: lambda value: value.value,
    ("array", "array"): _by("tolist"),
    ("collections", "OrderedDict"): lambda base: lambda value: keyed(copies.of_ordered(value)),
    ("collections", "UserString"): lambda base: _text,
    ("numpy", "float64"): _by("item"),
    ("numpy", "int64"): _by("item"),
    ("numpy", "bool"): _by("item"),
    ("numpy", "bool_"): _by("item"),
    ("numpy", "str_"): _by("item"),
    ("numpy", "bytes_"): _by("item"),
    ("numpy", "generic"): _with_numpy("numpy_scalar"),
    ("numpy", "ndarray"): _with_numpy("numpy_array"),
    ("pandas", "Timestamp"): _with_numpy("timestamp"),
    ("pandas", "Timedelta"): _with_numpy("timedelta"),
    ("pandas", "NaTType"): _none,
    ("pandas", "NAType"): _none,
    ("pandas", "Series"): _with_numpy("pandas_list"),
    ("pandas", "Index"): _with_numpy("pandas_list"),
    ("pandas", "ExtensionArray"): _with_numpy("pandas_list"),
    ("pandas", "DataFrame"): _pandas_frame,
    ("pyarrow", "Scalar"): lambda base: lambda value: value.as_py(),
    ("pyarrow", "Array"): _by("to_pylist"),
    ("pyarrow", "ChunkedArray"): _by("to_pylist"),
    ("pyarrow", "RecordBatch"): _by("to_pydict"),
    ("pyarrow", "Table"): _by("to_pydict"),
    ("polars", "Series"): _by("to_list"),
    ("polars", "DataFrame"): _by("to_dict", as_series=False),
}
"""(root module, name) of types that we may not import. The nearest base in a type's MRO decides."""
