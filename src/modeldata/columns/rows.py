"""Layout "rows": msgpack. Frames of one row are read column by column, all at once; others value by value."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modeldata.columns.cells import read_cells
from modeldata.columns.payloads import opened
from modeldata.columns.typed import from_values
from modeldata.columns.values import unpacker

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modeldata.columns.payloads import Payloads
    from modeldata.columns.typed import Values


def decode(types: list[str], extra: dict[str, object], payloads: Payloads) -> list[Values]:
    """Raises ValueError where a frame is not exactly its rows, each as wide as the definition says."""
    single = bool(extra.get("single"))
    width = len(types)
    cells = read_cells(payloads, width, single=single)
    if cells is not None:
        return [column.values(kind) for column, kind in zip(cells, types, strict=True)]
    return _columns(_read(payloads, single=single), types)


def decode_some(types: list[str], extra: dict[str, object], payloads: Payloads, most: int) -> Iterator[list[Values]]:
    """The columns of one frame of many rows, `most` rows at a time: values take many times their bytes."""
    reader = unpacker(opened(payloads.content, int(payloads.starts[0])))
    if extra.get("single") or reader.read_array_header() != payloads.total:
        raise ValueError("a frame is not exactly its rows")
    for start in range(0, payloads.total, most):
        yield _columns([reader.unpack() for _ in range(min(most, payloads.total - start))], types)
    if reader.tell() != int(payloads.sizes[0]):
        raise ValueError("a frame is longer than its rows")


def _columns(table: list[list[object]], types: list[str]) -> list[Values]:
    if any(len(row) != len(types) for row in table):
        raise ValueError(f"a row does not have {len(types)} values")
    if not table:
        return [from_values([], kind) for kind in types]
    return [from_values(list(values), kind) for values, kind in zip(zip(*table, strict=True), types, strict=True)]


def _read(payloads: Payloads, *, single: bool) -> list[list[object]]:
    reader = unpacker()
    table: list[list[object]] = []
    start = 0
    for count, data in payloads:
        reader.feed(data)
        rows = reader.unpack()
        start += len(data)
        if reader.tell() != start or not isinstance(rows, list) or (1 if single else len(rows)) != count:
            raise ValueError("a frame is not exactly its rows")
        if single:
            table.append(rows)
        else:
            table.extend(rows)
    return table
