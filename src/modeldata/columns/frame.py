"""Layout "frame": parts of raw values by dtype, then the other columns value by value."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from modeldata.columns.texts import Texts, columns_of
from modeldata.columns.typed import from_numpy, from_values
from modeldata.columns.values import unpacker

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from modeldata.columns.typed import Array, Values

    Frames = Sequence[tuple[int, bytes | memoryview]]


class Part(NamedTuple):
    """Columns of one dtype; `at` and `mask_at` are offsets for a frame of one row."""

    dtype: np.dtype[Any]
    columns: list[int]
    masked: bool
    at: int
    mask_at: int


def decode(types: list[str], extra: dict[str, Any], frames: Frames) -> list[Values]:
    """Frames with equally many rows have their parts at the same places: they are read as one array."""
    parts, row_bytes = _parts(extra["parts"])
    objects: list[int] = extra["objects"]
    texts: list[int] = extra.get("texts", [])  # before version 2 of the spool, text was among the objects
    counts = np.array([count for count, _ in frames], np.int64)
    if not objects and not texts and any(len(data) != count * row_bytes for count, data in frames):
        raise ValueError("a frame is shorter or longer than its rows")
    found: dict[int, Values] = {}
    for part in parts:
        values, null = _read(part, frames, counts)
        for position, at in enumerate(part.columns):
            found[at] = from_numpy(values[position], types[at], None if null is None else null[position])
    read = [Texts(memoryview(data), count * row_bytes, len(texts), count) for count, data in frames]
    for at, column in zip(texts, columns_of(read, len(texts)) if texts else [], strict=True):
        found[at] = column
    if texts and not objects and any(one.end != len(one.data) for one in read):
        raise ValueError("a frame is shorter or longer than its rows")
    for at, cells in zip(objects, _objects(frames, [one.end for one in read], len(objects)), strict=True):
        found[at] = from_values(cells, types[at])
    return [found[at] for at in range(len(types))]


def _parts(told: list[dict[str, Any]]) -> tuple[list[Part], int]:
    parts = []
    at = 0
    for one in told:
        dtype = np.dtype(one["dtype"])
        width = len(one["columns"])
        mask_at = at + width * dtype.itemsize
        parts.append(Part(dtype, list(one["columns"]), one["mask"], at, mask_at))
        at = mask_at + (width if one["mask"] else 0)
    return parts, at


def _read(part: Part, frames: Frames, counts: Array) -> tuple[Array, Array | None]:
    """([column][row] values, [column][row] nulls) of one part, over all frames in their order."""
    width, total = len(part.columns), int(counts.sum())
    values = np.empty((width, total), part.dtype)
    null = np.empty((width, total), bool) if part.masked else None
    starts = np.cumsum(counts) - counts
    for rows in np.unique(counts).tolist():
        which = np.flatnonzero(counts == rows)
        places = (starts[which][:, None] + np.arange(rows)).ravel()
        values[:, places] = _bucket(frames, which, part.at * rows, (width, rows), part.dtype)
        if null is not None:
            null[:, places] = _bucket(frames, which, part.mask_at * rows, (width, rows), np.dtype(bool))
    return values, null


def _bucket(frames: Frames, which: Array, at: int, shape: tuple[int, int], dtype: np.dtype[Any]) -> Array:
    """[column][row] of the frames `which`, all of which have `shape` = (columns, rows) values at offset `at`."""
    width, rows = shape
    size = width * rows * dtype.itemsize
    joined = b"".join([frames[one][1][at : at + size] for one in which.tolist()])
    return np.frombuffer(joined, dtype).reshape(len(which), width, rows).transpose(1, 0, 2).reshape(width, -1)


def _objects(frames: Frames, starts: Sequence[int], width: int) -> list[list[object]]:
    columns: list[list[object]] = [[] for _ in range(width)]
    if not width:
        return columns
    reader = unpacker()
    end = 0
    for (count, data), start in zip(frames, starts, strict=True):
        rest = memoryview(data)[start:]
        reader.feed(rest)
        found = reader.unpack()
        end += len(rest)
        if reader.tell() != end or len(found) != width or any(len(values) != count for values in found):
            raise ValueError("a frame is not exactly its rows")
        for column, values in zip(columns, found, strict=True):
            column.extend(values)
    return columns
