"""What rows are exported as: the formats of the archive, and Arrow. Cells have the forms of docs/data-layout.md."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, BinaryIO

import pyarrow as pa

from modeldata.encode import format_of
from modeldata.encode.lines import LineWriter
from modeldata.format.names import OWN_COLUMNS, TIMESTAMP

if TYPE_CHECKING:
    from collections.abc import Sequence

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


class RenamedWriter:
    """Columns under the names and as the types of a schema, in the same order."""

    def __init__(self, writer: RowWriter, schema: pa.Schema) -> None:
        self._writer = writer
        self._schema = schema

    def write(self, batch: pa.RecordBatch) -> None:
        columns = [
            values if values.type == field.type else values.cast(field.type)
            for values, field in zip(batch.columns, self._schema, strict=True)
        ]
        self._writer.write(pa.RecordBatch.from_arrays(columns, schema=self._schema))

    def close(self) -> None:
        self._writer.close()


def writer_of(form: str, sink: BinaryIO, schema: pa.Schema, *, excel_safe: bool = False) -> RowWriter:
    """Writes a file of the form that its name ends in. `arrows` is Arrow's stream. excel_safe: of CSV, as in the archive."""
    if form in ("arrow", "arrows"):
        return ArrowWriter(sink, schema, stream=form == "arrows")
    if form == "csv" and excel_safe:
        return LineWriter(format_of(form), sink, schema.names, excel_safe=True)
    return format_of(form).writer(sink, schema)


def plainly_named_writer(form: str, sink: BinaryIO, schema: pa.Schema, *, excel_safe: bool = False) -> RowWriter:
    """The same, with `plain_names`."""
    plain = plain_names(schema.names)
    own_time = schema.get_field_index(TIMESTAMP)
    without_zone = form in ("csv", "jsonl") and own_time >= 0  # our own times, as in the archive's files of text
    stored = schema.set(own_time, pa.field(TIMESTAMP, pa.timestamp("us"))) if without_zone else schema
    renamed = pa.schema([field.with_name(name) for field, name in zip(stored, plain, strict=True)])
    return RenamedWriter(writer_of(form, sink, renamed, excel_safe=excel_safe), renamed)


def plain_names(columns: Sequence[str]) -> list[str]:
    """Names of ASCII letters, digits and `_`, for engines that refuse others: no two are the same, whatever their case.

    Our `$` is left out. Each run of other characters is one `_`, and a digit at the beginning gets one before it. A name that is
    taken gets `_2`, `_3`, ...; ours come first, then those that are plain already.
    """
    wanted = [_plain(name) for name in columns]
    given: dict[int, str] = {}
    taken: set[str] = set()
    for at in sorted(range(len(wanted)), key=lambda at: (columns[at] not in OWN_COLUMNS, wanted[at] != columns[at])):
        name, number = wanted[at], 1
        while name.lower() in taken:
            number += 1
            name = f"{wanted[at]}_{number}"
        taken.add(name.lower())
        given[at] = name
    return [given[at] for at in range(len(wanted))]


def _plain(name: str) -> str:
    text = re.sub(r"[^A-Za-z0-9_]+", "_", name[1:] if name in OWN_COLUMNS else name) or "_"
    return f"_{text}" if text[0].isdigit() else text
