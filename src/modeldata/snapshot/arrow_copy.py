"""Copies of Arrow arrays through the C Data Interface, without pyarrow: the buffers of a window of rows, nothing beside it.

A *node* is [length, buffers, children, dictionary or None, base, offset]:
    buffers     as the format has them, from the window's first value on; validity bits are shifted to begin with a byte;
                None: absent
    dictionary  a list of nodes: the values are those of all of them, in order
    base        what to subtract from the offsets of text, lists and maps
    offset      rows to skip: only for run-end encoding: its runs are copied whole
"""

from __future__ import annotations

from ctypes import string_at
from struct import Struct, iter_unpack, pack, unpack

from modeldata.snapshot.arrow_schema import pointers, width_of
from modeldata.snapshot.schema import RefusedData

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    from modeldata.snapshot.arrow_schema import Tree

    Node: TypeAlias = "list[object]"


ARROW_ARRAY = Struct("@qqqqqPPPPP")
"""length, null count, offset, number of buffers, of children, buffers, children, dictionary, release, private data."""
LOOSE_BYTES = 4096
LOOSE_WORDS = 64
"""Text buffers and dictionaries may be so much larger than what a window uses of them before we pick its values out."""

_VIEW = 16
_INLINE = 12


def length_of(address: int) -> int:
    length: int = ARROW_ARRAY.unpack(string_at(address, ARROW_ARRAY.size))[0]
    return length


def copy(tree: Tree, address: int, start: int, length: int) -> Node:
    """Rows [start, start + length) of the ArrowArray at `address`. Raises `RefusedData` for a format we do not know."""
    arrow_format, _, _, _, fields, dictionary = tree
    _, nulls, offset, count, n_children, buffers_at, children_at, dictionary_at, _, _ = ARROW_ARRAY.unpack(
        string_at(address, ARROW_ARRAY.size)
    )
    buffers = pointers(buffers_at, count)
    children = pointers(children_at, n_children)
    first = offset + start
    if arrow_format == "n":
        return [length, [None], [], None, 0, 0]
    if arrow_format == "+r":
        whole = [copy(field, child, 0, length_of(child)) for field, child in zip(fields, children, strict=True)]
        return [length, [None], whole, None, 0, first]
    if arrow_format.startswith("+u"):
        return _copy_union(tree, buffers, children, first, length)
    valid = _bits(buffers[0], first, length) if nulls and buffers[0] else None
    if dictionary is not None:
        return _copy_dictionary(tree, buffers[1], (first, length), valid, dictionary_at)
    width = width_of(arrow_format)
    if width is not None:
        return [length, [valid, _bytes(buffers[1], first * width, length * width)], [], None, 0, 0]
    if arrow_format == "b":
        return [length, [valid, _bits(buffers[1], first, length)], [], None, 0, 0]
    if arrow_format in ("u", "z", "U", "Z"):
        offsets, low, high = _offsets(buffers[1], first, length, arrow_format in ("U", "Z"))
        return [length, [valid, offsets, _bytes(buffers[2], low, high - low)], [], None, low, 0]
    if arrow_format in ("vu", "vz"):
        return [length, [valid, *_copy_views(buffers, first, length)], [], None, 0, 0]
    return _copy_nested(tree, buffers, children, (first, length), valid)


def _copy_nested(
    tree: Tree, buffers: tuple[int, ...], children: tuple[int, ...], window: tuple[int, int], valid: bytes | None
) -> Node:
    arrow_format, _, _, _, fields, _ = tree
    first, length = window
    if arrow_format == "+s":
        inner = [copy(field, child, first, length) for field, child in zip(fields, children, strict=True)]
        return [length, [valid], inner, None, 0, 0]
    if arrow_format.startswith("+w:"):
        size = int(arrow_format[3:])
        return [length, [valid], [copy(fields[0], children[0], first * size, length * size)], None, 0, 0]
    if arrow_format in ("+l", "+L", "+m"):
        offsets, low, high = _offsets(buffers[1], first, length, arrow_format == "+L")
        return [length, [valid, offsets], [copy(fields[0], children[0], low, high - low)], None, low, 0]
    if arrow_format in ("+vl", "+vL"):
        width = 8 if arrow_format == "+vL" else 4
        windows = [_bytes(buffer, first * width, length * width) for buffer in buffers[1:3]]
        return [length, [valid, *windows], [copy(fields[0], children[0], 0, length_of(children[0]))], None, 0, 0]
    raise RefusedData("unsupported_type", f"an Arrow type that is not collected (format {arrow_format!r})")


def _copy_union(tree: Tree, buffers: tuple[int, ...], children: tuple[int, ...], first: int, length: int) -> Node:
    arrow_format, _, _, _, fields, _ = tree
    kinds = _bytes(buffers[0], first, length)
    pairs = list(zip(fields, children, strict=True))
    if arrow_format.startswith("+us"):
        return [length, [None, kinds], [copy(field, child, first, length) for field, child in pairs], None, 0, 0]
    places = _bytes(buffers[1], first * 4, length * 4)
    inner = [copy(field, child, 0, length_of(child)) for field, child in pairs]
    return [length, [None, kinds, places], inner, None, 0, 0]


_INDEX = {"c": "b", "C": "B", "s": "h", "S": "H", "i": "i", "I": "I", "l": "q", "L": "Q"}


def _copy_dictionary(tree: Tree, buffer: int, window: tuple[int, int], valid: bytes | None, dictionary_at: int) -> Node:
    arrow_format, _, _, _, _, dictionary = tree
    assert dictionary is not None
    first, length = window
    width = width_of(arrow_format) or 0
    indices = _bytes(buffer, first * width, length * width)
    size = length_of(dictionary_at)
    if size <= 2 * length + LOOSE_WORDS:
        return [length, [valid, indices], [], [copy(dictionary, dictionary_at, 0, size)], 0, 0]
    wanted = [index if 0 <= index < size else 0 for index in unpack(f"={length}{_INDEX[arrow_format]}", indices)]
    places = {index: place for place, index in enumerate(dict.fromkeys(wanted))}
    indices = pack(f"={length}{_INDEX[arrow_format]}", *map(places.__getitem__, wanted))
    return [length, [valid, indices], [], [copy(dictionary, dictionary_at, index, 1) for index in places], 0, 0]


def _copy_views(buffers: tuple[int, ...], first: int, length: int) -> list[bytes | None]:
    """Views and the buffers they look into; picked out where the buffers hold much that the window does not show."""
    views = _bytes(buffers[1], first * _VIEW, length * _VIEW)
    sizes = unpack(f"={len(buffers) - 3}q", string_at(buffers[-1], 8 * (len(buffers) - 3))) if len(buffers) > 3 else ()
    shown = sum(unpack(f"={4 * length}i", views)[::4])
    if sum(sizes) <= 2 * shown + LOOSE_BYTES:
        return [views, *(_bytes(at, 0, size) for at, size in zip(buffers[2:-1], sizes, strict=True))]
    picked = bytearray()
    new_views = bytearray()
    for size, prefix, which, at in iter_unpack("=i4sii", views):
        if size <= _INLINE:
            new_views += pack("=i4sii", size, prefix, which, at)
        elif 0 <= which < len(sizes) and 0 <= at <= sizes[which] - size:
            new_views += pack("=i4sii", size, prefix, 0, len(picked))
            picked += string_at(buffers[2 + which] + at, size)
        else:  # a null may have anything here
            new_views += bytes(_VIEW)
    return [bytes(new_views), bytes(picked)]


def _offsets(buffer: int, first: int, length: int, large: bool) -> tuple[bytes, int, int]:
    """The offsets of a window, and the range of what they point to."""
    width = 8 if large else 4
    if length == 0 or not buffer:
        return bytes(width), 0, 0
    offsets = string_at(buffer + first * width, (length + 1) * width)
    return offsets, int.from_bytes(offsets[:width], "little"), int.from_bytes(offsets[-width:], "little")


def _bytes(buffer: int, at: int, size: int) -> bytes:
    return string_at(buffer + at, size) if buffer and size else b""


def _bits(buffer: int, first: int, count: int) -> bytes:
    """`count` bits from `first` on, the first of them moved to the start of a byte."""
    shift = first & 7
    raw = _bytes(buffer, first >> 3, (shift + count + 7) >> 3)
    if not shift:
        return raw
    shifted = (int.from_bytes(raw, "little") >> shift) & ((1 << count) - 1)
    return shifted.to_bytes((count + 7) >> 3, "little")
