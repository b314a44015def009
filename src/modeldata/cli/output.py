"""stdout: rows in the form that was asked for, and an end without a word when nobody reads any more."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

from modeldata.cli.archive import say
from modeldata.cli.table import TableColumn, counted, lines, safe, shown, table_width
from modeldata.format import names

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import pyarrow as pa

TABLE, CSV, JSONL = "table", "csv", "jsonl"
MOST = 40
"""Rows of a table: it is for eyes."""
QUIET = (names.REQUEST, names.WRITER, names.SEQUENCE, names.ROW)
"""Columns that a table leaves out where nobody asked for them."""


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
    from modeldata.cli.formats import writer_of

    with binary_stdout() as sink:
        writer = writer_of(form, sink, schema)
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

    rows = pa.Table.from_batches(list(first(batches, most + 1)), schema)
    print_columns(text_columns(rows.slice(0, most)), "--columns picks, --json has all")
    if rows.num_rows > most:
        say(f"only {counted(most, 'row is', 'rows are')} shown: --rows shows more, --csv and --json all")


def print_columns(columns: list[TableColumn], hint: str) -> None:
    """A table as wide as the terminal. The columns without room are named on stderr. hint: where they are."""
    rows, left_out = lines(columns, table_width())
    print_lines(rows)
    say_left_out(left_out, hint)


def print_lines(rows: Iterable[str]) -> None:
    with binary_stdout() as sink:
        sink.write(encoded(rows))


def encoded(rows: Iterable[str]) -> bytes:
    """Lines for people, in the code page of stdout. A character that it lacks is shown as an escape, such as `\\u20ac`."""
    return "".join(f"{row}\n" for row in rows).encode(sys.stdout.encoding or "utf-8", "backslashreplace")


def say_left_out(columns: list[str], hint: str) -> None:
    if columns:
        say(f"no room for {counted(len(columns), 'more column', 'more columns')} ({', '.join(columns)}): {hint}")


def text_columns(rows: pa.Table) -> list[TableColumn]:
    """A table as text."""
    return [_column(name, column) for name, column in zip(rows.column_names, rows.columns, strict=True)]


def _column(name: str, values: pa.ChunkedArray) -> TableColumn:
    import pyarrow.types as types

    from modeldata.columns.python import python_values

    kind = values.type
    right = types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind)
    return TableColumn(safe(name), [shown(value) for value in python_values(values)], bool(right))


def without_quiet(schema: pa.Schema) -> list[str]:
    """The columns that a table shows."""
    return [name for name in schema.names if name not in QUIET]
