"""Rows of Parquet parts: only the columns and the row groups that are asked for, and of a remote file only those bytes."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.types as types

from modeldata.columns.python import NO_VALUE, python_values
from modeldata.encode.kinds import split
from modeldata.encode.restore import readable_column
from modeldata.format import names
from modeldata.read.chunks import OWN_TYPES
from modeldata.read.convert import from_arrow
from modeldata.read.fetch import read_bytes
from modeldata.read.text_part import WrongRows, fitted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from modeldata.read.chunks import Chunk
    from modeldata.store import ReadStore

TAIL = 64 * 1024
"""Read at once from the end of a file: most footers are in it, and small files as a whole."""
GROUP_ROWS = 1 << 18
"""Row groups are read together up to so many rows."""


class _File(io.RawIOBase):
    """A file of a store, read where it is asked for."""

    def __init__(self, store: ReadStore, path: str, size: int) -> None:
        self._store = store
        self._path = path
        self._size = size
        self._at = 0
        start = max(0, size - TAIL)
        self._tail = (start, read_bytes(store, path, start, size - start))

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = offset + (0, self._at, self._size)[whence]
        return self._at

    def tell(self) -> int:
        return self._at

    def read(self, size: int | None = -1) -> bytes:
        rest = self._size - self._at
        size = rest if size is None or size < 0 else min(size, rest)
        start, tail = self._tail
        data = (
            tail[self._at - start : self._at - start + size]
            if self._at >= start
            else read_bytes(self._store, self._path, self._at, size)
        )
        self._at += len(data)
        return data


def open_file(store: ReadStore, chunk: Chunk) -> pq.ParquetFile:
    """Raises `WrongRows` for a file that is not what was archived, `Gone`, `Unavailable`."""
    (batch,) = chunk.batches
    try:
        file = pq.ParquetFile(_File(store, batch.path, batch.end), pre_buffer=True)
    except (pa.ArrowException, OSError):
        raise WrongRows from None
    if file.metadata.num_rows != batch.rows:
        raise WrongRows
    return file


def groups(file: pq.ParquetFile, may_hold: Callable[[int, int], bool]) -> Iterator[tuple[list[int], int]]:
    """Runs of row groups that may hold rows of the times wanted, each with the place of its first row in the file."""
    waiting: list[int] = []
    place = first = rows = 0
    for number in range(file.metadata.num_row_groups):
        group = file.metadata.row_group(number)
        wanted = _within(group, may_hold)
        if waiting and (rows + group.num_rows > GROUP_ROWS or not wanted):
            yield waiting, first
            waiting = []
        if wanted:
            if not waiting:
                first, rows = place, 0
            waiting.append(number)
            rows += group.num_rows
        place += group.num_rows
    if waiting:
        yield waiting, first


def _within(group: Any, may_hold: Callable[[int, int], bool]) -> bool:
    """May a row group hold rows of the times wanted? By its statistics of `$Timestamp`."""
    for at in range(group.num_columns):
        column = group.column(at)
        if column.path_in_schema != names.TIMESTAMP:
            continue
        stats = column.statistics
        if stats is None or not stats.has_min_max:
            return True
        low, high = (int(pa.scalar(value, OWN_TYPES[names.TIMESTAMP]).value) * 1000 for value in (stats.min, stats.max))
        return may_hold(low, high)
    return True


def table(file: pq.ParquetFile, chunk: Chunk, numbers: list[int], first: int, schema: pa.Schema) -> pa.Table:
    """The columns of `schema` that the file has, of these types, from some of its row groups. Raises `Misfit`, `WrongRows`."""
    there = set(file.schema_arrow.names)
    wanted = [name for name in schema.names if name in there and (name in OWN_TYPES or name in chunk.types)]
    try:
        found = file.read_row_groups(numbers, columns=[*wanted])
    except (pa.ArrowException, OSError):
        raise WrongRows from None
    made = {}
    for name in wanted:
        target = schema.field(name).type
        made[name] = found[name].cast(target) if name in OWN_TYPES else _fit(chunk, name, found[name], first, target)
    return pa.table(made)


def told_of(chunk: Chunk, name: str, first: int, rows: int) -> Any:
    """What the manifest says of the kinds of some rows of a column."""
    told = chunk.told(name)
    if not isinstance(told, list):
        return told
    return split(split({name: told}, first)[1], rows)[0][name]


def _fit(chunk: Chunk, name: str, cells: pa.ChunkedArray, first: int, target: pa.DataType) -> pa.Array | pa.ChunkedArray:
    declared, told = chunk.types[name], told_of(chunk, name, first, len(cells))
    if not (types.is_string(cells.type) and types.is_string(target) and _is_json(told)):
        try:
            return from_arrow(cells, declared, told, target)
        except NO_VALUE:
            pass  # value by value, then
    return fitted(name, readable_column(python_values(cells), declared, told), target)


def _is_json(told: Any) -> bool:
    """JSON text, which a value of another kind than text is in Parquet where others in its column are of yet another."""
    kinds = [kind for kind, _ in told] if isinstance(told, list) else [told]
    return any(kind == "json" or (isinstance(kind, dict) and "json" in kind) for kind in kinds)
