"""numpy arrays, scalars, and what offers `__array__`. Imported only when the caller has such an object."""

from __future__ import annotations

from math import prod

import numpy as np

from modeldata.format import wire
from modeldata.snapshot.numpy_values import as_array, objects_of, unmasked, wire_dtype
from modeldata.snapshot.schema import ANY, NOTHING, RefusedData, Schema, label, refusal, unique

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from modeldata.snapshot.schema import Captured, Input, Pack, SchemaCache

    Array = np.ndarray[Any, np.dtype[Any]]
    DType = np.dtype[Any]


class BlockSchema(Schema):
    """Rows of one dtype. `little` is the dtype on the wire where the array's own is not it; `row_bytes` are those of one row."""

    __slots__ = ("little", "row_bytes")
    little: DType | None
    row_bytes: int


def capture_array(data: Array, shapes: SchemaCache, pack: Pack) -> Captured:
    """0-D and 1-D: one row. 2-D: its rows. More: rows whose cells are nested lists. Records: a column per field.

    Any dtype, byte order and memory order; the stored bytes are little-endian and in C order.
    """
    try:
        shape = data.shape
        if len(shape) >= 2:
            rows, cells = shape[0], shape[1:]
        else:
            rows, cells = 1, shape or (1,)
        plan = shapes.blocks.get((data.dtype, cells))
        if plan is None:
            return _take_new(data, rows, cells, shapes, pack)
        if rows == 0:
            return NOTHING
        little = plan.little
        taken = data.tobytes() if little is None else data.astype(little).tobytes()
        if len(taken) != rows * plan.row_bytes:  # another thread has resized it: a copy of our own stays as it is
            return capture_array(np.array(data), shapes, pack)
        return plan, rows, taken
    except Exception as error:
        raise refusal(error, data) from error


def capture_any_array(data: object, shapes: SchemaCache, pack: Pack) -> Captured:
    """Subclasses of ndarray, numpy scalars, and whatever has `__array__`."""
    try:
        if isinstance(data, np.ma.MaskedArray):
            return _take_masked(data, shapes, pack)
        array = np.asarray(data) if isinstance(data, (np.ndarray, np.generic)) else as_array(data)
    except Exception as error:
        raise refusal(error, data) from error
    return capture_array(array, shapes, pack)


def stacked(data: Sequence[Array]) -> Array | list[list[object]] | None:
    """One array of rows, where all have one shape and dtype; else rows of their values. None: 0-D arrays are no rows."""
    rows = [row if isinstance(row, np.ma.MaskedArray) else np.asarray(row) for row in data]
    if any(row.ndim == 0 for row in rows):
        return None
    if len({(row.shape, row.dtype) for row in rows}) > 1:
        return [list(unmasked(row) if isinstance(row, np.ma.MaskedArray) else row) for row in rows]
    stack = np.ma.stack if any(isinstance(row, np.ma.MaskedArray) for row in rows) else np.stack
    array: Array = stack(rows)
    return array


def raw_dtype(dtype: DType) -> DType | None:
    """The dtype on the wire, if a value of it is its bytes on every machine. (Not so for long double.)"""
    wire = wire_dtype(dtype)
    return None if wire is None or wire.itemsize > (16 if wire.kind == "c" else 8) else wire


def declared(dtype: DType) -> str:
    """The dtype as a column's type: stable text, whatever the byte order."""
    raw = raw_dtype(dtype)
    if raw is not None:
        return raw.newbyteorder("=").name
    return {"g": dtype.name, "G": dtype.name, "U": "str", "T": "str", "S": "bytes"}.get(
        dtype.char if dtype.kind in "fc" else dtype.kind, ANY
    )


def block_plan(columns: tuple[str, ...], dtype: DType, cell: Sequence[int], shapes: SchemaCache) -> BlockSchema:
    """Of a dtype that is raw. Not cached: the caller does, under its own key."""
    little = raw_dtype(dtype)
    assert little is not None
    kind = declared(dtype)
    for _ in cell:
        kind = f"list[{kind}]"
    extra = {"dtype": little.str, "cell": list(cell)}
    plan = BlockSchema(shapes.stream, columns, shapes.define(columns, "block", [kind] * len(columns), extra))
    plan.little = None if little == dtype else little
    plan.row_bytes = little.itemsize * len(columns) * prod(cell)
    return plan


def _take_new(data: Array, rows: int, cells: tuple[int, ...], shapes: SchemaCache, pack: Pack) -> Captured:
    """A dtype or width not met before, or a dtype whose bytes are not its value."""
    dtype = data.dtype
    if rows == 0 or cells[0] == 0:
        return NOTHING
    if dtype.names is not None:
        return _take_records(np.atleast_1d(data), shapes, pack)
    if raw_dtype(dtype) is None:
        return _take_values(data, rows, cells, shapes, pack)
    shapes.blocks[dtype, cells] = block_plan(shapes.positional(cells[0]), dtype, cells[1:], shapes)
    return capture_array(data, shapes, pack)


def _take_values(data: Array, rows: int, cells: tuple[int, ...], shapes: SchemaCache, pack: Pack) -> Captured:
    """Objects, strings, bytes, long doubles: value by value."""
    data = np.array(data)  # a copy: another thread may give it another shape
    if data.shape != ((rows, *cells) if data.ndim >= 2 else cells if data.ndim else ()):
        return capture_array(data, shapes, pack)
    single = data.ndim < 2
    values = data.tolist() if data.ndim else [data.tolist()]
    kind = ANY if len(cells) > 1 else declared(data.dtype)
    return values_plan(cells[0], kind, single, shapes), rows, pack(values)


def values_plan(count: int, kind: str, single: bool, shapes: SchemaCache) -> Schema:
    """Plain rows, all of whose columns are declared to be of one type."""
    if kind == ANY:
        return shapes.row_plan(count, single)
    key = ("values", kind, count, single)
    plan = shapes.others.get(key)
    if plan is None:
        columns = shapes.positional(count)
        plan = shapes.others[key] = shapes.plan(columns, wire.ROWS, [kind] * count, {"single": single})
    return plan


def _take_masked(data: np.ma.MaskedArray[Any, Any], shapes: SchemaCache, pack: Pack) -> Captured:
    """What is masked is null."""
    little = raw_dtype(data.dtype)
    if little is None or data.ndim > 2:
        return capture_array(unmasked(data), shapes, pack)
    table, mask = np.atleast_2d(np.array(data.data)), np.atleast_2d(np.array(np.ma.getmaskarray(data)))
    rows, count = table.shape
    if rows == 0 or count == 0:
        return NOTHING
    if mask.shape != table.shape:
        raise RefusedData("invalid_data", "a masked array was given another shape while it was taken")
    key = ("masked", little, count)
    plan = shapes.others.get(key)
    if plan is None:
        part = {"dtype": little.str, "columns": list(range(count)), "mask": True}
        extra = {"parts": [part], "objects": []}
        plan = shapes.plan(shapes.positional(count), wire.FRAME, [declared(little)] * count, extra)
        shapes.others[key] = plan
    return plan, rows, table.T.astype(little).tobytes() + mask.T.tobytes()


def _take_records(data: Array, shapes: SchemaCache, pack: Pack) -> Captured:
    """A structured array: a row per record, a column per field. Strings, objects and nested fields go value by value."""
    data = np.array(data)  # a copy: another thread may give it another shape
    names = data.dtype.names or ()
    fields = [data[name] for name in names]
    raw = [raw_dtype(field.dtype) if field.ndim == 1 else None for field in fields]
    key = ("records", data.dtype, data.shape[1:])
    plan = shapes.others.get(key)
    if plan is None:
        parts = [{"dtype": dtype.str, "columns": [at], "mask": False} for at, dtype in enumerate(raw) if dtype is not None]
        extra = {"parts": parts, "objects": [at for at, dtype in enumerate(raw) if dtype is None]}
        types = [declared(field.dtype) if field.ndim == 1 else ANY for field in fields]
        plan = shapes.plan(unique(map(label, names)), wire.FRAME, types, extra)
        shapes.others[key] = plan
    pieces = [field.astype(dtype).tobytes() for field, dtype in zip(fields, raw, strict=True) if dtype is not None]
    if any(dtype is None for dtype in raw):
        pieces.append(pack([_listed(field) for field, dtype in zip(fields, raw, strict=True) if dtype is None]))
    return plan, len(data), b"".join(pieces)


def _listed(field: Array) -> list[object]:
    values: list[object] = (objects_of(field) if field.dtype.kind in "mM" else field).tolist()
    return values


def input_of(cls: type) -> Input | None:
    """See `libraries.input_of`."""
    if cls is np.ndarray:
        return capture_array, np.asarray
    if issubclass(cls, np.ndarray):
        return capture_any_array, np.asarray
    if issubclass(cls, np.generic):
        return capture_any_array, _record if issubclass(cls, np.void) else None
    return None


def _record(value: np.void) -> object:
    return {name: value[name] for name in value.dtype.names} if value.dtype.names else value
