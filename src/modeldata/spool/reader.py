"""The reading side of a spool: frames out of segments, whatever happened to the bytes.

A bad frame costs that frame, a bad file costs that file, nothing costs the process: there is no length that is believed
before its checksum held, no search without an end, and no state that a restart would not reach again.
"""

from __future__ import annotations

import os

from modeldata.spool import frame
from modeldata.spool.files import Files, read_all
from modeldata.spool.folder import SpoolFolder, segment_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

SCAN_WINDOW = 1 << 20
"""The search for the next good frame reads this many bytes at a time."""


class Frame:
    """A frame with two checksums that held. `payload` is a copy; `start` and `stop` are offsets in its segment."""

    __slots__ = ("head", "payload", "start", "stop")

    def __init__(self, head: frame.FrameHeader, start: int, payload: bytes) -> None:
        self.head = head
        self.start = start
        self.stop = start + head.size
        self.payload = payload

    @property
    def data(self) -> bytes:
        return self.payload[: self.head.data]

    @property
    def correlation(self) -> bytes:
        return self.payload[self.head.data : self.head.data + self.head.correlation]

    @property
    def request(self) -> bytes:
        return self.payload[self.head.data + self.head.correlation :]


class Damage:
    """Bytes [start, stop) of a segment that are no frame, though something was written there.

    `rows` is what a good header says was lost, None where not even that is known. `torn`: at the end of a dead writer's
    segment, what its death cut off (those rows were never accepted).
    """

    __slots__ = ("rows", "start", "stop", "torn")

    def __init__(self, start: int, stop: int, rows: int | None, torn: bool) -> None:
        self.start = start
        self.stop = stop
        self.rows = rows
        self.torn = torn


class OpenSegment:
    """A segment being read. `alive` was asked *before* the size, so a dead one is seen in its last state."""

    def __init__(self, place: SpoolFolder, name: str, files: Files) -> None:
        """Raises OSError where it is no readable regular file, ValueError for what is no segment of this version."""
        named = segment_name(name)
        if named is None:
            raise ValueError(f"not a segment: {name}")
        self.name = name
        self.writer_id, self.number = named
        self._files = files
        self._fd = files.open_regular(os.path.join(place.segments, name))
        try:
            self.alive = not files.hold(self._fd)
            self.size = files.fstat(self._fd).st_size
            start = read_all(files, self._fd, frame.FIRST_FRAME)
            header = frame.unpack_segment_header(start)
            self.empty = not any(start)
            if header is not None and header.version not in frame.READABLE:
                raise ValueError(f"segment version {header.version} is not known to this version")
            if header is None and self.alive:
                self.empty = True  # its writer is just making it
            self.created_ns = header.created_ns if header is not None else 0
            self.salt = header.salt if header is not None else _salt_by_name(self.writer_id, self.number)
            self._tail = None if self.alive else self._read_tail()
            self._stop = self.size if self._tail is None else self._tail.start
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self._files.close(self._fd)

    def sync(self) -> None:
        """Make durable what the writer stored. Raises OSError."""
        self._files.sync(self._fd)

    def read(self, size: int, offset: int) -> bytes:
        return read_all(self._files, self._fd, min(size, max(0, self.size - offset)), offset)

    def frames(self, start: int) -> Iterator[Frame | Damage]:
        """Frames from `start` on, in order. Ends at END, at bytes that are not written yet, or at the end of the file.

        Of a writer that was killed the last one may be what it kept in the tail of its segment.
        """
        for item in self._in_order(start):
            yield item
            if isinstance(item, Frame) and item.head.kind == frame.END:
                return
        if self._tail is not None and start <= self._tail.start:
            yield self._tail

    def _read_tail(self) -> Frame | None:
        """Counts of refused rows that a killed writer left. Not read while it lives: they change, and rows may still come."""
        at = self.size - frame.TALLY_BYTES
        content = self.read(frame.TALLY_BYTES, at) if at >= frame.FIRST_FRAME else b""
        if not content.startswith(frame.TALLY_MAGIC):
            return None
        content = frame.FRAME_MAGIC + content[len(frame.TALLY_MAGIC) :]
        head = frame.unpack_frame_header(content, 0, self.salt)
        if head is None or head.kind != frame.DROPS or head.size > frame.TALLY_BYTES:
            return None
        payload = content[frame.FRAME_BYTES : frame.FRAME_BYTES + head.data]
        return Frame(head, at, payload) if frame.payload_holds(head, payload, self.salt) else None

    def _in_order(self, start: int) -> Iterator[Frame | Damage]:
        at = max(start, frame.FIRST_FRAME)
        while at + frame.FRAME_BYTES <= self._stop:
            head = frame.unpack_frame_header(self.read(frame.FRAME_BYTES, at), 0, self.salt)
            good = self._proved(head, at) if head is not None else None
            if good is None:
                damage = self._damage(head, at)
                if damage is None:
                    return
                good = self._frame(at)  # its writer may have finished it between our looks: only now a later one proves it done
                if good is None:
                    yield damage
                    at = damage.stop
                    continue
            yield good
            if good.head.kind == frame.END:
                return
            at = good.stop

    def _frame(self, at: int) -> Frame | None:
        head = frame.unpack_frame_header(self.read(frame.FRAME_BYTES, at), 0, self.salt)
        return self._proved(head, at) if head is not None else None

    def _proved(self, head: frame.FrameHeader, at: int) -> Frame | None:
        if at + head.size > self._stop + frame.ALIGN:
            return None
        payload = self.read(head.data + head.correlation + head.request, at + frame.FRAME_BYTES)
        return Frame(head, at, payload) if frame.payload_holds(head, payload, self.salt) else None

    def _damage(self, head: frame.FrameHeader | None, at: int) -> Damage | None:
        """What lies at `at` instead of a frame; None where there is nothing, or nothing yet."""
        if self.alive and not any(self.read(frame.ALIGN, at)):
            return None  # the usual case: everything was read; don't search bytes that are not written
        follower = self._next_good(at + frame.ALIGN)
        if follower is not None:
            return Damage(at, follower, head.rows if head is not None and head.kind == frame.DATA else None, torn=False)
        if self.alive or not self._written(at):
            return None
        return Damage(at, self._stop, None, torn=True)

    def _written(self, at: int) -> bool:
        """Is anything but zeros left from `at` on?"""
        while at < self._stop:
            piece = self.read(SCAN_WINDOW, at)
            if not piece:
                return False
            if piece.count(0) != len(piece):
                return True
            at += len(piece)
        return False

    def _next_good(self, at: int) -> int | None:
        """The offset of the next frame, from `at` on, with checksums that hold."""
        while at < self._stop:
            window = self.read(SCAN_WINDOW, at)
            hit = window.find(frame.FRAME_MAGIC)
            while hit >= 0:
                place = at + hit
                if place % frame.ALIGN == 0:
                    head = frame.unpack_frame_header(self.read(frame.FRAME_BYTES, place), 0, self.salt)
                    if head is not None and self._proved(head, place) is not None:
                        return place
                hit = window.find(frame.FRAME_MAGIC, hit + 1)
            if at + len(window) >= self._stop:
                return None
            at += len(window) - len(frame.FRAME_MAGIC) + 1
        return None


def _salt_by_name(writer_id: bytes, number: int) -> int:
    """What the writer used, when both copies of the header are gone: it follows from the file's name."""
    from modeldata.spool.segment import new_salt

    return new_salt(writer_id, number)


def segment_names(place: SpoolFolder, files: Files) -> list[str]:
    """The segments of a spool, each writer's in order; whatever else lies in the folder is left alone."""
    try:
        return [name for name in files.listdir(place.segments) if segment_name(name) is not None]
    except FileNotFoundError:
        return []


def oldest_without_writer(place: SpoolFolder, files: Files) -> list[tuple[str, int]]:
    """(name, bytes) of the segments that no living writer holds, by age."""
    segments: list[tuple[int, str, int]] = []
    for name in segment_names(place, files):
        try:
            segment = OpenSegment(place, name, files)
        except (OSError, ValueError):
            continue
        if not segment.alive:
            segments.append((segment.created_ns, name, segment.size))
        segment.close()
    return [(name, size) for _, name, size in sorted(segments)]
