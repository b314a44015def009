"""numpy arrays, scalars, and what offers `__array__`. Imported only when the caller has such an object."""

from __future__ import annotations

import numpy as np

from modeldata.snapshot.foreign import RAW, as_array
from modeldata.snapshot.lists import take_lists
from modeldata.snapshot.plan import ANY, NOTHING, Plan, label, refusal, unique

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from modeldata.snapshot.plan import Shapes

    Pack = Callable[[object], bytes]
    Array = np.ndarray[Any, np.dtype[Any]]
    DType = np.dtype[Any]


class BlockPlan(Plan):
    """Rows of one dtype. `little` is the dtype on the wire where the array's own is not it."""

    __slots__ = ("little",)
    little: DType | None


def take_array(data: Array, shapes: Shapes, pack: Pack) -> tuple[Plan, int, bytes]:
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
        return plan, rows, data.tobytes() if little is None else data.astype(little).tobytes()
    except Exception as error:
        raise refusal(error, data) from error


def take_any_array(data: object, shapes: Shapes, pack: Pack) -> tuple[Plan, int, bytes]:
    """Subclasses of ndarray, numpy scalars, and whatever has `__array__`."""
    try:
        if isinstance(data, np.ma.MaskedArray):
            return _take_masked(data, shapes, pack)
        array = np.asarray(data) if isinstance(data, (np.ndarray, np.generic)) else as_array(data)
    except Exception as error:
        raise refusal(error, data) from error
    return take_array(array, shapes, pack)


def take_arrays(data: Sequence[Array], shapes: Shapes, pack: Pack) -> tuple[Plan, int, bytes] | None:
    """A list of arrays. Of one shape and dtype: the rows of one array; else rows of their values. None: 0-D ones are no rows."""
    rows = [np.asarray(row) if isinstance(row, np.matrix) else row for row in data]
    if any(row.ndim == 0 for row in rows):
        return None
    if len({(row.shape, row.dtype) for row in rows}) > 1:
        return take_lists([row.tolist() for row in rows], shapes, pack)
    if any(isinstance(row, np.ma.MaskedArray) for row in rows):
        return take_any_array(np.ma.stack(rows), shapes, pack)
    return take_array(np.stack(rows), shapes, pack)


def is_raw(dtype: DType) -> bool:
    """Is a value of this dtype its bytes, on every machine? (Not so for long double.)"""
    return dtype.kind in RAW and dtype.itemsize <= (16 if dtype.kind == "c" else 8)


def declared(dtype: DType) -> str:
    """The dtype as a column's type: stable text, whatever the byte order."""
    if is_raw(dtype):
        return dtype.newbyteorder("=").name
    return {"O": ANY, "U": "str", "T": "str", "S": "bytes", "V": ANY}.get(dtype.kind, dtype.name)


def block_plan(columns: tuple[str, ...], dtype: DType, cell: Sequence[int], shapes: Shapes) -> BlockPlan:
    """Not cached: the caller does, under its own key."""
    little = dtype.newbyteorder("<")
    kind = declared(dtype)
    for _ in cell:
        kind = f"list[{kind}]"
    extra = {"dtype": little.str, "cell": list(cell)}
    plan = BlockPlan(shapes.stream, columns, shapes.define(columns, "block", [kind] * len(columns), extra))
    plan.little = None if little == dtype else little
    return plan


def _take_new(data: Array, rows: int, cells: tuple[int, ...], shapes: Shapes, pack: Pack) -> tuple[Plan, int, bytes]:
    """A dtype or width not met before, or a dtype whose bytes are not its value."""
    dtype = data.dtype
    if rows == 0 or cells[0] == 0:
        return NOTHING
    if dtype.names is not None:
        return _take_records(np.atleast_1d(data), shapes, pack)
    if not is_raw(dtype):
        return _take_values(data, rows, cells, shapes, pack)
    shapes.blocks[dtype, cells] = block_plan(shapes.positional(cells[0]), dtype, cells[1:], shapes)
    return take_array(data, shapes, pack)


def _take_values(data: Array, rows: int, cells: tuple[int, ...], shapes: Shapes, pack: Pack) -> tuple[Plan, int, bytes]:
    """Objects, strings, bytes, long doubles: value by value."""
    single = data.ndim < 2
    values = data.tolist() if data.ndim else [data.tolist()]
    kind = ANY if len(cells) > 1 else declared(data.dtype)
    return values_plan(cells[0], kind, single, shapes), rows, pack(values)


def values_plan(count: int, kind: str, single: bool, shapes: Shapes) -> Plan:
    """Plain rows, all of whose columns are declared to be of one type."""
    if kind == ANY:
        return shapes.row_plan(count, single)
    key = ("values", kind, count, single)
    plan = shapes.others.get(key)
    if plan is None:
        columns = shapes.positional(count)
        plan = shapes.others[key] = shapes.plan(columns, "rows", [kind] * count, {"single": single})
    return plan


def _take_masked(data: np.ma.MaskedArray[Any, Any], shapes: Shapes, pack: Pack) -> tuple[Plan, int, bytes]:
    """What is masked is null."""
    if data.dtype.names is not None or data.ndim > 2 or not is_raw(data.dtype):
        return take_array(_unmasked(data), shapes, pack)
    table = np.atleast_2d(np.asarray(data.data))
    rows, count = table.shape
    if rows == 0 or count == 0:
        return NOTHING
    little = data.dtype.newbyteorder("<")
    key = ("masked", little, count)
    plan = shapes.others.get(key)
    if plan is None:
        part = {"dtype": little.str, "columns": list(range(count)), "mask": True}
        extra = {"parts": [part], "objects": []}
        plan = shapes.plan(shapes.positional(count), "frame", [declared(little)] * count, extra)
        shapes.others[key] = plan
    mask = np.atleast_2d(np.ma.getmaskarray(data))
    return plan, rows, table.T.astype(little).tobytes() + mask.T.tobytes()


def _unmasked(data: np.ma.MaskedArray[Any, Any]) -> Array:
    """The same as objects, None where it is masked."""
    if data.dtype.names is None:
        objects = np.asarray(data.data).astype(object)
        objects[np.ma.getmaskarray(data)] = None
        return objects
    fields = np.dtype([(name, object) for name in data.dtype.names])
    records = np.empty(data.shape, fields)
    for name in data.dtype.names:
        records[name] = _unmasked(data[name])
    return records


def _take_records(data: Array, shapes: Shapes, pack: Pack) -> tuple[Plan, int, bytes]:
    """A structured array: a row per record, a column per field. Strings, objects and nested fields go value by value."""
    assert data.dtype.names is not None
    fields = [data[name] for name in data.dtype.names]
    raw = [field.ndim == 1 and is_raw(field.dtype) and field.dtype.names is None for field in fields]
    key = ("records", data.dtype, data.shape[1:])
    plan = shapes.others.get(key)
    if plan is None:
        parts = [
            {"dtype": field.dtype.newbyteorder("<").str, "columns": [at], "mask": False}
            for at, field in enumerate(fields)
            if raw[at]
        ]
        extra = {"parts": parts, "objects": [at for at, plain in enumerate(raw) if not plain]}
        types = [declared(field.dtype) if field.ndim == 1 else ANY for field in fields]
        plan = shapes.plan(unique(map(label, data.dtype.names)), "frame", types, extra)
        shapes.others[key] = plan
    pieces = [field.astype(field.dtype.newbyteorder("<")).tobytes() for field, plain in zip(fields, raw, strict=True) if plain]
    if not all(raw):
        pieces.append(pack([field.tolist() for field, plain in zip(fields, raw, strict=True) if not plain]))
    return plan, len(data), b"".join(pieces)
