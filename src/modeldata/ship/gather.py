"""Spool → groups of frames: what a round will archive. Reads only; decides what is a repeat, a gap, or damaged."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

import msgpack

from modeldata import names
from modeldata.spool import frame
from modeldata.spool.reader import Damage, Frame, OpenSegment, segment_names

if TYPE_CHECKING:
    from collections.abc import Callable

    from modeldata.ship.checkpoint import State
    from modeldata.spool.files import Files
    from modeldata.spool.place import Place

ROUND_BYTES = 32 * 1024 * 1024
"""A round reads no more frames than this (and one more), so that memory stays bounded whatever the backlog."""
FRAME_BYTES = 640
"""What a frame takes in memory besides its bytes, about."""
PARSED_DEFINITIONS = 20_000
"""How many definitions are kept unpacked."""
DROP_OLDEST = "drop_oldest"
"""The reason under which rows are counted that were accepted and then given up for room: the one policy that does so."""
DONE = -1
"""Offset of a segment of which nothing is left to read."""


class Taken(NamedTuple):
    """One DATA frame in a group."""

    writer_id: bytes
    frame: Frame


class Group:
    """Frames of one collector, one folder (day or hour) and one definition: one batch."""

    def __init__(self, definition: dict[str, object], identity: dict[str, str], folder: str) -> None:
        self.definition = definition
        self.identity = identity
        self.stream = names.stream(identity)
        self.folder = folder
        self.frames: list[Taken] = []

    @property
    def rows(self) -> int:
        return sum(taken.frame.head.rows for taken in self.frames)


class Refusals(NamedTuple):
    """Rows that a writer refused, told by a DROPS frame."""

    identity: dict[str, str]
    folder: str
    reason: str
    rows: int


class Lost(NamedTuple):
    """Sequence numbers [first, last] of a writer and collector whose rows will never be in the archive."""

    identity: dict[str, str]
    folder: str
    writer_id: bytes
    first: int
    last: int
    reason: str


class Bad(NamedTuple):
    """Bytes of a segment that could not be read as frames, or a frame that could not be decoded."""

    segment: str
    start: int
    content: bytes
    rows: int | None
    why: str


class Gathered:
    """What a round found, and the state that is true once all of it is archived."""

    def __init__(self, state: State) -> None:
        self.after = state
        self.groups: dict[tuple[bytes, str], Group] = {}
        self.refusals: list[Refusals] = []
        self.bad: list[Bad] = []
        self.lost: list[Lost] = []
        self.repeats = 0
        self.bytes = 0
        self.more = False
        self.changed = False
        self.oldest_ns: int | None = None

    def full(self) -> bool:
        return self.bytes >= ROUND_BYTES


class Definitions:
    """The definitions in each segment, kept between rounds: frames after the checkpoint refer to ones before it."""

    def __init__(self) -> None:
        self._by_segment: dict[str, dict[int, bytes]] = {}

    def of(self, segment: OpenSegment, offset: int) -> dict[int, bytes]:
        known = self._by_segment.get(segment.name)
        if known is None:
            known = self._by_segment[segment.name] = {}
            for found in segment.frames(0):
                if found.start >= offset:
                    break
                if isinstance(found, Frame) and found.head.kind == frame.DEFINE:
                    known[found.head.definition] = found.data
        return known

    def keep_only(self, present: set[str]) -> None:
        for name in set(self._by_segment) - present:
            del self._by_segment[name]


class Gatherer:
    """Reads a spool from a state on. Holds nothing between rounds but a cache of definitions."""

    def __init__(self, place: Place, files: Files, *, hour_folders: bool, warn: Callable[[str], None]) -> None:
        self._place = place
        self._files = files
        self._hour_folders = hour_folders
        self._warn = warn
        self._definitions = Definitions()
        self._told: set[str] = set()
        self._parse_cache: dict[bytes, tuple[dict[str, object], dict[str, str], str]] = {}

    def gather(self, state: State) -> Gathered:
        """Frames after `state`, up to `ROUND_BYTES`. `state` itself is not changed."""
        found = Gathered(state.copy())
        present = segment_names(self._place, self._files)
        self._forget(found, set(present))
        for name in _rotated(present, state.round):
            if found.after.offsets.get(name) == DONE:
                continue
            if found.full():
                found.more = True
                break
            self._read_segment(name, found)
        return found

    def give_up(self, name: str, state: State) -> tuple[int, list[Lost]]:
        """Read the rest of a segment only to say what is in it: (rows, their numbers). `state` then has it behind it."""
        lost: list[Lost] = []
        rows = 0
        while state.offsets.get(name) != DONE:
            found = Gathered(state)
            self._read_segment(name, found)
            if not found.changed:
                break
            lost += found.lost
            for group in found.groups.values():
                rows += group.rows
                lost += [_given_up(group, taken) for taken in group.frames]
        return rows, lost

    def _forget(self, found: Gathered, present: set[str]) -> None:
        """Drop what the state says of segments and writers that are gone. Only ever after their files are."""
        state = found.after
        self._definitions.keep_only(present)
        for name in [name for name in state.offsets if name not in present]:
            del state.offsets[name]
        writers = {bytes.fromhex(name[:32]) for name in present}
        for writer_id in [writer_id for writer_id in state.sequences if writer_id not in writers]:
            del state.sequences[writer_id]

    def _read_segment(self, name: str, found: Gathered) -> None:
        try:
            segment = OpenSegment(self._place, name, self._files)
        except FileNotFoundError:
            return
        except (OSError, ValueError) as error:
            if name not in self._told:
                self._told.add(name)
                self._warn(f"left alone: {os.path.join(self._place.segments, name)}: {error}")
            return
        try:
            self._read_frames(segment, found)
        finally:
            segment.close()

    def _read_frames(self, segment: OpenSegment, found: Gathered) -> None:
        state = found.after
        offset = before = state.offsets.get(segment.name, 0)
        definitions = self._definitions.of(segment, offset)
        done = not segment.alive
        for item in segment.frames(offset):
            offset = item.stop
            if isinstance(item, Damage):
                self._damaged(segment, item, found)
            elif item.head.kind == frame.DATA:
                self._data(segment, item, definitions, found)
            elif item.head.kind == frame.DEFINE:
                definitions[item.head.definition] = item.data
            elif item.head.kind == frame.DROPS:
                self._drops(segment, item, found)
            elif item.head.kind == frame.TOTALS:
                self._totals(segment, item, definitions, found)
            elif item.head.kind == frame.END:
                done = True
            if found.full():
                found.more, done = True, done and item.stop >= segment.size
                break
        state.offsets[segment.name] = DONE if done else offset
        found.changed = found.changed or done or offset != before

    def _damaged(self, segment: OpenSegment, item: Damage, found: Gathered) -> None:
        if item.torn:
            found.after.torn += 1
            return
        found.after.damaged += 1
        content = segment.read(item.stop - item.start, item.start)
        found.bad.append(Bad(segment.name, item.start, content, item.rows, "its checksum does not hold"))

    def _data(self, segment: OpenSegment, item: Frame, definitions: dict[int, bytes], found: Gathered) -> None:
        head = item.head
        packed = definitions.get(head.definition)
        known = self._parsed(packed) if packed is not None else None
        if packed is None or known is None:
            found.after.damaged += 1
            found.bad.append(Bad(segment.name, item.start, item.data, head.rows, "its definition is lost"))
            return
        definition, identity, stream = known
        folder = names.folder(identity, head.time_ns, self._hour_folders)
        if not self._reach(segment, identity, stream, folder, head.sequence, head.rows, found):
            found.repeats += 1
            return
        group = found.groups.get((packed, folder))
        if group is None:
            group = found.groups[packed, folder] = Group(definition, identity, folder)
        group.frames.append(Taken(segment.writer_id, item))
        found.bytes += head.size + FRAME_BYTES
        found.oldest_ns = head.time_ns if found.oldest_ns is None else min(found.oldest_ns, head.time_ns)

    def _reach(
        self, segment: OpenSegment, identity: dict[str, str], stream: str, folder: str, first: int, rows: int, found: Gathered
    ) -> bool:
        """Order by sequence: a number seen before is a repeat (False), one too high tells exactly which rows are missing."""
        known = segment.number == 1 or segment.writer_id in found.after.sequences
        sequences = found.after.sequences.setdefault(segment.writer_id, {})
        expected = sequences.get(stream, 0 if known else None)
        if expected is not None and first < expected:
            return False
        if expected is not None and first > expected:
            found.after.gaps += first - expected
            found.lost.append(Lost(identity, folder, segment.writer_id, expected, first - 1, "damaged"))
        sequences[stream] = first + rows
        return True

    def _totals(self, segment: OpenSegment, item: Frame, definitions: dict[int, bytes], found: Gathered) -> None:
        """Where each collector's numbers ended when the writer left: what is missing before that is lost."""
        try:
            told = msgpack.unpackb(item.data)
            for number, upto in told:
                known = self._parsed(definitions.get(number, b""))
                if known is not None:
                    _, identity, stream = known
                    folder = names.folder(identity, item.head.time_ns, self._hour_folders)
                    self._reach(segment, identity, stream, folder, upto, 0, found)
        except (ValueError, TypeError) as error:
            self._warn(f"totals of {segment.name} can't be read: {error}")

    def _parsed(self, packed: bytes) -> tuple[dict[str, object], dict[str, str], str] | None:
        """(definition, identity, stream) of a packed definition; None where it can't be read."""
        known = self._parse_cache.get(packed)
        if known is None:
            definition = _definition(packed)
            if definition is None:
                return None
            identity = identity_of(definition)
            if len(self._parse_cache) >= PARSED_DEFINITIONS:
                self._parse_cache.clear()
            known = self._parse_cache[packed] = definition, identity, names.stream(identity)
        return known

    def _drops(self, segment: OpenSegment, item: Frame, found: Gathered) -> None:
        try:
            told = msgpack.unpackb(item.data, unicode_errors="surrogatepass")
            for identity, reason, rows in told:
                folder = names.folder(identity, item.head.time_ns, self._hour_folders)
                found.refusals.append(Refusals(identity, folder, reason, rows))
                found.after.drops[reason] = found.after.drops.get(reason, 0) + rows
        except (ValueError, TypeError, KeyError) as error:
            found.bad.append(Bad(segment.name, item.start, item.data, None, f"its counts can't be read: {error}"))


def _definition(packed: bytes) -> dict[str, object] | None:
    try:
        definition = msgpack.unpackb(packed, unicode_errors="surrogatepass")
    except ValueError:
        return None
    return definition if isinstance(definition, dict) and isinstance(definition.get("identity"), dict) else None


def identity_of(definition: dict[str, object]) -> dict[str, str]:
    identity = definition["identity"]
    assert isinstance(identity, dict)
    return identity


def _given_up(group: Group, taken: Taken) -> Lost:
    head = taken.frame.head
    last = head.sequence + head.rows - 1
    return Lost(group.identity, group.folder, taken.writer_id, head.sequence, last, DROP_OLDEST)


def joined(lost: list[Lost]) -> list[Lost]:
    """The same numbers in fewer entries: ranges that follow each other become one."""
    made: list[Lost] = []
    for one in sorted(lost, key=lambda one: (names.stream(one.identity), one.folder, one.writer_id, one.reason, one.first)):
        last = made[-1] if made else None
        if last is not None and last[:3] == one[:3] and last.reason == one.reason and last.last + 1 == one.first:
            made[-1] = last._replace(last=one.last)
        else:
            made.append(one)
    return made


def _rotated(present: list[str], turn: int) -> list[str]:
    """Writers take turns at being first, so that a busy one can't starve the rest; each writer's segments stay in order."""
    if not present:
        return present
    start = turn % len(present)
    while start > 0 and present[start - 1][:32] == present[start][:32]:
        start -= 1
    return present[start:] + present[:start]
