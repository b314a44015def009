"""Rows as they were collected: cells through `modeldata.encode.restore`, value by value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from modeldata.columns.python import python_values
from modeldata.encode.restore import readable_column
from modeldata.format import names
from modeldata.read import original, parquet_part, text_part
from modeldata.read.chunks import OWN_TYPES, Chunk
from modeldata.read.fetch import fetch
from modeldata.read.original import Original
from modeldata.read.plan import inside

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modeldata.catalog.errors import Damaged
    from modeldata.read.plan import ReadRequest
    from modeldata.store import ReadStore

OWN = pa.schema(OWN_TYPES)


def exact_rows(store: ReadStore, piece: Chunk | Original, schema: pa.Schema, request: ReadRequest) -> Iterator[dict[str, object]]:
    """The rows of a piece, with the columns of `schema`. Raises `Damaged`, `Unavailable`."""
    for rows in _rows(store, piece, schema):
        for row in rows:
            if inside(piece, request) or request.start_ns <= _time_ns(row) < request.end_ns:
                yield {name: row[name] for name in schema.names if name in row}


def _time_ns(row: dict[str, Any]) -> int:
    return int(pa.scalar(row[names.TIMESTAMP], OWN_TYPES[names.TIMESTAMP]).value) * 1000


def _raise(error: Damaged) -> None:
    raise error


def _rows(store: ReadStore, piece: Chunk | Original, schema: pa.Schema) -> Iterator[list[dict[str, Any]]]:
    if isinstance(piece, Original):
        whole = pa.unify_schemas([schema, OWN], promote_options="permissive")
        found = original.table(store, piece, whole, _raise)
        columns = [python_values(column) for column in found.columns]
        yield [dict(zip(found.column_names, row, strict=True)) for row in zip(*columns, strict=True)]
        return
    features = [name for name in schema.names if name in piece.types]
    if piece.format == "parquet":
        yield _of_parquet(store, piece, features)
        return
    for chunk, data in fetch(store, piece, _raise):
        yield _of_text(chunk, data, features)


def _of_text(chunk: Chunk, data: memoryview, features: list[str]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = text_part.table(chunk, data, OWN).to_pylist()
    if chunk.format == "jsonl":
        objects = text_part.json_rows(data)
        cells = {name: [row.get(name) for row in objects] for name in features}
    else:
        objects = []
        cells = text_part.csv_cells(chunk, data, features) if features else {}
    for name in features:
        values = readable_column(cells[name], chunk.types[name], chunk.told(name))
        for at, value in enumerate(values):
            if not objects or name in objects[at]:
                rows[at][name] = value
    return rows


def _of_parquet(store: ReadStore, chunk: Chunk, features: list[str]) -> list[dict[str, Any]]:
    file = parquet_part.open_file(store, chunk)
    everything = list(range(file.metadata.num_row_groups))
    rows: list[dict[str, Any]] = parquet_part.table(file, chunk, everything, 0, OWN).to_pylist()
    found = file.read_row_groups(everything, columns=features)
    for name in features:
        values = readable_column(python_values(found[name]), chunk.types[name], chunk.told(name))
        for row, value in zip(rows, values, strict=True):
            row[name] = value
    return rows
