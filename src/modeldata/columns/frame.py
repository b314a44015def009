"""Layout "frame": parts of raw values by dtype, then the other columns value by value."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from modeldata.columns.payloads import Payloads, grid, together
from modeldata.columns.texts import read_texts
from modeldata.columns.typed import from_numpy, from_values
from modeldata.columns.values import unpacker

if TYPE_CHECKING:
    from typing import Any

    from modeldata.columns.typed import Values


class Part(NamedTuple):
    """Columns of one dtype; `at` and `mask_at` are offsets for a frame of one row."""

    dtype: np.dtype[Any]
    columns: list[int]
    masked: bool
    at: int
    mask_at: int


def decode(types: list[str], extra: dict[str, Any], found: Payloads) -> list[Values]:
    """Frames with equally many rows have their parts at the same places: they are read as one array."""
    parts, row_bytes = _parts(extra["parts"])
    objects: list[int] = extra["objects"]
    texts: list[int] = extra.get("texts", [])  # before version 2 of the spool, text was among the objects
    fixed, stops = found.rows * row_bytes, found.starts + found.sizes
    if (fixed > found.sizes).any():
        raise ValueError("a frame is shorter than its rows")
    made: dict[int, Values] = {}
    for part in parts:
        values = grid(found, part.at, len(part.columns), part.dtype)
        null = grid(found, part.mask_at, len(part.columns), np.dtype(bool)) if part.masked else None
        for position, at in enumerate(part.columns):
            made[at] = from_numpy(values[position], types[at], None if null is None else null[position])
    columns, ends = read_texts(found, row_bytes, len(texts)) if texts else ([], found.starts + fixed)
    made.update(zip(texts, columns, strict=True))
    if not objects and (ends != stops).any():
        raise ValueError("a frame is longer than its rows")
    rest = Payloads(found.content, ends, stops - ends, found.rows)
    for at, cells in zip(objects, _objects(rest, len(objects)), strict=True):
        made[at] = from_values(cells, types[at])
    return [made[at] for at in range(len(types))]


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


def _objects(found: Payloads, width: int) -> list[list[object]]:
    columns: list[list[object]] = [[] for _ in range(width)]
    if not width:
        return columns
    reader = unpacker()
    reader.feed(together(found.content, found.starts, found.sizes))
    for count, end in zip(found.rows.tolist(), np.cumsum(found.sizes).tolist(), strict=True):
        cells = reader.unpack()
        if reader.tell() != end or len(cells) != width or any(len(values) != count for values in cells):
            raise ValueError("a frame is not exactly its rows")
        for column, values in zip(columns, cells, strict=True):
            column.extend(values)
    return columns
