"""Nodes of many frames (see `modeldata.snapshot.arrow_copy`) as one, before anything is built of them.

A frame of one row has twenty buffers of a few bytes: what Arrow does for each array would cost a hundred times what is in it.
Only types with values that lie one after the other are merged; others are built frame by frame.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.types as kinds

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, TypeAlias

    from modeldata.columns.payloads import Array

    Node: TypeAlias = Sequence[Any]

VIEW = np.dtype([("size", "<i4"), ("prefix", "V4"), ("buffer", "<i4"), ("offset", "<i4")])
INLINE = 12
"""Bytes of text that a view holds itself."""
MOST = 1 << 31
"""Bytes from which on offsets of four bytes do not reach."""


class _Unmergeable(Exception):  # reads as what it is
    """Not of a type that is merged, or not as `arrow_copy` makes it: for the way frame by frame, which says what is wrong."""


def merged(kind: pa.DataType, nodes: Sequence[Node]) -> Node | None:
    """One node with the values of all of them, in their order; None where they must be built one by one."""
    try:
        return _merged(kind, nodes)
    except (_Unmergeable, IndexError, TypeError, ValueError):
        return None


def _merged(kind: pa.DataType, nodes: Sequence[Node]) -> Node:
    _demand(
        all(node[3] is None and not node[5] and node[0] >= 0 for node in nodes) and not isinstance(kind, pa.BaseExtensionType)
    )
    lengths = np.array([node[0] for node in nodes], np.int64)
    total = int(lengths.sum())
    if kinds.is_null(kind):
        return [total, [None], [], None, 0, 0]
    valid = _valid([node[1][0] for node in nodes], lengths)
    packed = None if valid is None else np.packbits(valid, bitorder="little").tobytes()
    buffers, children = _content(kind, nodes, lengths, valid)
    return [total, [packed, *buffers], children, None, 0, 0]


def _content(kind: pa.DataType, nodes: Sequence[Node], lengths: Array, valid: Array | None) -> tuple[list[bytes], list[Node]]:
    """The buffers besides validity, and the children."""
    if kinds.is_struct(kind):
        _demand(all(len(node[2]) == kind.num_fields for node in nodes))
        _demand(all(child[0] == node[0] for node in nodes for child in node[2]))
        fields = [_merged(kind.field(at).type, [node[2][at] for node in nodes]) for at in range(kind.num_fields)]
        return [], fields
    if kinds.is_string_view(kind) or kinds.is_binary_view(kind):
        return _views(nodes, lengths, valid), []
    _demand(all(len(node[1]) > 1 and node[1][1] is not None for node in nodes))
    raw = [node[1][1] for node in nodes]
    if kinds.is_boolean(kind):
        return [np.packbits(_bits(raw, lengths), bitorder="little").tobytes()], []
    if kinds.is_string(kind) or kinds.is_binary(kind) or kinds.is_large_string(kind) or kinds.is_large_binary(kind):
        return _texts(
            nodes, lengths, np.dtype("<i8" if kinds.is_large_string(kind) or kinds.is_large_binary(kind) else "<i4")
        ), []
    _demand(kinds.is_primitive(kind) or kinds.is_decimal(kind) or kinds.is_fixed_size_binary(kind))
    _demand([len(one) for one in raw] == (lengths * (kind.bit_width // 8)).tolist())
    return [b"".join(raw)], []


def _valid(raw: list[bytes | None], lengths: Array) -> Array | None:
    if all(one is None for one in raw):
        return None
    return _bits(
        [b"\xff" * (-(-length // 8)) if one is None else one for one, length in zip(raw, lengths.tolist(), strict=True)], lengths
    )


def _bits(raw: Sequence[bytes], lengths: Array) -> Array:
    """One bool a value."""
    sizes = (lengths + 7) // 8
    _demand([len(one) for one in raw] == sizes.tolist())
    bits = np.unpackbits(np.frombuffer(b"".join(raw), np.uint8), bitorder="little").astype(bool)
    within = np.arange(len(bits)) - np.repeat(8 * (np.cumsum(sizes) - sizes), 8 * sizes)
    found: Array = bits[within < np.repeat(lengths, 8 * sizes)]
    return found


def _texts(nodes: Sequence[Node], lengths: Array, dtype: np.dtype[Any]) -> list[bytes]:
    """Offsets and text. Each frame's offsets must cover exactly its own text, or a value could begin in another frame."""
    raw, texts = [node[1][1] for node in nodes], [node[1][2] or b"" for node in nodes]
    _demand([len(one) for one in raw] == ((lengths + 1) * dtype.itemsize).tolist())
    offsets = np.frombuffer(b"".join(raw), dtype).astype(np.int64)
    stops = np.cumsum(lengths + 1)
    starts = stops - lengths - 1
    sizes = np.array([len(text) for text in texts], np.int64)
    bases = np.array([node[4] for node in nodes], np.int64)
    _demand(bool((offsets[starts] == bases).all() and (offsets[stops - 1] - bases == sizes).all()))
    steps = np.delete(np.diff(offsets), stops[:-1] - 1)
    _demand(bool((steps >= 0).all()) and (dtype.itemsize == 8 or int(sizes.sum()) < MOST))
    return [np.concatenate([[0], np.cumsum(steps)]).astype(dtype).tobytes(), b"".join(texts)]


def _views(nodes: Sequence[Node], lengths: Array, valid: Array | None) -> list[bytes]:
    """Views into one buffer instead of many."""
    raw = [node[1][1] or b"" for node in nodes]
    _demand([len(one) for one in raw] == (lengths * VIEW.itemsize).tolist())
    views = np.frombuffer(b"".join(raw), VIEW).copy()
    if valid is not None:
        views[~valid] = np.zeros((), VIEW)  # a null may point anywhere
    texts = [text or b"" for node in nodes for text in node[1][2:]]
    counts = np.array([len(node[1]) - 2 for node in nodes], np.int64)
    sizes = np.array([len(text) for text in texts], np.int64)
    _demand(int(sizes.sum()) < MOST and bool((views["size"] >= 0).all()))
    far = np.flatnonzero(views["size"] > INLINE)
    which = views["buffer"][far].astype(np.int64)
    frame = np.repeat(np.arange(len(nodes)), lengths)[far]
    _demand(bool(((which >= 0) & (which < counts[frame])).all()))
    text = (np.cumsum(counts) - counts)[frame] + which
    offsets = views["offset"][far].astype(np.int64)
    _demand(bool(((offsets >= 0) & (offsets + views["size"][far] <= sizes[text])).all()))
    views["offset"][far] = offsets + (np.cumsum(sizes) - sizes)[text]
    views["buffer"][far] = 0
    return [views.tobytes(), b"".join(texts)]


def _demand(true: bool) -> None:
    if not true:
        raise _Unmergeable
