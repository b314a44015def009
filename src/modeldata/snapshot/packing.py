"""Values → msgpack, of a tree that nobody else can change.

msgpack writes the length of a list first and its items later. Plain values it packs in C and keeps the GIL. For any other it
would call Python, and another thread may change the list before its next item: the bytes would decode into other columns.

So the first try packs plain values only. Where it meets another kind of value, a private tree of plain values is made and packed.
No code of the caller's data runs while msgpack packs. (A build of Python without the GIL would need a lock here.)
"""

from __future__ import annotations

import msgpack
from msgpack import ExtType

from modeldata.format.wire import CODE_ARRAY
from modeldata.interrupts import spare
from modeldata.snapshot.schema import MAX_CELLS, MAX_DEPTH, RefusedData
from modeldata.snapshot.values import PLAIN, form_of, handlers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Tree = list[object] | dict[object, object]

IN_C = not msgpack.Packer.__module__.endswith("fallback")
"""msgpack without its compiled part is Python code, and may lose the GIL at any step."""


LEAST, MOST = -(1 << 63), 1 << 64
"""Whole numbers from here to there are plain."""
DEEP = f"it is nested more than {MAX_DEPTH} levels deep"
ONE_LEVEL = b"\x91"
MAX_AXES = 64
"""Axes that an array may have."""


def new_packer() -> Callable[[object], bytes]:
    """A function that packs. It is not for two callers at once, so each lane has one. Raises `RefusedData`."""
    plain = _packer([].remove)  # raises ValueError whatever it is given, in C: the GIL is kept
    any_kind = _packer(list)

    def pack(values: object) -> bytes:
        try:
            packed = plain(values) if IN_C else None
        except (ValueError, BufferError) as error:  # not plain, nested too deep, or a view that has holes
            spare(error)
            packed = None
        if packed is None:
            return any_kind(private(values))
        if len(packed) > MAX_DEPTH and _is_deep(packed):
            raise RefusedData("unserializable", DEEP)
        return packed

    return pack


def _packer(default: Callable[[Any], object]) -> Callable[[object], bytes]:
    packer = msgpack.Packer(use_bin_type=True, strict_types=True, default=default, unicode_errors="surrogatepass")
    pack: Callable[[object], bytes] = packer.pack
    return pack


def _is_deep(packed: bytes) -> bool:
    """Is it nested more than `MAX_DEPTH` levels? Levels that the unpacker has beyond that are used up first."""
    unpacker = msgpack.Unpacker(max_buffer_size=0)
    unpacker.feed(USED_UP)
    unpacker.feed(packed)
    try:
        unpacker.skip()
    except msgpack.StackError:
        return True
    return False


def _unpacked_levels() -> int:
    """How many levels this msgpack unpacks: a constant of its compiled part, 1024 in all that we know."""
    fits, fails = MAX_DEPTH, 1 << 12
    while fails - fits > 1:
        middle = (fits + fails) // 2
        try:
            msgpack.unpackb(ONE_LEVEL * middle + b"\0")
            fits = middle
        except (msgpack.StackError, RecursionError):
            fails = middle
    return fits


def private(values: object) -> object:
    """A copy that has plain values only, and `Key` for a key that is a list: the packer makes a list of each.

    Raises `RefusedData` for what has no form, is nested too deep, or is too much.
    """
    outer: list[object] = [values]
    trees: list[tuple[Tree, int]] = [(outer, MAX_DEPTH)]
    left = MAX_CELLS
    while trees:
        tree, room = trees.pop()
        left -= len(tree)
        if left < 0:
            raise RefusedData("too_large", f"more than {MAX_CELLS:,} nested values")
        for place, value in enumerate(tree) if isinstance(tree, list) else list(tree.items()):
            cls = type(value)
            if cls in PLAIN or (cls is int and LEAST <= value < MOST):  # type: ignore[operator]  # an int
                continue
            form = handlers[cls](value)
            cls = type(form)
            if cls not in PLAIN and cls is not list and cls is not dict:
                form = form_of(form)
                cls = type(form)
            if cls is list or cls is dict:
                trees.append((form, room - 1))  # type: ignore[arg-type]  # just checked
            if room < MAX_AXES and levels_of(form) > room:
                raise RefusedData("unserializable", DEEP)
            tree[place] = form  # type: ignore[call-overload]  # a place of its own
    return outer[0]


def levels_of(form: object) -> int:
    """How many lists are in each other at least. An array is as many as it has axes."""
    if isinstance(form, ExtType):
        return form.data[form.data.index(b"\0") + 1] if form.code == CODE_ARRAY else 0
    return 1 if type(form) is list or type(form) is dict else 0


USED_UP = ONE_LEVEL * (_unpacked_levels() - MAX_DEPTH)
