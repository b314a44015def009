"""One open segment, as its writer sees it: a preallocated file, written in order.

Before each store it is proven that the descriptor still is our file, whole and with its name: somebody in the process may have
closed it, so that its number is another file's; somebody outside may have cut or removed it. A file of others is never written,
cut or closed.
"""

from __future__ import annotations

import errno
import os
from zlib import crc32

from modeldata.interrupts import spare
from modeldata.spool import frame
from modeldata.spool.files import Files, write_all
from modeldata.spool.fork import own_mark

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from modeldata.snapshot.buffers import Buffer
    from modeldata.spool.fork import Mark

DIRECT_BYTES = 8 * 1024
"""Larger frames are written without the GIL: the copy takes long enough for others to work meanwhile."""
COPIED_BYTES = 1 << 20
"""Of pieces that somebody may be changing, so much is copied at a time: the checksum is then that of what was stored."""
ERASED_BYTES = 64 * 1024
"""At a time: what the disk refuses of a frame is not all of it."""
UNBORN = ".new"
"""Ends the name of a segment until it is held and has its header."""
END_ROOM = frame.FRAME_BYTES
"""Kept free at the end of each segment, so that saying END never needs room."""


class NotStored(OSError):
    """The disk refused a frame and nothing of it is left: the rows may be tried again elsewhere."""


class Segment:
    """A file of one writer. `append` is the moment of acceptance. Not shared between threads (see `writer`)."""

    __slots__ = (
        "_fd", "_files", "_identity", "_ours", "_store", "capacity", "end", "limit", "number", "path", "salt", "tallied",
    )  # fmt: skip

    def __init__(self, files: Files, path: str, header: frame.SegmentHeader, capacity: int, ours: Mark | None = None) -> None:
        """Create the file. Raises OSError, with nothing left behind, where there is no room or no right to.

        ours: true in the process that may write it (see `fork`); the one that calls this, where none is given.
        """
        self._files = files
        self._ours = ours if ours is not None else own_mark()
        self.path = path
        self.number = header.number
        self.salt = header.salt
        self.capacity = capacity
        self.limit = capacity - END_ROOM - frame.TALLY_BYTES
        self.tallied = False
        self.end = frame.FIRST_FRAME
        unborn = path + UNBORN
        self._fd = files.open(unborn, os.O_RDWR | os.O_CREAT | os.O_EXCL)
        try:
            if not files.hold(self._fd):  # before it has its name: no reader can take a new segment for a dead one
                raise OSError(errno.ENOLCK, "there are no file locks here: set MODELDATA_SPOOL to a disk that has them")
            if not files.allocate(self._fd, capacity):
                files.truncate(self._fd, capacity)  # one size for its whole life, so that a cut is seen
            write_all(files, self._fd, header.pack(), 0)
            files.rename(unborn, path)
            self._identity = self._seen()
            self._store = files.storer(self._fd, capacity, self._ours)
        except BaseException:
            self._close()
            files.unlink(unborn)
            raise

    def room(self, size: int) -> bool:
        return self.end + size <= self.limit

    def append(self, data: bytes) -> bool:
        """The frame belongs to the kernel when this returns True. On the way of `collect()`.

        False: nothing was written; there is no room, or the file is no longer whole and ours. Raises `NotStored`.
        """
        start = self.end
        stop = start + len(data)
        if stop > self.limit:
            return False
        if stop - start >= DIRECT_BYTES or not self._store(data, start):
            return self._append_slowly(data, start, stop)
        self.end = stop
        return True

    def _append_slowly(self, data: bytes, start: int, stop: int) -> bool:
        """Large frames, and whatever the quick way did not take: a short write, a mode that was changed, an error to be named."""
        if not self.intact():
            return False
        try:
            write_all(self._files, self._fd, data, start)
        except OSError as error:
            self._erase(start, len(data))
            raise NotStored(*error.args) from error
        self.end = stop
        if stop - start < DIRECT_BYTES:
            self._store = self._files.storer(self._fd, self.capacity, self._ours)  # it looks for what is there now
        return True

    def store(self, data: bytes) -> None:
        """As `append`, where room was asked for before. Raises `NotStored` with nothing of it left behind."""
        if not self.append(data):
            raise NotStored(errno.ESTALE, "the segment was changed by others", self.path)

    def append_pieces(self, pieces: Sequence[Buffer], seal: Callable[[int], bytes], check: int | None) -> bool:
        """A frame with a payload that lies in several places. `seal`: its header, for the checksum of the payload.

        check: the checksum, where nobody else can change the pieces meanwhile. None: it is taken of what was stored, so that
        whoever does spoils no frame. The header comes last.
        """
        start, size = self.end, sum(map(len, pieces))
        stop = start + frame.frame_size(size)
        if stop > self.limit or not self.intact():
            return False
        try:
            stored = self._write_pieces(pieces, start + frame.FRAME_BYTES, check)
        except OSError as error:
            self._erase(start, stop - start)
            raise NotStored(*error.args) from error
        head = seal(stored)
        if not self._store(head, start):
            return self._append_slowly(head, start, stop)
        self.end = stop
        return True

    def _write_pieces(self, pieces: Sequence[Buffer], at: int, check: int | None) -> int:
        running = frame.running_checksum(self.salt)
        for piece in pieces:
            for chunk in (piece,) if check is not None else _copies(piece):
                write_all(self._files, self._fd, chunk, at)
                at += len(chunk)
                if check is None:
                    running.update(chunk)
        return check if check is not None else frame.low_half(running)

    def intact(self) -> bool:
        """Is the descriptor still our file, with its size and its one name, in the process that made it?"""
        if self._fd < 0 or not self._ours[0]:
            return False
        try:
            return self._seen() == self._identity
        except OSError as error:
            spare(error)
            return False

    def _seen(self) -> tuple[int, int, int, int]:
        seen = self._files.fstat(self._fd)
        return seen.st_dev, seen.st_ino, seen.st_size, seen.st_nlink

    def _erase(self, start: int, size: int) -> None:
        """No half frame stays: back to zeros, as much of it as the disk takes."""
        for at in range(start, start + size, ERASED_BYTES):
            try:
                if self.intact():
                    write_all(self._files, self._fd, bytes(min(ERASED_BYTES, start + size - at)), at)
                    continue
            except OSError as error:
                spare(error)  # where nothing was written yet there is nothing to erase
            self.limit = 0  # never written again; whoever reads it finds a torn end

    def tally(self, drops: bytes) -> None:
        """Keep a DROPS frame in the tail, in the place of the one before: for whoever reads this when its writer was killed."""
        if len(drops) <= frame.TALLY_BYTES and self.limit:
            self._set_tail(frame.TALLY_MAGIC + drops[len(frame.TALLY_MAGIC) :])
            self.tallied = True

    def clear_tally(self) -> None:
        """Before its counts are written elsewhere: better lost than counted twice."""
        if self.tallied:
            self._set_tail(bytes(frame.ALIGN))
            self.tallied = False

    def _set_tail(self, data: bytes) -> None:
        at = self.capacity - frame.TALLY_BYTES
        if self._store(data, at):
            return
        if not self.intact():
            raise NotStored(errno.ESTALE, "the segment was changed by others", self.path)
        write_all(self._files, self._fd, data, at)

    def open_tail(self) -> None:
        """The segment is being left: its tail is room for frames from now on."""
        self.clear_tally()
        self.limit = self.capacity - END_ROOM

    def withdraw(self, size: int) -> None:
        """Take back the last `size` bytes that were stored."""
        self.end -= size
        self._erase(self.end, size)

    def sync(self) -> None:
        """What was stored survives a power cut. After an OSError this segment must not be written or synced again."""
        if not self.intact():
            raise OSError(errno.ESTALE, "the segment was changed by others", self.path)
        self._files.sync(self._fd)

    def unlinked(self) -> bool:
        """Is the file no longer where its path leads? It was removed, or a folder above it was renamed or mounted over."""
        try:
            seen = self._files.stat(self.path)
        except OSError as error:
            spare(error)
            return True
        device, inode = self._identity[:2]
        return seen.st_ino != inode or device not in (0, seen.st_dev)  # 0: Wine, of a file that got its name while it was open

    def finish(self, time_ns: int) -> None:
        """Say END, give back the room that was not used, let go."""
        self.limit = self.capacity
        try:
            if self.append(frame.pack_frame(self.salt, frame.END, 0, time_ns, 0, 0, b"")) and self.intact():
                self._files.truncate(self._fd, self.end)
        except OSError:
            pass  # a reader that finds no END finds the writer gone, which says the same
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Close without a word, as a forked child or a failed segment must. Never unlocks: closing is enough."""
        self.limit = 0
        try:
            if self._fd >= 0 and self._is_same_file():
                self._close()
        except OSError as error:
            spare(error)  # the descriptor is gone all the same
        self._fd = -1

    def _is_same_file(self) -> bool:
        """Whatever became of its size and names. Also in a forked child, which has to close it."""
        try:
            return self._seen()[:2] == self._identity[:2]
        except OSError as error:
            spare(error)
            return False

    def _close(self) -> None:
        fd, self._fd = self._fd, -1
        self._files.close(fd)

    def __del__(self) -> None:
        try:
            self.abandon()
        except (AttributeError, ImportError, OSError):
            pass  # construction failed half-way, or the interpreter is leaving


def _copies(piece: Buffer) -> Iterator[bytes]:
    """What is in a piece now, some of it at a time."""
    view = memoryview(piece)
    for at in range(0, len(view), COPIED_BYTES):
        yield bytes(view[at : at + COPIED_BYTES])


def new_salt(writer_id: bytes, number: int) -> int:
    """Random because the writer id is; the number keeps a writer's segments apart."""
    return crc32(writer_id + number.to_bytes(4, "little"))
