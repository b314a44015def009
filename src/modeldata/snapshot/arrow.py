"""Whatever speaks the Arrow PyCapsule protocol: polars, pyarrow, duckdb relations and others.

They hand out their memory through C structs; we copy what the rows need. Neither pyarrow nor polars is imported: importing
pyarrow costs a service 400 ms, and nothing smaller writes all of Arrow's types.
"""

from __future__ import annotations

from ctypes import (
    CFUNCTYPE,
    PYFUNCTYPE,
    addressof,
    c_char_p,
    c_int,
    c_void_p,
    create_string_buffer,
    py_object,
    pythonapi,
    string_at,
)
from struct import Struct

from modeldata.format import wire
from modeldata.snapshot.arrow_copy import ARROW_ARRAY, copy, length_of
from modeldata.snapshot.arrow_schema import ARROW_SCHEMA, read_schema, text_of
from modeldata.snapshot.schema import NOTHING, RefusedData, Schema, refusal, unique

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from modeldata.snapshot.arrow_copy import Node
    from modeldata.snapshot.arrow_schema import Tree
    from modeldata.snapshot.schema import Captured, Pack, SchemaCache


_STREAM = Struct("@PPPPP")
"""get arrow_schema, get next, get last error, release, private data."""

# A prototype of our own: attributes of `pythonapi.PyCapsule_GetPointer` itself are shared with every other library.
_pointer = PYFUNCTYPE(c_void_p, py_object, c_char_p)(("PyCapsule_GetPointer", pythonapi))
_get = CFUNCTYPE(c_int, c_void_p, c_void_p)
_last_error = CFUNCTYPE(c_char_p, c_void_p)
_release = CFUNCTYPE(None, c_void_p)


def capture_arrow(data: Any, schemas: SchemaCache, pack: Pack) -> Captured:
    """Tables, record batches and arrays of structs: their rows. A plain array or series: one row."""
    try:
        tree, chunks, count = _from_array(data) if hasattr(type(data), "__arrow_c_array__") else _from_stream(data)
        single = tree[0] != "+s" or tree[5] is not None
        if count == 0 or not (single or tree[4]):
            return NOTHING
        if type(data).__module__.startswith("polars.") and _has_pointers(tree):
            raise RefusedData("unsupported_type", "polars gives only the addresses of Python objects, not their values")
        width = count if single else None
        schema = schemas.cached(("arrow", tree, width), lambda: _schema(tree, width, schemas))
        return schema, 1 if single else count, pack(chunks)
    except Exception as error:
        raise refusal(error, data) from error
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # what Rust libraries raise when they give up: no wish to exit
            raise
        raise RefusedData("invalid_data", f"its Arrow stream failed: {error}") from error


def _has_pointers(tree: Tree) -> bool:
    """polars has no type of fixed-size bytes: where one shows up, it is a column of objects."""
    return tree[0].startswith("w:") or any(map(_has_pointers, tree[4]))


def _schema(tree: Tree, width: int | None, schemas: SchemaCache) -> Schema:
    """`width` is the number of values in a row that has no columns of its own."""
    if width is None:
        columns = unique([field[1] for field in tree[4]])
        types = [f"arrow:{text_of(field)}" for field in tree[4]]
    else:
        columns = schemas.positional(width)
        types = [f"arrow:{text_of(tree)}"] * width
    return schemas.new(columns, wire.ARROW, types, {"schema": tree, "single": width is not None})


def _from_array(data: Any) -> tuple[Tree, list[Node], int]:
    """The capsules own what they point to, and let go of it when this returns."""
    arrow_schema, array = data.__arrow_c_array__()
    tree = read_schema(_address(arrow_schema, b"arrow_schema"))
    address = _address(array, b"arrow_array")
    length = length_of(address)
    return tree, [copy(tree, address, 0, length)], length


def _from_stream(data: Any) -> tuple[Tree, list[Node], int]:
    capsule = data.__arrow_c_stream__()
    stream = _address(capsule, b"arrow_array_stream")
    get_schema, get_next, last_error, _, _ = _STREAM.unpack(string_at(stream, _STREAM.size))
    arrow_schema = create_string_buffer(ARROW_SCHEMA.size)
    _check(_get(get_schema)(stream, addressof(arrow_schema)), stream, last_error)
    try:
        tree = read_schema(addressof(arrow_schema))
    finally:
        _let_go(arrow_schema, ARROW_SCHEMA)
    nodes: list[Node] = []
    total = 0
    array = create_string_buffer(ARROW_ARRAY.size)
    while True:
        _check(_get(get_next)(stream, addressof(array)), stream, last_error)
        if not ARROW_ARRAY.unpack(array)[-2]:
            return tree, nodes, total
        try:
            length = length_of(addressof(array))
            if length:
                nodes.append(copy(tree, addressof(array), 0, length))
                total += length
        finally:
            _let_go(array, ARROW_ARRAY)


def _address(capsule: object, name: bytes) -> int:
    address = _pointer(capsule, name)
    if not address:
        raise RefusedData("invalid_data", "an Arrow capsule without content")
    return int(address)


def _check(status: int, stream: int, last_error: int) -> None:
    if status:
        text = _last_error(last_error)(stream) if last_error else None
        raise RefusedData("invalid_data", f"its Arrow stream failed: {(text or b'').decode('utf-8', 'replace') or status}")


def _let_go(struct: Any, layout: Struct) -> None:
    """Whoever takes a struct out of a stream has to release it."""
    release = layout.unpack(struct)[-2]
    if release:
        _release(release)(addressof(struct))
