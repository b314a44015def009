"""Who is alive, who leads: two kinds of lock, both let go by the kernel when their holder is gone.

A segment is held by `flock`, which belongs to the open file: it survives in a forked child, so a child made by a C-level
fork delays only the removal of that one file. Leadership is a POSIX record lock (`lockf`), which belongs to the process:
a forgotten child can never keep it. The price: closing *any* descriptor of that file drops it, so a process that leads
must not open `leader.lock` again (`Leadership.held_here` knows).
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import ClassVar

    from modeldata.spool.files import Files

if sys.platform == "win32":
    import msvcrt

    def hold(fd: int) -> bool:
        """Hold the open file `fd` for this process; False when somebody else does."""
        try:
            os.lseek(fd, 0x7FFF_FFF0, os.SEEK_SET)
            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    _lead = hold
else:
    import fcntl

    def hold(fd: int) -> bool:
        """Hold the open file `fd` for this process; False when somebody else does."""
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True

    def _lead(fd: int) -> bool:
        try:
            fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True


class Leadership:
    """The right to ship a spool. At most one process of the host holds it, and the kernel takes it back at its end."""

    held_here: ClassVar[dict[str, object]] = {}
    """Lock files that this very process holds or has open. Never opened by two of its threads: closing one would drop the lock
    of the other, and a record lock never refuses the process that has it. The one entry is claimed before the file is opened."""

    def __init__(self, path: str, fd: int, files: Files) -> None:
        self.path = path
        self._fd = fd
        self._files = files
        self._pid = os.getpid()
        self._released = False

    @classmethod
    def take(cls, path: str, files: Files) -> Leadership | None:
        """Leadership, or None while another process (or thread) of this host leads."""
        if not cls._claim(path):
            return None
        try:
            fd = files.open(path, os.O_RDWR | os.O_CREAT)
            if _lead(fd):
                return cls(path, fd, files)
            files.close(fd)
        except BaseException:
            cls.held_here.pop(path, None)
            raise
        cls.held_here.pop(path, None)
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
                return not _lead(fd)
            finally:
                files.close(fd)
        except FileNotFoundError:
            return False
        finally:
            cls.held_here.pop(path, None)

    def intact(self) -> bool:
        """False after `release`, and when the lock file was removed or replaced under us: then another leader may exist."""
        if self._released or os.getpid() != self._pid:
            return False
        try:
            there, ours = self._files.stat(self.path), self._files.fstat(self._fd)
        except OSError:
            return False
        return (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino)

    def release(self) -> None:
        self._released = True  # the descriptor's number may soon be somebody else's
        try:
            self._files.close(self._fd)
        finally:
            Leadership.held_here.pop(self.path, None)  # only now: the close would drop the lock of whoever took it before


def forget_leadership_after_fork() -> None:
    """A forked child leads nothing: record locks are not inherited."""
    Leadership.held_here.clear()
