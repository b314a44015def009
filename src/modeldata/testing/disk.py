"""A disk in memory with a power cut.

The model (after SQLite's crash tests): what was synced is there. Of everything else, each written page (4 KiB) and each new,
renamed or removed name is kept or not, independently of the order in which it was done; a page that is not kept holds what was
last synced there, or zeros where nothing was.
"""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING

from modeldata.spool.files import Files

if TYPE_CHECKING:
    from random import Random

    from modeldata.spool.fork import Mark
    from modeldata.spool.keep_gil import Store

PAGE = 4096


class _File:
    """One inode: what is in memory, what is on the disk, which pages differ."""

    def __init__(self, inode: int, mode: int) -> None:
        self.inode = inode
        self.mode = mode
        self.content = bytearray()
        self.durable = bytearray()
        self.dirty: set[int] = set()
        self.links = 1
        self.mtime_ns = 0

    def write(self, offset: int, data: bytes | memoryview) -> None:
        end = offset + len(data)
        if len(self.content) < end:
            self.resize(end)
        self.content[offset:end] = data
        self.dirty.update(range(offset // PAGE, -(-end // PAGE)))

    def resize(self, size: int) -> None:
        old = len(self.content)
        if size < old:
            del self.content[size:]
        else:
            self.content.extend(bytes(size - old))
        self.dirty.update(range(min(size, old) // PAGE, -(-max(size, old) // PAGE)))

    def sync(self) -> None:
        self.durable = bytearray(self.content)
        self.dirty.clear()

    def cut(self, random: Random) -> None:
        """What a reader finds after the power came back."""
        size = len(self.content) if random.random() < 0.5 else len(self.durable)
        content = bytearray(self.durable[:size].ljust(size, b"\0"))
        for page in self.dirty:
            at = page * PAGE
            if random.random() < 0.5 and at < size:
                piece = self.content[at : min(at + PAGE, size)]
                content[at : at + len(piece)] = piece
        self.content = content
        self.sync()


class SimulatedDisk(Files):
    """Everything `Files` can do, in memory. `cut(random)` is the power failing; whoever used the disk is dead then."""

    def __init__(self) -> None:
        self._inodes = 100
        self._descriptors = 1000
        self._folders: dict[str, dict[str, _File | None]] = {"/": {}}
        """Folder → name → file, None for a folder."""
        self._durable: dict[str, dict[str, _File | None]] = {"/": {}}
        self._open: dict[int, _File] = {}
        self._held: dict[int, int] = {}
        """Inode → the descriptor that holds it."""
        self.clock_ns = 0

    def cut(self, random: Random) -> None:
        """The power fails: processes are gone, unsynced pages and names survive by chance."""
        self._open.clear()
        self._held.clear()
        for path, names in list(self._folders.items()):
            known = self._durable.setdefault(path, {})
            for name in sorted(set(names) | set(known)):
                now, then = names.get(name, _ABSENT), known.get(name, _ABSENT)
                if now is not then and random.random() < 0.5:
                    if then is _ABSENT:
                        del names[name]
                    else:
                        names[name] = then  # type: ignore[assignment] # not the mark: it is there
        self._drop_unreachable()
        for file in self._files():
            file.cut(random)
        self._durable = {path: dict(names) for path, names in self._folders.items()}

    def end_processes(self) -> None:
        """Every process is killed; what they wrote stays, as the kernel has it."""
        self._open.clear()
        self._held.clear()

    def _drop_unreachable(self) -> None:
        for path in sorted(self._folders):
            above, name = os.path.split(path)
            if path != "/" and self._folders.get(above, {}).get(name, _ABSENT) is not None:
                del self._folders[path]
                self._durable.pop(path, None)

    def _files(self) -> list[_File]:
        found = {id(file): file for names in self._folders.values() for file in names.values() if file is not None}
        return list(found.values())

    def _entry(self, path: str) -> _File | None:
        above, name = os.path.split(path)
        try:
            return self._folders[above][name]
        except KeyError:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path) from None

    def open(self, path: str, flags: int, mode: int = 0o600) -> int:
        above, name = os.path.split(path)
        if above not in self._folders:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        names = self._folders[above]
        if name in names:
            if flags & os.O_EXCL:
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), path)
            file = names[name]
            if file is None:
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
        elif flags & os.O_CREAT:
            self._inodes += 1
            file = names[name] = _File(self._inodes, stat.S_IFREG | mode)
        else:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        if flags & os.O_TRUNC:
            file.resize(0)
        self._descriptors += 1
        self._open[self._descriptors] = file
        return self._descriptors

    def close(self, fd: int) -> None:
        file = self._open.pop(fd, None)
        if file is not None and self._held.get(file.inode) == fd:
            del self._held[file.inode]

    def hold(self, fd: int) -> bool:
        inode = self._open[fd].inode
        return self._held.setdefault(inode, fd) == fd

    def hold_lead(self, fd: int) -> bool:
        return self.hold(fd)

    def allocate(self, fd: int, size: int) -> bool:
        file = self._open[fd]
        if len(file.content) < size:
            file.resize(size)
        return True

    def storer(self, fd: int, size: int, ours: Mark) -> Store:
        file = self._open[fd]

        def store(data: bytes, offset: int) -> bool:
            if not ours[0] or self._open.get(fd) is not file or len(file.content) != size:
                return False
            file.write(offset, data)
            return True

        return store

    def pwrite(self, fd: int, data: bytes | memoryview, offset: int) -> int:
        self._open[fd].write(offset, data)
        return len(data)

    def pread(self, fd: int, size: int, offset: int) -> bytes:
        return bytes(self._open[fd].content[offset : offset + size])

    def truncate(self, fd: int, size: int) -> None:
        self._open[fd].resize(size)

    def sync(self, fd: int) -> None:
        self._open[fd].sync()

    def sync_folder(self, path: str) -> None:
        self._durable[path] = dict(self._folders[path])

    def fstat(self, fd: int) -> os.stat_result:
        if fd not in self._open:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        return self._stat(self._open[fd])

    def stat(self, path: str) -> os.stat_result:
        if path in self._folders:
            return _stat_result(stat.S_IFDIR | 0o700, 2, 1, 0, 0)
        entry = self._entry(path)
        assert entry is not None
        return self._stat(entry)

    def _stat(self, file: _File) -> os.stat_result:
        return _stat_result(file.mode, file.inode, file.links, len(file.content), file.mtime_ns)

    def free_bytes(self, path: str) -> tuple[int, int]:
        return 1 << 40, 1 << 41

    def file_system(self, path: str) -> str:
        return "simulated"

    def rename(self, source: str, target: str) -> None:
        moved = self._entry(source)
        above, name = os.path.split(source)
        del self._folders[above][name]
        above, name = os.path.split(target)
        self._folders[above][name] = moved

    def link(self, source: str, target: str) -> None:
        above, name = os.path.split(target)
        if name in self._folders[above]:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), target)
        file = self._entry(source)
        assert file is not None
        file.links += 1
        self._folders[above][name] = file

    def unlink(self, path: str) -> None:
        file = self._entry(path)
        if file is not None:
            file.links -= 1
        above, name = os.path.split(path)
        del self._folders[above][name]

    def mkdir(self, path: str, mode: int = 0o700) -> None:
        above, name = os.path.split(path)
        if above not in self._folders:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        if name in self._folders[above]:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), path)
        self._folders[above][name] = None
        self._folders[path] = {}

    def listdir(self, path: str) -> list[str]:
        if path not in self._folders:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        return sorted(self._folders[path])

    def content(self, path: str) -> bytes:
        """What a reader of the file gets now."""
        file = self._entry(path)
        assert file is not None
        return bytes(file.content)

    def paths(self) -> list[str]:
        """Every file there is."""
        return sorted(
            os.path.join(folder, name)
            for folder, names in self._folders.items()
            for name, file in names.items()
            if file is not None
        )


class _Absent:
    """Marks a name that is not in a folder (None there means a folder)."""


_ABSENT = _Absent()


def _stat_result(mode: int, inode: int, links: int, size: int, mtime_ns: int) -> os.stat_result:
    uid = os.getuid() if hasattr(os, "getuid") else 0
    seconds = mtime_ns // 1_000_000_000
    fields = (mode, inode, 1, links, uid, 0, size, seconds, seconds, seconds)
    return os.stat_result(fields, {"st_mtime_ns": mtime_ns})
