"""Many calls of one collector, column by column: what a batch is made of, without an object a call."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from modeldata.format.ranges import breaks, stretches

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any, TypeAlias

    from modeldata.spool.bulk import FrameRun

    Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]


class WriterFrames(NamedTuple):
    """DATA frames of one writer in a group, in the order of their numbers."""

    writer_id: bytes
    run: FrameRun


class Calls:
    """Frames in the order of their rows in the file. The payload of each begins at `content[starts[n]]`.

    `writers` has each writer once, `writer` says which a frame is of; `places` is where in its segment a frame begins.
    """

    __slots__ = ("content", "heads", "places", "starts", "writer", "writers")

    def __init__(
        self, content: bytes, starts: Array, heads: Array, places: Array, writers: Sequence[bytes], writer: Array
    ) -> None:
        self.content = content
        self.starts = starts
        self.heads = heads
        self.places = places
        self.writers = writers
        self.writer = writer

    @classmethod
    def of(cls, taken: Sequence[WriterFrames]) -> Calls:
        """All frames of `taken`, in one buffer: as it is where they come from one run."""
        if len(taken) == 1:
            content, starts = taken[0].run.content, taken[0].run.starts
        else:
            pieces = [_packed(frames.run) for frames in taken]
            content = b"".join([piece for piece, _ in pieces])
            shifts = np.cumsum([0, *(len(piece) for piece, _ in pieces[:-1])])
            starts = np.concatenate([mine + shift for (_, mine), shift in zip(pieces, shifts.tolist(), strict=True)])
        writers = list(dict.fromkeys(frames.writer_id for frames in taken))
        return cls(
            content,
            starts,
            np.concatenate([frames.run.heads for frames in taken]),
            np.concatenate([frames.run.starts + frames.run.place(0) - int(frames.run.starts[0]) for frames in taken]),
            writers,
            np.repeat([writers.index(frames.writer_id) for frames in taken], [len(frames.run) for frames in taken]),
        )

    def __len__(self) -> int:
        return len(self.starts)

    def part(self, which: slice) -> Calls:
        return Calls(
            self.content, self.starts[which], self.heads[which], self.places[which], self.writers, self.writer[which]
        )  # fmt: skip

    def data(self, number: int) -> bytes:
        start = int(self.starts[number])
        return self.content[start : start + int(self.heads["data"][number])]

    @property
    def sizes(self) -> Array:
        """Bytes of data of each call."""
        return self._long("data")

    @property
    def rows(self) -> Array:
        """Rows of each call."""
        return self._long("rows")

    @property
    def correlations(self) -> tuple[Array, Array]:
        """Where the correlation id of each call begins in `content`, and its bytes."""
        return self.starts + self._long("data"), self._long("correlation")

    @property
    def requests(self) -> tuple[Array, Array]:
        """Where the request id of each call begins in `content`, and its bytes."""
        return self.starts + self._long("data") + self._long("correlation"), self._long("request")

    def ranges(self) -> list[tuple[bytes, int, int]]:
        """(writer, first, last) of rows with numbers that follow each other, in the order of the file."""
        return [(self.writers[which], low, high) for which, low, high in _ranges(self.heads, self.writer)]

    def _long(self, field: str) -> Array:
        return self.heads[field].astype(np.int64)


def ranges(taken: WriterFrames) -> list[tuple[bytes, int, int]]:
    """As `Calls.ranges`, of what need not be put together for it."""
    found = _ranges(taken.run.heads, np.zeros(len(taken.run), np.int64))
    return [(taken.writer_id, low, high) for _, low, high in found]


def _ranges(heads: Array, writer: Array) -> list[tuple[int, int, int]]:
    first, rows = heads["sequence"], heads["rows"].astype(np.uint64)
    last = first + rows - np.uint64(1)
    found = stretches(breaks(writer, first, rows))
    return [(int(writer[start]), int(first[start]), int(last[stop - 1])) for start, stop in found]


def portions(taken: list[WriterFrames], most: int) -> Iterator[Calls]:
    """Calls of about `most` bytes each, at least one. `taken` is emptied on the way: the memory is needed."""
    return map(Calls.of, taken_portions(taken, most))


def taken_portions(taken: list[WriterFrames], most: int) -> Iterator[list[WriterFrames]]:
    """The same, before they are put together."""
    portion: list[WriterFrames] = []
    size = 0
    taken.reverse()
    while taken:
        frames = taken.pop()
        reached = np.cumsum(frames.run.sizes)
        stop = min(len(frames.run), int(np.searchsorted(reached, most - size)) + 1)
        portion.append(frames._replace(run=frames.run.part(slice(stop))))
        size += int(reached[stop - 1])
        if stop < len(frames.run):
            taken.append(frames._replace(run=frames.run.part(slice(stop, None))))
        del frames
        if size >= most or not taken:
            yield portion
            portion, size = [], 0


def _packed(run: FrameRun) -> tuple[bytes, Array]:
    """(content, starts) of a run with little in it besides its payloads."""
    stops = run.starts + run.payloads
    low, high = int(run.starts[0]), int(stops[-1])
    if int(run.sizes.sum()) * 2 >= high - low:
        return run.content[low:high], run.starts - low
    pieces = [run.content[start:stop] for start, stop in zip(run.starts.tolist(), stops.tolist(), strict=True)]
    return b"".join(pieces), np.cumsum([0, *map(len, pieces[:-1])])
