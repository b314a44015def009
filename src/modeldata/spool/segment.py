"""One open segment, as its writer sees it: a preallocated file, mapped where the platform can, written in order."""

from __future__ import annotations

import os
from zlib import crc32

from modeldata.spool import frame
from modeldata.spool.files import Files, write_all

TYPE_CHECKING = False
if TYPE_CHECKING:
    import mmap
    from collections.abc import Callable, Sequence

    from modeldata.snapshot.pieces import Piece

DIRECT_BYTES = 8 * 1024
"""Larger frames go by `pwrite`: the first touch of a mapped page costs more than copying it in the kernel."""
UNBORN = ".new"
"""Ends the name of a segment until it is held and has its header."""
END_ROOM = frame.FRAME_BYTES
"""Kept free at the end of each segment, so that saying END never needs room."""


class NotStored(OSError):
    """The disk refused a frame and nothing of it is left: the rows may be tried again elsewhere."""


class Segment:
    """A file of one writer. `store` is the moment of acceptance. Not shared between threads (see `writer`)."""

    __slots__ = ("_fd", "_files", "_map", "capacity", "end", "inode", "limit", "number", "path", "salt")

    def __init__(self, files: Files, path: str, header: frame.SegmentHeader, capacity: int) -> None:
        """Create the file. Raises OSError, with nothing left behind, where there is no room or no right to."""
        self._files = files
        self.path = path
        self.number = header.number
        self.salt = header.salt
        self.capacity = capacity
        self.limit = capacity - END_ROOM
        self.end = frame.FIRST_FRAME
        self._map: mmap.mmap | None = None
        unborn = path + UNBORN
        self._fd = files.open(unborn, os.O_RDWR | os.O_CREAT | os.O_EXCL)
        try:
            files.hold(self._fd)  # before it has its name: no reader can take a new segment for a dead one
            if files.allocate(self._fd, capacity):
                self._map = files.map(self._fd, capacity)
            write_all(files, self._fd, header.pack(), 0)
            files.rename(unborn, path)
            self.inode = files.fstat(self._fd).st_ino
        except BaseException:
            self.abandon()
            files.unlink(unborn)
            raise

    def room(self, size: int) -> bool:
        return self.end + size <= self.limit

    def append(self, data: bytes) -> bool:
        """As `store`, where there is room; else False. On the way of `collect()`."""
        start = self.end
        stop = start + len(data)
        if stop > self.limit:
            return False
        if self._map is not None and stop - start < DIRECT_BYTES:
            self._map[start:stop] = data
        else:
            self._write(data, start)
        self.end = stop
        return True

    def store(self, data: bytes) -> None:
        """The frame belongs to the kernel when this returns. Raises `NotStored` with nothing of it left behind."""
        if self._map is not None and len(data) < DIRECT_BYTES:
            self._map[self.end : self.end + len(data)] = data
        else:
            self._write(data, self.end)
        self.end += len(data)

    def store_pieces(self, pieces: Sequence[Piece], seal: Callable[[int], bytes], check: int | None) -> None:
        """A frame whose payload lies in several places. `seal`: its header, for the checksum of the payload.

        check: the checksum, where nobody else can change the pieces meanwhile. None: it is taken of what was stored, so that
        whoever does spoils no frame. The header comes last.
        """
        start, at = self.end, self.end + frame.FRAME_BYTES
        size = sum(map(len, pieces))
        if self._map is None:
            payload = b"".join(pieces)
            self.store(seal(frame.checksum(payload, self.salt)) + payload + frame.PADDING[size & 7])
            return
        try:
            for piece in pieces:
                write_all(self._files, self._fd, piece, at)
                at += len(piece)
        except OSError as error:
            self._erase(start, frame.frame_size(size))
            raise NotStored(*error.args) from error
        if check is None:
            with self._files.view(self._map) as everything, everything[start + frame.FRAME_BYTES : at] as stored:
                check = frame.checksum(stored, self.salt)
        self._map[start : start + frame.FRAME_BYTES] = seal(check)
        self.end = start + frame.frame_size(size)

    def _write(self, data: bytes, start: int) -> None:
        try:
            write_all(self._files, self._fd, data, start)
        except OSError as error:
            self._erase(start, len(data))
            raise NotStored(*error.args) from error

    def _erase(self, start: int, size: int) -> None:
        """No half frame stays: back to zeros in blocks that are ours already, or to where the file ended."""
        try:
            if self._map is None:
                self._files.truncate(self._fd, start)
            else:
                self._map[start : start + size] = bytes(size)
        except OSError:
            self.limit = 0  # never written again; whoever reads it finds a torn end

    def withdraw(self, size: int) -> None:
        """Take back the last `size` bytes that were stored."""
        self.end -= size
        self._erase(self.end, size)

    def sync(self) -> None:
        """What was stored survives a power cut. After an OSError this segment must not be written or synced again."""
        self._files.sync(self._fd)

    def unlinked(self) -> bool:
        """Has somebody removed the file under us?"""
        try:
            return self._files.stat(self.path).st_ino != self.inode
        except OSError:
            return True

    def finish(self, time_ns: int) -> None:
        """Say END, give back the room that was not used, let go."""
        try:
            self.store(frame.pack_frame(self.salt, frame.END, 0, time_ns, 0, 0, b""))
            self._unmap()
            self._files.truncate(self._fd, self.end)
        except OSError:
            pass  # a reader that finds no END finds the writer gone, which says the same
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Close without a word, as a forked child or a failed segment must. Never unlocks: closing is enough."""
        self._unmap()
        if self._fd >= 0:
            self._files.close(self._fd)
            self._fd = -1

    def _unmap(self) -> None:
        if self._map is not None:
            self._map.close()
            self._map = None

    def __del__(self) -> None:
        try:
            self.abandon()
        except (AttributeError, OSError):
            pass  # construction failed half-way, or the interpreter is leaving


def new_salt(writer_id: bytes, number: int) -> int:
    """Random because the writer id is; the number keeps a writer's segments apart."""
    return crc32(writer_id + number.to_bytes(4, "little"))
