"""Bytes of a chunk from its store, proven to be those that were archived; and where they are not, which lines of which file."""

from __future__ import annotations

from typing import TYPE_CHECKING
from zlib import crc32

from modeldata.catalog.errors import SKIP_HINT, Damaged
from modeldata.catalog.store_file import StoreFile, read_bytes
from modeldata.encode import format_of
from modeldata.format.files import FORMATS
from modeldata.read.chunks import Chunk, chunked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from modeldata.catalog.lines import ArchivedBatch
    from modeldata.encode import Source
    from modeldata.store import ReadStore


def sources(store: ReadStore, chunk: Chunk, damaged: Callable[[Damaged], None]) -> Iterator[tuple[Chunk, Source]]:
    """What a format reads the rows of a chunk from. Files that are whole are read where they are asked for, and not proven.

    Raises as `fetch`.
    """
    if FORMATS[chunk.format].grows:
        yield from fetch(store, chunk, damaged)
    else:
        yield chunk, StoreFile(store, chunk.path, chunk.end)  # type: ignore[misc] # it reads, as BinaryIO does


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


def _of(batch: ArchivedBatch, chunk: Chunk, data: memoryview) -> memoryview:
    return data[batch.start - chunk.start : batch.end - chunk.start]


def _proven(batch: ArchivedBatch, chunk: Chunk, data: memoryview) -> bool:
    mine = _of(batch, chunk, data)
    return len(mine) == batch.row_bytes and crc32(mine) == batch.crc


def damage(store: ReadStore, batch: ArchivedBatch, content: bytes) -> Damaged:
    """What to say of a batch with other bytes than were archived: its lines in the file, and the first that is no row."""
    if len(content) < batch.row_bytes:
        cause = f"{batch.row_bytes - len(content):,} bytes are missing at its end"
        return Damaged("read the archive", batch.path, cause=cause, hint=SKIP_HINT)
    before = store.read(batch.path, 0, batch.start).count(b"\n")
    last = before + content.count(b"\n")
    rows = f"lines {before + 1:,} to {last:,}" if FORMATS[batch.format].grows else f"all {batch.rows:,} rows"
    cause = f"{rows} are not what was archived (batch {batch.line.batch})"
    form = format_of(batch.format)
    odd = form.odd_line(content, len(batch.columns))
    if odd is not None:
        cause += f"; line {before + odd:,} is no row of {len(batch.columns) + len(form.own_columns)} cells"
    return Damaged("read the archive", batch.path, cause=cause, hint=SKIP_HINT)
