"""Layout "frame": parts of raw values by dtype, then the other columns value by value."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from modeldata.columns.payloads import Payloads, grid, opened, plain_dtype, together
from modeldata.columns.texts import read_texts
from modeldata.columns.typed import from_numpy, from_values
from modeldata.columns.values import unpacker

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from msgpack import Unpacker

    from modeldata.columns.typed import Values


class DtypePart(NamedTuple):
    """Columns of one dtype; `at` and `mask_at` are offsets for a frame of one row."""

    dtype: np.dtype[Any]
    columns: list[int]
    masked: bool
    at: int
    mask_at: int


def decode(types: list[str], extra: dict[str, Any], payloads: Payloads) -> list[Values]:
    """Frames with equally many rows have their parts at the same places: they are read as one array."""
    made, rest = _typed(types, extra, payloads)
    objects: list[int] = extra["objects"]
    for at, cells in zip(objects, _objects(rest, len(objects)), strict=True):
        made[at] = from_values(cells, types[at])
    return [made[at] for at in range(len(types))]


def decode_some(types: list[str], extra: dict[str, Any], payloads: Payloads, most: int) -> Iterator[list[Values]]:
    """The columns of one frame, `most` rows at a time: what comes value by value takes many times its bytes."""
    typed, rest = _typed(types, extra, payloads)
    objects: list[int] = extra["objects"]
    streams = _streams(rest, len(objects))
    for start in range(0, payloads.total, most):
        count = min(most, payloads.total - start)
        some = {at: values[start : start + count] for at, values in typed.items()}
        for at, stream in zip(objects, streams, strict=True):
            some[at] = from_values([stream.unpack() for _ in range(count)], types[at])
        yield [some[at] for at in range(len(types))]


def _typed(types: list[str], extra: dict[str, Any], payloads: Payloads) -> tuple[dict[int, Values], Payloads]:
    """By place, the columns with values that lie one after the other; and what is left of each frame for the others."""
    parts, row_bytes = _parts(extra["parts"])
    objects: list[int] = extra["objects"]
    texts: list[int] = extra.get("texts", [])  # before version 2 of the spool, text was among the objects
    fixed, stops = payloads.rows * row_bytes, payloads.starts + payloads.sizes
    if (fixed > payloads.sizes).any():
        raise ValueError("a frame is shorter than its rows")
    typed: dict[int, Values] = {}
    for part in parts:
        values = grid(payloads, part.at, len(part.columns), part.dtype)
        null = grid(payloads, part.mask_at, len(part.columns), np.dtype(bool)) if part.masked else None
        for position, at in enumerate(part.columns):
            typed[at] = from_numpy(values[position], types[at], None if null is None else null[position])
    columns, ends = read_texts(payloads, row_bytes, len(texts)) if texts else ([], payloads.starts + fixed)
    typed.update(zip(texts, columns, strict=True))
    if not objects and (ends != stops).any():
        raise ValueError("a frame is longer than its rows")
    return typed, Payloads(payloads.content, ends, stops - ends, payloads.rows)


def _parts(groups: list[dict[str, Any]]) -> tuple[list[DtypePart], int]:
    parts = []
    at = 0
    for group in groups:
        dtype = plain_dtype(group["dtype"])
        width = len(group["columns"])
        mask_at = at + width * dtype.itemsize
        parts.append(DtypePart(dtype, list(group["columns"]), group["mask"], at, mask_at))
        at = mask_at + (width if group["mask"] else 0)
    return parts, at


def _objects(payloads: Payloads, width: int) -> list[list[object]]:
    columns: list[list[object]] = [[] for _ in range(width)]
    if not width:
        return columns
    reader = unpacker()
    reader.feed(together(payloads.content, payloads.starts, payloads.sizes))
    for count, end in zip(payloads.rows.tolist(), np.cumsum(payloads.sizes).tolist(), strict=True):
        cells = reader.unpack()
        if reader.tell() != end or len(cells) != width or any(len(values) != count for values in cells):
            raise ValueError("a frame is not exactly its rows")
        for column, values in zip(columns, cells, strict=True):
            column.extend(values)
    return columns


def _streams(payloads: Payloads, width: int) -> list[Unpacker]:
    """One reader a column of the one frame, each at its first value."""
    if not width:
        return []
    start, size = int(payloads.starts[0]), int(payloads.sizes[0])
    outer = unpacker(opened(payloads.content, start))
    if outer.read_array_header() != width:
        raise ValueError("a frame has other columns than was said")
    streams = []
    for _ in range(width):
        stream = unpacker(opened(payloads.content, start + outer.tell()))
        if stream.read_array_header() != payloads.total:
            raise ValueError("a frame is not exactly its rows")
        streams.append(stream)
        outer.skip()
    if outer.tell() != size:
        raise ValueError("a frame is longer than its rows")
    return streams
