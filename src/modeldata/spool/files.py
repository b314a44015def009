"""Every effect on a disk goes through `Files`, so that a test can make each of them fail, stop or be forgotten.

Paths are opened without following links, created 0600 and closed on exec. What is read must be a regular file of ours.
"""

from __future__ import annotations

import errno
import os
import stat
import sys

from modeldata.interrupts import spare
from modeldata.spool.keep_gil import cautious_store
from modeldata.spool.kernel_lock import hold
from modeldata.spool.mounts import mount_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from modeldata.spool.fork import Mark
    from modeldata.spool.keep_gil import Store

_BASE = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)
_NONBLOCK = getattr(os, "O_NONBLOCK", 0)
_NO_RESERVING = {errno.EINVAL, errno.ENOSYS, errno.ENODEV, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EPERM, errno.EACCES}
"""What file systems answer that can't reserve, and sandboxes that refuse the call. Rows are taken there as well; a full disk is
then met at a store."""
_NO_FULL_SYNC = {errno.EINVAL, errno.ENOTTY, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP}


class PosixFiles:
    """The real disk. Every method is one system call (or the nearest the platform has) and raises OSError."""

    def open(self, path: str, flags: int, mode: int = 0o600) -> int:
        return os.open(path, flags | _BASE, mode)

    def open_regular(self, path: str, *, one_name: bool = True) -> int:
        """Open for reading what must be a plain file (with one name); a fifo does not hang us. Raises OSError(EINVAL) else."""
        fd = self.open(path, os.O_RDONLY | _NONBLOCK)
        seen = self.fstat(fd)
        if not stat.S_ISREG(seen.st_mode) or (one_name and seen.st_nlink > 1):
            self.close(fd)
            raise OSError(errno.EINVAL, "not a regular file with one name", path)
        return fd

    def close(self, fd: int) -> None:
        os.close(fd)

    def hold(self, fd: int) -> bool:
        """Hold the open file for this process until it is closed; False when somebody else does (see `kernel_lock`)."""
        return hold(fd)

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

    def storer(self, fd: int, size: int, ours: Mark) -> Store:
        """How small frames get into an open file of `size` bytes: `store(data, offset)`.

        True: they are there. False: ask `pwrite`, which says why not. ours: true in the process that may write (see `fork`).
        """
        return cautious_store(fd, size, ours) or _ask_pwrite

    def write(self, fd: int, data: bytes | memoryview) -> int:
        return os.write(fd, data)

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

    def fstat(self, fd: int) -> os.stat_result:
        return os.fstat(fd)

    def stat(self, path: str) -> os.stat_result:
        return os.lstat(path)

    def free_bytes(self, path: str) -> tuple[int, int]:
        """(bytes this user may still write, bytes in all) on the file system of `path`; (0, 0) where it does not say."""
        if hasattr(os, "statvfs"):
            seen = os.statvfs(path)
            block = seen.f_frsize or seen.f_bsize
            return seen.f_bavail * block, seen.f_blocks * block
        import shutil

        usage = shutil.disk_usage(path)
        return usage.free, usage.total

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


if sys.platform == "win32":
    from modeldata import windows

    class Files(windows.Disk, PosixFiles):
        """The real disk, as Windows has it."""
else:
    Files = PosixFiles


if sys.platform == "win32":

    def _full_sync(fd: int) -> bool:
        return False

else:
    import fcntl

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


def _ask_pwrite(data: bytes, offset: int) -> bool:
    return False


def write_all(files: Files, fd: int, data: bytes | memoryview, offset: int) -> None:
    """All of `data` at `offset`, over short writes; raises OSError with whatever part was written left there."""
    view = memoryview(data)
    while len(view):
        done = files.pwrite(fd, view[: 1 << 30], offset)
        if done <= 0:
            raise OSError(errno.EIO, "wrote nothing")
        view, offset = view[done:], offset + done


def read_all(files: Files, fd: int, size: int, offset: int = 0) -> bytes:
    """`size` bytes from `offset`, fewer only where the file ends."""
    first = files.pread(fd, min(size, 1 << 30), offset)
    if len(first) == size or not first:
        return first
    pieces, got = [first], len(first)
    while got < size:
        piece = files.pread(fd, min(size - got, 1 << 30), offset + got)
        if not piece:
            break
        pieces.append(piece)
        got += len(piece)
    return b"".join(pieces)


def read_file(files: Files, path: str, *, one_name: bool = True) -> bytes:
    fd = files.open_regular(path, one_name=one_name)
    try:
        return read_all(files, fd, files.fstat(fd).st_size)
    finally:
        files.close(fd)


def replace_file(files: Files, path: str, data: bytes | memoryview, *, durable: bool = True, patient: bool = False) -> None:
    """The file holds all of `data` or what it held before, also over a power cut.

    patient: it may take seconds where another program has the file open (see `Files.replace`).
    """
    temporary = path + ".tmp"
    fd = files.open(temporary, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
    try:
        write_all(files, fd, data, 0)
        if durable:
            files.sync(fd)  # the content before the name: a name never points to less
    finally:
        files.close(fd)
    (files.replace if patient else files.rename)(temporary, path)
    if durable:
        files.sync_folder(os.path.dirname(path))  # the name itself


def create_once(files: Files, path: str, data: bytes, mark: str) -> bool:
    """Make `path` with all of `data`, durably, unless it is there: then False. Never half a file, whoever races.

    `mark` keeps the temporary names of racing processes apart.
    """
    temporary = f"{path}.{mark}"
    replace_file(files, temporary, data)
    try:
        files.link(temporary, path)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        return _create_without_links(files, path, data)
    finally:
        files.unlink(temporary)
    files.sync_folder(os.path.dirname(path))
    return True


def give_name(files: Files, hidden: str, path: str) -> None:
    """Move a finished file to its name. Raises FileExistsError where that is taken: nothing is ever replaced."""
    try:
        files.link(hidden, path)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        try:
            files.stat(path)
        except FileNotFoundError:
            files.rename(hidden, path)
            return
        raise FileExistsError(errno.EEXIST, "is there already", path) from None
    files.unlink(hidden)


_NO_LINKS = {errno.EPERM, errno.EACCES, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}
"""EACCES is what Android says."""


def _create_without_links(files: Files, path: str, data: bytes) -> bool:
    """For file systems without hard links: whoever creates the name writes it; a reader may have to look twice."""
    try:
        fd = files.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL)
    except FileExistsError:
        return False
    try:
        write_all(files, fd, data, 0)
        files.sync(fd)
    finally:
        files.close(fd)
    files.sync_folder(os.path.dirname(path))
    return True


MOST_SETTLED = 100_000


def settle(files: Files, path: str, known: dict[str, int] | None = None) -> None:
    """Make the names of `path` and of all above it durable, also those that somebody made who died before the sync.

    known: folders that this has done before, by their inodes, so that it is done once for each. Filled here.
    """
    done: dict[str, int] = {}
    while True:
        try:
            inode = files.stat(path).st_ino
            if known is not None and known.get(path) == inode:
                break
            files.sync_folder(path)
        except PermissionError:
            break  # not ours to open: then not ours to have made
        except OSError as error:
            spare(error)
            return  # as far as it goes; asked again the next time
        done[path] = inode
        above = os.path.dirname(path)
        if above == path:
            break
        path = above
    if known is not None:
        if len(known) >= MOST_SETTLED:
            known.clear()
        known.update(done)


def make_folders(files: Files, path: str, mode: int = 0o700) -> None:
    """`path` and what is missing above it, each new name made durable."""
    missing = []
    while True:
        try:
            files.stat(path)
            break
        except FileNotFoundError:
            missing.append(path)
            above = os.path.dirname(path)
            if above == path:
                break
            path = above
    for folder in reversed(missing):
        try:
            files.mkdir(folder, mode)
        except FileExistsError:
            continue  # somebody was faster
        files.sync_folder(os.path.dirname(folder))
