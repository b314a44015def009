"""Rows of CSV and JSON lines → Arrow columns, by Arrow's own parsers; only what those can't read goes line by line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeAlias

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.json as pa_json
import pyarrow.types as types

from modeldata.columns.python import NO_VALUE, python_values
from modeldata.encode.restore import readable_column
from modeldata.format import names
from modeldata.read.chunks import OWN_TYPES, numbers
from modeldata.read.convert import from_arrow, from_text, from_values, plain
from modeldata.read.forms import TEXT, told_type, value_type

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modeldata.read.chunks import Chunk

    Column: TypeAlias = pa.Array | pa.ChunkedArray

IN_CSV = (names.TIMESTAMP, names.CORRELATION, names.REQUEST)
BLOCK = 1 << 20
NAIVE = pa.timestamp("us")


class Misfit(Exception):
    """Values of `column` are not of the type that was asked for; `found` holds them."""

    def __init__(self, column: str, found: pa.DataType) -> None:
        super().__init__(column)
        self.column = column
        self.found = found


class WrongRows(Exception):
    """There are other rows than the manifest tells of."""


def table(chunk: Chunk, data: memoryview, schema: pa.Schema) -> pa.Table:
    """The columns of `schema` that the chunk has, of these types. Raises `Misfit`, `WrongRows`."""
    made = _csv(chunk, data, schema) if chunk.format == "csv" else _json(chunk, data, schema)
    if any(len(column) != chunk.rows for column in made.values()):
        raise WrongRows
    return pa.table(made)


def natural(chunk: Chunk, column: str, target: pa.DataType) -> pa.DataType:
    """The type that Arrow's parser is told for a feature: text where the manifest leaves it open, or Arrow can't make it."""
    told = chunk.told(column)
    if isinstance(told, list):
        return TEXT
    if told == "int" and types.is_integer(target):
        return target
    kind = told_type(chunk.types[column], told)
    return kind if kind is not None and plain(kind) else TEXT


def _wanted(chunk: Chunk, schema: pa.Schema) -> list[str]:
    return [name for name in schema.names if name in chunk.types]


def _csv(chunk: Chunk, data: memoryview, schema: pa.Schema) -> dict[str, Column]:
    features = _wanted(chunk, schema)
    own = [name for name in IN_CSV if name in schema.names]
    kinds = {name: natural(chunk, name, schema.field(name).type) for name in features}
    kinds |= {name: NAIVE if name == names.TIMESTAMP else TEXT for name in own}
    found: dict[str, Column] = {}
    if kinds:
        try:
            found = _parsed_csv(chunk, data, kinds)
        except pa.ArrowInvalid:
            kinds = {name: kind if name in own else TEXT for name, kind in kinds.items()}
            found = _parsed_csv(chunk, data, kinds)
    made = {name: _fit(chunk, name, found[name], schema.field(name).type) for name in features}
    made |= {name: found[name].cast(OWN_TYPES[name]) for name in own}
    if any(name in schema.names for name in (names.WRITER, names.SEQUENCE, names.ROW)):
        three = dict(zip((names.WRITER, names.SEQUENCE, names.ROW), numbers(chunk.batches), strict=True))
        made |= {name: values for name, values in three.items() if name in schema.names}
    return made


def _parsed_csv(chunk: Chunk, data: memoryview, kinds: dict[str, pa.DataType]) -> dict[str, Column]:
    header = [*IN_CSV, *chunk.columns]
    labels = {name: str(at) for at, name in enumerate(header)}
    content = pa.py_buffer(data)
    one_line_each = bytes(data).count(b"\n") == chunk.rows
    found = pa_csv.read_csv(
        pa.BufferReader(content),
        read_options=pa_csv.ReadOptions(column_names=list(labels.values()), block_size=BLOCK if one_line_each else len(data) + 1),
        parse_options=pa_csv.ParseOptions(newlines_in_values=not one_line_each, ignore_empty_lines=False),
        convert_options=pa_csv.ConvertOptions(
            column_types={labels[name]: kind for name, kind in kinds.items()},
            include_columns=[labels[name] for name in kinds],
            null_values=[""],
            true_values=["True"],
            false_values=["False"],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )
    return {name: found.column(labels[name]) for name in kinds}


def csv_cells(chunk: Chunk, data: memoryview, columns: Sequence[str]) -> dict[str, list[object]]:
    """The text of every cell; None where it is empty and not quoted."""
    found = _parsed_csv(chunk, data, dict.fromkeys(columns, TEXT))
    return {name: values.to_pylist() for name, values in found.items()}


def _fit(chunk: Chunk, name: str, cells: Column, target: pa.DataType) -> Column:
    declared, told = chunk.types[name], chunk.told(name)
    try:
        turn = from_text if types.is_string(cells.type) else from_arrow
        return turn(cells, declared, told, target)
    except NO_VALUE:
        return fitted(name, readable_column(python_values(cells), declared, told), target)


def fitted(name: str, values: list[object], target: pa.DataType) -> pa.Array:
    """Python values as a column of a type; as text, they always fit. Raises `Misfit`."""
    try:
        return from_values(values, target)
    except NO_VALUE:
        raise Misfit(name, value_type(values)) from None


def _json(chunk: Chunk, data: memoryview, schema: pa.Schema) -> dict[str, Column]:
    features = _wanted(chunk, schema)
    own = [name for name in OWN_TYPES if name in schema.names]
    try:
        found = _parsed_json(chunk, data, features, own, schema)
        return {name: _fit(chunk, name, found[name], schema.field(name).type) for name in features} | {
            name: found[name].cast(OWN_TYPES[name]) for name in own
        }
    except (pa.ArrowException, Misfit):  # "NaN" among numbers, nested values, several kinds in one column
        return _json_by_line(chunk, data, features, own, schema)


def _parsed_json(chunk: Chunk, data: memoryview, features: list[str], own: list[str], schema: pa.Schema) -> pa.Table:
    kinds = {name: NAIVE if name == names.TIMESTAMP else OWN_TYPES[name] for name in own}
    for name in features:
        kind = natural(chunk, name, schema.field(name).type)
        kinds[name] = kind if types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind) else TEXT
    return pa_json.read_json(
        pa.BufferReader(pa.py_buffer(data)),
        read_options=pa_json.ReadOptions(block_size=BLOCK),
        parse_options=pa_json.ParseOptions(explicit_schema=pa.schema(kinds), unexpected_field_behavior="ignore"),
    )


def json_rows(data: memoryview) -> list[dict[str, Any]]:
    """Raises `WrongRows` where a line is no JSON object."""
    try:
        return [json.loads(line) for line in bytes(data).split(b"\n")[:-1]]
    except ValueError:
        raise WrongRows from None


def _json_by_line(chunk: Chunk, data: memoryview, features: list[str], own: list[str], schema: pa.Schema) -> dict[str, Column]:
    rows = json_rows(data)
    made: dict[str, Column] = {}
    for name in own:
        cells = pa.array([row.get(name) for row in rows], TEXT if name == names.TIMESTAMP else OWN_TYPES[name])
        made[name] = cells.cast(NAIVE).cast(OWN_TYPES[name]) if name == names.TIMESTAMP else cells
    for name in features:
        values = readable_column([row.get(name) for row in rows], chunk.types[name], chunk.told(name))
        made[name] = fitted(name, values, schema.field(name).type)
    return made
