"""Rows into bytes, batch by batch: CSV, JSON lines, Parquet, Arrow. Cells have the forms of docs/data-layout.md."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from modeldata.columns import Column
from modeldata.encode import format_of
from modeldata.format import names
from modeldata.read.dataset import STAMP

if TYPE_CHECKING:
    from collections.abc import Callable

GROUP_ROWS = 131_072
"""Of a Parquet file: so many rows are held before they are written together."""


class RowWriter(Protocol):
    """Takes record batches of one schema; `close` writes what must stand at the end."""

    def write(self, batch: pa.RecordBatch) -> None: ...
    def close(self) -> None: ...


class TextWriter:
    """CSV with a header, or JSON lines: what each cell looks like is the archive's own form."""

    def __init__(self, sink: BinaryIO, schema: pa.Schema, file_format: str, *, header: bool = True) -> None:
        self._sink = sink
        self._encoder = format_of(file_format)
        if header:
            sink.write(self._encoder.header(schema.names))

    def write(self, batch: pa.RecordBatch) -> None:
        columns = [
            Column(field.name, str(field.type), _cells(field, values)) for field, values in zip(batch.schema, batch, strict=True)
        ]
        self._sink.write(self._encoder.encode(columns, excel_safe=False, metadata={}).data)

    def close(self) -> None:
        self._sink.flush()


class ParquetWriter:
    """zstd, typed, in row groups that other tools are quick with."""

    def __init__(self, sink: BinaryIO, schema: pa.Schema) -> None:
        self._writer = pq.ParquetWriter(pa.PythonFile(sink, "w"), schema, compression="zstd")
        self._waiting: list[pa.RecordBatch] = []
        self._rows = 0

    def write(self, batch: pa.RecordBatch) -> None:
        self._waiting.append(batch)
        self._rows += batch.num_rows
        if self._rows >= GROUP_ROWS:
            self._write_group()

    def _write_group(self) -> None:
        if self._waiting:
            self._writer.write_table(pa.Table.from_batches(self._waiting), row_group_size=self._rows)
        self._waiting, self._rows = [], 0

    def close(self) -> None:
        self._write_group()
        self._writer.close()


class ArrowWriter:
    """Arrow's own bytes: a file (also known as Feather), or a stream, which a reader of a pipe can take as it comes."""

    def __init__(self, sink: BinaryIO, schema: pa.Schema, *, stream: bool) -> None:
        make = pa.ipc.new_stream if stream else pa.ipc.new_file
        self._writer = make(pa.PythonFile(sink, "w"), schema)

    def write(self, batch: pa.RecordBatch) -> None:
        self._writer.write_batch(batch)

    def close(self) -> None:
        self._writer.close()


def _cells(field: pa.Field, values: pa.Array) -> pa.Array:
    """Our own times without their zone, which is always UTC, as in the archive's files."""
    own = field.name.endswith(names.TIMESTAMP) and field.type == pa.timestamp("us", "UTC")
    return values.cast(STAMP) if own else values


FORMATS: dict[str, Callable[[BinaryIO, pa.Schema], RowWriter]] = {
    "csv": lambda sink, schema: TextWriter(sink, schema, "csv"),
    "jsonl": lambda sink, schema: TextWriter(sink, schema, "jsonl"),
    "parquet": ParquetWriter,
    "arrow": lambda sink, schema: ArrowWriter(sink, schema, stream=False),
    "arrows": lambda sink, schema: ArrowWriter(sink, schema, stream=True),
}
"""By the ending of a file's name. `arrows` is Arrow's stream."""
