"""The writing side of a spool: the pool of lanes of one process, and what becomes of it in a fork."""

from __future__ import annotations

import itertools
import os
import weakref
from collections import deque
from time import time_ns

from modeldata.interrupts import spare
from modeldata.spool.fork import own_mark
from modeldata.spool.growth import Growth
from modeldata.spool.lane import Lane
from modeldata.spool.lock import forget_leadership_after_fork
from modeldata.spool.quota import SpoolFull

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from modeldata.spool.files import Files
    from modeldata.spool.folder import SpoolFolder
    from modeldata.spool.lane import Drops
    from modeldata.spool.quota import Quota


class Writer:
    """One process's right to write into one spool. New lanes are made when more threads collect at once than before."""

    __slots__ = ("__dict__", "__weakref__", "_free")

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
        self._open_place = open_place
        self._make_pack = make_pack
        self._tend = tend
        self._sync = sync
        self._random = random
        self.clock = clock
        self.identities: dict[str, dict[str, str]] = {}
        self.fsync_failures = 0
        self.growth = Growth(self, quota, files, sync=sync, block_seconds=block_seconds)
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
        self.growth.look_again()

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

    def open(self) -> SpoolFolder:
        from modeldata.errors import SpoolError

        try:
            place = self.place = self._open_place()
        except SpoolError as error:
            cause = error.__cause__
            reason = SpoolFull.of(cause, "").reason if isinstance(cause, OSError) else "spool_unusable"
            raise SpoolFull(reason, str(error)) from error
        return place

    def lost_place(self) -> None:
        """The folder is gone: the next segment makes it again."""
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
