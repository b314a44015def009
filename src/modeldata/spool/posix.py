"""The calls of `Files` as POSIX systems have them. `modeldata.windows` has them for Windows, by the same names."""

from __future__ import annotations

import errno
import fcntl
import os
import sys

from modeldata.interrupts import spare
from modeldata.spool import kernel_lock
from modeldata.spool.mounts import mount_of

assert sys.platform != "win32"

_BASE = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)
_NO_RESERVING = {errno.EINVAL, errno.ENOSYS, errno.ENODEV, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EPERM, errno.EACCES}
"""What file systems answer that can't reserve, and sandboxes that refuse the call. Rows are taken there as well; a full disk is
then met at a store."""
_NO_FULL_SYNC = {errno.EINVAL, errno.ENOTTY, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP}


class Disk:
    """Every method is one system call (or the nearest there is) and raises OSError."""

    def open(self, path: str, flags: int, mode: int = 0o600) -> int:
        return os.open(path, flags | _BASE, mode)

    def hold(self, fd: int) -> bool:
        """Hold the open file for this process until it is closed; False when somebody else does (see `kernel_lock`)."""
        return kernel_lock.hold(fd)

    def hold_lead(self, fd: int) -> bool:
        """`hold`, for the one who ships."""
        return kernel_lock.hold_lead(fd)

    def allocate(self, fd: int, size: int) -> bool:
        """Reserve `size` bytes of disk, so that a full one is met here and not at a store. False: not offered here."""
        reserve = getattr(os, "posix_fallocate", None)
        if reserve is None:
            return False
        try:
            reserve(fd, 0, size)
        except OSError as error:
            if error.errno in _NO_RESERVING:
                return False
            raise
        return True

    def pwrite(self, fd: int, data: bytes | memoryview, offset: int) -> int:
        return os.pwrite(fd, data, offset)

    def pread(self, fd: int, size: int, offset: int) -> bytes:
        return os.pread(fd, size, offset)

    def truncate(self, fd: int, size: int) -> None:
        os.ftruncate(fd, size)

    def sync(self, fd: int) -> None:
        """Content and length reach the disk. After a failure the kernel may forget what failed: never ask twice."""
        if not _full_sync(fd):
            getattr(os, "fdatasync", os.fsync)(fd)

    def sync_folder(self, path: str) -> None:
        """New, renamed and removed names in a folder reach the disk."""
        fd = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def stat(self, path: str) -> os.stat_result:
        return os.lstat(path)

    def free_bytes(self, path: str) -> tuple[int, int]:
        """(bytes this user may still write, bytes in all) on the file system of `path`; (0, 0) where it does not say."""
        seen = os.statvfs(path)
        block = seen.f_frsize or seen.f_bsize
        return seen.f_bavail * block, seen.f_blocks * block

    def file_system(self, path: str) -> str:
        """The type of the file system of `path` ("ext4", "nfs4", ...); empty where the platform does not say. Never raises."""
        return self._mount(path)[1]

    def mount_point(self, path: str) -> str:
        """Where the file system of `path` is mounted; empty where the platform does not say. Never raises."""
        return self._mount(path)[0]

    def _mount(self, path: str) -> tuple[str, str]:
        try:
            with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as mounts:
                return mount_of(os.path.realpath(path), mounts.read())
        except OSError as error:
            spare(error)
            return "", ""

    def link_target(self, path: str) -> str:
        return os.readlink(path)

    def set_mode(self, fd: int, mode: int) -> None:
        os.fchmod(fd, mode)

    def rename(self, source: str, target: str) -> None:
        """At once, also onto `target`. Raises where the system refuses that because another program has `target` open."""
        os.replace(source, target)

    def replace(self, source: str, target: str) -> None:
        """As `rename`; where another program has `target` open it may wait for seconds. Not for `collect()`."""
        self.rename(source, target)

    def link(self, source: str, target: str) -> None:
        """Give a file a second name; raises FileExistsError where the name is taken: the atomic claim."""
        if not hasattr(os, "link"):
            raise OSError(errno.ENOSYS, "this Python has no hard links", source)
        os.link(source, target)

    def unlink(self, path: str) -> None:
        os.unlink(path)

    def mkdir(self, path: str, mode: int = 0o700) -> None:
        os.mkdir(path, mode)

    def listdir(self, path: str) -> list[str]:
        return sorted(os.listdir(path))

    def user(self) -> int | None:
        """The number of the user this process runs as; None where users have none, and modes mean nothing."""
        return os.getuid()


def _full_sync(fd: int) -> bool:
    """Where fsync leaves content in the cache of the disk (macOS): a sync that empties it, too. False: not offered here."""
    command = getattr(fcntl, "F_FULLFSYNC", None)
    if command is None:
        return False
    try:
        fcntl.fcntl(fd, command)
    except OSError as error:
        if error.errno not in _NO_FULL_SYNC:
            raise
        return False
    return True
