"""Rows as a table for eyes: one line a row, as many columns as fit, nothing that a terminal would obey."""

from __future__ import annotations

import datetime as dt
import shutil
import sys
from typing import TYPE_CHECKING, NamedTuple, TextIO

from rich.cells import cell_len, set_cell_size

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

WIDEST = 28
"""Cells that a column gets at first. What is left of a line goes to those that need more."""
NARROWEST = 6
"""What a column is still worth showing with."""
GAP = "  "


class TableColumn(NamedTuple):
    """One column as text. Numbers stand to the right."""

    name: str
    cells: list[str]
    right: bool = False
    widest: int = WIDEST
    fixed: int | None = None
    """Its width whatever the cells are: for lines that others follow."""

    @property
    def whole(self) -> int:
        """The width in which nothing is cut."""
        return self.fixed or max(map(cell_len, [self.name, *self.cells]))

    @property
    def width(self) -> int:
        return min(self.whole, self.fixed or self.widest)


def terminal_width() -> int:
    """Of the terminal, as `COLUMNS` or the terminal itself says; else 80."""
    return shutil.get_terminal_size((80, 24)).columns


def table_width() -> int:
    """Of the terminal, where stdout is one. A program gets all that there is."""
    return terminal_width() if sys.stdout.isatty() else sys.maxsize


def text_lines(text: str, stream: TextIO, used: int = 0, indent: str = "  ") -> list[str]:
    """One line for a program. For a terminal as many as it takes, broken between words; the first has `used` cells already."""
    return wrapped(text.split(" "), terminal_width(), " ", indent, used) if stream.isatty() else [text]


def lines(columns: Sequence[TableColumn], width: int) -> tuple[list[str], list[str]]:
    """(a line with the names and one for each row, names of the columns that there was no room for)."""
    shown = list(zip(columns, column_widths(columns, width), strict=False))
    rows = [_line([column.name for column, _ in shown], shown)]
    rows += [_line([column.cells[at] for column, _ in shown], shown) for at in range(len(columns[0].cells) if columns else 0)]
    return rows, [column.name for column in columns[len(shown) :]]


def column_widths(columns: Sequence[TableColumn], width: int) -> list[int]:
    """Of the first columns, those that there is room for. What is left goes to those that are cut."""
    widths: list[int] = []
    used = 0
    for column in columns:
        room = width - used - (len(GAP) if widths else 0)
        wide = min(column.width, room)
        if widths and wide < column.width and (column.right or wide < max(NARROWEST, cell_len(column.name))):
            break  # half a number is another number
        widths.append(max(wide, 1))
        used = width - room + wide
    for at, column in enumerate(columns[: len(widths)]):
        more = max(0, min(column.whole - widths[at], width - used))
        widths[at] += more
        used += more
    return widths


def _line(cells: list[str], shown: Sequence[tuple[TableColumn, int]]) -> str:
    return GAP.join(fitted(cell, width, column.right) for cell, (column, width) in zip(cells, shown, strict=True)).rstrip()


def fitted(cell: str, width: int, right: bool = False) -> str:
    """The cell in exactly `width`. What is longer ends in an ellipsis, between two words where there is a space to do so."""
    if cell_len(cell) > width:
        start = set_cell_size(cell, width - 1)
        start = start if cell.startswith(start) else start[:-1]  # half of a wide character became a space
        words = start.rpartition(" ")[0]
        if words.strip() and cell[len(start)] != " ":
            start = words
        cell = start.rstrip() + "…"
    space = " " * (width - cell_len(cell))
    return space + cell if right else cell + space


def wrapped(parts: Iterable[str], width: int, gap: str = " ", indent: str = "", used: int = 0) -> list[str]:
    """Lines of `width` cells, broken between the parts only: one that is wider has a line of its own.

    indent: of all lines but the first, which has `used` cells already.
    """
    rows: list[str] = []
    line: str | None = None
    for part in parts:
        longer = part if line is None else line + gap + part
        if line is not None and cell_len(longer) > width - (0 if rows else used):
            rows.append(line)
            longer = indent + part
        line = longer
    return [*rows, line or ""]


def shown(value: object) -> str:
    """A value as a person wants to see it; `null` for none, which is not empty text."""
    if value is None:
        return "null"
    if isinstance(value, dt.datetime):
        text = value.isoformat(" ", "milliseconds")
        return text.removesuffix("+00:00")
    if isinstance(value, float):
        return f"{value:.7g}" if value != int_of(value) or abs(value) >= 1e15 else f"{value:.1f}"
    return safe(str(value))


def counted(number: int, words: str, several: str = "") -> str:
    """`1 row`, `2 rows`; with `several`, `1 row waits`, `2 rows wait`."""
    return f"{number:,} {words if number == 1 else several or words + 's'}"


def int_of(value: float) -> float:
    """Its whole part; itself where it has none (NaN, infinity)."""
    return float(int(value)) if value - value == 0 else value


def safe(text: str) -> str:
    """One line of printable characters: a terminal obeys some of the others."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else one.encode("unicode_escape", "backslashreplace").decode("ascii") for one in text)
