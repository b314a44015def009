"""The data of many frames in one buffer, and ways to read the same place of all of them at once."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any, BinaryIO, TypeAlias

    Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]

SHORT = 24
"""Bytes a piece, on average, up to which an index of every byte costs less than an object of every piece."""


class Payloads:
    """Frame n has `rows[n]` rows in the `sizes[n]` bytes of `content` from `starts[n]` on. What lies between is nobody's."""

    __slots__ = ("content", "rows", "sizes", "starts")

    def __init__(self, content: bytes | memoryview, starts: Array, sizes: Array, rows: Array) -> None:
        self.content = content
        self.starts = starts
        self.sizes = sizes
        self.rows = rows

    @classmethod
    def of(cls, frames: Sequence[tuple[int, bytes | memoryview]]) -> Payloads:
        """From pairs of (rows, data)."""
        sizes = np.array([len(data) for _, data in frames], np.int64)
        content = b"".join([data for _, data in frames])
        return cls(content, np.cumsum(sizes) - sizes, sizes, np.array([rows for rows, _ in frames], np.int64))

    def __len__(self) -> int:
        return len(self.starts)

    def __iter__(self) -> Iterator[tuple[int, memoryview]]:
        """(rows, data) of one frame after the other."""
        view = memoryview(self.content)
        bounds = zip(self.rows.tolist(), self.starts.tolist(), (self.starts + self.sizes).tolist(), strict=True)
        return ((rows, view[start:stop]) for rows, start, stop in bounds)

    @property
    def total(self) -> int:
        """Rows of all frames."""
        return int(self.rows.sum())


def plain_dtype(text: object) -> np.dtype[Any]:
    """A dtype out of a definition. Raises ValueError where its values are no plain bytes (pointers, structures, nothing)."""
    dtype = np.dtype(str(text))
    if dtype.hasobject or dtype.names is not None or dtype.subdtype is not None or not dtype.itemsize:
        raise ValueError(f"values of dtype {dtype} can't be read from bytes")
    return dtype


def grid(payloads: Payloads, at: int, width: int, dtype: np.dtype[Any]) -> Array:
    """[column][row] over all frames, of values that lie [column][row] in each, `at` bytes for each of its rows from its start.

    The caller has seen that the frames are long enough.
    """
    values = np.empty((width, payloads.total), dtype)
    ends = np.cumsum(payloads.rows)
    for rows in (
        np.unique(payloads.rows).tolist() if (payloads.rows[1:] != payloads.rows[:-1]).any() else payloads.rows[:1].tolist()
    ):
        which = np.flatnonzero(payloads.rows == rows)
        raw = pieces(payloads.content, payloads.starts[which] + at * rows, width * rows * dtype.itemsize)
        block = raw.view(dtype).reshape(len(which), width, rows).transpose(1, 0, 2).reshape(width, -1)
        if len(which) == len(payloads):
            return block
        values[:, ((ends[which] - rows)[:, None] + np.arange(rows)).ravel()] = block
    return values


def pieces(content: bytes | memoryview, starts: Array, size: int) -> Array:
    """[piece][byte]: the `size` bytes from each start on. One piece is not copied. Raises IndexError beyond the end."""
    if not size or not len(starts):
        return np.empty((len(starts), size), np.uint8)
    if len(starts) == 1:
        return np.frombuffer(content, np.uint8, size, int(starts[0])).reshape(1, size)
    whole = every(content, np.dtype((np.void, size)))[starts]
    return whole.view(np.uint8).reshape(len(starts), size)


def every(content: bytes | memoryview, dtype: np.dtype[Any]) -> Array:
    """The value that begins at each byte of `content`: a view: its values overlap."""
    return np.ndarray((max(0, len(content) - dtype.itemsize + 1),), dtype, content, strides=(1,))


def opened(content: bytes | memoryview, start: int) -> BinaryIO:
    """The bytes from `start` on as a file, for who reads a little at a time."""
    made = BytesIO(content)  # shares the memory of bytes
    made.seek(start)
    return made


def together(content: bytes | memoryview, starts: Array, sizes: Array) -> bytes:
    """Pieces of any size, one behind the other."""
    total = int(sizes.sum())
    if not total:
        return b""
    first = int(starts[0])
    if (starts[1:] == starts[:-1] + sizes[:-1]).all():
        return bytes(memoryview(content)[first : first + total])
    if (sizes == sizes[0]).all():
        return pieces(content, starts, int(sizes[0])).tobytes()
    if total < SHORT * len(sizes):
        places = np.repeat(starts - (np.cumsum(sizes) - sizes), sizes) + np.arange(total)
        return np.frombuffer(content, np.uint8)[places].tobytes()
    view = memoryview(content)
    return b"".join([view[start:stop] for start, stop in zip(starts.tolist(), (starts + sizes).tolist(), strict=True)])
