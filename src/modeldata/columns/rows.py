"""Layout "rows": msgpack, value by value."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modeldata.columns.typed import from_values
from modeldata.columns.values import unpacker

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modeldata.columns.typed import Values


def decode(types: list[str], extra: dict[str, object], frames: Sequence[tuple[int, bytes | memoryview]]) -> list[Values]:
    """Raises ValueError where a frame is not exactly its rows, each as wide as the definition says."""
    table = _read(frames, single=bool(extra.get("single")))
    width = len(types)
    if any(len(row) != width for row in table):
        raise ValueError(f"a row does not have {width} values")
    if not table:
        return [from_values([], kind) for kind in types]
    return [from_values(list(values), kind) for values, kind in zip(zip(*table, strict=True), types, strict=True)]


def _read(frames: Sequence[tuple[int, bytes | memoryview]], *, single: bool) -> list[list[object]]:
    reader = unpacker()
    table: list[list[object]] = []
    start = 0
    for count, data in frames:
        reader.feed(data)
        found = reader.unpack()
        start += len(data)
        if reader.tell() != start or not isinstance(found, list) or (1 if single else len(found)) != count:
            raise ValueError("a frame is not exactly its rows")
        if single:
            table.append(found)
        else:
            table.extend(found)
    return table
