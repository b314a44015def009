"""Batches that lie one after the other in one file and have one shape are read as one piece: a chunk. Pure."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from modeldata.encode.kinds import of_declared
from modeldata.format import names
from modeldata.format.files import FORMATS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from modeldata.catalog.lines import ArchivedBatch

CHUNK_BYTES = 8 * 1024 * 1024
"""Of text at once. Large enough for Arrow's parser to be busy, small enough for several to be under way."""
SPARK = "spark-"
"""Begins manifests of calls on Spark frames. There `$Row` is partition * 2^33 + place; a writer's id ends in its partition."""
PARTITION_BITS, PARTITION_DIGITS = 33, 8


class Chunk:
    """Batches of one file, one after the other, with the same columns and declared types. Never changed."""

    def __init__(self, folder: str, batches: tuple[ArchivedBatch, ...]) -> None:
        self.folder = folder
        self.batches = batches

    @property
    def path(self) -> str:
        return self.batches[0].path

    @property
    def format(self) -> str:
        return self.batches[0].format

    @property
    def columns(self) -> tuple[str, ...]:
        return self.batches[0].columns

    @cached_property
    def types(self) -> dict[str, str]:
        """Declared types by feature. Made once: it is asked for column by column, and there may be thousands."""
        return dict(zip(self.columns, self.batches[0].types, strict=True))

    @property
    def identity(self) -> Mapping[str, Any]:
        """The collector of these rows: a folder has one."""
        return self.batches[0].line.entry.identity

    @property
    def start(self) -> int:
        return self.batches[0].start

    @property
    def end(self) -> int:
        return self.batches[-1].end

    @cached_property
    def rows(self) -> int:
        return sum(batch.rows for batch in self.batches)

    def kinds_of(self, column: str) -> Any:
        """What the manifests say of the kinds of a column: None, one kind, or runs in the order of the rows."""
        each = [(batch.kinds.get(column), batch.rows) for batch in self.batches]
        first = each[0][0]
        if not isinstance(first, list) and all(kind == first for kind, _ in each):
            return first
        implied = of_declared(self.types[column]) or "plain"
        return [run for kind, rows in each for run in (kind if isinstance(kind, list) else [[kind or implied, rows]])]


def chunked(folder: str, batches: Iterable[ArchivedBatch], most: int = CHUNK_BYTES) -> Iterator[Chunk]:
    """The batches of a folder, in their order, in chunks of `most` bytes or one batch."""
    waiting: list[ArchivedBatch] = []
    for batch in batches:
        if waiting and not _goes_on(waiting, batch, most):
            yield Chunk(folder, tuple(waiting))
            waiting = []
        waiting.append(batch)
    if waiting:
        yield Chunk(folder, tuple(waiting))


def _goes_on(waiting: list[ArchivedBatch], batch: ArchivedBatch, most: int) -> bool:
    first, last = waiting[0], waiting[-1]
    return (
        batch.path == last.path
        and batch.start == last.end
        and batch.columns == first.columns
        and batch.types == first.types
        and batch.end - first.start <= most
        and FORMATS[batch.format].grows
    )


def numbers(batches: Sequence[ArchivedBatch]) -> tuple[pa.Array, pa.Array, pa.Array]:
    """`$Writer`, `$Sequence` and `$Row` of every row, from the manifests. For formats without these columns."""
    ranges = [one for batch in batches for one in batch.sequences]
    counts = np.array([last - first + 1 for _, first, last in ranges], np.int64)
    firsts = np.array([first for _, first, _ in ranges], np.int64)
    sequences = np.repeat(firsts - (np.cumsum(counts) - counts), counts) + np.arange(counts.sum())
    writers = pa.array([writer for writer, _, _ in ranges], pa.string()).take(pa.array(np.repeat(np.arange(len(ranges)), counts)))
    rows = np.concatenate([_rows(batch) for batch in batches])
    return writers, pa.array(sequences, pa.int64()), pa.array(rows, pa.int64())


class Spans:
    """Ranges of numbers by writer: (writer, first, last). Which rows lie in them is found in one step for each writer."""

    def __init__(self, ranges: Iterable[tuple[str, int, int]]) -> None:
        spans: dict[str, list[tuple[int, int]]] = {}
        for writer, first, last in ranges:
            spans.setdefault(writer, []).append((first, last))
        self._spans = {writer: np.array(sorted(each), np.int64) for writer, each in spans.items()}

    def holds(self, rows: pa.Table) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """For each row, which has `$Writer` and `$Sequence`: does it lie in a range?"""
        writers = rows[names.WRITER].combine_chunks().dictionary_encode()
        codes, numbers = np.asarray(writers.indices.fill_null(-1)), np.asarray(rows[names.SEQUENCE].fill_null(-1))
        held = np.zeros(len(numbers), bool)
        for code, writer in enumerate(writers.dictionary.to_pylist()):
            if writer in self._spans:
                theirs = np.flatnonzero(codes == code)
                firsts, lasts = self._spans[writer].T
                at = np.searchsorted(firsts, numbers[theirs], side="right") - 1
                held[theirs] = (at >= 0) & (numbers[theirs] <= np.maximum.accumulate(lasts)[at])
        return held

    def rows_of(self, rows: pa.Table) -> pa.Table:
        """Those that lie in a range."""
        return rows.filter(pa.array(self.holds(rows)))


def _rows(batch: ArchivedBatch) -> np.ndarray[Any, np.dtype[np.int64]]:
    """The place of each row in its call; the first call may have begun in a batch before."""
    calls = np.array([rows for rows, times in batch.calls for _ in range(times)], np.int64)
    place = np.arange(calls.sum()) - np.repeat(np.cumsum(calls) - calls, calls)
    if batch.continues:
        place[: calls[0]] += batch.continues
    if batch.line.log.rpartition("/")[2].startswith(SPARK):
        place += int(batch.sequences[0][0][-PARTITION_DIGITS:], 16) << PARTITION_BITS
    return place


OWN_TYPES = {
    names.TIMESTAMP: pa.timestamp("us", "UTC"),
    names.CORRELATION: pa.string(),
    names.REQUEST: pa.string(),
    names.WRITER: pa.string(),
    names.SEQUENCE: pa.int64(),
    names.ROW: pa.int64(),
}
"""The columns that every row has, in every format."""
