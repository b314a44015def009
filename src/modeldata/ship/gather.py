"""Spool → groups of frames: what a round will archive. Reads only; decides what is a repeat, a gap, or damaged."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import msgpack
import numpy as np

from modeldata.format.paths import day_folder
from modeldata.ship.calls import WriterFrames, ranges
from modeldata.ship.checkpoint import DONE
from modeldata.ship.definitions import Definitions, is_identity
from modeldata.ship.gathered import CorruptFrame, FrameGroup, Gathered, Refusals, SequenceGap
from modeldata.spool import frame
from modeldata.spool.bulk import FrameRun, runs
from modeldata.spool.reader import Damage, OpenSegment, segment_names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from modeldata.ship.calls import Array
    from modeldata.ship.checkpoint import Progress
    from modeldata.ship.definitions import ArchiveLayout, KnownDefinition
    from modeldata.spool.files import Files
    from modeldata.spool.folder import SpoolFolder

ROUND_BYTES = 32 * 1024 * 1024
"""A round reads no more frames than this (and one more), so that memory stays bounded whatever the backlog."""
ROUND_PART = 16
"""A round takes at most this part of the spool's limit: its staging lies beside the spool's other files."""
FRAME_BYTES = 128
"""What a frame takes in memory besides its bytes, about."""
HOUR_NS = 3600 * 10**9
"""Frames of one hour have one folder."""
EXACT = 1 << 63
"""Numbers below this can be compared as arrays."""
DROP_OLDEST = "drop_oldest"
"""The reason under which rows are counted that were accepted and then given up for room: the one policy that does so."""


class Gatherer:
    """Reads a spool from a state on. Holds nothing between rounds but a cache of definitions."""

    def __init__(
        self, place: SpoolFolder, files: Files, *, layout: ArchiveLayout, spool_max_bytes: int, warn: Callable[[str], None]
    ) -> None:
        """layout: for rows that were collected without one, by an earlier version."""
        self._most = min(ROUND_BYTES, spool_max_bytes // ROUND_PART)
        self._place = place
        self._files = files
        self._warn = warn
        self._definitions = Definitions(layout)
        self._warned: set[str] = set()

    def gather(self, state: Progress) -> Gathered:
        """Frames after `state`, as many as a round takes. `state` itself is not changed."""
        gathered = Gathered(state.copy(), self._most)
        present = segment_names(self._place, self._files)
        self._forget(gathered, set(present))
        for name in _rotated(present, state.round):
            if gathered.after.offsets.get(name) == DONE:
                continue
            if gathered.full():
                gathered.more = True
                break
            self._read_segment(name, gathered)
        gathered.unfinished = {name[:32] for name in present if gathered.after.offsets.get(name) != DONE}
        return gathered

    def give_up(self, name: str, state: Progress) -> tuple[int, list[SequenceGap]]:
        """Read the rest of a segment only to say what is in it: (rows, their numbers). `state` then has it behind it."""
        lost: list[SequenceGap] = []
        rows = 0
        for gathered in self.rest_of(name, state):
            lost += gathered.lost
            for group in gathered.groups.values():
                rows += group.rows
                lost += [one for taken in group.frames for one in _given_up(group, taken)]
        return rows, lost

    def rest_of(self, name: str, state: Progress) -> Iterator[Gathered]:
        """What is left in one segment, as much at a time as a round takes. `state` then has it behind it."""
        while state.offsets.get(name) != DONE:
            gathered = Gathered(state, self._most)
            self._read_segment(name, gathered)
            if not gathered.changed:
                break
            yield gathered

    def _forget(self, gathered: Gathered, present: set[str]) -> None:
        """Drop what the state says of segments and writers that are gone. Only ever after their files are."""
        state = gathered.after
        self._definitions.keep_only(present)
        for name in [name for name in state.offsets if name not in present]:
            del state.offsets[name]
        writers = {bytes.fromhex(name[:32]) for name in present}
        for writer_id in [writer_id for writer_id in state.sequences if writer_id not in writers]:
            del state.sequences[writer_id]

    def _read_segment(self, name: str, gathered: Gathered) -> None:
        try:
            segment = OpenSegment(self._place, name, self._files)
        except FileNotFoundError:
            return
        except (OSError, ValueError) as error:
            if name not in self._warned:
                self._warned.add(name)
                self._warn(f"left alone: {os.path.join(self._place.segments, name)}: {error}")
            return
        try:
            self._read_frames(segment, gathered)
        finally:
            segment.close()

    def _read_frames(self, segment: OpenSegment, gathered: Gathered) -> None:
        state = gathered.after
        offset = before = state.offsets.get(segment.name, 0)
        definitions = self._definitions.of(segment, offset)
        done = not segment.alive
        newest = 0
        for item in runs(segment, offset):
            if isinstance(item, Damage):
                self._damaged(segment, item, gathered)
                offset = item.stop
            else:
                offset = self._run(segment, item, definitions, gathered)
                done = done or int(item.heads["kind"][-1]) == frame.END
                newest = int(item.heads["time_ns"][-1])
            if gathered.full():
                gathered.more, done = True, not segment.alive and offset >= segment.size
                break
        state.offsets[segment.name] = DONE if done else offset
        gathered.changed = gathered.changed or done or offset != before
        gathered.saw(segment, newest)

    def _run(self, segment: OpenSegment, run: FrameRun, definitions: dict[int, bytes], gathered: Gathered) -> int:
        """Its frames one kind after the other; where in the segment what was read ends: all of it, unless the round is full."""
        at = 0
        for other in [*np.flatnonzero(run.heads["kind"] != frame.DATA).tolist(), len(run)]:
            while at < other:
                at += self._data(segment, run.part(slice(at, other)), definitions, gathered)
                if gathered.full():
                    return run.part(slice(at)).stop
            if other < len(run):
                self._other(segment, run.part(slice(other, other + 1)), definitions, gathered)
                at += 1
        return run.stop

    def _other(self, segment: OpenSegment, run: FrameRun, definitions: dict[int, bytes], gathered: Gathered) -> None:
        kind = int(run.heads["kind"][0])
        if kind == frame.DEFINE:
            definitions[int(run.heads["definition"][0])] = run.data(0)
        elif kind == frame.DROPS:
            self._drops(segment, run, definitions, gathered)
        elif kind == frame.TOTALS:
            self._totals(segment, run, definitions, gathered)

    def _damaged(self, segment: OpenSegment, item: Damage, gathered: Gathered) -> None:
        if item.torn:
            gathered.after.torn += 1
            return
        gathered.after.damaged += 1
        content = segment.read(item.stop - item.start, item.start)
        gathered.bad.append(CorruptFrame(segment.name, item.start, content, item.rows, "its checksum does not hold"))

    def _data(self, segment: OpenSegment, run: FrameRun, definitions: dict[int, bytes], gathered: Gathered) -> int:
        """As many DATA frames as the round has room for, and one more; how many that are."""
        reached = np.cumsum(run.sizes + FRAME_BYTES)
        run = run.part(slice(int(np.searchsorted(reached, gathered.most - gathered.bytes)) + 1))
        numbers = run.heads["definition"]
        streams: dict[str, list[int]] = {}
        for number in _in_first_order(numbers):  # the first call of a writer of whom nothing is known is taken as it is
            known = self._definitions.parsed(definitions.get(number, b""))
            if known is None:
                self._undefined(segment, run.part(numbers == number), gathered)
            else:
                streams.setdefault(known.stream, []).append(number)
        for stream, mine in streams.items():
            whole = len(streams) == 1 and len(mine) == 1 and bool((numbers == mine[0]).all())
            self._stream(segment, stream, run if whole else run.part(np.isin(numbers, mine)), definitions, gathered)
        return len(run)

    def _undefined(self, segment: OpenSegment, run: FrameRun, gathered: Gathered) -> None:
        gathered.after.damaged += len(run)
        why = "its definition is lost, or has a form that is not known"
        for number, rows in enumerate(run.heads["rows"].tolist()):
            gathered.bad.append(CorruptFrame(segment.name, run.place(number), run.data(number), rows, why))

    def _stream(
        self, segment: OpenSegment, stream: str, run: FrameRun, definitions: dict[int, bytes], gathered: Gathered
    ) -> None:
        """Frames of one collector: what is new of them goes to the groups of its definition and folder."""
        if not self._follows(segment, stream, run, gathered):
            kept = [self._reach_frame(segment, run, number, definitions, gathered) for number in range(len(run))]
            gathered.repeats += kept.count(False)
            run = run.part(np.flatnonzero(kept))
        for part in _alike(run):
            packed = definitions[int(part.heads["definition"][0])]
            known = self._definitions.parsed(packed)
            assert known is not None  # else it would not have come here
            oldest = int(part.heads["time_ns"].min())
            folder = day_folder(known.identity, oldest, known.layout.hour_folders)
            group = gathered.groups.get((packed, folder))
            if group is None:
                types = gathered.after.column_types.setdefault(stream, {})
                group = FrameGroup(known.definition, known.identity, folder, known.layout, types)
                gathered.groups[packed, folder] = group
            group.frames.append(WriterFrames(segment.writer_id, part))
            gathered.bytes += int(part.sizes.sum()) + FRAME_BYTES * len(part)
            gathered.oldest_ns = oldest if gathered.oldest_ns is None else min(gathered.oldest_ns, oldest)

    def _follows(self, segment: OpenSegment, stream: str, run: FrameRun, gathered: Gathered) -> bool:
        """Does this run go on exactly where its collector was, without a hole or a repeat? Then the numbers are behind it."""
        expected = _expected(segment, stream, gathered)
        first, rows = run.heads["sequence"], run.heads["rows"].astype(np.uint64)
        if expected not in (None, int(first[0])) or int(first.max()) >= EXACT or (first[:-1] + rows[:-1] != first[1:]).any():
            return False
        gathered.after.sequences.setdefault(segment.writer_id, {})[stream] = int(first[-1] + rows[-1])
        return True

    def _reach_frame(
        self, segment: OpenSegment, run: FrameRun, number: int, definitions: dict[int, bytes], gathered: Gathered
    ) -> bool:
        head = run.heads[number]
        known = self._definitions.parsed(definitions[int(head["definition"])])
        assert known is not None
        return self._reach(segment, known, int(head["time_ns"]), int(head["sequence"]), int(head["rows"]), gathered)

    def _reach(
        self, segment: OpenSegment, known: KnownDefinition, time_ns: int, first: int, rows: int, gathered: Gathered
    ) -> bool:
        """Order by sequence: a number seen before is a repeat (False), one too high tells exactly which rows are missing."""
        expected = _expected(segment, known.stream, gathered)
        sequences = gathered.after.sequences.setdefault(segment.writer_id, {})
        if expected is not None and first < expected:
            return False
        if expected is not None and first > expected:
            gathered.after.gaps += first - expected
            folder = day_folder(known.identity, time_ns, known.layout.hour_folders)
            gathered.lost.append(SequenceGap(known.identity, folder, segment.writer_id, expected, first - 1, "damaged"))
        sequences[known.stream] = first + rows
        return True

    def _totals(self, segment: OpenSegment, run: FrameRun, definitions: dict[int, bytes], gathered: Gathered) -> None:
        """Where each collector's numbers ended when the writer left: what is missing before that is lost."""
        try:
            counts = msgpack.unpackb(run.data(0))
            for number, upto in counts:
                if type(upto) is not int or not 0 <= upto < EXACT:
                    raise ValueError("a number of another form")
                known = self._definitions.parsed(definitions.get(number, b""))
                if known is not None:
                    self._reach(segment, known, int(run.heads["time_ns"][0]), upto, 0, gathered)
        except (ValueError, TypeError) as error:
            self._warn(f"totals of {segment.name} can't be read: {error}")

    def _drops(self, segment: OpenSegment, run: FrameRun, definitions: dict[int, bytes], gathered: Gathered) -> None:
        hours = self._definitions.layout_of(definitions).hour_folders
        try:
            counts = msgpack.unpackb(run.data(0), unicode_errors="surrogatepass")
            for identity, reason, rows in counts:
                if not (is_identity(identity) and isinstance(reason, str) and type(rows) is int and rows >= 0):
                    raise ValueError("a count of another form")
                folder = day_folder(identity, int(run.heads["time_ns"][0]), hours)
                gathered.refusals.append(Refusals(identity, folder, reason, rows))
                gathered.after.drops[reason] = gathered.after.drops.get(reason, 0) + rows
        except (ValueError, TypeError, KeyError) as error:
            gathered.bad.append(CorruptFrame(segment.name, run.place(0), run.data(0), None, f"its counts can't be read: {error}"))


def _expected(segment: OpenSegment, stream: str, gathered: Gathered) -> int | None:
    """The next number of a collector; None where the earlier segments of its writer are gone."""
    known = segment.number == 1 or segment.writer_id in gathered.after.sequences
    return gathered.after.sequences.get(segment.writer_id, {}).get(stream, 0 if known else None)


def _in_first_order(numbers: Array) -> list[int]:
    """Each number once, in the order in which they came."""
    if (numbers == numbers[0]).all():
        return [int(numbers[0])]
    found, first = np.unique(numbers, return_index=True)
    ordered: list[int] = found[np.argsort(first)].tolist()
    return ordered


def _alike(run: FrameRun) -> Iterator[FrameRun]:
    """A run in parts of one definition and one hour each."""
    if not len(run):
        return
    keys = np.stack([run.heads["definition"].astype(np.int64), run.heads["time_ns"] // HOUR_NS])
    if (keys == keys[:, :1]).all():
        yield run
        return
    _, which = np.unique(keys, axis=1, return_inverse=True)
    for key in dict.fromkeys(which.ravel().tolist()):  # as they came
        yield run.part(which.ravel() == key)


def _given_up(group: FrameGroup, taken: WriterFrames) -> list[SequenceGap]:
    return [SequenceGap(group.identity, group.folder, *numbers, DROP_OLDEST) for numbers in ranges(taken)]


def _rotated(present: list[str], turn: int) -> list[str]:
    """Writers take turns at being first, so that a busy one can't starve the rest; each writer's segments stay in order."""
    if not present:
        return present
    start = turn % len(present)
    while start > 0 and present[start - 1][:32] == present[start][:32]:
        start -= 1
    return present[start:] + present[:start]
