"""How a spool grows: a new segment for a lane, or a reason why there is no room for one."""

from __future__ import annotations

from time import monotonic, sleep

from modeldata.interrupts import spare
from modeldata.spool import frame
from modeldata.spool.quota import SpoolFull
from modeldata.spool.segment import END_ROOM, Segment, new_salt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from modeldata.spool.files import Files
    from modeldata.spool.folder import SpoolFolder
    from modeldata.spool.quota import Quota
    from modeldata.spool.writer import Writer

FIRST_SEGMENT = 256 * 1024
LARGEST_SEGMENT = 4 * 1024 * 1024
LOOK_SECONDS = 0.1
"""How long the disk is not asked again after it had no room."""
BLOCK_LOOK_SECONDS = 0.002
REFUSED_LOOKS = 1000
"""After so many refusals the disk is looked at again, whatever the clock says."""


class NoRoom:
    """The last look at a disk that had no room. Not the exception itself: that would keep the callers' data alive."""

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


class Growth:
    """Makes segments for the lanes of a writer, within the limits of the spool and of the disk."""

    def __init__(self, writer: Writer, quota: Quota, files: Files, *, sync: bool, block_seconds: float) -> None:
        """`block_seconds`: how long a row may wait for room before it is refused (when_full="block")."""
        self._writer = writer
        self._quota = quota
        self._files = files
        self._sync = sync
        self._block_seconds = block_seconds
        self._refused: NoRoom | None = None

    def look_again(self) -> None:
        """The next row asks the disk, whatever it said last."""
        self._refused = None

    @property
    def refusing(self) -> bool:
        """Did the spool, or the disk, take no row when it was last asked?"""
        return self._refused is not None

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
            seconds = BLOCK_LOOK_SECONDS if self._block_seconds else LOOK_SECONDS
            self._refused = NoRoom(full.reason, str(full), monotonic(), seconds)
            raise

    def _make_segment(self, writer_id: bytes, number: int, need: int, time_ns: int) -> Segment:
        place = self._writer.place
        if place is not None:
            try:
                return self._segment_in(place, writer_id, number, need, time_ns)
            except FileNotFoundError as error:
                spare(error)
                self._writer.lost_place()
        place = self._writer.open()
        try:
            return self._segment_in(place, writer_id, number, need, time_ns)
        except FileNotFoundError as error:
            self._writer.lost_place()
            raise SpoolFull.of(error, place.segments) from error

    def _segment_in(self, place: SpoolFolder, writer_id: bytes, number: int, need: int, time_ns: int) -> Segment:
        """Raises FileNotFoundError where the folder is gone, `SpoolFull` where there is no room."""
        smallest = frame.FIRST_FRAME + need + END_ROOM + frame.TALLY_BYTES
        usual = min(FIRST_SEGMENT << 2 * min(number - 1, 8), LARGEST_SEGMENT)
        capacity = self._quota.grant(place, smallest, max(usual, smallest))
        header = frame.SegmentHeader(place.spool_id, writer_id, number, new_salt(writer_id, number), time_ns)
        try:
            segment = Segment(self._files, place.segment(writer_id, number), header, capacity, self._writer.ours)
            if self._sync:
                self._files.sync_folder(place.segments)  # else the name could be lost with the power
        except FileNotFoundError:
            raise
        except OSError as error:
            raise SpoolFull.of(error, place.segments) from error
        return segment
