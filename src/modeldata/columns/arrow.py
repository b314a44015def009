"""Layout "arrow": copied buffers, made arrays of again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.types as kinds

from modeldata.columns.arrow_merge import merged
from modeldata.columns.arrow_types import type_of
from modeldata.columns.values import unpacker

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from modeldata.columns.payloads import Payloads
    from modeldata.columns.typed import Values


def decode(types: list[str], extra: dict[str, Any], found: Payloads) -> list[Values]:
    """Each array is validated in full before anyone reads it: its bytes came from a file."""
    kind = type_of(extra["schema"])
    single = bool(extra["single"])
    nodes = [node for count, data in found for node in _read(data, 1 if single else count, len(types), single)]
    whole = merged(kind, nodes) if len(nodes) > 1 else None
    chunks = [build(kind, node) for node in (nodes if whole is None else [whole])]
    for chunk in chunks:
        chunk.validate(full=True)
    if single:
        one = _column(_joined(chunks, kind))
        return [_every(one, at, len(types)) for at in range(len(types))]
    if kind.num_fields != len(types):
        raise ValueError("the schema has other columns than was said")
    columns = [chunk.flatten() for chunk in chunks]
    return [_column(_joined([column[at] for column in columns], kind.field(at).type)) for at in range(len(types))]


def _read(data: memoryview, rows: int, width: int, single: bool) -> list[Sequence[Any]]:
    """The nodes of one frame. Raises ValueError where they are not exactly its rows."""
    reader = unpacker()
    reader.feed(data)
    nodes: list[Sequence[Any]] = reader.unpack()
    if reader.tell() != len(data) or sum(node[0] for node in nodes) != (width if single else rows):
        raise ValueError("a frame is not exactly its rows")
    return nodes


def build(kind: pa.DataType, node: Sequence[Any]) -> pa.Array:
    """The array of a node (see `modeldata.snapshot.arrow_copy`)."""
    length, raw, children, dictionary, base, offset = node
    if length < 0 or offset < 0 or (offset and not kinds.is_run_end_encoded(kind)):
        raise ValueError("a length or an offset that can't be")  # Arrow itself does not look
    if isinstance(kind, pa.BaseExtensionType):
        return pa.ExtensionArray.from_storage(kind, build(kind.storage_type, node))
    if kinds.is_null(kind):
        return pa.nulls(length)
    if raw[0] is not None and _has_loose_nulls(kind):
        raw = _nulls_zeroed(kind, length, raw)
    buffers = [None if one is None else pa.py_buffer(one) for one in raw]
    if dictionary is not None:
        indices = pa.Array.from_buffers(kind.index_type, length, buffers)
        indices.validate(full=True)
        values = _joined([build(kind.value_type, one) for one in dictionary], kind.value_type)
        return pa.DictionaryArray.from_arrays(indices, values, ordered=kind.ordered)
    width = _offset_width(kind)
    if width is not None:
        buffers[1] = pa.py_buffer(np.frombuffer(raw[1], f"<i{width}") - base)
    inner = [build(one, child) for one, child in zip(_children(kind), children, strict=True)]
    return pa.Array.from_buffers(kind, length, buffers, -1, offset, inner)


def _has_loose_nulls(kind: pa.DataType) -> bool:
    views = (kinds.is_string_view, kinds.is_binary_view, kinds.is_list_view, kinds.is_large_list_view)
    return any(is_view(kind) for is_view in views)


def _nulls_zeroed(kind: pa.DataType, length: int, raw: Sequence[bytes | None]) -> list[bytes | None]:
    """Null views may point anywhere. Arrow does not check where, and follows some of them all the same: they become empty."""
    valid, *rest = raw
    null = np.unpackbits(np.frombuffer(valid or b"", np.uint8), count=length, bitorder="little") == 0
    pieces = 1 if kinds.is_string_view(kind) or kinds.is_binary_view(kind) else 2
    made: list[bytes | None] = [valid]
    for buffer in rest[:pieces]:
        views = np.frombuffer(buffer or b"", np.uint8).reshape(length, -1).copy()
        views[null] = 0
        made.append(views.tobytes())
    return [*made, *rest[pieces:]]


def _offset_width(kind: pa.DataType) -> int | None:
    if kinds.is_string(kind) or kinds.is_binary(kind) or kinds.is_list(kind) or kinds.is_map(kind):
        return 4
    return 8 if kinds.is_large_string(kind) or kinds.is_large_binary(kind) or kinds.is_large_list(kind) else None


def _children(kind: pa.DataType) -> list[pa.DataType]:
    if kinds.is_map(kind):
        return [pa.struct([kind.key_field, kind.item_field])]
    if kinds.is_run_end_encoded(kind):
        return [kind.run_end_type, kind.value_type]
    return [kind.field(at).type for at in range(kind.num_fields)]


def _joined(chunks: list[pa.Array], kind: pa.DataType) -> pa.Array:
    if not chunks:
        return pa.array([], kind)
    return chunks[0] if len(chunks) == 1 else pa.concat_arrays(chunks)


def _every(values: Values, start: int, step: int) -> Values:
    if isinstance(values, list):
        return values[start::step]
    try:
        return values.take(pa.array(np.arange(start, len(values), step)))
    except pa.ArrowNotImplementedError:  # unions and others that Arrow can't pick from
        return _joined([values.slice(at, 1) for at in range(start, len(values), step)], values.type)


def _column(array: pa.Array) -> Values:
    """Text views as text: Arrow itself can do little with views. What an extension type stores; UUIDs as such."""
    kind = array.type
    if kinds.is_string_view(kind) or kinds.is_binary_view(kind):
        return _unviewed(array)
    if kinds.is_dictionary(kind):
        return pa.DictionaryArray.from_arrays(array.indices, _column(array.dictionary), ordered=kind.ordered)
    if not isinstance(array, pa.ExtensionArray):
        return array
    if kind.extension_name == "arrow.uuid":
        values: list[object] = array.to_pylist()
        return values
    return _column(array.storage.cast(pa.bool_()) if kind.extension_name == "arrow.bool8" else array.storage)


def _unviewed(array: pa.Array) -> pa.Array:
    return array.cast(pa.large_string() if kinds.is_string_view(array.type) else pa.large_binary())
