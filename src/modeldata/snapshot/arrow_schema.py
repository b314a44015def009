"""Arrow schemas read through the C Data Interface: as a tree of plain values, and as text.

A *tree* is (format, name, flags, extension metadata or None, children, dictionary or None), nested tuples: it is the key of
a schema and, in the schema's definition, what the shipper makes the Arrow types of again.
"""

from __future__ import annotations

from ctypes import string_at
from struct import Struct, calcsize, unpack

from modeldata.format.wire import ARROW_DEPTH, ARROW_FLAGS
from modeldata.snapshot.schema import RefusedData

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    Tree: TypeAlias = "tuple[str, str, int, bytes | None, tuple[Tree, ...], Tree | None]"

ARROW_SCHEMA = Struct("@PPPqqPPPP")
"""format, name, metadata, flags, number of children, children, dictionary, release, private data."""
POINTER = calcsize("P")
NULLABLE, ORDERED = 2, 1

_INT = Struct("@i")
_EXTENSION = b"ARROW:extension:name"


def read_schema(address: int, depth: int = 0) -> Tree:
    """The tree of the ArrowSchema at `address`. Of its metadata only the name of an extension type is kept."""
    if depth > ARROW_DEPTH:
        raise RefusedData("unserializable", "an Arrow type nested deeper than 64 levels")
    arrow_format, name, metadata, flags, count, children, dictionary, _, _ = ARROW_SCHEMA.unpack(
        string_at(address, ARROW_SCHEMA.size)
    )
    return (
        string_at(arrow_format).decode(),
        string_at(name).decode("utf-8", "replace") if name else "",
        flags & ARROW_FLAGS,
        _extension(metadata) if metadata else None,
        tuple([read_schema(child, depth + 1) for child in pointers(children, count)]),
        read_schema(dictionary, depth + 1) if dictionary else None,
    )


def pointers(address: int, count: int) -> tuple[int, ...]:
    """An array of pointers."""
    return unpack(f"@{count}P", string_at(address, count * POINTER)) if count else ()


def _extension(metadata: int) -> bytes | None:
    """The metadata as it lies there, if it names an extension type: pairs of texts with their lengths before them."""
    at = metadata + _INT.size
    named = False
    for turn in range(2 * _INT.unpack(string_at(metadata, _INT.size))[0]):
        (size,) = _INT.unpack(string_at(at, _INT.size))
        named = named or (turn % 2 == 0 and string_at(at + _INT.size, size) == _EXTENSION)
        at += _INT.size + size
    return string_at(metadata, at - metadata) if named else None


_PLAIN = {
    "n": "null", "b": "bool", "c": "int8", "C": "uint8", "s": "int16", "S": "uint16", "i": "int32", "I": "uint32",
    "l": "int64", "L": "uint64", "e": "halffloat", "f": "float", "g": "double", "z": "binary", "Z": "large_binary",
    "vz": "binary_view", "u": "string", "U": "large_string", "vu": "string_view", "tdD": "date32[day]", "tdm": "date64[ms]",
    "tts": "time32[s]", "ttm": "time32[ms]", "ttu": "time64[us]", "ttn": "time64[ns]", "tDs": "duration[s]",
    "tDm": "duration[ms]", "tDu": "duration[us]", "tDn": "duration[ns]", "tin": "month_day_nano_interval",
}  # fmt: skip
_UNREADABLE = {"tiM": "month_interval", "tiD": "day_time_interval"}
"""Types of which pyarrow reads no value, in the shipper or anywhere else."""
_NESTED = {
    "+s": "struct", "+l": "list", "+L": "large_list", "+vl": "list_view", "+vL": "large_list_view",
}  # fmt: skip
_UNITS = {"s": "s", "m": "ms", "u": "us", "n": "ns"}


def text_of(tree: Tree) -> str:
    """The type as pyarrow would print it. Raises `RefusedData` for a format we do not know."""
    arrow_format, _, flags, _, children, dictionary = tree
    if dictionary is not None:
        return f"dictionary<values={text_of(dictionary)}, indices={_PLAIN[arrow_format]}, ordered={flags & ORDERED}>"
    if arrow_format in _PLAIN:
        return _PLAIN[arrow_format]
    if arrow_format in _UNREADABLE:
        hint = "cast it to month_day_nano_interval, or to whole numbers"
        raise RefusedData("unsupported_type", f"pyarrow can't read Arrow's {_UNREADABLE[arrow_format]}: {hint}")
    head, _, rest = arrow_format.partition(":")
    fields = ", ".join(map(_field, children))
    if head == "+m":
        key, item = children[0][4]
        return f"map<{text_of(key)}, {text_of(item)}>"
    if head == "+r":
        return f"run_end_encoded<run_ends: {text_of(children[0])}, values: {text_of(children[1])}>"
    if head == "+w":
        return f"fixed_size_list<{fields}>[{rest}]"
    if head in ("+ud", "+us"):
        codes = zip(map(_field, children), rest.split(","), strict=True)
        return f"{'dense' if head == '+ud' else 'sparse'}_union<{', '.join(map('='.join, codes))}>"
    if head in _NESTED:
        return f"{_NESTED[head]}<{fields}>"
    if head == "w":
        return f"fixed_size_binary[{rest}]"
    if head == "d":
        precision, scale, *bits = rest.split(",")
        return f"decimal{bits[0] if bits else 128}({precision}, {scale})"
    if head[:2] == "ts" and head[2:] in _UNITS:
        return f"timestamp[{_UNITS[head[2:]]}{f', tz={rest}' if rest else ''}]"
    raise RefusedData("unsupported_type", f"an Arrow type that is not collected (format {arrow_format!r})")


def _field(tree: Tree) -> str:
    return f"{tree[1]}: {text_of(tree)}{'' if tree[2] & NULLABLE else ' not null'}"


_WIDTHS = {
    "c": 1, "C": 1, "s": 2, "S": 2, "i": 4, "I": 4, "l": 8, "L": 8, "e": 2, "f": 4, "g": 8, "tdD": 4, "tdm": 8, "tts": 4,
    "ttm": 4, "ttu": 8, "ttn": 8, "tiM": 4, "tiD": 8, "tin": 16,
}  # fmt: skip


def width_of(arrow_format: str) -> int | None:
    """Bytes of a value, where each has equally many."""
    if arrow_format in _WIDTHS:
        return _WIDTHS[arrow_format]
    head, _, rest = arrow_format.partition(":")
    if head == "w":
        return int(rest)
    if head == "d":
        bits = rest.split(",")[2:]
        return int(bits[0]) // 8 if bits else 16
    return 8 if head[:2] in ("ts", "tD") else None
