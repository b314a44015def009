"""What both text formats do: rows one after the other, some at a time, and where each of them ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from modeldata.columns import Column
from modeldata.format import names

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any, BinaryIO

    from modeldata.columns.typed import Values
    from modeldata.encode import Bounds, FileFormat

SLICE = 8192
"""Rows that are text at once: the others wait as they came, or are bytes already."""
PORTIONS = 4 << 20, 1 << 20
CHUNK = 1 << 20
"""Bytes looked at in one go: the marks of all would take nine times the size of the data."""


BLOCK = 1 << 20
"""Bytes that Arrow parses at once."""


def block_size(data: bytes) -> int:
    """`BLOCK`, or as much as the longest line needs: Arrow refuses a line that is longer than its block."""
    size, start = BLOCK, 0
    while start + BLOCK < len(data):
        end = data.rfind(b"\n", start, start + BLOCK)
        if end < 0:
            end = data.find(b"\n", start + BLOCK)
            end = end if end >= 0 else len(data)
            size = max(size, end + 1 - start)
        start = end + 1
    return size


def slices(columns: Sequence[Values], most: int = SLICE) -> Iterator[list[pa.Array | list[object]]]:
    """The columns, `most` rows at a time: what is text at once has to fit into memory beside them."""
    rows = len(columns[0]) if columns else 0
    whole = [one_piece(values) for values in columns]
    for start in range(0, rows, most):
        yield [values[start : start + most] for values in whole]


def one_piece(values: Values) -> pa.Array | list[object]:
    """Not in chunks."""
    if not isinstance(values, pa.ChunkedArray):
        return values
    return pa.concat_arrays(values.chunks) if values.num_chunks != 1 else values.chunk(0)


def content(lines: pa.Array) -> memoryview:
    """The texts of an array, one after the other, as Arrow already has them in memory."""
    if isinstance(lines, pa.ChunkedArray):
        return memoryview(b"".join([content(chunk) for chunk in lines.chunks]))
    _, offsets, data = lines.buffers()
    bounds = memoryview(offsets).cast("q")[lines.offset : lines.offset + len(lines) + 1]
    return memoryview(data)[bounds[0] : bounds[-1]]


def split_at(data: bytes, bounds: Bounds, at: int) -> tuple[bytes, bytes]:
    """The first `at` rows, and the others. bounds: where each row ends."""
    place = int(bounds[at - 1]) if at else 0
    return data[:place], data[place:]


def line_bounds(data: bytes) -> Bounds:
    """The position after each line break: in JSON lines there are none inside rows."""
    return np.flatnonzero(np.frombuffer(data, np.uint8) == ord("\n")) + 1


def csv_bounds(data: bytes) -> Bounds:
    """The position after each line break that is not within quotes: those with an even number of quotes before them."""
    characters = np.frombuffer(data, np.uint8)
    ends = [np.empty(0, np.int64)]
    quotes = 0
    for start in range(0, len(characters), CHUNK):
        breaks, more = _row_breaks(characters[start : start + CHUNK], quotes)
        ends.append(breaks + (start + 1))
        quotes += more
    return np.concatenate(ends)


def _row_breaks(characters: np.ndarray[Any, np.dtype[np.uint8]], quotes: int) -> tuple[Bounds, int]:
    """Where line breaks outside of quotes are, and how many quotes there are; `quotes` came before."""
    breaks = np.flatnonzero(characters == ord("\n"))
    marks = np.flatnonzero(characters == ord('"'))
    outside = (quotes + np.searchsorted(marks, breaks)) % 2 == 0
    return breaks[outside], len(marks)


class RowCounter:
    """Counts rows of bytes that come piece by piece. quotes: may a row have line breaks within quotes?"""

    def __init__(self, *, quotes: bool) -> None:
        self.rows = 0
        self._may_quote = quotes
        self._quotes = 0

    def add(self, piece: bytes) -> None:
        if not self._may_quote or (self._quotes % 2 == 0 and b'"' not in piece):
            self.rows += piece.count(b"\n")
            return
        for start in range(0, len(piece), CHUNK):
            breaks, more = _row_breaks(np.frombuffer(piece[start : start + CHUNK], np.uint8), self._quotes)
            self.rows += len(breaks)
            self._quotes += more


class LineWriter:
    """Rows one after the other, in the archive's own forms."""

    def __init__(self, form: FileFormat, sink: BinaryIO, columns: Sequence[str] = (), *, excel_safe: bool = False) -> None:
        """columns: of the header; none where `sink` has one already."""
        self._form = form
        self._sink = sink
        self._excel_safe = excel_safe
        if columns:
            sink.write(form.header(columns, excel_safe=excel_safe))

    def write(self, batch: pa.RecordBatch) -> None:
        columns = [
            Column(field.name, str(field.type), _in_file(field, values))
            for field, values in zip(batch.schema, batch, strict=True)
        ]
        self._sink.write(self._form.encode(columns, excel_safe=self._excel_safe, metadata={}).data)

    def close(self) -> None:
        self._sink.flush()


def _in_file(field: pa.Field, values: pa.Array) -> pa.Array:
    """Our own times without their zone, which is always UTC, as in the archive's files."""
    own = field.name.endswith(names.TIMESTAMP) and field.type == pa.timestamp("us", "UTC")
    return values.cast(pa.timestamp("us")) if own else values
