"""Who leads: the right to ship a spool, by a lock that the kernel takes back when its holder is gone.

A lock can still be lost under its holder: the file is replaced, its descriptor is closed by others. So each leader leaves a mark
with a number in the lock file, and looks before each send and each commit whether its mark is still there (`Leadership.intact`).
"""

from __future__ import annotations

import os

from modeldata.interrupts import spare

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import ClassVar

    from modeldata.spool.files import Files

MARK_BYTES = 64
"""Of one size, so that a later mark needs no room on a disk that is full by then."""


class Leadership:
    """The right to ship a spool. At most one process of the host holds it, and the kernel takes it back at its end."""

    held_here: ClassVar[dict[str, object]] = {}
    """Lock files that this very process holds or is about to. The one entry is claimed before the file is opened: two of its
    threads never ask the kernel side by side."""

    def __init__(self, path: str, fd: int, files: Files) -> None:
        self.path = path
        self._fd = fd
        self._files = files
        self._pid = os.getpid()
        self._released = False
        self._file = _file_of(files.fstat(fd))
        self.number, self._mark = 0, b""

    @classmethod
    def take(cls, path: str, files: Files) -> Leadership | None:
        """Leadership, or None while another process (or thread) of this host leads."""
        if not cls._claim(path):
            return None
        lead = None
        try:
            lead = cls(path, files.open(path, os.O_RDWR | os.O_CREAT), files)
            cls.held_here[path] = lead  # before it is locked: a fork from now on knows what to close
            if files.hold_lead(lead._fd):
                lead.number, lead._mark = lead._sign()
                return lead
            lead.release()
        except BaseException:
            if lead is not None:
                lead.release()
            cls.held_here.pop(path, None)
            raise
        return None

    @classmethod
    def _claim(cls, path: str) -> bool:
        token = object()
        return cls.held_here.setdefault(path, token) is token  # one step: no other thread gets in between

    @classmethod
    def taken(cls, path: str, files: Files) -> bool:
        """Is somebody leading? Asked by writers, without becoming the leader for longer than the question."""
        if not cls._claim(path):
            return True
        try:
            fd = files.open(path, os.O_RDWR)
            try:
                return not files.hold_lead(fd)
            finally:
                files.close(fd)
        except FileNotFoundError:
            return False
        finally:
            cls.held_here.pop(path, None)

    def _sign(self) -> tuple[int, bytes]:
        """Leave our mark: the next number, and what nobody else can have written."""
        before = self._files.pread(self._fd, MARK_BYTES, 0)
        digits = before.split(b" ")[0]
        number = int(digits) + 1 if digits.isdigit() and len(digits) < 20 else 1
        mark = f"{number} {self._pid} {os.urandom(8).hex()}".encode().ljust(MARK_BYTES - 1) + b"\n"
        try:
            if self._files.pwrite(self._fd, mark, 0) == MARK_BYTES:
                self._files.sync(self._fd)
                return number, mark
        except OSError as error:
            spare(error)  # a full disk must not stop us from freeing it: then the mark stays as it was
        return number, self._files.pread(self._fd, MARK_BYTES, 0)

    def intact(self) -> bool:
        """False after `release`, and where another leader may exist: the file, its mark or our descriptor was replaced."""
        if self._released:
            return False
        if os.getpid() != self._pid:
            self.release()  # in a forked child: its parent's lock ends with its parent
            return False
        try:
            there, ours = self._files.stat(self.path), self._files.fstat(self._fd)
            return _file_of(there) == _file_of(ours) == self._file and self._files.pread(self._fd, MARK_BYTES, 0) == self._mark
        except OSError as error:
            spare(error)
            return False

    def release(self) -> None:
        self._released = True  # the descriptor's number may soon be somebody else's
        try:
            self.close_descriptor()
        finally:
            if Leadership.held_here.get(self.path) is self:
                Leadership.held_here.pop(self.path, None)  # only now: nobody of us asks while it is being closed

    def close_descriptor(self) -> None:
        """Not where its number is another file's by now."""
        try:
            ours = _file_of(self._files.fstat(self._fd)) == self._file
        except OSError as error:
            spare(error)
            return
        if ours:
            self._files.close(self._fd)


def _file_of(seen: os.stat_result) -> tuple[int, int]:
    return seen.st_dev, seen.st_ino


def forget_leadership_after_fork() -> None:
    """A forked child leads nothing, and must not keep its parent's locks when the parent is gone."""
    held = list(Leadership.held_here.values())
    Leadership.held_here.clear()
    for lead in held:
        if isinstance(lead, Leadership):
            lead.release()
