"""A local folder as an archive: files that grow, one writer each, and files that are there as a whole or not at all.

A position is given with every append, so a repeated append finds what an earlier try left: nothing, all, or a part of the
same bytes (zeros in it, after a power cut), which it cuts away and writes again. Anything else was written by somebody else and
is never touched.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
from threading import get_ident
from typing import TYPE_CHECKING

from modeldata.format.names import OWN_FOLDER, respelled
from modeldata.format.paths import owner_note
from modeldata.settings.folders import SPOOL_PREFIX
from modeldata.spool.files import Files, create_once, give_name, make_folders, read_all, read_file, settle, write_all
from modeldata.spool.held import refusal, refusal_hint
from modeldata.store.port import Conflict, Unavailable, Unreadable, probe_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FOLDER_MODE = 0o777
FILE_MODE = 0o640
"""Before the umask. What models were asked is nobody's business outside the owner's group."""
UNDER_WAY = ".under-way"
"""Ends the hidden name of a file that is not whole yet."""
_OF_THE_DISK = frozenset((errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC), errno.EMFILE, errno.ENFILE, errno.ENOMEM))
"""Troubles that no other file would be spared."""
DEEPEST = 32
"""Folders above a file, at most. An archive has eleven; a link or a stranger may lead much deeper."""
ABANDONED_NS = 3_600_000_000_000
"""After an hour, such a file is nobody's."""


class LocalStore:
    """Files below `root`. See `WriteStore` and `ReadStore` for what each call promises."""

    appends = True
    block_bytes = 64 * 1024 * 1024

    def __init__(self, root: str, files: Files) -> None:
        self.root = root
        self._files = files
        self._settled: dict[str, int] = {}
        self._tells_case: bool | None = None

    def _path(self, path: str) -> str:
        return os.path.join(self.root, *path.split("/"))

    def own_folder(self, folder: str) -> str:
        own = ""
        try:
            if self._case_counts():
                return folder
            for name in folder.split("/"):
                own = self._own_name(own, name)
        except OSError as error:
            raise _unavailable("find a folder of the archive", self._path(folder), error) from error
        return own

    def _case_counts(self) -> bool:
        """Does this disk tell upper from lower case? Tried on a folder that every archive has."""
        if self._tells_case is None:
            try:
                known = self._files.stat(self._path(OWN_FOLDER))
            except FileNotFoundError:
                return True  # nobody shipped to this archive before
            try:
                self._tells_case = not os.path.samestat(known, self._files.stat(self._path(OWN_FOLDER.upper())))
            except FileNotFoundError:
                self._tells_case = True
        return self._tells_case

    def _own_name(self, above: str, name: str) -> str:
        """Made before the look: of two hosts that make it at once, the one that spelled it has it."""
        path, other = (f"{above}/{part}".lstrip("/") for part in (name, respelled(name)))
        if path == other:
            return path  # without letters
        full = self._path(path)
        self._make_folder(full)
        return path if name in self._files.listdir(os.path.dirname(full)) else other

    def claim(self, path: str, owner: bytes, mark: str) -> bool:
        folder, name = os.path.split(self._path(path))
        note = os.path.join(folder, *owner_note(name).split("/"))
        try:
            noted = self._read(note)
            if noted is None:
                if self.length(path) > 0:
                    return False  # there before us, and nobody claimed it
                self._make_folder(os.path.dirname(note))
                create_once(self._files, note, owner, mark)
                noted = self._read(note)
        except OSError as error:
            raise _unavailable("claim a file of the archive", self._path(path), error) from error
        return noted == owner

    def _read(self, path: str) -> bytes | None:
        try:
            return read_file(self._files, path, one_name=False)
        except FileNotFoundError:
            return None

    def length(self, path: str) -> int:
        try:
            return self._files.stat(self._path(path)).st_size
        except FileNotFoundError:
            return 0
        except OSError as error:
            raise _unavailable("look at a file of the archive", self._path(path), error) from error

    def walk(self, folder: str = "", wanted: Callable[[str], bool] | None = None) -> Iterator[str]:
        """Every file below `folder` but what is in a spool, as paths with `/`, by name. Raises `Unavailable`.

        Links to folders elsewhere are followed (an old year on a larger disk). No folder is listed twice, and what is in the
        archive only under its own name: a link leads nowhere round in circles. What lies deeper than `DEEPEST` is passed over.
        """
        yield from self._walk(folder, wanted or (lambda below: True), set())

    def _walk(self, folder: str, wanted: Callable[[str], bool], seen: set[tuple[int, int]]) -> Iterator[str]:
        """seen: device and inode of the folders that were listed so far."""
        try:
            names = self._files.listdir(self._path(folder) if folder else self.root)
        except FileNotFoundError:
            return
        except OSError as error:
            raise _unavailable("list the archive", self._path(folder), error) from error
        for name in names:
            path = f"{folder}/{name}" if folder else name
            if name.startswith(SPOOL_PREFIX) or name.endswith(UNDER_WAY) or path == OWN_FOLDER:
                continue
            entry = self._followed(path)
            if entry is None or (stat.S_ISDIR(entry.st_mode) and (entry.st_dev, entry.st_ino) in seen):
                continue
            if not stat.S_ISDIR(entry.st_mode):
                yield path
            elif path.count("/") < DEEPEST and wanted(path):
                seen.add((entry.st_dev, entry.st_ino))
                yield from self._walk(path, wanted, seen)

    def _followed(self, path: str) -> os.stat_result | None:
        """What is there; of a link to a folder, what it leads to. None for what is gone, or is listed under a name of its own."""
        full = self._path(path)
        try:
            entry = self._files.stat(full)
        except FileNotFoundError:
            return None  # compaction took it since it was listed
        except OSError as error:
            raise _unavailable("list the archive", full, error) from error
        if not stat.S_ISLNK(entry.st_mode):
            return entry
        target = os.path.realpath(full)
        try:
            followed = self._files.stat(target)
        except OSError as error:
            if "." in os.path.basename(path):
                return entry  # it stands for a file, and is met again when that is read
            hint = "mount what it leads to, or remove the link: rows behind it can't be seen"
            cause = f"it is a link to {target}: {error.strerror or error}"
            raise Unavailable("list the archive", full, cause=cause, hint=hint) from error
        if not stat.S_ISDIR(followed.st_mode):
            return entry
        return None if _meet(target, os.path.realpath(self.root)) else followed

    def read(self, path: str, start: int = 0, size: int | None = None) -> bytes:
        """`size` bytes of `path` from `start` (all, without), fewer where it ends. Raises `Unavailable`."""
        full = self._path(path)
        try:
            fd = self._files.open_regular(full, one_name=False)
            try:
                return read_all(self._files, fd, max(0, self._files.fstat(fd).st_size - start) if size is None else size, start)
            finally:
                self._files.close(fd)
        except OSError as error:
            raise _unavailable("read the archive", full, error, Unreadable) from error

    def claimed(self, path: str) -> bool:
        return False  # a note beside it tells

    def remove(self, path: str) -> None:
        """Remove a file. It may be missing. Raises `Unavailable`."""
        try:
            self._files.unlink(self._path(path))
        except FileNotFoundError:
            return
        except OSError as error:
            raise _unavailable("remove a file of the archive", self._path(path), error) from error

    def remove_if(self, path: str, size: int) -> bool:
        """False also where somebody appends just now, or where this file system can't tell."""
        full = self._path(path)
        try:
            fd = self._files.open(full, os.O_RDWR)
            try:
                if not self._files.hold(fd) or self._files.fstat(fd).st_size != size:
                    return False
                self._files.unlink(full)  # while it is held: whoever opened it finds that it has no name any more
            finally:
                self._files.close(fd)
            self._files.sync_folder(os.path.dirname(full))
        except FileNotFoundError:
            return True
        except OSError as error:
            raise _unavailable("remove a file of the archive", full, error) from error
        return True

    def copy(self, source: str, target: str) -> None:
        """As a second name of the same file, where the file system has such."""
        full = self._path(target)
        try:
            self._make_folder(os.path.dirname(full))
            try:
                self._files.link(self._path(source), full)
            except FileExistsError:
                pass  # by an earlier try
            except OSError:  # no second names here; or there is no source, which reading says
                self.put(target, self.read(source))
            self._files.sync_folder(os.path.dirname(full))
        except OSError as error:
            raise _unavailable("copy a file of the archive", full, error) from error

    def clear(self, folder: str) -> None:
        full = self._path(folder)
        try:
            shutil.rmtree(full)
        except FileNotFoundError:
            return
        except OSError as error:
            raise _unavailable("clear a folder of the archive", full, error) from error

    def _make_folder(self, folder: str) -> None:
        """Durably."""
        make_folders(self._files, folder, FOLDER_MODE)
        settle(self._files, folder, self._settled)

    def unfinished_puts(self, folder: str) -> list[str]:
        full = self._path(folder)
        try:
            names = self._files.listdir(full)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise _unavailable("list the archive", full, error) from error
        return [f"{folder}/{name}" for name in names if name.startswith(".") and name.endswith(UNDER_WAY)]

    def probe(self, mark: str) -> bool:
        hidden = os.path.join(self.root, f".{probe_name(mark)}{UNDER_WAY}")
        try:
            self._files.close(self._files.open(hidden, os.O_RDWR | os.O_CREAT | os.O_TRUNC, FILE_MODE))
            self._files.unlink(hidden)
        except OSError:
            return False
        return True

    def put(self, path: str, data: bytes | memoryview) -> None:
        full = self._path(path)
        try:
            stored = self._read(full)
            if stored is None and not self._put(full, data):
                stored = self._read(full)  # somebody was faster
            if stored is not None:
                if stored != data:
                    raise Conflict(f"{full} is there, with other content")
                self._files.sync_folder(os.path.dirname(full))  # an earlier try may have died before this
        except OSError as error:
            raise _unavailable("put a file into the archive", full, error) from error

    def _put(self, full: str, data: bytes | memoryview) -> bool:
        """Make the file under a hidden name, then give it its own: False where that is taken."""
        folder, name = os.path.split(full)
        self._make_folder(folder)
        hidden = os.path.join(folder, f".{name}.{os.getpid()}-{get_ident()}{UNDER_WAY}")
        fd = self._files.open(hidden, os.O_RDWR | os.O_CREAT | os.O_TRUNC, FILE_MODE)
        try:
            write_all(self._files, fd, data, 0)
            self._files.sync(fd)  # the content before the name
            now_ns = self._files.fstat(fd).st_mtime_ns
        finally:
            self._files.close(fd)
        self._sweep(folder, f".{name}.", now_ns)
        try:
            give_name(self._files, hidden, full)
        except FileExistsError:
            self._files.unlink(hidden)
            return False
        self._files.sync_folder(folder)
        return True

    def _sweep(self, folder: str, stem: str, now_ns: int) -> None:
        """What earlier tries of the same file left when they died: nobody who lives needs so long."""
        for name in self._files.listdir(folder):
            path = os.path.join(folder, name)
            try:
                if (
                    name.startswith(stem)
                    and name.endswith(UNDER_WAY)
                    and now_ns - self._files.stat(path).st_mtime_ns > ABANDONED_NS
                ):
                    self._files.unlink(path)
            except FileNotFoundError:
                continue  # it has its name by now

    def append(self, path: str, start: int, data: bytes | memoryview) -> bool:
        full = self._path(path)
        try:
            fd, is_new = self._held(full, start)
            try:
                self._append(fd, full, start, memoryview(data))
                self._files.sync(fd)
                if self._files.fstat(fd).st_nlink == 0:
                    raise Conflict(f"{full} was removed while it was written to")  # nobody can read these rows
            finally:
                self._files.close(fd)
            if is_new:
                self._files.sync_folder(os.path.dirname(full))
        except OSError as error:
            raise _unavailable("append to the archive", full, error) from error
        return False

    def _held(self, full: str, start: int) -> tuple[int, bool]:
        """As `_open`; nobody removes the file while it is open (see `remove_if`)."""
        while True:
            fd, is_new = self._open(full, start)
            held = self._files.hold(fd)
            if self._files.fstat(fd).st_nlink == 0:
                self._files.close(fd)  # removed between the two: look again
                continue
            if held or not self._can_hold(os.path.dirname(full)):
                return fd, is_new
            self._files.close(fd)
            raise OSError(errno.EAGAIN, "another process is about to remove this file", full)

    def _can_hold(self, folder: str) -> bool:
        """Does this file system have locks? Tried on a file that nobody else knows. Where it has none, nothing that grows is
        ever removed."""
        hidden = os.path.join(folder, f".lock.{os.getpid()}-{get_ident()}{UNDER_WAY}")
        fd = self._files.open(hidden, os.O_RDWR | os.O_CREAT | os.O_TRUNC, FILE_MODE)
        try:
            return self._files.hold(fd)
        finally:
            self._files.close(fd)
            self._files.unlink(hidden)

    def _open(self, full: str, start: int) -> tuple[int, bool]:
        """The file, and whether its name is new. A file that must already be there is not made again."""
        try:
            return self._files.open(full, os.O_RDWR), start == 0
        except FileNotFoundError:
            if start > 0:
                raise Conflict(f"{full} is gone") from None
        self._make_folder(os.path.dirname(full))
        return self._files.open(full, os.O_RDWR | os.O_CREAT, FILE_MODE), True

    def _append(self, fd: int, full: str, start: int, data: memoryview) -> None:
        size = self._files.fstat(fd).st_size
        if size < start:
            raise Conflict(f"{full} holds {size} bytes where {start} were left")
        if size > start:
            left = read_all(self._files, fd, min(size - start, len(data)), start)
            if left == data:
                return  # an earlier try landed, and perhaps what follows in the same round as well
            if size > start + len(data) or not _ours(left, data):
                raise Conflict(f"{full} was written by somebody else after byte {start}")
            self._files.truncate(fd, start)  # our own half: never leave a row that ends in the middle
        try:
            write_all(self._files, fd, data, start)
        except OSError:
            self._files.truncate(fd, start)
            raise


def _meet(first: str, second: str) -> bool:
    """Is one of two folders the other, or in it? Not on two drives."""
    try:
        return os.path.commonpath([first, second]) in (first, second)
    except ValueError:
        return False


def _ours(left: bytes, data: memoryview) -> bool:
    """Is `left` what an interrupted write of `data` leaves behind: its beginning, where pages that a power cut took are zeros?"""
    if left == data[: len(left)]:
        return True
    import numpy as np  # here: whoever only reads an archive needs none of it

    there, wanted = np.frombuffer(left, np.uint8), np.frombuffer(data[: len(left)], np.uint8)
    return bool(((there == wanted) | (there == 0)).all())


def _unavailable(operation: str, path: str, error: OSError, of_one: type[Unavailable] = Unavailable) -> Unavailable:
    """of_one: the error for trouble with this path alone."""
    kind = Unavailable if error.errno in (*_OF_THE_DISK, errno.ENOENT, errno.ESTALE) else of_one
    trouble = kind(operation, path, cause=refusal(error), hint=refusal_hint(error))
    trouble.path_only = error.errno not in _OF_THE_DISK
    return trouble
