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

if sys.platform == "win32":
    from modeldata.windows import Disk
else:
    from modeldata.spool.posix import Disk

TYPE_CHECKING = False
if TYPE_CHECKING:
    from modeldata.spool.fork import Mark
    from modeldata.spool.keep_gil import Store

_NONBLOCK = getattr(os, "O_NONBLOCK", 0)


class Files(Disk):
    """The real disk: the calls of this platform (`Disk`), and what is the same on all of them. Every method raises OSError."""

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

    def storer(self, fd: int, size: int, ours: Mark) -> Store:
        """How small frames get into an open file of `size` bytes: `store(data, offset)`.

        True: they are there. False: ask `pwrite`, which says why not. ours: true in the process that may write (see `fork`).
        """
        return cautious_store(fd, size, ours) or _ask_pwrite

    def write(self, fd: int, data: bytes | memoryview) -> int:
        return os.write(fd, data)

    def fstat(self, fd: int) -> os.stat_result:
        return os.fstat(fd)


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
