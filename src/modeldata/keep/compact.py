"""Many small files, and files of text, into few Parquet files: sorted by `$Timestamp`, `$Writer`, `$Sequence`."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from zlib import crc32

from modeldata.format.files import FORMATS
from modeldata.format.manifest import Entry
from modeldata.format.paths import generation_of_data
from modeldata.keep.lines import carried
from modeldata.keep.rows import REWRITTEN, Rows, joined, joined_bytes, read

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from modeldata.catalog.lines import ArchivedBatch
    from modeldata.keep.folder import FolderView
    from modeldata.keep.rewrite import Draft
    from modeldata.store import Store

TARGET_BYTES = 128 * 1024 * 1024
MOST_ROWS = 1 << 21
MOST_MEMORY = 512 * 1024 * 1024
"""Rows wait in memory for the others of their time; at most so many of them, and then files overlap in time."""
FIRST_RATIO = 0.25
"""Bytes in a file for a byte in memory, until the first file shows it."""


class Sizes(NamedTuple):
    """How large new files become (bytes, rows), and how much is held in memory on the way."""

    target: int = TARGET_BYTES
    rows: int = MOST_ROWS
    memory: int = MOST_MEMORY


class CompactJob(NamedTuple):
    """What a folder would be compacted from. Times and sizes as in its manifests."""

    batches: list[ArchivedBatch]

    @property
    def files(self) -> set[str]:
        return {batch.path for batch in self.batches}

    @property
    def rows(self) -> int:
        return sum(batch.rows for batch in self.batches)

    @property
    def bytes(self) -> int:
        return sum(batch.size for batch in self.batches)


def job(look: FolderView, *, appends: bool, growing: bool, target: int) -> CompactJob | None:
    """What there is to compact; None where it would change nothing. Pure.

    appends: can files grow in this store? growing: may they still grow in this folder?
    """
    batches = look.batches()
    going = {batch.path for batch in batches if not _done(batch) and not (growing and _grows(batch, appends))}
    if not going or (len(going) == 1 and all(path.endswith(f".{REWRITTEN}") for path in going)):
        return None
    small = {batch.path for batch in batches if _done(batch) and batch.size < target // 2}
    return CompactJob([batch for batch in batches if batch.path in going | small])


def _done(batch: ArchivedBatch) -> bool:
    return batch.format == REWRITTEN and generation_of_data(batch.path) is not None


def _grows(batch: ArchivedBatch, appends: bool) -> bool:
    return appends and FORMATS[batch.format].grows and generation_of_data(batch.path) is None


def fill(draft: Draft, store: Store, work: CompactJob, sizes: Sizes) -> None:
    """The new files of a job and their lines. Raises `Damaged`, `Gone`, `Unavailable`."""
    for rows, ratio in _files(_read(store, draft.look.folder, work.batches), sizes):
        ratio.learn(rows, _write(draft, rows))
    replaced = draft.look.lines_of(work.files)
    draft.replace([str(line.batch) for line in replaced if line.batch], carried(replaced))


def _read(store: Store, folder: str, batches: Sequence[ArchivedBatch]) -> Iterator[tuple[Rows, int]]:
    """Rows by the time of their first, each with the time before which nothing is to come any more."""
    ordered = sorted(batches, key=lambda batch: batch.first_ns)
    for number, batch in enumerate(ordered):
        after = ordered[number + 1].first_ns if number + 1 < len(ordered) else 1 << 62
        yield read(store, folder, batch), after


class _Ratio:
    """Bytes in a file for a byte in memory."""

    def __init__(self) -> None:
        self.value = FIRST_RATIO

    def learn(self, rows: Rows, size: int) -> None:
        self.value = size / max(1, rows.nbytes)


class _Waiting:
    """Rows of one shape that wait for their file."""

    def __init__(self) -> None:
        self.parts: list[Rows] = []
        self.ratio = _Ratio()

    @property
    def nbytes(self) -> int:
        return joined_bytes(self.parts)

    @property
    def rows(self) -> int:
        return sum(len(part.own) for part in self.parts)

    def full(self, sizes: Sizes) -> bool:
        return self.nbytes * self.ratio.value >= sizes.target or self.rows >= sizes.rows


def _files(found: Iterable[tuple[Rows, int]], sizes: Sizes) -> Iterator[tuple[Rows, _Ratio]]:
    """Sorted rows for one file each. Those of a time that may still get more wait, while there is memory."""
    shapes: dict[tuple[object, ...], _Waiting] = {}
    for rows, after_ns in found:
        waiting = shapes.setdefault(rows.shape, _Waiting())
        waiting.parts.append(rows)
        if waiting.full(sizes):
            sorted_rows = joined(waiting.parts).sorted()
            ready = int((sorted_rows.times_ns < after_ns // 1000 * 1000).sum())
            if ready * 2 >= len(sorted_rows.own) or waiting.nbytes * 2 >= sizes.memory:
                ready = ready if ready * 2 >= len(sorted_rows.own) else len(sorted_rows.own)
                waiting.parts = [_slice(sorted_rows, ready, len(sorted_rows.own))] if ready < len(sorted_rows.own) else []
                yield from _cut(_slice(sorted_rows, 0, ready), waiting, sizes)
            else:
                waiting.parts = [sorted_rows]
        while sum(one.nbytes for one in shapes.values()) >= sizes.memory:
            largest = max(shapes.values(), key=lambda one: one.nbytes)
            sorted_rows, largest.parts = joined(largest.parts).sorted(), []
            yield from _cut(sorted_rows, largest, sizes)
    for waiting in shapes.values():
        if waiting.parts:
            yield from _cut(joined(waiting.parts).sorted(), waiting, sizes)


def _cut(rows: Rows, waiting: _Waiting, sizes: Sizes) -> Iterator[tuple[Rows, _Ratio]]:
    """Rows for one file after the other: a single batch may be larger than a file."""
    start = 0
    while start < len(rows.own):
        rest = len(rows.own) - start
        by_size = int(sizes.target / max(1.0, waiting.ratio.value * rows.nbytes / len(rows.own)) * 1.5)
        stop = start + max(1, min(rest, sizes.rows, by_size))
        yield (rows if (start, stop) == (0, len(rows.own)) else _slice(rows, start, stop)), waiting.ratio
        start = stop


def _slice(rows: Rows, start: int, stop: int) -> Rows:
    return Rows(rows.own[start:stop], [one._replace(values=one.values[start:stop]) for one in rows.features])


def _write(draft: Draft, rows: Rows) -> int:
    """A file with these rows, and its line. Its bytes."""
    made = rows.encode(draft.look.identity, f"generation-{draft.generation}")
    staged = draft.stage(REWRITTEN)
    staged.content.write(made.data)
    draft.add(rewritten_entry(draft, staged.name, made.data, made.kinds, rows))
    return len(made.data)


def rewritten_entry(draft: Draft, name: str, data: bytes, kinds: dict[str, object], rows: Rows) -> Entry:
    """What a manifest says of a file that `Rows.encode` made. Its calls are in its columns; `sequences` are its numbers."""
    times = rows.times_ns
    return Entry(
        draft.look.identity,
        len(rows.own),
        file=name,
        size=len(data),
        row_bytes=len(data),
        crc32=crc32(data),
        first_ns=int(times.min()),
        last_ns=int(times.max()),
        columns=tuple(column.name for column in rows.features),
        types=tuple(column.type for column in rows.features),
        sequences=rows.where.sorted_ranges(),
        kinds=kinds,
    )
