"""Lists, structs and maps with other values inside, in the same nesting. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as types

if TYPE_CHECKING:
    from collections.abc import Callable


def with_types(kind: pa.DataType, leaf: Callable[[pa.DataType], pa.DataType]) -> pa.DataType:
    """`kind` with `leaf` of each type that nests no other."""

    def inner(field: pa.Field) -> pa.Field:
        return field.with_type(with_types(field.type, leaf))

    if types.is_struct(kind):
        return pa.struct([inner(kind.field(at)) for at in range(kind.num_fields)])
    if types.is_map(kind):
        return pa.map_(inner(kind.key_field), inner(kind.item_field))
    if types.is_list(kind):
        return pa.list_(inner(kind.value_field))
    if types.is_large_list(kind):
        return pa.large_list(inner(kind.value_field))
    if types.is_fixed_size_list(kind):
        return pa.list_(inner(kind.value_field), kind.list_size)
    return leaf(kind)


def with_values(column: pa.Array, kind: pa.DataType, leaf: Callable[[pa.Array, pa.DataType], pa.Array]) -> pa.Array:
    """`column` with `leaf` of each array that nests no other. kind: its type then."""
    if types.is_struct(kind):
        fields = [with_values(column.field(at), kind.field(at).type, leaf) for at in range(kind.num_fields)]
        return pa.StructArray.from_arrays(fields, fields=list(kind), mask=column.is_null())
    if types.is_list(kind) or types.is_large_list(kind):
        values = with_values(column.flatten(), kind.value_type, leaf)
        return type(column).from_arrays(_offsets(column), values, type=kind, mask=column.is_null())
    if types.is_fixed_size_list(kind):
        size = kind.list_size
        inside = column.values.slice(column.offset * size, len(column) * size)
        return pa.FixedSizeListArray.from_arrays(with_values(inside, kind.value_type, leaf), type=kind, mask=column.is_null())
    if types.is_map(kind):
        ends = np.asarray(column.offsets)
        keys, items = (part.slice(ends[0], ends[-1] - ends[0]) for part in (column.keys, column.items))
        offsets = pa.array(ends - ends[0], pa.int32(), mask=np.append(column.is_null(), False))
        keys = with_values(keys, kind.key_type, leaf)
        return pa.MapArray.from_arrays(offsets, keys, with_values(items, kind.item_type, leaf), type=kind)
    return leaf(column, kind)


def _offsets(lists: pa.Array) -> pa.Array:
    """Where each begins in its flattened values, of which a null has none."""
    lengths = pc.fill_null(pc.list_value_length(lists), 0)
    return pa.array(np.concatenate([[0], np.cumsum(lengths)]), lengths.type)
