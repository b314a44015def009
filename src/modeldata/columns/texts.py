"""Text columns of a frame (see `modeldata.format.wire`), back as Arrow's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from modeldata.columns.payloads import grid, together
from modeldata.format.wire import NO_TEXT

if TYPE_CHECKING:
    from modeldata.columns.payloads import Array, Payloads
    from modeldata.columns.typed import Values

LENGTH = np.dtype("<u4")
MOST = 1 << 31
"""Bytes from which on text needs long offsets."""


def read_texts(payloads: Payloads, at: int, columns: int) -> tuple[list[Values], Array]:
    """The text columns that begin `at` bytes for each row from the start of each frame, and where they end in each.

    Raises ValueError where they would go beyond a frame.
    """
    before = payloads.starts + (at + columns * LENGTH.itemsize) * payloads.rows
    if (before > payloads.starts + payloads.sizes).any():
        raise ValueError("texts are longer than the frame")
    lengths = grid(payloads, at, columns, LENGTH)
    missing = lengths == NO_TEXT
    sizes = np.where(missing, 0, lengths).astype(np.int64)
    reached = np.concatenate([np.zeros((columns, 1), np.int64), np.cumsum(sizes, axis=1)], axis=1)
    stops = np.cumsum(payloads.rows)
    of_frames = reached[:, stops] - reached[:, stops - payloads.rows]
    ends = before + of_frames.sum(axis=0)
    if (ends > payloads.starts + payloads.sizes).any():
        raise ValueError("texts are longer than the frame")
    texts = []
    for number in range(columns):
        joined = together(payloads.content, before, of_frames[number])
        texts.append(_array(joined, reached[number], missing[number]))
        before = before + of_frames[number]
    return texts, ends


def text_array(content: bytes | memoryview, starts: Array, sizes: Array, missing: Array | None) -> Values:
    """One text from each piece of `content`: Arrow's, or a list where some have lone surrogates."""
    bounds = np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)])
    return _array(together(content, starts, sizes), bounds, missing)


def _array(joined: bytes, bounds: Array, missing: Array | None) -> Values:
    try:
        joined.decode()
    except UnicodeDecodeError:  # lone surrogates: nothing that Arrow can hold
        absent = [False] * (len(bounds) - 1) if missing is None else missing.tolist()
        cells = [joined[start:stop] for start, stop in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True)]
        return [None if no else cell.decode("utf-8", "surrogatepass") for cell, no in zip(cells, absent, strict=True)]
    valid = pa.array(~missing).buffers()[1] if missing is not None and missing.any() else None
    if len(joined) < MOST:
        return pa.StringArray.from_buffers(len(bounds) - 1, pa.py_buffer(bounds.astype(np.int32)), pa.py_buffer(joined), valid)
    return pa.LargeStringArray.from_buffers(len(bounds) - 1, pa.py_buffer(bounds), pa.py_buffer(joined), valid)
