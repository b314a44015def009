"""Text columns of a frame (see `modeldata.snapshot.texts`), back as Arrow's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from modeldata.snapshot.texts import NULL

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from modeldata.columns.typed import Values

    Lengths = np.ndarray[Any, np.dtype[np.uint32]]


class Texts:
    """The text columns of one frame. `end`: where in its data they end."""

    def __init__(self, data: memoryview, at: int, columns: int, rows: int) -> None:
        self.lengths: Lengths = np.frombuffer(data, "<u4", columns * rows, at).reshape(columns, rows)
        self.data = data
        sizes = np.where(self.lengths == NULL, 0, self.lengths).sum(axis=1, dtype=np.int64)
        start = at + self.lengths.nbytes
        self.bounds = [start, *(start + np.cumsum(sizes)).tolist()]
        self.end = self.bounds[-1]
        if self.end > len(data):
            raise ValueError("texts are longer than the frame")

    def column(self, number: int) -> memoryview:
        return self.data[self.bounds[number] : self.bounds[number + 1]]


def columns_of(found: Sequence[Texts], columns: int) -> list[Values]:
    return [_column([one.lengths[at] for one in found], [one.column(at) for one in found]) for at in range(columns)]


def _column(lengths: list[Lengths], texts: list[memoryview]) -> Values:
    sizes = np.concatenate([np.zeros(0, np.uint32), *lengths])
    missing = sizes == NULL
    ends = np.cumsum(np.where(missing, 0, sizes), dtype=np.int64)
    joined = b"".join(texts)
    bounds = np.concatenate([np.zeros(1, np.int64), ends])  # a round's frames are far from 2 GiB, but one frame may be larger
    try:
        joined.decode()
    except UnicodeDecodeError:  # lone surrogates: nothing that Arrow can hold
        cells = [joined[start:stop] for start, stop in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True)]
        return [None if no else cell.decode("utf-8", "surrogatepass") for cell, no in zip(cells, missing.tolist(), strict=True)]
    valid = pa.array(~missing).buffers()[1] if missing.any() else None
    if len(joined) < 1 << 31:
        return pa.StringArray.from_buffers(len(sizes), pa.py_buffer(bounds.astype(np.int32)), pa.py_buffer(joined), valid)
    return pa.LargeStringArray.from_buffers(len(sizes), pa.py_buffer(bounds), pa.py_buffer(joined), valid)
