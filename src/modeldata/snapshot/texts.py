"""Text columns of a frame: all lengths, then all texts, so that neither side has to look at a single cell.

    lengths  [columns][rows] u32, NO_TEXT where there is no text
    texts    [columns][rows] UTF-8, one behind the other

Where pandas keeps its text in Arrow's memory it is copied as it lies there.
"""

from __future__ import annotations

from struct import Struct

import numpy as np

from modeldata.format.wire import NO_TEXT
from modeldata.snapshot.schema import RefusedData

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from modeldata.snapshot.buffers import Buffer

FEW = 4
"""Rows up to which text is cheaper to take as Python values than as memory."""
_encode = str.encode
"""A subclass may encode itself as it likes, or not at all."""
_WIDTHS = {"large_string": "<i8", "string": "<i4"}


def lengths_of(columns: int) -> Struct:
    """Packs the lengths of one row."""
    return Struct(f"<{columns}I")


def of_row(values: Sequence[object], lengths: Struct) -> list[Buffer]:
    """One row; other values than text are missing."""
    texts = [_encode(value, "utf-8", "surrogatepass") if isinstance(value, str) else None for value in values]
    return [lengths.pack(*[NO_TEXT if text is None else len(text) for text in texts]), *filter(None, texts)]


def of_values(columns: Sequence[Sequence[object]]) -> list[Buffer]:
    """Columns of Python values; other values than text are missing."""
    texts = [
        _encode(value, "utf-8", "surrogatepass") if isinstance(value, str) else None for values in columns for value in values
    ]
    lengths = np.array([NO_TEXT if text is None else len(text) for text in texts], "<u4")
    return [lengths.tobytes(), b"".join([text for text in texts if text])]


def of_arrow(columns: Sequence[Any]) -> list[Buffer] | None:
    """pyarrow's chunked arrays of text, without a copy; None where one is of another type."""
    encoded = [text for text in map(_of_column, columns) if text is not None]
    if len(encoded) < len(columns):
        return None
    return [b"".join([lengths for lengths, _ in encoded]), *[text for _, text in encoded]]


def _of_column(column: Any) -> tuple[Buffer, Buffer] | None:
    chunk = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
    width = _WIDTHS.get(str(chunk.type))
    if width is None:
        return None
    missing = np.asarray(chunk.is_null()) if chunk.null_count else None
    if missing is not None:
        chunk = chunk.fill_null("")  # what lies under a null is nobody's
    _, offsets, text = chunk.buffers()
    bounds = np.frombuffer(offsets, width)[chunk.offset : chunk.offset + len(chunk) + 1]
    start, stop = int(bounds[0]), int(bounds[-1])
    if stop - start >= NO_TEXT:
        raise RefusedData("too_large", "a column with 4 GiB of text or more")
    lengths = np.subtract(bounds[1:], bounds[:-1], dtype="<u4", casting="unsafe")
    if missing is not None:
        lengths[missing] = NO_TEXT
    return lengths.tobytes(), b"" if text is None else memoryview(text)[start:stop]
