"""Columns some rows at a time, and lines of text as bytes: what both text formats do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from modeldata.columns.typed import Values

SLICE = 8192
"""Rows that are text at once: the others wait as they came, or are bytes already."""


def slices(columns: Sequence[Values]) -> Iterator[list[pa.Array | list[object]]]:
    """The columns, some rows at a time: what is text at once has to fit into memory beside them."""
    rows = len(columns[0]) if columns else 0
    whole = [one_piece(values) for values in columns]
    for start in range(0, rows, SLICE):
        yield [values[start : start + SLICE] for values in whole]


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
