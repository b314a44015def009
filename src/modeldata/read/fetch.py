"""Bytes of a chunk from its store, proven to be those that were archived; and where they are not, which lines of which file."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING
from zlib import crc32

from modeldata.catalog.batches import Vanished
from modeldata.catalog.errors import SKIP_HINT, Damaged
from modeldata.read.chunks import Chunk, chunked
from modeldata.store import Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from modeldata.catalog.batches import ArchivedBatch
    from modeldata.store import ReadStore


def fetch(store: ReadStore, chunk: Chunk, damaged: Callable[[Damaged], None]) -> Iterator[tuple[Chunk, memoryview]]:
    """The rows of a chunk, without a header. Damaged batches are handed to `damaged` and left out.

    Raises `Vanished` where the file is not there any more, `Unavailable`.
    """
    data = memoryview(read_bytes(store, chunk.path, chunk.start, chunk.end - chunk.start))
    bad = [batch for batch in chunk.batches if not _proven(batch, chunk, data)]
    if not bad:
        yield chunk, data
        return
    for batch in bad:
        damaged(damage(store, batch, bytes(_of(batch, chunk, data))))
    for piece in chunked(chunk.folder, [batch for batch in chunk.batches if batch not in bad]):
        yield piece, data[piece.start - chunk.start : piece.end - chunk.start]


def read_bytes(store: ReadStore, path: str, start: int, size: int) -> bytes:
    """Raises `Vanished` where there is no such file (or nothing in it) any more."""
    try:
        return store.read(path, start, size)
    except Unavailable:
        if store.length(path):
            raise
        raise Vanished(path) from None


def _of(batch: ArchivedBatch, chunk: Chunk, data: memoryview) -> memoryview:
    return data[batch.start - chunk.start : batch.end - chunk.start]


def _proven(batch: ArchivedBatch, chunk: Chunk, data: memoryview) -> bool:
    mine = _of(batch, chunk, data)
    return len(mine) == batch.row_bytes and crc32(mine) == batch.crc


def damage(store: ReadStore, batch: ArchivedBatch, found: bytes) -> Damaged:
    """What to say of a batch whose bytes are not what was archived: its lines in the file, and the first that is no row."""
    if len(found) < batch.row_bytes:
        cause = f"{batch.row_bytes - len(found):,} bytes are missing at its end"
        return Damaged("read the archive", batch.path, cause=cause, hint=SKIP_HINT)
    before = store.read(batch.path, 0, batch.start).count(b"\n")
    last = before + found.count(b"\n")
    rows = f"lines {before + 1:,} to {last:,}" if batch.format != "parquet" else f"all {batch.rows:,} rows"
    cause = f"{rows} are not what was archived (batch {batch.line.batch})"
    odd = _odd_line(found, len(batch.columns) + 3) if batch.format == "csv" else None
    if odd is not None:
        cause += f"; line {before + odd:,} is no row of {len(batch.columns) + 3} cells"
    return Damaged("read the archive", batch.path, cause=cause, hint=SKIP_HINT)


def _odd_line(data: bytes, cells: int) -> int | None:
    """The first line, from 1, where a row ends that has more or fewer cells."""
    rows = csv.reader(io.StringIO(data.decode("utf-8", "replace"), newline=""))
    try:
        return next((rows.line_num for row in rows if len(row) != cells), None)
    except csv.Error:
        return int(rows.line_num)
