"""What rows are exported as: the formats of the archive, and Arrow. Cells have the forms of docs/data-layout.md."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

import pyarrow as pa

from modeldata.encode import format_of

if TYPE_CHECKING:
    from modeldata.encode import RowWriter


class ArrowWriter:
    """Arrow's own bytes: a file (also known as Feather), or a stream, which a reader of a pipe can take as it comes."""

    def __init__(self, sink: BinaryIO, schema: pa.Schema, *, stream: bool) -> None:
        make = pa.ipc.new_stream if stream else pa.ipc.new_file
        self._writer = make(pa.PythonFile(sink, "w"), schema)

    def write(self, batch: pa.RecordBatch) -> None:
        self._writer.write_batch(batch)

    def close(self) -> None:
        self._writer.close()


def writer_of(form: str, sink: BinaryIO, schema: pa.Schema) -> RowWriter:
    """Writes a file of the form that its name ends in. `arrows` is Arrow's stream."""
    if form in ("arrow", "arrows"):
        return ArrowWriter(sink, schema, stream=form == "arrows")
    return format_of(form).writer(sink, schema)
