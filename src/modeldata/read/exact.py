"""Rows as they were collected: cells through `modeldata.encode.restore`, value by value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from modeldata.columns import ABSENT
from modeldata.columns.python import python_values
from modeldata.format import names
from modeldata.read import original
from modeldata.read.chunks import OWN_TYPES, Chunk
from modeldata.read.fetch import sources
from modeldata.read.original import Original
from modeldata.read.part import table, values, whole
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
        everything = pa.unify_schemas([schema, OWN], promote_options="permissive")
        found = original.table(store, piece, everything, _raise)
        columns = [python_values(column) for column in found.columns]
        yield [dict(zip(found.column_names, row, strict=True)) for row in zip(*columns, strict=True)]
        return
    features = [name for name in schema.names if name in piece.types]
    for chunk, source in sources(store, piece, _raise):
        part = whole(chunk, source)
        rows: list[dict[str, Any]] = table(part, chunk, OWN).to_pylist()
        for name, column in values(part, chunk, features).items():
            for row, value in zip(rows, column, strict=True):
                if value is not ABSENT:
                    row[name] = value
        yield rows
