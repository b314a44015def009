"""Layout "block": rows of raw values of one dtype, one after the other."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from modeldata.columns.payloads import plain_dtype, together
from modeldata.columns.typed import from_numpy

if TYPE_CHECKING:
    from typing import Any

    from modeldata.columns.payloads import Payloads
    from modeldata.columns.typed import Array, Values


def decode(types: list[str], extra: dict[str, Any], payloads: Payloads) -> list[Values]:
    """All frames as one array: rows lie behind each other whatever frame they came in."""
    dtype = plain_dtype(extra["dtype"])
    cell = list(extra["cell"])
    row_bytes = len(types) * prod(cell) * dtype.itemsize
    if (payloads.sizes != payloads.rows * row_bytes).any():
        raise ValueError("a frame is shorter or longer than its rows")
    joined = together(payloads.content, payloads.starts, payloads.sizes)
    table = np.frombuffer(joined, dtype).reshape([payloads.total, len(types), *cell])
    if cell:
        return [_nested(table[:, at], cell, kind) for at, kind in enumerate(types)]
    columns = np.ascontiguousarray(table.T)
    return [from_numpy(columns[at], kind) for at, kind in enumerate(types)]


def _nested(cells: Array, lengths: list[int], declared: str) -> Values:
    """One list per row, nested as deep as the array was."""
    column = from_numpy(np.ascontiguousarray(cells).reshape(-1), declared)
    if isinstance(column, list) or not len(column):
        nested: list[object] = cells.tolist()
        return nested
    for length in reversed(lengths):
        column = pa.FixedSizeListArray.from_arrays(column, length)
    return column
