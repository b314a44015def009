"""CSV as RFC 4180 has it, with "\\n" between rows: UTF-8, a header, quotes only where a reader needs them.

A cell is quoted when it holds a comma, a quote, a line break or a NUL, begins or ends with white space, begins with `#`, or is
empty text (an empty cell without quotes is a missing value). Quotes inside are doubled.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from modeldata.encode.text import TEXT, Text, clean, column_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modeldata.columns import Column

NEEDS_QUOTES = '[,"\r\n\x00]|^[\\s#]|\\s$|^$'


class EncodedCsv(NamedTuple):
    """`replaced`: cells in which lone surrogates became U+FFFD, because UTF-8 can't hold them."""

    data: bytes
    replaced: int


def encode(columns: Sequence[Column], *, header: bool, excel_safe: bool = False) -> EncodedCsv:
    """The rows of `columns` (all of one length), after a line with their names if `header`.

    `excel_safe`: text that a spreadsheet would run as a formula begins with `'`. Numbers never do.
    """
    head = header_line([column.name for column in columns]) if header else b""
    texts = [column_text(column.values, excel_safe=excel_safe) for column in columns]
    replaced = sum(text.replaced for text in texts)
    if not texts or len(texts[0].values) == 0:
        return EncodedCsv(head, replaced)
    cells = [_quoted(text) for text in texts]
    lines = pc.binary_join_element_wise(*cells, pa.scalar(",", TEXT), null_handling="replace", null_replacement="")
    lines = pc.binary_join_element_wise(lines, pa.scalar("", TEXT), pa.scalar("\n", TEXT))
    return EncodedCsv(head + _content(lines), replaced)


def header_line(names: Sequence[str]) -> bytes:
    """The names of the columns as the first line of a file."""
    cells = pc.fill_null(_quoted(Text(pa.array([clean(name) for name in names], TEXT), free=True)), "")
    return ",".join(cells.to_pylist()).encode("utf-8") + b"\n"


def _quoted(text: Text) -> pa.Array:
    if not text.free:
        return text.values
    needs = pc.match_substring_regex(text.values, NEEDS_QUOTES)
    if not pc.any(needs).as_py():
        return text.values
    quote = pa.scalar('"', TEXT)
    doubled = pc.replace_substring(text.values, '"', '""')
    return pc.if_else(needs, pc.binary_join_element_wise(quote, doubled, quote, pa.scalar("", TEXT)), text.values)


def _content(lines: pa.Array) -> bytes:
    """The texts of an array, one after the other, as Arrow already has them in memory."""
    if isinstance(lines, pa.ChunkedArray):
        return b"".join(_content(chunk) for chunk in lines.chunks)
    _, offsets, data = lines.buffers()
    bounds = memoryview(offsets).cast("q")[lines.offset : lines.offset + len(lines) + 1]
    return bytes(memoryview(data)[bounds[0] : bounds[-1]])
