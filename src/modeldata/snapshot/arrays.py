"""numpy arrays, scalars, and what offers `__array__`. Imported only when the caller has such an object."""

from __future__ import annotations

from math import prod

import numpy as np

from modeldata.format import wire
from modeldata.native import accelerator
from modeldata.snapshot.numpy_values import as_array, objects_of, unmasked, wire_dtype
from modeldata.snapshot.schema import ANY, NOTHING, RefusedData, Schema, label, refusal, unique

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from modeldata.snapshot.numpy_values import Array, DType
    from modeldata.snapshot.schema import Captured, Input, Pack, SchemaCache


class BlockSchema(Schema):
    """Rows of one dtype. `little` is the dtype on the wire where the array's own is not it; `row_bytes` are those of one row."""

    __slots__ = ("little", "row_bytes")
    little: DType | None
    row_bytes: int


if accelerator is not None:
    accelerator.know_arrays(np.ndarray, BlockSchema)


def capture_array(data: Array, schemas: SchemaCache, pack: Pack) -> Captured:
    """0-D and 1-D: one row. 2-D: its rows. More: rows with nested lists as cells. Records: a column per field.

    Any dtype, byte order and memory order; the stored bytes are little-endian and in C order.
    """
    try:
        shape = data.shape
        if len(shape) >= 2:
            rows, cells = shape[0], shape[1:]
        else:
            rows, cells = 1, shape or (1,)
        schema = schemas.blocks.get((data.dtype, cells))
        if schema is None:
            return _capture_new(data, rows, cells, schemas, pack)
        if rows == 0:
            return NOTHING
        little = schema.little
        captured = data.tobytes() if little is None else data.astype(little).tobytes()
        if len(captured) != rows * schema.row_bytes:  # another thread has resized it: a copy of our own stays as it is
            return capture_array(np.array(data), schemas, pack)
        return schema, rows, captured
    except Exception as error:
        raise refusal(error, data) from error


def capture_any_array(data: object, schemas: SchemaCache, pack: Pack) -> Captured:
    """Subclasses of ndarray, numpy scalars, and whatever has `__array__`."""
    try:
        if isinstance(data, np.ma.MaskedArray):
            return _capture_masked(data, schemas, pack)
        array = np.asarray(data) if isinstance(data, (np.ndarray, np.generic)) else as_array(data)
    except Exception as error:
        raise refusal(error, data) from error
    return capture_array(array, schemas, pack)


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
    raw = wire_dtype(dtype)
    return None if raw is None or raw.itemsize > (16 if raw.kind == "c" else 8) else raw


def declared_type_of(dtype: DType) -> str:
    """The dtype as a column's type: stable text, whatever the byte order."""
    raw = raw_dtype(dtype)
    if raw is not None:
        return raw.newbyteorder("=").name
    return {"g": dtype.name, "G": dtype.name, "U": "str", "T": "str", "S": "bytes"}.get(
        dtype.char if dtype.kind in "fc" else dtype.kind, ANY
    )


def block_schema(columns: tuple[str, ...], dtype: DType, cell: Sequence[int], schemas: SchemaCache) -> BlockSchema:
    """Of a dtype that is raw. Not cached: the caller does, under its own key."""
    little = raw_dtype(dtype)
    assert little is not None
    declared_type = declared_type_of(dtype)
    for _ in cell:
        declared_type = f"list[{declared_type}]"
    extra = {"dtype": little.str, "cell": list(cell)}
    schema = BlockSchema(schemas.stream, columns, schemas.define(columns, wire.BLOCK, [declared_type] * len(columns), extra))
    schema.little = None if little == dtype else little
    schema.row_bytes = little.itemsize * len(columns) * prod(cell)
    return schema


def _capture_new(data: Array, rows: int, cells: tuple[int, ...], schemas: SchemaCache, pack: Pack) -> Captured:
    """A dtype or width not met before, or a dtype where the bytes are not the value."""
    dtype = data.dtype
    if rows == 0 or cells[0] == 0:
        return NOTHING
    if dtype.names is not None:
        return _capture_structured(np.atleast_1d(data), schemas, pack)
    if raw_dtype(dtype) is None:
        return _capture_values(data, rows, cells, schemas, pack)
    schemas.blocks[dtype, cells] = block_schema(schemas.positional(cells[0]), dtype, cells[1:], schemas)
    return capture_array(data, schemas, pack)


def _capture_values(data: Array, rows: int, cells: tuple[int, ...], schemas: SchemaCache, pack: Pack) -> Captured:
    """Objects, strings, bytes, long doubles: value by value."""
    data = np.array(data)  # a copy: another thread may give it another shape
    if data.shape != ((rows, *cells) if data.ndim >= 2 else cells if data.ndim else ()):
        return capture_array(data, schemas, pack)
    single = data.ndim < 2
    values = data.tolist() if data.ndim else [data.tolist()]
    declared_type = ANY if len(cells) > 1 else declared_type_of(data.dtype)
    return _values_schema(cells[0], declared_type, single, schemas), rows, pack(values)


def _values_schema(count: int, declared_type: str, single: bool, schemas: SchemaCache) -> Schema:
    """Plain rows: all columns are declared to be of one type."""
    if declared_type == ANY:
        return schemas.row_schema(count, single)
    return schemas.cached(
        ("values", declared_type, count, single),
        lambda: schemas.new(schemas.positional(count), wire.ROWS, [declared_type] * count, {"single": single}),
    )


def _capture_masked(data: np.ma.MaskedArray[Any, Any], schemas: SchemaCache, pack: Pack) -> Captured:
    """What is masked is null."""
    little = raw_dtype(data.dtype)
    if little is None or data.ndim > 2:
        return capture_array(unmasked(data), schemas, pack)
    table, mask = np.atleast_2d(np.array(data.data)), np.atleast_2d(np.array(np.ma.getmaskarray(data)))
    rows, count = table.shape
    if rows == 0 or count == 0:
        return NOTHING
    if mask.shape != table.shape:
        raise RefusedData("invalid_data", "a masked array was given another shape while it was captured")
    extra = {"parts": [{"dtype": little.str, "columns": list(range(count)), "mask": True}], "objects": []}
    types = [declared_type_of(little)] * count
    schema = schemas.cached(("masked", little, count), lambda: schemas.new(schemas.positional(count), wire.FRAME, types, extra))
    return schema, rows, table.T.astype(little).tobytes() + mask.T.tobytes()


def _capture_structured(data: Array, schemas: SchemaCache, pack: Pack) -> Captured:
    """A structured array: a row per record, a column per field. Strings, objects and nested fields go value by value."""
    data = np.array(data)  # a copy: another thread may give it another shape
    names = data.dtype.names or ()
    fields = [data[name] for name in names]
    raw = [raw_dtype(field.dtype) if field.ndim == 1 else None for field in fields]
    schema = schemas.cached(("records", data.dtype, data.shape[1:]), lambda: _structured_schema(fields, raw, names, schemas))
    buffers = [field.astype(dtype).tobytes() for field, dtype in zip(fields, raw, strict=True) if dtype is not None]
    if any(dtype is None for dtype in raw):
        buffers.append(pack([_listed(field) for field, dtype in zip(fields, raw, strict=True) if dtype is None]))
    return schema, len(data), b"".join(buffers)


def _structured_schema(fields: list[Array], raw: list[DType | None], names: tuple[str, ...], schemas: SchemaCache) -> Schema:
    parts = [{"dtype": dtype.str, "columns": [at], "mask": False} for at, dtype in enumerate(raw) if dtype is not None]
    extra = {"parts": parts, "objects": [at for at, dtype in enumerate(raw) if dtype is None]}
    types = [declared_type_of(field.dtype) if field.ndim == 1 else ANY for field in fields]
    return schemas.new(unique(map(label, names)), wire.FRAME, types, extra)


def _listed(field: Array) -> list[object]:
    values: list[object] = (objects_of(field) if field.dtype.kind in "mM" else field).tolist()
    return values


def input_of(cls: type) -> Input | None:
    """See `libraries.input_of`."""
    if issubclass(cls, np.ndarray):
        return capture_array if cls is np.ndarray else capture_any_array, _array
    if issubclass(cls, np.generic):
        return capture_any_array, _record if issubclass(cls, np.void) else None
    return None


def _array(value: Array) -> Array:
    return value


def _record(value: np.void) -> object:
    return {name: value[name] for name in value.dtype.names} if value.dtype.names else value
