"""The writing side of a spool: lanes, their pool, rolling, limits, forks.

`Lane.append` is the hot path. What is rare (a new definition, a full segment, a failed disk) is a call away from it.
"""

from __future__ import annotations

import errno
import itertools
import os
import weakref
from collections import deque
from itertools import islice
from time import monotonic, sleep, time_ns

from modeldata.interrupts import spare
from modeldata.spool import frame
from modeldata.spool.files import Files
from modeldata.spool.fork import own_mark
from modeldata.spool.lock import forget_leadership_after_fork
from modeldata.spool.quota import Quota, SpoolFull
from modeldata.spool.segment import DIRECT_BYTES, END_ROOM, NotStored, Segment, new_salt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TypeAlias

    from modeldata.snapshot.buffers import Buffers
    from modeldata.snapshot.schema import Schema
    from modeldata.spool.folder import SpoolFolder

FIRST_SEGMENT = 256 * 1024
LARGEST_SEGMENT = 4 * 1024 * 1024
BLOCK_LOOK_SECONDS = 0.002
REFUSED_LOOKS = 1000
"""After so many refusals the disk is looked at again, whatever the clock says."""
MOST_NOTED = 8
"""Kinds of refusals (collector and reason) that one lane keeps in the tail of its segment."""
MOST_ROLLS = 2
"""New segments for one frame. Each is made large enough for it; only somebody who cuts it at once makes another one necessary."""
TEND_NS = 100_000_000
"""How often a busy lane looks up: was its file removed, is somebody shipping? A tenth of a second."""

Content: TypeAlias = "tuple[int, bytes | Buffers, bytes, bytes, int]"
"""Of a DATA frame: rows, data, correlation id, request id, time."""

Drops = dict[tuple[str, str], int]
"""(stream, reason) → rows."""


class Lane:
    """A writer: one thread at a time owns it, between `Writer.acquire` and `Writer.release`."""

    __slots__ = (
        "_before", "_calm_from", "_calm_until", "_counters", "_known", "_next_segment", "_ours", "_sync", "_undeclared",
        "_writer", "drops", "pack", "segment", "writer_id",
    )  # fmt: skip

    def __init__(self, writer: Writer, sync: bool) -> None:
        self._writer = writer
        self._sync = sync
        self.segment: Segment | None = None
        self._begin()

    def _begin(self) -> None:
        """As a writer of this process of whom nothing was ever stored or counted."""
        self._ours = self._writer.ours
        self._counters: dict[str, list[int]] = {}
        self._before: dict[str, int] = {}
        self.drops: Drops = {}
        self._undeclared: Drops = {}
        self._become_writer()

    def _become_writer(self) -> None:
        self.writer_id, self.pack = self._writer.identify()
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
        if not self._writer.ours[0]:
            self._writer.after_fork()  # a C-level fork told nobody
        self._leave(END=False, time_ns=0)
        self._begin()
        self._writer.lanes.append(self)

    def append(
        self,
        plan: Schema,
        rows: int,
        data: bytes | Buffers,
        correlation: bytes,
        request: bytes,
        time_ns: int,
        rolls: int = MOST_ROLLS,
    ) -> None:
        """The rows are in the spool when this returns.

        Raises `SpoolFull` (nothing was written, the lane is good) or `NotStored` (nothing was written, the lane is not).
        After any other exception it is not known whether the rows are there: the lane must be retired.
        """
        if not self._ours[0]:
            self._leave_to_parent()  # also the data's own code may have forked, since the lane was taken
        if not self._calm_from <= time_ns < self._calm_until:
            self._tend(time_ns)
        known = self._known.get(plan)
        if known is None:
            known = self._define(plan, len(data) + len(correlation) + len(request), time_ns)
        number, counter = known
        segment = self.segment
        assert segment is not None
        sequence = counter[0]
        if type(data) is bytes and len(data) < DIRECT_BYTES:
            made = frame.pack_data(segment.salt, sequence, time_ns, rows, number, data, correlation, request)
            stored = segment.append(made)
        else:
            stored = _append_pieces(segment, sequence, number, (rows, data, correlation, request, time_ns))
        if not stored:  # no room, or the file is no longer ours
            if not rolls:
                raise NotStored(errno.ESTALE, "new segments are changed by others", segment.path)
            payload = len(data) + len(correlation) + len(request)
            self._roll(frame.frame_size(payload) + 2 * frame.frame_size(len(plan.definition)), time_ns)
            return self.append(plan, rows, data, correlation, request, time_ns, rolls - 1)
        if self._sync:
            self._sync_or_rewrite(segment, plan, (rows, data, correlation, request, time_ns))
        counter[0] = sequence + rows
        return None

    def refuse(self, stream: str, reason: str, rows: int) -> None:
        """Count rows that were not accepted; the count reaches the archive with the next frame."""
        if not self._ours[0]:
            self._leave_to_parent()
        key = (stream, reason)
        self.drops[key] = self.drops.get(key, 0) + rows
        self._undeclared[key] = self._undeclared.get(key, 0) + rows
        self._calm_until = 0
        self._note()

    def _note(self) -> None:
        """What was not declared yet, also in the tail of the segment: a process that is killed now has told it."""
        segment = self.segment
        if segment is None:
            return
        try:
            segment.tally(self._drops_frame(segment, dict(islice(self._undeclared.items(), MOST_NOTED)), self._writer.clock()))
        except Exception as error:  # a refusal is not refused: no disk, no memory
            spare(error)  # then it is declared with the next frame

    def _drops_frame(self, segment: Segment, told: Drops, time_ns: int) -> bytes:
        identities = self._writer.identities
        data = self.pack([[identities[stream], reason, rows] for (stream, reason), rows in told.items()])
        return frame.pack_frame(segment.salt, frame.DROPS, 0, time_ns, 0, 0, data)

    def accepted(self) -> Iterator[tuple[str, int]]:
        yield from list(self._before.items())
        yield from ((stream, counter[0]) for stream, counter in list(self._counters.items()))

    def _tend(self, time_ns: int) -> None:
        """Rare duties. Also after the clock was moved, in either direction."""
        self._calm_from, self._calm_until = time_ns, time_ns + TEND_NS
        if self.segment is not None and self.segment.unlinked():
            self._leave(END=False, time_ns=time_ns)  # where it was moved to, somebody may ship it
            self._writer.lost_place()
        self._writer.tend()
        if self._undeclared:
            self.declare(time_ns)

    def declare(self, time_ns: int) -> None:
        """Write the counts of refused rows as a DROPS frame, so that the archive knows of them."""
        segment = self._segment_for(0, time_ns)
        told = self._undeclared
        made = self._drops_frame(segment, told, time_ns)
        if not segment.room(len(made)):
            return  # its tail has them, and they are declared when it is left
        segment.clear_tally()
        self._undeclared = {}
        segment.store(made)

    def _define(self, plan: Schema, payload: int, time_ns: int) -> tuple[int, list[int]]:
        """Write the definition, twice, into a segment that also has room for the frame that needs it."""
        need = 2 * frame.frame_size(len(plan.definition)) + frame.frame_size(payload)
        segment = self._segment_for(need, time_ns)
        number = len(self._known) + 1
        made = frame.pack_frame(segment.salt, frame.DEFINE, 0, time_ns, 0, number, plan.definition)
        segment.store(made + made)
        counter = self._counters.setdefault(plan.stream, [0])
        self._known[plan] = number, counter
        return number, counter

    def _segment_for(self, need: int, time_ns: int) -> Segment:
        """One that has room for `need` bytes, and is whole and ours."""
        if self.segment is None or not self.segment.room(need) or not self.segment.intact():
            self._roll(need, time_ns)
        assert self.segment is not None
        return self.segment

    def _roll(self, need: int, time_ns: int) -> None:
        """Go on in a new segment. The new one is there before the old one ends: a living writer is never without."""
        if not self._ours[0]:
            self._leave_to_parent()  # a signal handler has forked meanwhile
        fresh = self._writer.new_segment(self.writer_id, self._next_segment, need, time_ns)
        self._leave(END=True, time_ns=time_ns)
        self.segment = fresh
        self._next_segment += 1
        self._writer.tend(now=True)  # after the segment is there: a leader that leaves now looks once more

    def _leave(self, *, END: bool, time_ns: int) -> None:  # noqa: N803 - the frame's name
        segment, self.segment = self.segment, None
        known, self._known = self._known, {}
        if segment is None:
            return
        if END:
            self._tell_refusals(segment, time_ns)
            self._tell_totals(segment, known, time_ns)
            segment.finish(time_ns)
            return
        if segment.tallied:
            self._undeclared = {}  # whoever reads its tail knows of them
        segment.abandon()

    def _tell_refusals(self, segment: Segment, time_ns: int) -> None:
        """What was refused while there was no room: now in the tail, which no other frame needs any more."""
        try:
            segment.open_tail()
            if self._undeclared and segment.append(self._drops_frame(segment, self._undeclared, time_ns)):
                self._undeclared = {}
        except OSError:
            pass  # they go to the next segment

    def _tell_totals(self, segment: Segment, known: dict[Schema, tuple[int, list[int]]], time_ns: int) -> None:
        """How far each collector's numbers go: without it, the loss of a last frame could not be counted."""
        data = self.pack([[number, counter[0]] for number, counter in known.values()])
        made = frame.pack_frame(segment.salt, frame.TOTALS, 0, time_ns, 0, 0, data)
        try:
            segment.append(made)
        except OSError as error:
            spare(error)  # one frame less to check against; no row is in it

    def _sync_or_rewrite(self, segment: Segment, plan: Schema, content: Content) -> None:
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
            self._writer.fsync_failures += 1
            segment.withdraw(frame.frame_size(payload))
            self._leave(END=False, time_ns=time_ns)
        number, counter = self._define(plan, payload, time_ns)
        fresh = self.segment
        assert fresh is not None
        try:
            if not _append_pieces(fresh, counter[0], number, content, frame.REWRITTEN):
                raise NotStored(errno.ESTALE, "new segments are changed by others", fresh.path)
            fresh.sync()
        except OSError as error:
            self._writer.fsync_failures += 1
            fresh.withdraw(frame.frame_size(payload))
            raise NotStored(*error.args) from error

    def close(self, time_ns: int) -> None:
        """Declare what was refused and what others cut off, say END. Never raises: the process is leaving."""
        try:
            if self._undeclared:
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
        for plan in known:
            self._define(plan, 0, time_ns)

    def abandon(self) -> None:
        self._leave(END=False, time_ns=0)


def _append_pieces(segment: Segment, sequence: int, number: int, content: Content, flags: int = 0) -> bool:
    """A DATA frame whose data is not copied first. False: there is no room for it. Raises `NotStored`."""
    rows, data, correlation, request, time_ns = content
    sizes = (len(data), len(correlation), len(request))
    ours = isinstance(data, bytes)
    pieces = [*([data] if isinstance(data, bytes) else data.buffers), correlation, request]

    def seal(check: int) -> bytes:
        return frame.seal(segment.salt, frame.DATA, sequence, time_ns, rows, number, sizes, check, flags)

    if not segment.room(frame.frame_size(sum(sizes))):
        return False
    return segment.append_pieces(pieces, seal, frame.checksum_of(pieces, segment.salt) if ours else None)


class NoRoom:
    """The last look at a disk that had no room: what to say, without the exception, which would keep the callers' data alive."""

    __slots__ = ("_looks", "_seconds", "_since", "message", "reason")

    def __init__(self, reason: str, message: str, since: float, seconds: float) -> None:
        self.reason = reason
        self.message = message
        self._since = since
        self._seconds = seconds
        self._looks = 0

    def lasts(self, now: float) -> bool:
        """Not for ever where the clock stands still, nor for longer where it was put back."""
        self._looks += 1
        return self._since <= now < self._since + self._seconds and self._looks < REFUSED_LOOKS


class Writer:
    """One process's right to write into one spool. New lanes are made when more threads collect at once than before."""

    def __init__(
        self,
        open_place: Callable[[], SpoolFolder],
        quota: Quota,
        *,
        files: Files,
        make_pack: Callable[[], Callable[[object], bytes]],
        tend: Callable[[SpoolFolder, bool], None],
        sync: bool,
        block_seconds: float = 0.0,
        random: Callable[[int], bytes] = os.urandom,
        clock: Callable[[], int] = time_ns,
    ) -> None:
        """`block_seconds`: how long a row may wait for room before it is refused (when_full="block")."""
        self._open_place = open_place
        self._quota = quota
        self._files = files
        self._make_pack = make_pack
        self._tend = tend
        self._sync = sync
        self._block_seconds = block_seconds
        self._random = random
        self.clock = clock
        self.identities: dict[str, dict[str, str]] = {}
        self.fsync_failures = 0
        self._start()
        _living.add(self)

    def _start(self) -> None:
        self.ours = own_mark()
        self.place: SpoolFolder | None = None
        self._process = self._random(12)
        self._numbers = itertools.count(1)
        self._free: deque[Lane] = deque()
        self._blank: deque[Lane] = deque()
        """Retired: they begin with a new segment under a new name."""
        self.lanes: list[Lane] = []
        self._refused: NoRoom | None = None

    def acquire(self) -> Lane:
        """A lane that nobody else uses until it is released. Costs no lock."""
        try:
            return self._free.pop()
        except IndexError:
            return self.fresh_lane()

    def fresh_lane(self) -> Lane:
        """A lane that writes into no segment yet."""
        try:
            return self._blank.pop()
        except IndexError:
            lane = Lane(self, self._sync)
            self.lanes.append(lane)
            return lane

    def identify(self) -> tuple[bytes, Callable[[object], bytes]]:
        """What a writer has for itself: its id, and a packer that no exception has met."""
        return self._process + next(self._numbers).to_bytes(4, "big"), self._make_pack()

    def release(self, lane: Lane) -> None:
        self._free.append(lane)

    def retire(self, lane: Lane) -> None:
        """An exception came from nowhere while this lane was written. Its rows stay; nobody adds to them again.

        The lane is used again, under another name: so there are never more of them than calls at once, whatever fails.
        """
        lane.retire()
        self._blank.append(lane)

    def new_segment(self, writer_id: bytes, number: int, need: int, time_ns: int) -> Segment:
        """A fresh segment with room for `need` bytes of frames. Raises `SpoolFull` when limits or the disk say no."""
        looks = 1 + int(self._block_seconds / BLOCK_LOOK_SECONDS)
        deadline = monotonic() + self._block_seconds
        while True:
            looks -= 1
            try:
                return self._try_segment(writer_id, number, need, time_ns)
            except SpoolFull as full:
                spare(full)
                if looks <= 0 or monotonic() >= deadline:  # a clock may stand still
                    raise
                sleep(BLOCK_LOOK_SECONDS)

    def _try_segment(self, writer_id: bytes, number: int, need: int, time_ns: int) -> Segment:
        refused = self._refused
        if refused is not None and refused.lasts(monotonic()):
            raise SpoolFull(refused.reason, refused.message)  # one look at the disk in a while is enough when it is full
        try:
            self._refused = None
            return self._make_segment(writer_id, number, need, time_ns)
        except SpoolFull as full:
            spare(full)
            seconds = BLOCK_LOOK_SECONDS if self._block_seconds else TEND_NS / 1e9
            self._refused = NoRoom(full.reason, str(full), monotonic(), seconds)
            raise

    def _make_segment(self, writer_id: bytes, number: int, need: int, time_ns: int) -> Segment:
        place = self.place or self._open()
        smallest = frame.FIRST_FRAME + need + END_ROOM + frame.TALLY_BYTES
        usual = min(FIRST_SEGMENT << 2 * min(number - 1, 8), LARGEST_SEGMENT)
        capacity = self._quota.grant(place, smallest, max(usual, smallest))
        header = frame.SegmentHeader(place.spool_id, writer_id, number, new_salt(writer_id, number), time_ns)
        try:
            made = Segment(self._files, place.segment(writer_id, number), header, capacity, self.ours)
            if self._sync:
                self._files.sync_folder(place.segments)  # else the name could be lost with the power
        except FileNotFoundError as error:
            self.lost_place()
            raise SpoolFull.of(error, place.segments) from error
        except OSError as error:
            raise SpoolFull.of(error, place.segments) from error
        return made

    def _open(self) -> SpoolFolder:
        from modeldata.errors import SpoolError

        try:
            place = self.place = self._open_place()
        except SpoolError as error:
            cause = error.__cause__
            reason = SpoolFull.of(cause, "").reason if isinstance(cause, OSError) else "spool_unusable"
            raise SpoolFull(reason, str(error)) from error
        return place

    @property
    def refusing(self) -> bool:
        """Did the spool, or the disk, take no row when it was last asked?"""
        return self._refused is not None

    def lost_place(self) -> None:
        """The folder went away under us: the next segment makes it anew."""
        self.place = None

    def tend(self, *, now: bool = False) -> None:
        """See to it that somebody ships. Never in the way of a row."""
        place = self.place
        if place is None:
            return
        try:
            self._tend(place, now)
        except Exception as error:  # whatever stands in the way of a shipper (limits, a half-imported module) is no row's fault
            spare(error)
            return  # looked at again in two seconds; until then rows wait in the spool

    def drops(self) -> Drops:
        total: Drops = {}
        for lane in list(self.lanes):
            for key, rows in list(lane.drops.items()):
                total[key] = total.get(key, 0) + rows
        return total

    def accepted(self) -> dict[str, int]:
        total: dict[str, int] = {}
        for lane in list(self.lanes):
            for stream, rows in lane.accepted():
                total[stream] = total.get(stream, 0) + rows
        return total

    @property
    def process(self) -> str:
        """What the names of this process's segments begin with."""
        return self._process.hex()

    def positions(self) -> dict[str, int]:
        """Segment file → end of what is in it, for each segment this process has open."""
        open_segments = [lane.segment for lane in list(self.lanes)]
        return {os.path.basename(segment.path): segment.end for segment in open_segments if segment is not None}

    def close(self, time_ns: int) -> None:
        """END every segment that no thread is writing just now. Collecting again afterwards works: it opens new ones."""
        for pool in (self._free, self._blank):
            closed = []
            while pool:
                try:
                    lane = pool.pop()
                except IndexError:
                    break  # another thread took the last one
                lane.close(time_ns)
                closed.append(lane)
            pool.extend(closed)

    def after_fork(self) -> None:
        """In a forked child: let go of the parent's files without a word, and begin as a writer of our own."""
        inherited = self.lanes
        self._start()
        for lane in inherited:
            lane.abandon()


_living: weakref.WeakSet[Writer] = weakref.WeakSet()


def _after_fork_in_child() -> None:
    forget_leadership_after_fork()
    for writer in list(_living):
        writer.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
