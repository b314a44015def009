"""Rows to encode in another process, and what becomes of them, as bytes: plain data, of which nothing can run."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgpack
import numpy as np

from modeldata.encode import format_of
from modeldata.format.manifest import Entry
from modeldata.ship.batch import Batch, BatchFormat, UndecodableCall
from modeldata.ship.calls import Calls, WriterFrames
from modeldata.ship.definitions import ArchiveLayout
from modeldata.ship.gathered import FrameGroup
from modeldata.spool import frame
from modeldata.spool.bulk import HEAD, FrameRun

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    Outcome = tuple[FrameGroup, Batch | UndecodableCall]


class EncodingJob(NamedTuple):
    """Groups to encode; with `as_json` all of one collector and folder, as one JSON value a row (see `json_rows`).

    most: where it is not 0, there is one call, and only rows [start, start + most) of it are wanted. `start` is a multiple of it.
    """

    groups: list[FrameGroup]
    as_json: bool = False
    start: int = 0
    most: int = 0

    def calls(self) -> int:
        return sum(len(taken.run) for group in self.groups for taken in group.frames)

    def data_bytes(self) -> int:
        return sum(int(taken.run.sizes.sum()) for group in self.groups for taken in group.frames)

    def halves(self) -> list[EncodingJob]:
        """The same in two parts: some of the groups, of the calls, or of the rows. Empty for a single row."""
        middle = len(self.groups) // 2
        if middle:
            return [self._replace(groups=self.groups[:middle]), self._replace(groups=self.groups[middle:])]
        (group,) = self.groups
        parts = _halves(group.frames)
        if parts:
            return [self._replace(groups=[group.with_frames(part)]) for part in parts]
        return self._halves_of_rows(group.rows)

    def _halves_of_rows(self, rows: int) -> list[EncodingJob]:
        half = (self.most or 1 << (rows - 1).bit_length()) // 2
        starts = [start for start in (self.start, self.start + half) if half and start < rows]
        return [self._replace(start=start, most=half) for start in starts]

    def set_aside(self, why: str) -> Iterable[Outcome]:
        """All of it as rows that can't be encoded, call by call."""
        for group in self.groups:
            for taken in group.frames:
                calls = Calls.of([taken])
                for number in range(len(calls)):
                    one = calls.part(slice(number, number + 1))
                    stop = min(self.start + self.most, int(one.rows[0])) if self.most else None
                    yield group, UndecodableCall(one, why, self.start, stop)


def _halves(frames: list[WriterFrames]) -> list[list[WriterFrames]]:
    """Empty for a single call."""
    middle = len(frames) // 2
    if middle:
        return [frames[:middle], frames[middle:]]
    (taken,) = frames
    middle = len(taken.run) // 2
    parts = (slice(middle), slice(middle, None)) if middle else ()
    return [[taken._replace(run=taken.run.part(part))] for part in parts]


def pack_job(work: EncodingJob, form: BatchFormat, seconds: float, memory: int) -> bytes:
    """seconds: how long it may take. memory: bytes that the process must be able to have, besides what it needs."""
    groups = [
        [group.definition, group.identity, group.folder, group.layout, group.types, _pack_frames(group.frames)]
        for group in work.groups
    ]
    limits = [form.encoder.suffix, form.excel_safe, form.most_bytes, form.origin]
    return _pack([seconds, memory, limits, groups, *work[1:]])


def unpack_job(packed: list[Any]) -> tuple[EncodingJob, BatchFormat]:
    limits, groups, *rest = packed
    suffix, excel_safe, most_bytes, origin = limits
    job = EncodingJob([_group(*fields) for fields in groups], *rest)
    return job, BatchFormat(format_of(suffix), excel_safe, most_bytes, origin)


def pack_outcomes(work: EncodingJob, outcomes: Iterable[Outcome]) -> bytes:
    """What becomes of the groups, each by its number. Of groups that share a batch, any will do."""
    numbers = {(group.stream, group.folder): number for number, group in enumerate(work.groups)}
    exact = {id(group): number for number, group in enumerate(work.groups)}
    packed: list[list[object]] = []
    for group, outcome in outcomes:
        number = exact.get(id(group), numbers[group.stream, group.folder])
        if isinstance(outcome, UndecodableCall):
            packed.append([number, True, [_pack_frames([_taken(outcome.calls)]), *outcome[1:]]])
        else:
            packed.append([number, False, [*outcome[:-1], outcome.entry.as_dict()]])
    return _pack({"made": packed, "types": [group.types for group in work.groups]})


def pack_failure(error: Exception) -> bytes:
    kind = "memory" if isinstance(error, MemoryError) else "import" if isinstance(error, ImportError) else "other"
    return _pack({"kind": kind, "text": f"{type(error).__name__}: {error}"})


def unpack_outcomes(work: EncodingJob, answer: dict[str, Any]) -> list[Outcome]:
    """What became of the groups, which also know then what their columns are in files."""
    for group, types in zip(work.groups, answer["types"], strict=True):
        group.types.update(types)
    return [(work.groups[number], _made(undecodable, fields)) for number, undecodable, fields in answer["made"]]


def _made(undecodable: bool, fields: list[Any]) -> Batch | UndecodableCall:
    return (
        UndecodableCall(Calls.of(_frames(fields[0])), *fields[1:])
        if undecodable
        else Batch(*[*fields[:-1], Entry.of(fields[-1])])
    )


def _group(
    definition: dict[str, object],
    identity: dict[str, str],
    folder: str,
    layout: list[Any],
    types: dict[str, str],
    frames: list[list[Any]],
) -> FrameGroup:
    return FrameGroup(definition, identity, folder, ArchiveLayout(*layout), types).with_frames(_frames(frames))


def _pack_frames(frames: list[WriterFrames]) -> list[list[object]]:
    return [_pack_run(taken.writer_id, run) for taken in frames for run in _dense(taken.run)]


def _dense(run: FrameRun) -> list[FrameRun]:
    """Parts with little in them besides their payloads."""
    span = int(run.starts[-1]) - int(run.starts[0])
    return [run] if span <= 2 * int(run.sizes.sum()) else [run.part(slice(number, number + 1)) for number in range(len(run))]


def _pack_run(writer_id: bytes, run: FrameRun) -> list[object]:
    low, high = int(run.starts[0]), int(run.starts[-1] + run.payloads[-1])
    starts = (run.starts - low).astype(np.int64)
    return [writer_id, run.content[low:high], run.base + low, starts.tobytes(), run.heads.tobytes()]


def _frames(packed: list[list[Any]]) -> list[WriterFrames]:
    return [_unpack_run(*fields) for fields in packed]


def _unpack_run(writer_id: bytes, content: bytes, base: int, starts: bytes, heads: bytes) -> WriterFrames:
    return WriterFrames(writer_id, FrameRun(content, base, np.frombuffer(starts, np.int64), np.frombuffer(heads, HEAD)))


def _taken(calls: Calls) -> WriterFrames:
    """One call, as it came from its segment."""
    low, place = int(calls.starts[0]), int(calls.places[0])
    high = low + int(FrameRun(b"", 0, calls.starts, calls.heads).payloads[0])
    run = FrameRun(calls.content[low:high], place + frame.FRAME_BYTES, np.zeros(1, np.int64), calls.heads)
    return WriterFrames(calls.writers[int(calls.writer[0])], run)


def _pack(content: object) -> bytes:
    packed: bytes = msgpack.packb(content, unicode_errors="surrogatepass")
    return packed


def unpack(packed: bytes) -> Any:
    """Raises ValueError for bytes that are not whole."""
    return msgpack.unpackb(packed, unicode_errors="surrogatepass", strict_map_key=False)
