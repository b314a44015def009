"""A look at the first rows of a batch, for columns without a type in their manifest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from modeldata.catalog.batches import Vanished
from modeldata.catalog.store_file import StoreFile, read_bytes
from modeldata.encode import format_of
from modeldata.encode.kinds import split
from modeldata.format.files import FORMATS
from modeldata.read.chunks import Chunk
from modeldata.read.forms import found_type, value_type
from modeldata.read.part import parts, present, values
from modeldata.read.salvage import NO_ROWS, Salvage
from modeldata.store import Unreadable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modeldata.catalog.lines import ArchivedBatch
    from modeldata.encode import Part, Source
    from modeldata.errors import StoreError
    from modeldata.store import ReadStore

SAMPLE_BYTES = 256 * 1024


class Samples:
    """The types that columns have in the first rows of batches. Each batch is looked into once."""

    def __init__(self, store: ReadStore) -> None:
        self._store = store
        self._found: dict[tuple[str, int], dict[str, pa.DataType]] = {}

    def type_of(self, folder: str, batch: ArchivedBatch, column: str) -> pa.DataType:
        """Null where the rows have no value, or can't be read. Raises `Unavailable`."""
        key = (batch.path, batch.offset)
        if key not in self._found:
            chunk = Chunk(folder, (batch,))
            try:
                kinds = _types(*_first_rows(self._store, chunk))
            except (Vanished, Unreadable):
                kinds = {}  # found out when its rows are read
            except NO_ROWS:
                kinds = next(Salvage(self._store, _found_out_later).rows(chunk, lambda *rows: iter([_types(*rows)])), {})
            self._found[key] = kinds
        return self._found[key].get(column, pa.null())


def _found_out_later(error: StoreError) -> None:
    """When its rows are read."""


def _types(chunk: Chunk, source: Source) -> dict[str, pa.DataType]:
    part = next(parts(chunk, source))
    if part.typed:
        there = {name: found_type(kind, chunk.kinds_of(name)) for name, kind in part.types().items() if name in chunk.types}
        there |= dict.fromkeys(part.empty(), pa.null())
        return {**there, **_value_types(part, chunk, [name for name in there if _is_json_of_one_kind(chunk.kinds_of(name))])}
    return _value_types(part, chunk, chunk.columns)


def _value_types(part: Part, chunk: Chunk, columns: Sequence[str]) -> dict[str, pa.DataType]:
    return {name: value_type(present(column)) for name, column in values(part, chunk, columns).items()}


def _is_json_of_one_kind(kinds: Any) -> bool:
    """Such values did not fit into the type that their column had before: they have one of their own."""
    return isinstance(kinds, dict) and isinstance(kinds.get("json"), str)


def _first_rows(store: ReadStore, chunk: Chunk) -> tuple[Chunk, Source]:
    """Of a file that grows, the first rows of the batch; one that is long as a whole."""
    (batch,) = chunk.batches
    if not FORMATS[batch.format].grows:
        return chunk, StoreFile(store, batch.path, batch.end)  # type: ignore[return-value] # it reads, as BinaryIO does
    data = read_bytes(store, batch.path, batch.start, min(batch.row_bytes, SAMPLE_BYTES))
    bounds = format_of(batch.format).bounds(data)
    if bounds is None or not len(bounds):
        return chunk, memoryview(read_bytes(store, batch.path, batch.start, batch.row_bytes))
    kinds, _ = split(batch.kinds, len(bounds))
    first = batch._replace(rows=len(bounds), kinds=kinds)
    return Chunk(chunk.folder, (first,)), memoryview(data)[: int(bounds[-1])]
