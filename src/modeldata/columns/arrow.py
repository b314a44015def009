"""Layout "arrow": copied buffers, made arrays of again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.types as kinds

from modeldata.columns.arrow_merge import merged
from modeldata.columns.arrow_types import type_of
from modeldata.columns.listed import one_by_one
from modeldata.columns.values import unpacker

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from modeldata.columns.payloads import Payloads
    from modeldata.columns.typed import Values


def decode(types: list[str], extra: dict[str, Any], payloads: Payloads) -> list[Values]:
    """Each array is validated in full before anyone reads it: its bytes came from a file."""
    kind = type_of(extra["schema"])
    single = bool(extra["single"])
    nodes = [node for count, data in payloads for node in _read(data, 1 if single else count, len(types), single)]
    whole = merged(kind, nodes) if len(nodes) > 1 else None
    checked = [_checked(kind, node) for node in (nodes if whole is None else [whole])]
    chunks, holds = [chunk for chunk, _ in checked], all(valid for _, valid in checked)
    if single:
        one = _column(chunks, kind, holds)
        return [_every(one, at, len(types)) for at in range(len(types))]
    if kind.num_fields != len(types):
        raise ValueError("the schema has other columns than was said")
    columns = [chunk.flatten() for chunk in chunks]
    return [_column([column[at] for column in columns], kind.field(at).type, holds) for at in range(len(types))]


def _checked(kind: pa.DataType, node: Sequence[Any]) -> tuple[pa.Array, bool]:
    """An array that is safe to read, and whether it holds in full. Raises ValueError where it points beyond itself.

    Values that its type does not allow (text that is not UTF-8, a time of day beyond a day) do no harm: they are kept.
    """
    array = build(kind, node)
    try:
        array.validate(full=True)
    except pa.ArrowInvalid:
        build(_as_bytes(kind), node).validate(full=True)
        return array, False
    return array, True


def _as_bytes(kind: pa.DataType) -> pa.DataType:
    """The type of the same layout that allows any value."""
    if isinstance(kind, pa.BaseExtensionType):
        return _as_bytes(kind.storage_type)
    for is_kind, plain in _LAYOUTS:
        if is_kind(kind):
            return plain
    if kinds.is_decimal(kind):
        return pa.binary(kind.bit_width // 8)
    if kinds.is_dictionary(kind):
        return pa.dictionary(kind.index_type, _as_bytes(kind.value_type), kind.ordered)
    if kinds.is_run_end_encoded(kind):
        return pa.run_end_encoded(kind.run_end_type, _as_bytes(kind.value_type))
    return _nested_as_bytes(kind)


def _nested_as_bytes(kind: pa.DataType) -> pa.DataType:
    if kinds.is_map(kind):
        return pa.map_(_as_bytes(kind.key_type), _as_bytes(kind.item_type))
    fields = [kind.field(at).with_type(_as_bytes(kind.field(at).type)) for at in range(kind.num_fields)]
    if kinds.is_struct(kind):
        return pa.struct(fields)
    if kinds.is_union(kind):
        return pa.union(fields, kind.mode, kind.type_codes)
    if kinds.is_fixed_size_list(kind):
        return pa.list_(fields[0], kind.list_size)
    for is_kind, of in _LISTS:
        if is_kind(kind):
            return of(fields[0])
    return kind


_LAYOUTS = (
    (kinds.is_string, pa.binary()),
    (kinds.is_large_string, pa.large_binary()),
    (kinds.is_string_view, pa.binary_view()),
    (kinds.is_time32, pa.int32()),
    (kinds.is_time64, pa.int64()),
    (kinds.is_date64, pa.int64()),
)
_LISTS = (
    (kinds.is_list, pa.list_),
    (kinds.is_large_list, pa.large_list),
    (kinds.is_list_view, pa.list_view),
    (kinds.is_large_list_view, pa.large_list_view),
)


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
    if not isinstance(kind, pa.BaseExtensionType) and kinds.is_dictionary(kind) != (dictionary is not None):
        raise ValueError("a dictionary where there is none, or none where there must be one")
    if isinstance(kind, pa.BaseExtensionType):
        return pa.ExtensionArray.from_storage(kind, build(kind.storage_type, node))
    if kinds.is_null(kind):
        return pa.nulls(length)
    if raw[0] is not None and _has_loose_nulls(kind):
        raw = _nulls_zeroed(kind, length, raw)
    buffers = [None if piece is None else pa.py_buffer(piece) for piece in raw]
    if dictionary is not None:
        indices = pa.Array.from_buffers(kind.index_type, length, buffers)
        indices.validate(full=True)
        values = _joined([build(kind.value_type, piece) for piece in dictionary], kind.value_type)
        return pa.DictionaryArray.from_arrays(indices, values, ordered=kind.ordered)
    width = _offset_width(kind)
    if width is not None:
        buffers[1] = pa.py_buffer(np.frombuffer(raw[1], f"<i{width}") - base)
    inner = [build(piece, child) for piece, child in zip(_children(kind), children, strict=True)]
    return pa.Array.from_buffers(kind, length, buffers, -1, offset, inner)


def _has_loose_nulls(kind: pa.DataType) -> bool:
    views = (kinds.is_string_view, kinds.is_binary_view, kinds.is_list_view, kinds.is_large_list_view)
    return any(is_view(kind) for is_view in views)


def _nulls_zeroed(kind: pa.DataType, length: int, raw: Sequence[bytes | None]) -> list[bytes | None]:
    """Null views may point anywhere. Arrow does not check where, and follows some of them all the same: they become empty."""
    valid, *rest = raw
    if length > 8 * len(valid or b""):
        raise ValueError("more rows than bits of validity")  # a few bytes must not cost gigabytes
    null = np.unpackbits(np.frombuffer(valid or b"", np.uint8), count=length, bitorder="little") == 0
    pieces = 1 if kinds.is_string_view(kind) or kinds.is_binary_view(kind) else 2
    buffers: list[bytes | None] = [valid]
    for buffer in rest[:pieces]:
        views = np.frombuffer(buffer or b"", np.uint8).reshape(length, -1).copy()
        views[null] = 0
        buffers.append(views.tobytes())
    return [*buffers, *rest[pieces:]]


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


def _column(chunks: list[pa.Array], kind: pa.DataType, holds: bool) -> Values:
    """Arrow's, or Python's values where some are none that their type allows."""
    try:
        whole = _joined(chunks, kind)
        if not holds or len(chunks) > 1:
            whole.validate(full=True)
        plain = _plain(whole)
        if plain is not whole and not isinstance(plain, list):
            plain.validate(full=True)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):  # values that their type does not allow, or that Arrow can't join
        return [value for chunk in chunks for value in one_by_one(chunk)]
    return plain


def _plain(array: pa.Array) -> Values:
    """Text views as text: Arrow itself can do little with views. What an extension type stores; UUIDs as such."""
    kind = array.type
    if kinds.is_string_view(kind) or kinds.is_binary_view(kind):
        return array.cast(pa.large_string() if kinds.is_string_view(kind) else pa.large_binary())
    if kinds.is_dictionary(kind):
        words = _plain(array.dictionary)
        if isinstance(words, list):
            return [None if at is None else words[at] for at in array.indices.to_pylist()]
        return pa.DictionaryArray.from_arrays(array.indices, words, ordered=kind.ordered)
    if not isinstance(array, pa.ExtensionArray):
        return array
    if kind.extension_name == "arrow.uuid":
        values: list[object] = array.to_pylist()
        return values
    return _plain(array.storage.cast(pa.bool_()) if kind.extension_name == "arrow.bool8" else array.storage)
