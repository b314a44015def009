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

    held_here: ClassVar[set[str]] = set()
    """Lock files that this very process holds. Never opened again here: closing them would drop the lock."""

    def __init__(self, path: str, fd: int, files: Files) -> None:
        self.path = path
        self._fd = fd
        self._files = files
        self._pid = os.getpid()

    @classmethod
    def take(cls, path: str, files: Files) -> Leadership | None:
        """Leadership, or None while another process (or thread) of this host leads."""
        if path in cls.held_here:
            return None
        fd = files.open(path, os.O_RDWR | os.O_CREAT)
        if not _lead(fd):
            files.close(fd)
            return None
        cls.held_here.add(path)
        return cls(path, fd, files)

    @classmethod
    def taken(cls, path: str, files: Files) -> bool:
        """Is somebody leading? Asked by writers, without becoming the leader for longer than the question."""
        if path in cls.held_here:
            return True
        try:
            fd = files.open(path, os.O_RDWR)
        except FileNotFoundError:
            return False
        try:
            return not _lead(fd)
        finally:
            files.close(fd)

    def intact(self) -> bool:
        """False when the lock file was removed or replaced under us: then another leader may exist."""
        if os.getpid() != self._pid:
            return False
        try:
            there, ours = self._files.stat(self.path), self._files.fstat(self._fd)
        except OSError:
            return False
        return (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino)

    def release(self) -> None:
        Leadership.held_here.discard(self.path)
        self._files.close(self._fd)


def forget_leadership_after_fork() -> None:
    """A forked child leads nothing: record locks are not inherited."""
    Leadership.held_here.clear()
