"""Rows of any format → Arrow columns: a part of a file, as its format opens it, with what the manifest says of its values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.types as types

from modeldata.columns import ABSENT
from modeldata.columns.python import NO_VALUE, python_values
from modeldata.encode import ALL_ROWS, WrongRows, format_of
from modeldata.encode.kinds import split
from modeldata.encode.restore import readable_column
from modeldata.format import names
from modeldata.read.chunks import OWN_TYPES, numbers
from modeldata.read.convert import from_arrow, from_text, from_values, plain
from modeldata.read.forms import TEXT, column_type, value_type

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from modeldata.encode import Cells, Part, Source
    from modeldata.read.chunks import Chunk

NAIVE = pa.timestamp("us")
FROM_MANIFEST = (names.WRITER, names.SEQUENCE, names.ROW)
"""Columns that come from the manifest where a format does not have them."""
STORED = {**OWN_TYPES, names.TIMESTAMP: NAIVE}
"""Our own columns as text has them."""


class Misfit(Exception):
    """Values of `column` are not of the type that was asked for; `found` holds them."""

    def __init__(self, column: str, found: pa.DataType) -> None:
        super().__init__(column)
        self.column = column
        self.found = found


def parts(
    chunk: Chunk, source: Source, may_hold: Callable[[int, int], bool] | None = None, most: int = ALL_ROWS
) -> Iterator[Part]:
    """All parts of a chunk, as `FileFormat.parts`. Raises `WrongRows`."""
    return format_of(chunk.format).parts(source, chunk.columns, chunk.rows, may_hold=may_hold, most=most)


def whole(chunk: Chunk, source: Source) -> Part:
    """All rows of a chunk at once. Raises `WrongRows`."""
    (part,) = parts(chunk, source)
    return part


def table(part: Part, chunk: Chunk, schema: pa.Schema) -> pa.Table:
    """The columns of `schema` that the part has, of these types. Raises `Misfit`, `WrongRows`."""
    stored = format_of(chunk.format).own_columns
    kinds = {name: STORED[name] for name in schema.names if name in stored}
    kinds |= {name: natural(chunk, name, schema.field(name).type) for name in schema.names if name in chunk.types}
    try:
        columns = dict(part.columns(kinds))
    except pa.ArrowException:
        columns = {name: _by_value(part, chunk, name, schema.field(name).type) for name in kinds}
    else:
        columns = {name: _fitting(part, chunk, name, cells, schema.field(name).type) for name, cells in columns.items()}
    if any(len(values) != part.rows for values in columns.values()):
        raise WrongRows
    if any(name in schema.names and name not in stored for name in FROM_MANIFEST):
        if any(batch.line.entry.is_miscounted for batch in chunk.batches):
            raise WrongRows
        three = dict(zip(FROM_MANIFEST, numbers(chunk.batches), strict=True))
        columns |= {name: values for name, values in three.items() if name in schema.names}
    return pa.table(columns)


def natural(chunk: Chunk, column: str, target: pa.DataType) -> pa.DataType:
    """The type that Arrow's parser gets for a feature: text where the manifest leaves it open, or Arrow can't make it."""
    kinds = chunk.kinds_of(column)
    if isinstance(kinds, list):
        return TEXT
    if kinds == "int" and types.is_integer(target):
        return target
    kind = column_type(chunk.types[column], kinds)
    return kind if kind is not None and plain(kind) else TEXT


def kinds_of(part: Part, chunk: Chunk, column: str) -> Any:
    """What the manifest says of the kinds of a column in a part."""
    kinds = chunk.kinds_of(column)
    if not isinstance(kinds, list) or part.rows == chunk.rows:
        return kinds
    return split(split({column: kinds}, part.first)[1], part.rows)[0][column]


def values(part: Part, chunk: Chunk, columns: Sequence[str]) -> dict[str, list[object]]:
    """The values that were collected; `ABSENT` where a row had none. Raises `WrongRows`."""
    cells = part.cells(columns)
    return {name: readable_column(cells[name], chunk.types[name], kinds_of(part, chunk, name)) for name in columns}


def present(column: Sequence[object]) -> list[object]:
    """The same with None where a row had no value."""
    return [None if value is ABSENT else value for value in column]


def _by_value(part: Part, chunk: Chunk, name: str, target: pa.DataType) -> pa.Array | pa.ChunkedArray:
    if name in chunk.types:
        return _fitted(name, present(values(part, chunk, [name])[name]), target)
    is_time = name == names.TIMESTAMP
    cells = pa.array(present(part.cells([name])[name]), TEXT if is_time else OWN_TYPES[name])
    return cells.cast(NAIVE).cast(OWN_TYPES[name]) if is_time else cells


def _fitting(part: Part, chunk: Chunk, name: str, cells: Cells, target: pa.DataType) -> pa.Array | pa.ChunkedArray:
    if name not in chunk.types:
        return cells.cast(OWN_TYPES[name])
    declared, kinds = chunk.types[name], kinds_of(part, chunk, name)
    text = types.is_string(cells.type)
    if not (part.typed and text and types.is_string(target) and is_json(kinds)):
        try:
            return (from_text if text else from_arrow)(cells, declared, kinds, target)
        except NO_VALUE:
            pass  # value by value, then
    return _fitted(name, readable_column(python_values(cells), declared, kinds), target)


def _fitted(name: str, column: list[object], target: pa.DataType) -> pa.Array:
    """Python values as a column of a type; as text, they always fit. Raises `Misfit`."""
    try:
        return from_values(column, target)
    except NO_VALUE:
        raise Misfit(name, value_type(column)) from None


def is_json(kinds: Any) -> bool:
    """JSON text, which a value of another kind than text is in a typed file where others in its column are of yet another."""
    each = [kind for kind, _ in kinds] if isinstance(kinds, list) else [kinds]
    return any(kind == "json" or (isinstance(kind, dict) and "json" in kind) for kind in each)
