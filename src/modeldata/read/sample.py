"""A look at the first rows of a batch, for columns whose manifest does not tell their type."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.types as types

from modeldata.catalog.batches import Vanished
from modeldata.encode.kinds import split
from modeldata.encode.restore import readable_column
from modeldata.encode.split import csv_bounds, line_bounds
from modeldata.read.chunks import Chunk
from modeldata.read.fetch import read_bytes
from modeldata.read.forms import value_type
from modeldata.read.parquet_part import open_file
from modeldata.read.text_part import WrongRows, csv_cells, json_rows

if TYPE_CHECKING:
    from modeldata.catalog.batches import ArchivedBatch
    from modeldata.store import ReadStore

SAMPLE_BYTES = 256 * 1024


class Samples:
    """The types that columns have in the first rows of batches. Each batch is looked into once."""

    def __init__(self, store: ReadStore) -> None:
        self._store = store
        self._found: dict[tuple[str, int], dict[str, pa.DataType]] = {}

    def type_of(self, folder: str, batch: ArchivedBatch, column: str) -> pa.DataType:
        """Null where the rows have no value, or can't be read. Raises `Unavailable`."""
        key = (batch.path, batch.offset)
        if key not in self._found:
            chunk = Chunk(folder, (batch,))
            try:
                found = _of_file(self._store, chunk) if batch.format == "parquet" else _of_rows(self._store, chunk)
            except (Vanished, WrongRows, pa.ArrowException, ValueError):
                found = {}  # gone or damaged: found out when its rows are read
            self._found[key] = found
        return self._found[key].get(column, pa.null())


def _of_file(store: ReadStore, chunk: Chunk) -> dict[str, pa.DataType]:
    file = open_file(store, chunk)
    there = {field.name: field.type for field in file.schema_arrow}
    empty = _empty(file)
    return {
        name: pa.null() if name not in there or (name in empty and types.is_string(there[name])) else there[name]
        for name in chunk.columns
    }


def _empty(file: pq.ParquetFile) -> set[str]:
    """Columns that have no value, by their statistics. Such ones are stored as text."""
    groups = [file.metadata.row_group(number) for number in range(file.metadata.num_row_groups)]
    columns = [[group.column(at) for at in range(group.num_columns)] for group in groups]
    filled = {
        column.path_in_schema
        for group, each in zip(groups, columns, strict=True)
        for column in each
        if column.statistics is None or column.statistics.null_count != group.num_rows
    }
    return {column.path_in_schema for each in columns for column in each} - filled


def _of_rows(store: ReadStore, chunk: Chunk) -> dict[str, pa.DataType]:
    batch, columns = chunk.batches[0], chunk.columns
    data = read_bytes(store, batch.path, batch.start, min(batch.row_bytes, SAMPLE_BYTES))
    bounds = csv_bounds(data) if batch.format == "csv" else line_bounds(data)
    rows = len(bounds)
    if not rows:
        data = read_bytes(store, batch.path, batch.start, batch.row_bytes)  # one long row
        rows = batch.rows
    head = memoryview(data)[: int(bounds[-1])] if len(bounds) else memoryview(data)
    first = Chunk(chunk.folder, (batch._replace(rows=rows),))
    if batch.format == "csv":
        cells: dict[str, list[Any]] = dict(csv_cells(first, head, columns))
    else:
        objects = json_rows(head)
        cells = {name: [row.get(name) for row in objects] for name in columns}
    made = {}
    for name in columns:
        told = (
            split({name: batch.kinds.get(name)}, rows)[0][name]
            if isinstance(batch.kinds.get(name), list)
            else batch.kinds.get(name)
        )
        made[name] = value_type(readable_column(cells[name], chunk.types[name], told))
    return made
