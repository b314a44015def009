"""What a round found in the spool: groups of frames, what was refused, lost or damaged, and the state after it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from modeldata.format import names
from modeldata.format.ranges import merged

if TYPE_CHECKING:
    from modeldata.ship.calls import WriterFrames
    from modeldata.ship.checkpoint import Progress
    from modeldata.ship.definitions import ArchiveLayout
    from modeldata.spool.reader import OpenSegment


class FrameGroup:
    """Frames of one collector, one folder (day or hour) and one definition: one batch."""

    def __init__(
        self,
        definition: dict[str, object],
        identity: dict[str, str],
        folder: str,
        layout: ArchiveLayout,
        types: dict[str, str] | None = None,
    ) -> None:
        """types: by column, as in `Progress.column_types`. What is encoded adds to it."""
        self.definition = definition
        self.identity = identity
        self.layout = layout
        self.types = {} if types is None else types
        self.stream = names.stream(identity)
        self.folder = folder
        self.frames: list[WriterFrames] = []

    @property
    def rows(self) -> int:
        return sum(taken.run.rows for taken in self.frames)

    def with_frames(self, frames: list[WriterFrames]) -> FrameGroup:
        """Some of the frames, as a group of their own."""
        made = FrameGroup(self.definition, self.identity, self.folder, self.layout, self.types)
        made.frames = frames
        return made


class Refusals(NamedTuple):
    """Rows that a writer refused, as a DROPS frame says."""

    identity: dict[str, str]
    folder: str
    reason: str
    rows: int


class SequenceGap(NamedTuple):
    """Sequence numbers [first, last] of a writer and collector: these rows will never be in the archive."""

    identity: dict[str, str]
    folder: str
    writer_id: bytes
    first: int
    last: int
    reason: str


class CorruptFrame(NamedTuple):
    """Bytes of a segment that could not be read as frames, or a frame that could not be decoded."""

    segment: str
    start: int
    content: bytes
    rows: int | None
    why: str


class WriterView(NamedTuple):
    """What a round saw of a writer. `newest_ns`: the time of its last frame, 0 without one. `living`: it holds a segment."""

    started_ns: int
    newest_ns: int = 0
    living: bool = False


class Gathered:
    """What a round found, and the state that is true once all of it is archived."""

    def __init__(self, state: Progress, most: int) -> None:
        """most: bytes of frames that it may hold."""
        self.after = state
        self.most = most
        self.groups: dict[tuple[bytes, str], FrameGroup] = {}
        self.refusals: list[Refusals] = []
        self.bad: list[CorruptFrame] = []
        self.lost: list[SequenceGap] = []
        self.writers: dict[str, WriterView] = {}
        """By id (hex): those with segments that were read."""
        self.unfinished: set[str] = set()
        """Writers (hex) that have a segment of which not all is behind us."""
        self.repeats = 0
        self.bytes = 0
        self.more = False
        self.changed = False
        self.oldest_ns: int | None = None

    def full(self) -> bool:
        return self.bytes >= self.most

    def saw(self, segment: OpenSegment, newest_ns: int) -> None:
        """A segment was read; segments of a writer come in their order."""
        started, newest, living = self.writers.get(segment.writer_id.hex(), WriterView(segment.created_ns))
        self.writers[segment.writer_id.hex()] = WriterView(started, max(newest, newest_ns), living or segment.alive)


def joined(lost: list[SequenceGap]) -> list[SequenceGap]:
    """The same numbers in fewer entries: ranges that follow each other become one."""
    ordered = sorted(lost, key=lambda gap: (names.stream(gap.identity), gap.folder, gap.writer_id, gap.reason, gap.first))
    keyed = [((gap.identity, gap.folder, gap.writer_id, gap.reason), gap.first, gap.last) for gap in ordered]
    return [SequenceGap(*key[:3], first, last, key[3]) for key, first, last in merged(keyed)]
