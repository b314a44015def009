"""Rows of a chunk, also where some of it can't be read: of text, all rows but those; of other files, all parts before."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from modeldata.catalog.errors import SKIP_HINT, Damaged, SkippedWarning
from modeldata.catalog.lines import batch_of
from modeldata.columns.python import NO_VALUE
from modeldata.encode import WrongRows, format_of
from modeldata.encode.kinds import split
from modeldata.format.files import FORMATS
from modeldata.read.chunks import Chunk
from modeldata.read.fetch import sources
from modeldata.store import Unreadable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from modeldata.catalog.lines import ArchivedBatch
    from modeldata.encode import Source
    from modeldata.errors import StoreError
    from modeldata.read.plan import ReadRequest
    from modeldata.store import ReadStore

Rows = TypeVar("Rows")
NO_ROWS = (WrongRows, *NO_VALUE, AttributeError, MemoryError)
"""What a file raises that is not what its manifest says, or asks for more memory than there is."""
MOST = 100
"""Rows of one chunk that are left out one by one; of more, all that is left of it goes."""


class Salvage(NamedTuple):
    """damaged: takes the error of a part that can't be read, and may raise it."""

    store: ReadStore
    damaged: Callable[[StoreError], None]

    def rows(self, chunk: Chunk, make: Callable[[Chunk, Source], Iterator[Rows]]) -> Iterator[Rows]:
        """What `make` gives for all that can be read. Raises `Vanished`, `Unavailable`, `Misfit`."""
        bad: list[Chunk] = []
        try:
            for piece, source in sources(self.store, chunk, self.damaged):
                yield from self._rows(piece, source, make, bad)
        except Unreadable as error:
            self.damaged(error)

    def _rows(
        self, chunk: Chunk, source: Source, make: Callable[[Chunk, Source], Iterator[Rows]], bad: list[Chunk]
    ) -> Iterator[Rows]:
        try:
            yield from make(chunk, source)
        except NO_ROWS as error:
            halves = _halves(chunk, source) if len(bad) < MOST else ()
            if not halves:
                bad.append(chunk)
                self.damaged(_no_rows(self.store, chunk, error))
            for half, data in halves:
                yield from self._rows(half, data, make, bad)


def left_out(error: StoreError, request: ReadRequest) -> None:
    """Raises it, unless `errors="skip"`: then it is a warning."""
    if request.errors == "raise":
        raise error
    warnings.warn(f"left out: {error}", SkippedWarning, stacklevel=3)


def _halves(chunk: Chunk, source: Source) -> tuple[tuple[Chunk, memoryview], ...]:
    """A chunk of a text format in two; nothing for one row, and where its rows are not as many as its manifest says."""
    if not isinstance(source, memoryview) or not FORMATS[chunk.format].grows:
        return ()
    batches = chunk.batches
    if len(batches) > 1:
        firsts, rest = batches[: len(batches) // 2], batches[len(batches) // 2 :]
    else:
        ends = format_of(chunk.format).bounds(bytes(source))
        if ends is None or not 1 < len(ends) == chunk.rows or batches[0].line.entry.is_miscounted:
            return ()
        try:
            left, right = _split(batches[0], chunk.rows // 2, int(ends[chunk.rows // 2 - 1]))
        except NO_VALUE:  # its manifest says other things of its rows than its file
            return ()
        firsts, rest = (left,), (right,)
    at = firsts[-1].end - chunk.start
    return (Chunk(chunk.folder, firsts), source[:at]), (Chunk(chunk.folder, rest), source[at:])


def _split(batch: ArchivedBatch, rows: int, size: int) -> tuple[ArchivedBatch, ArchivedBatch]:
    """The first `rows` rows, which are `size` bytes, and the others: as if each had been archived by itself."""
    folder, _, _ = batch.path.rpartition("/")
    left, right = (batch_of(batch.line._replace(entry=entry), folder) for entry in batch.line.entry.split(rows, split))
    return (
        left._replace(offset=batch.start, size=size, row_bytes=size),
        right._replace(offset=batch.start + size, size=batch.row_bytes - size, row_bytes=batch.row_bytes - size),
    )


def _no_rows(store: ReadStore, chunk: Chunk, error: Exception) -> Damaged:
    """Which rows of which file can't be read."""
    batch = chunk.batches[0]
    rows = f"{chunk.rows:,} rows"
    if FORMATS[chunk.format].grows:
        first = store.read(chunk.path, 0, chunk.start).count(b"\n") + 1
        rows = f"line {first:,}" if chunk.rows == 1 else f"{rows} from line {first:,} on"
    why = "they are not as many as its manifest says" if isinstance(error, WrongRows) else _said(error)
    cause = f"{rows} can't be read: {why} (batch {batch.line.batch})"
    return Damaged("read the archive", chunk.path, cause=cause, hint=SKIP_HINT)


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"[:200]
