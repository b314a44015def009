"""Rows on stdout: a table for a person, CSV for a pipe, JSON lines where asked. Values have the forms of the archive."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pyarrow as pa
from rich.console import Console
from rich.table import Table
from rich.text import Text

from modeldata import names
from modeldata.columns import Column
from modeldata.encode import encoder
from modeldata.encode.text import column_text

if TYPE_CHECKING:
    from collections.abc import Iterable

WIDEST = 26
"""Letters of a cell in a table for a person."""
QUIET = (names.REQUEST, names.WRITER, names.SEQUENCE, names.ROW)
"""Columns that such a table shows only where nothing else is there."""
MOST = 1_000
"""Rows of such a table."""


def show(schema: pa.Schema, batches: Iterable[pa.RecordBatch], *, as_json: bool) -> int:
    """Write rows to stdout; how many. A table if it is a terminal, else CSV with a header; or JSON lines."""
    if as_json or not sys.stdout.isatty():
        return _stream(schema, batches, "jsonl" if as_json else "csv")
    found: list[pa.RecordBatch] = []
    for batch in batches:
        found.append(batch)
        if sum(map(len, found)) > MOST:
            print(f"modeldata: only the first {MOST:,} rows are shown; a pipe or --json gives all", file=sys.stderr)
            break
    shown = pa.Table.from_batches(found, schema).slice(0, MOST)
    print_table(shown)
    return len(shown)


def _stream(schema: pa.Schema, batches: Iterable[pa.RecordBatch], file_format: str) -> int:
    out = sys.stdout.buffer
    form = encoder(file_format)
    out.write(form.header(schema.names))
    rows = 0
    for batch in batches:
        out.write(encoded(batch, file_format))
        out.flush()  # who follows sees whole rows, now
        rows += len(batch)
    out.flush()
    return rows


def encoded(batch: pa.RecordBatch, file_format: str) -> bytes:
    """The rows of a batch in a text format, without a header."""
    if not len(batch):
        return b""
    columns = [
        Column(field.name, str(field.type), _as_archived(field.name, batch.column(at))) for at, field in enumerate(batch.schema)
    ]
    return encoder(file_format).encode(columns, excel_safe=False, metadata={}).data


def _as_archived(name: str, values: pa.Array) -> pa.Array:
    """Our own times have no zone in a file: they are UTC."""
    ours = name == names.TIMESTAMP or name.endswith(f".{names.TIMESTAMP}")
    return values.cast(pa.timestamp("us")) if ours and pa.types.is_timestamp(values.type) else values


def print_table(found: pa.Table, console: Console | None = None) -> None:
    """As many columns as fit, each as wide as it needs; what does not fit is told on stderr."""
    console = console or Console(highlight=False)
    cells = {name: _cells(name, found[name]) for name in _chosen(found.schema.names)}
    table = Table(box=None, pad_edge=False, header_style="bold")
    left = console.width
    hidden = [name for name in found.schema.names if name not in cells]
    for name, values in cells.items():
        width = min(WIDEST, max([len(name), *map(len, values)]))
        if left < width and table.columns:
            hidden.append(name)
            continue
        left -= width + 1
        number = pa.types.is_integer(found[name].type) or pa.types.is_floating(found[name].type)
        table.add_column(Text(name), no_wrap=True, overflow="ellipsis", max_width=width, justify="right" if number else "left")
    shown = [values for name, values in cells.items() if name not in hidden]
    for row in zip(*shown, strict=True):
        table.add_row(*map(Text, row))
    console.print(table)
    if hidden:
        more = ", ".join(hidden[:4]) + (f" and {len(hidden) - 4} more" if len(hidden) > 4 else "")
        Console(stderr=True, highlight=False).print(f"not shown: {more} (--columns, --json)", soft_wrap=True, markup=False)


def _chosen(found: list[str]) -> list[str]:
    loud = [name for name in found if name not in QUIET]
    return loud or found


def _cells(name: str, values: pa.ChunkedArray) -> list[str]:
    texts = column_text(values, excel_safe=False).values.to_pylist()
    if name == names.TIMESTAMP or name.endswith(f".{names.TIMESTAMP}"):
        return [text[:23].replace("T", " ") if text else "" for text in texts]
    return [" ".join(text.split()) if text else "" for text in texts]


class Lines:
    """One line a row for a person who follows: its time, then `name=value`, as far as the line goes."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False)

    def write(self, found: pa.Table) -> None:
        cells = {name: _cells(name, found[name]) for name in _chosen(found.schema.names)}
        times = cells.pop(names.TIMESTAMP, None)
        for at in range(found.num_rows):
            told = [f"{name}={values[at]}" for name, values in cells.items() if values[at]]
            line = Text(f"{times[at]} " if times else "", style="dim")
            line.append(Text(" ".join(told), style="not dim"))
            line.truncate(self._console.width, overflow="ellipsis")
            self._console.print(line, soft_wrap=True)
