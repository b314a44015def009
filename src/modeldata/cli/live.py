"""A growing output: rows of `tail -f`, in one form. Its columns stay as they were at the beginning."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

import pyarrow as pa

from modeldata.cli.archive import say
from modeldata.cli.output import JSONL, TABLE, encoded, say_left_out, text_columns
from modeldata.cli.table import column_widths, lines, safe, table_width
from modeldata.encode import format_of
from modeldata.encode.lines import LineWriter

if TYPE_CHECKING:
    from collections.abc import Sequence


ROOM = 8
"""Of a column of numbers, at least: later ones may be longer."""


class Live:
    """JSON lines have the columns that there are; CSV and tables those of their first line, which can't be taken back."""

    def __init__(self, form: str, schema: pa.Schema) -> None:
        self._form = form
        self._names = schema.names
        self._new: set[str] = set()
        self._widths: dict[str, int] = {}
        self._begun = False

    def write(self, sink: BinaryIO, rows: pa.Table) -> None:
        """Rows, flushed: whoever reads sees whole lines."""
        rows = rows if self._form == JSONL else self._same(rows)
        if self._form == TABLE:
            sink.write(encoded(self._lines(rows)))
        else:
            writer = LineWriter(format_of(self._form), sink, () if self._begun else rows.schema.names)
            for batch in rows.to_batches():
                writer.write(batch)
        self._begun = True
        sink.flush()

    def _lines(self, rows: pa.Table) -> list[str]:
        """Columns keep the width that they began with, a little more than the first rows take."""
        columns = text_columns(rows)
        if not self._begun:
            roomy = [column._replace(fixed=max(column.whole, ROOM)) if column.right else column for column in columns]
            widths = column_widths(roomy, table_width())
            self._widths = {column.name: width for column, width in zip(columns, widths, strict=False)}
        shown = [column._replace(fixed=self._widths[column.name]) for column in columns if column.name in self._widths]
        text, _ = lines(shown, table_width())
        if self._begun:
            return text[1:]
        say_left_out([column.name for column in columns if column.name not in self._widths], "--columns picks, --json has all")
        return text

    def _same(self, rows: pa.Table) -> pa.Table:
        self._say_new([name for name in rows.column_names if name not in self._names])
        columns = [rows[name] if name in rows.column_names else pa.nulls(rows.num_rows) for name in self._names]
        return pa.table(columns, names=self._names)

    def _say_new(self, more: Sequence[str]) -> None:
        fresh = [name for name in more if name not in self._new]
        if fresh and self._form != TABLE:
            say(f"new columns are not shown: {', '.join(map(safe, fresh))}; --json shows all, or begin again")
        self._new.update(fresh)
