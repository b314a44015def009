"""The bytes of a batch as they lie in the store: their checksums, and how many rows they really hold. In bounded memory."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple
from zlib import crc32

import pyarrow as pa

from modeldata.catalog.store_file import StoreFile, read_bytes
from modeldata.encode import WrongRows, format_of
from modeldata.format import names

if TYPE_CHECKING:
    from modeldata.catalog.lines import ArchivedBatch
    from modeldata.store import ReadStore

READ_BYTES = 8 * 1024 * 1024


class Content(NamedTuple):
    """What the bytes of a batch are. rows: None where they are no rows of their format. sha256: empty where not asked for."""

    size: int
    crc32: int
    sha256: str
    rows: int | None


def content_of(store: ReadStore, batch: ArchivedBatch, *, digest: bool) -> Content:
    """Read the rows of a batch, without a header. Raises `Vanished`, `Unavailable`."""
    hashed, crc, size = sha256() if digest else None, 0, 0
    counter = format_of(batch.format).counter()
    while size < batch.row_bytes:
        piece = read_bytes(store, batch.path, batch.start + size, min(batch.row_bytes - size, READ_BYTES))
        if not piece:
            break
        crc, size = crc32(piece, crc), size + len(piece)
        if counter:
            counter.add(piece)
        if hashed:
            hashed.update(piece)
    rows = counter.rows if counter else _rows_of_a_file(store, batch) if size and crc == batch.crc else batch.rows
    return Content(size, crc, hashed.hexdigest() if hashed else "", rows)


def _rows_of_a_file(store: ReadStore, batch: ArchivedBatch) -> int | None:
    """The rows of a whole file, by its values and not by its footer alone."""
    source = StoreFile(store, batch.path, batch.end)
    try:
        parts = format_of(batch.format).parts(source, batch.columns, batch.rows)  # type: ignore[arg-type] # as BinaryIO does
        return sum(len(next(iter(part.columns(ONE_COLUMN).values()))) for part in parts)
    except (WrongRows, StopIteration, pa.ArrowException, OSError):
        return None


ONE_COLUMN = {names.TIMESTAMP: pa.timestamp("us", "UTC")}
"""Every file has it."""
