"""Rows as they were collected: cells through `modeldata.encode.restore`, value by value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from modeldata.catalog.moments import LAST_NS
from modeldata.columns import ABSENT
from modeldata.columns.python import python_values
from modeldata.format import names
from modeldata.read import original
from modeldata.read.chunks import OWN_TYPES, Chunk
from modeldata.read.original import Original
from modeldata.read.part import table, values, whole
from modeldata.read.plan import inside
from modeldata.read.salvage import Salvage, left_out
from modeldata.store import Unreadable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from modeldata.encode import Source
    from modeldata.errors import StoreError
    from modeldata.read.plan import ReadRequest
    from modeldata.store import ReadStore

OWN = pa.schema(OWN_TYPES)


def exact_rows(store: ReadStore, piece: Chunk | Original, schema: pa.Schema, request: ReadRequest) -> Iterator[dict[str, object]]:
    """The rows of a piece, with the columns of `schema`. Raises `Damaged`, `Unavailable`; or leaves out what is damaged."""
    whole = inside(piece, request)
    for row in _rows(store, piece, schema, lambda error: left_out(error, request)):
        if whole or request.start_ns <= _time_ns(row) < request.end_ns:
            yield {name: row[name] for name in schema.names if name in row}


def _time_ns(row: dict[str, Any]) -> int:
    """Beyond any range where a row has no time."""
    moment = pa.scalar(row[names.TIMESTAMP], OWN_TYPES[names.TIMESTAMP]).value
    return LAST_NS if moment is None else int(moment) * 1000


def _rows(
    store: ReadStore, piece: Chunk | Original, schema: pa.Schema, damaged: Callable[[StoreError], None]
) -> Iterator[dict[str, Any]]:
    if isinstance(piece, Chunk):
        features = [name for name in schema.names if name in piece.types]
        yield from Salvage(store, damaged).rows(piece, lambda chunk, source: iter(_rows_of(chunk, source, features)))
        return
    everything = pa.unify_schemas([schema, OWN], promote_options="permissive")
    try:
        cells = original.table(store, piece, everything, damaged)
    except Unreadable as error:
        damaged(error)
        return
    columns = [python_values(column) for column in cells.columns]
    yield from (dict(zip(cells.column_names, row, strict=True)) for row in zip(*columns, strict=True))


def _rows_of(chunk: Chunk, source: Source, features: Sequence[str]) -> list[dict[str, Any]]:
    part = whole(chunk, source)
    own = table(part, chunk, OWN)
    columns = {name: python_values(column) for name, column in zip(own.column_names, own.columns, strict=True)}
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    for name, column in values(part, chunk, features).items():
        for row, value in zip(rows, column, strict=True):
            if value is not ABSENT:
                row[name] = value
    return rows
