"""A lane: one writer of a spool, its open segment, its numbers and counts.

`Lane.append` is the hot path. What is rare (a new definition, a full segment, a failed disk) is a call away from it.
"""

from __future__ import annotations

import errno
from itertools import islice

from modeldata.interrupts import spare
from modeldata.native import speed_up
from modeldata.spool import frame
from modeldata.spool.quota import SpoolFull
from modeldata.spool.segment import DIRECT_BYTES, NotStored, Segment

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TypeAlias

    from modeldata.snapshot.buffers import Buffers
    from modeldata.snapshot.schema import Schema
    from modeldata.spool.writer import Writer

MOST_NOTED = 8
"""Kinds of refusals (collector and reason) that one lane keeps in the tail of its segment."""
MOST_ROLLS = 2
"""New segments for one frame. Each is made large enough for it; only somebody who cuts it at once makes another one necessary."""
TEND_NS = 1_000_000_000
"""How often a busy lane looks up: was its file removed, is somebody shipping? Each store looks at the file itself."""

Content: TypeAlias = "tuple[int, bytes | Buffers, bytes, bytes, int]"
"""Of a DATA frame: rows, data, correlation id, request id, time."""

Drops = dict[tuple[str, str], int]
"""(stream, reason) → rows."""


class Lane:
    """A writer: one thread at a time owns it, between `Writer.acquire` and `Writer.release`."""

    __slots__ = (
        "_before", "_calm_from", "_calm_until", "_counters", "_known", "_next_segment", "_ours", "_pending_drops", "_sync",
        "drops", "pack", "segment", "writer", "writer_id",
    )  # fmt: skip

    def __init__(self, writer: Writer, sync: bool) -> None:
        self.writer = writer
        self._sync = sync
        self.segment: Segment | None = None
        self._begin()

    def _begin(self) -> None:
        """As a writer of this process that has stored and counted nothing yet."""
        self._ours = self.writer.ours
        self._counters: dict[str, list[int]] = {}
        self._before: dict[str, int] = {}
        self.drops: Drops = {}
        self._pending_drops: Drops = {}
        self._become_writer()

    def _become_writer(self) -> None:
        self.writer_id, self.pack = self.writer.identify()
        self._next_segment = 1
        self._known: dict[Schema, tuple[int, list[int]]] = {}
        self._calm_from = self._calm_until = 0

    def retire(self) -> None:
        """Nobody adds to what was written so far: from now on this is another writer. Counts go on."""
        self._leave(END=False, time_ns=0)
        counters, self._counters = self._counters, {}
        for stream, counter in counters.items():
            self._before[stream] = self._before.get(stream, 0) + counter[0]
        self._become_writer()

    def _leave_to_parent(self) -> None:
        """A fork came since this lane was made: file, numbers and counts are the parent's. The child begins with its own."""
        if not self.writer.ours[0]:
            self.writer.after_fork()  # a C-level fork runs no hook
        self._leave(END=False, time_ns=0)
        self._begin()
        self.writer.lanes.append(self)

    def append(
        self,
        schema: Schema,
        rows: int,
        data: bytes | Buffers,
        correlation: bytes,
        request: bytes,
        now_ns: int,
        event_ns: int | None = None,
        rolls: int = MOST_ROLLS,
    ) -> None:
        """The rows are in the spool when this returns. event_ns: their own time, where it is not the present one.

        Raises `SpoolFull` (nothing was written, the lane is good) or `NotStored` (nothing was written, the lane is not).
        After any other exception it is not known whether the rows are there: the lane must be retired.
        """
        if not self._ours[0]:
            self._leave_to_parent()  # also the data's own code may have forked, since the lane was taken
        if not self._calm_from <= now_ns < self._calm_until:
            self._tend(now_ns)
        known = self._known.get(schema)
        if known is None:
            known = self._define(schema, len(data) + len(correlation) + len(request), now_ns)
        time_ns = now_ns if event_ns is None else event_ns
        number, counter = known
        segment = self.segment
        assert segment is not None
        sequence = counter[0]
        if type(data) is bytes and len(data) < DIRECT_BYTES:
            stored = segment.append(frame.pack_data(segment.salt, sequence, time_ns, rows, number, data, correlation, request))
        else:
            stored = _append_pieces(segment, sequence, number, (rows, data, correlation, request, time_ns))
        if not stored:  # no room, or the file is no longer ours
            if not rolls:
                raise NotStored(errno.ESTALE, "new segments are changed by others", segment.path)
            payload = len(data) + len(correlation) + len(request)
            self._roll(frame.frame_size(payload) + 2 * frame.frame_size(len(schema.definition)), now_ns)
            return self.append(schema, rows, data, correlation, request, now_ns, event_ns, rolls - 1)
        if self._sync:
            self._sync_or_rewrite(segment, schema, (rows, data, correlation, request, time_ns))
        counter[0] = sequence + rows
        return None

    def open(self, now_ns: int) -> None:
        """Do now what the first row would wait for: a spool, a segment, a shipper. Raises `SpoolFull` where there can be none."""
        if not self._ours[0]:
            self._leave_to_parent()
        self._segment_for(0, now_ns)

    def refuse(self, counts: Drops) -> None:
        """Count rows that were not accepted; the counts reach the archive with the next frame."""
        if not self._ours[0]:
            self._leave_to_parent()
        for key, rows in counts.items():
            self.drops[key] = self.drops.get(key, 0) + rows
            self._pending_drops[key] = self._pending_drops.get(key, 0) + rows
        self._calm_until = 0
        self._note()

    def _note(self) -> None:
        """Keep pending drops also in the tail of the segment, so that the archive knows of them if this process is killed now."""
        segment = self.segment
        if segment is None:
            return
        try:
            segment.tally(self._drops_frame(segment, dict(islice(self._pending_drops.items(), MOST_NOTED)), self.writer.clock()))
        except Exception as error:  # a refusal is not refused: no disk, no memory
            spare(error)  # then it is declared with the next frame

    def _drops_frame(self, segment: Segment, drops: Drops, time_ns: int) -> bytes:
        identities = self.writer.identities
        data = self.pack([[identities[stream], reason, rows] for (stream, reason), rows in drops.items()])
        return frame.pack_frame(segment.salt, frame.DROPS, 0, time_ns, 0, 0, data)

    def accepted(self) -> Iterator[tuple[str, int]]:
        yield from list(self._before.items())
        yield from ((stream, counter[0]) for stream, counter in list(self._counters.items()))

    def _tend(self, time_ns: int) -> None:
        """Rare duties. Also after the clock was moved, in either direction."""
        self._calm_from, self._calm_until = time_ns, time_ns + TEND_NS
        if self.segment is not None and self.segment.unlinked():
            self._leave(END=False, time_ns=time_ns)  # where it was moved to, somebody may ship it
            self.writer.lost_place()
        self.writer.tend()
        if self._pending_drops:
            self.declare(time_ns)

    def declare(self, time_ns: int) -> None:
        """Write the counts of refused rows as a DROPS frame, so that the archive knows of them."""
        segment = self._segment_for(0, time_ns)
        drops_frame = self._drops_frame(segment, self._pending_drops, time_ns)
        if not segment.room(len(drops_frame)):
            return  # its tail has them, and they are declared when it is left
        segment.clear_tally()
        self._pending_drops = {}
        segment.store(drops_frame)

    def _define(self, schema: Schema, payload: int, time_ns: int) -> tuple[int, list[int]]:
        """Write the definition, twice, into a segment that also has room for the frame that needs it."""
        need = 2 * frame.frame_size(len(schema.definition)) + frame.frame_size(payload)
        segment = self._segment_for(need, time_ns)
        number = len(self._known) + 1
        definition = frame.pack_frame(segment.salt, frame.DEFINE, 0, time_ns, 0, number, schema.definition)
        segment.store(definition + definition)
        counter = self._counters.setdefault(schema.stream, [0])
        self._known[schema] = number, counter
        return number, counter

    def _segment_for(self, need: int, time_ns: int) -> Segment:
        """A segment with room for `need` bytes that nobody cut, closed or removed."""
        if self.segment is None or not self.segment.room(need) or not self.segment.intact():
            self._roll(need, time_ns)
        assert self.segment is not None
        return self.segment

    def _roll(self, need: int, time_ns: int) -> None:
        """Go on in a new segment. The new one is there before the old one ends: a living writer is never without."""
        if not self._ours[0]:
            self._leave_to_parent()  # a signal handler has forked meanwhile
        fresh = self.writer.growth.new_segment(self.writer_id, self._next_segment, need, time_ns)
        self._leave(END=True, time_ns=time_ns)
        self.segment = fresh
        self._next_segment += 1
        self.writer.tend(now=True)  # after the segment is there: a leader that leaves now looks once more

    def _leave(self, *, END: bool, time_ns: int) -> None:  # noqa: N803 - the frame's name
        segment, self.segment = self.segment, None
        known, self._known = self._known, {}
        if segment is None:
            return
        if END:
            self._write_refusals(segment, time_ns)
            self._write_totals(segment, known, time_ns)
            segment.finish(time_ns)
            return
        if segment.tallied:
            self._pending_drops = {}  # whoever reads its tail knows of them
        segment.abandon()

    def _write_refusals(self, segment: Segment, time_ns: int) -> None:
        """What was refused while there was no room: now in the tail, which no other frame needs any more."""
        try:
            segment.open_tail()
            if self._pending_drops and segment.append(self._drops_frame(segment, self._pending_drops, time_ns)):
                self._pending_drops = {}
        except OSError:
            pass  # they go to the next segment

    def _write_totals(self, segment: Segment, known: dict[Schema, tuple[int, list[int]]], time_ns: int) -> None:
        """How far each collector's numbers go: without it, the loss of a last frame could not be counted."""
        data = self.pack([[number, counter[0]] for number, counter in known.values()])
        try:
            segment.append(frame.pack_frame(segment.salt, frame.TOTALS, 0, time_ns, 0, 0, data))
        except OSError as error:
            spare(error)  # one frame less to check against; no row is in it

    def _sync_or_rewrite(self, segment: Segment, schema: Schema, content: Content) -> None:
        """fsync="always". A failed fsync is never repeated on a file: the kernel may already have forgotten the page.

        The frame is taken back, and written to a new segment under the same sequence: whichever copy a shipper meets
        second, it knows for a repeat.
        """
        _, data, correlation, request, time_ns = content
        payload = len(data) + len(correlation) + len(request)
        try:
            segment.sync()
            return
        except OSError:
            self.writer.fsync_failures += 1
            segment.withdraw(frame.frame_size(payload))
            self._leave(END=False, time_ns=time_ns)
        number, counter = self._define(schema, payload, time_ns)
        fresh = self.segment
        assert fresh is not None
        try:
            if not _append_pieces(fresh, counter[0], number, content, frame.REWRITTEN):
                raise NotStored(errno.ESTALE, "new segments are changed by others", fresh.path)
            fresh.sync()
        except OSError as error:
            self.writer.fsync_failures += 1
            fresh.withdraw(frame.frame_size(payload))
            raise NotStored(*error.args) from error

    def close(self, time_ns: int) -> None:
        """Declare what was refused and what others cut off, say END. Never raises: the process is leaving."""
        try:
            if self._pending_drops:
                self.declare(time_ns)
            if self.segment is not None and not self.segment.intact():
                self._name_again(time_ns)
        except (SpoolFull, OSError):
            pass  # there is no room even for that; the counts were in stats()
        self._leave(END=True, time_ns=time_ns)

    def _name_again(self, time_ns: int) -> None:
        """Rows went with a segment that others cut or closed: totals in a new one say how many there were."""
        known = list(self._known)
        self._roll(0, time_ns)
        for schema in known:
            self._define(schema, 0, time_ns)

    def abandon(self) -> None:
        self._leave(END=False, time_ns=0)


speed_up(Lane, "append", Segment)


def _append_pieces(segment: Segment, sequence: int, number: int, content: Content, flags: int = 0) -> bool:
    """A DATA frame from data that is not copied first. False: there is no room for it. Raises `NotStored`."""
    rows, data, correlation, request, time_ns = content
    sizes = (len(data), len(correlation), len(request))
    ours = isinstance(data, bytes)
    pieces = [*([data] if isinstance(data, bytes) else data.buffers), correlation, request]

    def seal(check: int) -> bytes:
        return frame.seal(segment.salt, frame.DATA, sequence, time_ns, rows, number, sizes, check, flags)

    if not segment.room(frame.frame_size(sum(sizes))):
        return False
    return segment.append_pieces(pieces, seal, frame.checksum_of(pieces, segment.salt) if ours else None)
