"""stdout: rows in the form that was asked for, and an end without a word when nobody reads any more."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO, NoReturn

from modeldata.cli.archive import say
from modeldata.cli.table import TableColumn, lines, safe, shown, terminal_width
from modeldata.format import names

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import pyarrow as pa

TABLE, CSV, JSONL = "table", "csv", "jsonl"
MOST = 40
"""Rows of a table: it is for eyes."""
QUIET = (names.REQUEST, names.WRITER, names.SEQUENCE, names.ROW)
"""Columns that a table leaves out where nobody asked for them."""


def leave_quietly() -> NoReturn:
    """Nobody reads stdout any more. Python would complain when it flushes at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    raise SystemExit(0)


@contextmanager
def binary_stdout() -> Iterator[BinaryIO]:
    """stdout for bytes, flushed at the end."""
    sys.stdout.flush()
    yield sys.stdout.buffer
    sys.stdout.flush()


def print_rows(batches: Iterable[pa.RecordBatch], schema: pa.Schema, form: str, most: int | None = None) -> None:
    """Rows on stdout, `most` of them at most. Without, a table has `MOST`, and it is said that there are more."""
    if form == TABLE:
        print_table(batches if most is None else first(batches, most), schema, MOST if most is None else most)
        return
    from modeldata.cli.formats import FORMATS

    with binary_stdout() as sink:
        writer = FORMATS[form](sink, schema)
        for batch in first(batches, most):
            writer.write(batch)
        writer.close()


def first(batches: Iterable[pa.RecordBatch], most: int | None) -> Iterator[pa.RecordBatch]:
    """The first `most` rows; nothing is asked for beyond them."""
    left = most
    for batch in batches if left != 0 else ():
        yield batch if left is None else batch.slice(0, left)
        if left is not None:
            left -= batch.num_rows
            if left <= 0:
                return


def print_table(batches: Iterable[pa.RecordBatch], schema: pa.Schema, most: int) -> None:
    import pyarrow as pa

    found = pa.Table.from_batches(list(first(batches, most + 1)), schema)
    rows, left_out = table_lines(found.slice(0, most))
    with binary_stdout() as sink:
        sink.write("".join(f"{row}\n" for row in rows).encode(sys.stdout.encoding or "utf-8", "replace"))
    if found.num_rows > most:
        say(f"only the first {most:,} rows are shown: --rows shows more, --csv and --json all")
    if left_out:
        some = ", ".join([*map(safe, left_out[:5]), *(["…"] if len(left_out) > 5 else [])])
        more = "column" if len(left_out) == 1 else "columns"
        say(f"no room for {len(left_out)} more {more} ({some}): --columns picks, --json has all")


def table_lines(found: pa.Table) -> tuple[list[str], list[str]]:
    """A table as lines of the terminal's width, and the names of the columns that don't fit."""
    return lines(text_columns(found), terminal_width())


def text_columns(found: pa.Table) -> list[TableColumn]:
    """A table as text."""
    return [_column(name, column) for name, column in zip(found.column_names, found.columns, strict=True)]


def _column(name: str, values: pa.ChunkedArray) -> TableColumn:
    import pyarrow.types as types

    from modeldata.columns.python import python_values

    kind = values.type
    right = types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind)
    return TableColumn(safe(name), [shown(value) for value in python_values(values)], bool(right))


def without_quiet(schema: pa.Schema) -> list[str]:
    """The columns that a table shows."""
    return [name for name in schema.names if name not in QUIET]
