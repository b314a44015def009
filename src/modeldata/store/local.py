"""A local folder as an archive: files that grow, one writer each, and files that are there as a whole or not at all.

A position is given with every append, so a repeated append finds what an earlier try left: nothing, all, or a part of the
same bytes (zeros in it, after a power cut), which it cuts away and writes again. Anything else was written by somebody else and
is never touched.
"""

from __future__ import annotations

import errno
import os
import shutil
from threading import get_ident
from typing import TYPE_CHECKING

from modeldata.format.names import OWN_FOLDER, respelled
from modeldata.format.paths import owner_note
from modeldata.spool.files import Files, create_once, give_name, make_folders, read_all, read_file, settle, write_all
from modeldata.store.local_walk import UNDER_WAY, Walk, local_path, unavailable
from modeldata.store.port import ABANDONED_NS, Conflict, Unreadable, probe_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FOLDER_MODE = 0o777
FILE_MODE = 0o640
"""Before the umask. What models were asked is nobody's business outside the owner's group."""


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
        return local_path(self.root, path)

    def own_folder(self, folder: str) -> str:
        own = ""
        try:
            if self._case_counts():
                return folder
            for name in folder.split("/"):
                own = self._own_name(own, name)
        except OSError as error:
            raise unavailable("find a folder of the archive", self._path(folder), error) from error
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
            raise unavailable("claim a file of the archive", self._path(path), error) from error
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
            raise unavailable("look at a file of the archive", self._path(path), error) from error

    def walk(
        self, folder: str = "", wanted: Callable[[str], bool] | None = None, skip: Callable[[str], str] | None = None
    ) -> Iterator[str]:
        return Walk(self.root, self._files, wanted).below(folder)

    def read(self, path: str, start: int = 0, size: int | None = None) -> bytes:
        """`size` bytes of `path` from `start` (all, without), fewer where it ends. Raises `Unavailable`."""
        fd = self.open_file(path)
        try:
            return read_all(self._files, fd, max(0, self._files.fstat(fd).st_size - start) if size is None else size, start)
        except OSError as error:
            raise unavailable("read the archive", self._path(path), error, Unreadable) from error
        finally:
            self._files.close(fd)

    def open_file(self, path: str) -> int:
        """A descriptor to read by, good also when the file has lost its name. Whoever asks closes it. Raises `Unavailable`."""
        full = self._path(path)
        try:
            return self._files.open_regular(full, one_name=False)
        except OSError as error:
            raise unavailable("read the archive", full, error, Unreadable) from error

    def claimed(self, path: str) -> bool:
        return False  # a note beside it tells

    def remove(self, path: str) -> None:
        """Remove a file. It may be missing. Raises `Unavailable`."""
        try:
            self._files.unlink(self._path(path))
        except FileNotFoundError:
            return
        except OSError as error:
            raise unavailable("remove a file of the archive", self._path(path), error) from error

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
            raise unavailable("remove a file of the archive", full, error) from error
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
            raise unavailable("copy a file of the archive", full, error) from error

    def clear(self, folder: str) -> None:
        full, refused = self._path(folder), None
        for above, _, names in os.walk(full):
            for name in names:
                refused = self._refused(os.path.join(above, name)) or refused
        try:
            if refused is not None:
                raise refused
            shutil.rmtree(full)
        except FileNotFoundError:
            return
        except OSError as error:
            raise unavailable("clear a folder of the archive", error.filename or full, error) from error

    def _refused(self, full: str) -> OSError | None:
        """Remove a file that hinders nobody where it stays: why it can't be removed, None where it is gone."""
        try:
            self._files.unlink(full)
        except FileNotFoundError:
            pass
        except OSError as error:
            return error
        return None

    def _make_folder(self, folder: str) -> None:
        """Durably."""
        make_folders(self._files, folder, FOLDER_MODE)
        settle(self._files, folder, self._settled)

    def unfinished_puts(self, folder: str) -> dict[str, int]:
        full, written = self._path(folder), {}
        try:
            for name in self._files.listdir(full):
                if name.startswith(".") and name.endswith(UNDER_WAY) and (written_ns := self._written_ns(full, name)) is not None:
                    written[f"{folder}/{name}"] = written_ns
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise unavailable("list the archive", full, error) from error
        return written

    def _written_ns(self, folder: str, name: str) -> int | None:
        """None for a hidden file that has its name by now, or is gone."""
        try:
            return self._files.stat(os.path.join(folder, name)).st_mtime_ns
        except FileNotFoundError:
            return None

    def probe(self, mark: str) -> bool:
        hidden = os.path.join(self.root, f".{probe_name(mark)}{UNDER_WAY}")
        try:
            self._files.close(self._files.open(hidden, os.O_RDWR | os.O_CREAT | os.O_TRUNC, FILE_MODE))
        except OSError:
            return False
        self._refused(hidden)
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
            raise unavailable("put a file into the archive", full, error) from error

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
            self._refused(hidden)
            return False
        self._files.sync_folder(folder)
        return True

    def _sweep(self, folder: str, stem: str, now_ns: int) -> None:
        """What earlier tries of the same file left when they died: nobody who lives needs so long."""
        for name in self._files.listdir(folder):
            path = os.path.join(folder, name)
            if not (name.startswith(stem) and name.endswith(UNDER_WAY)):
                continue
            written_ns = self._written_ns(folder, name)
            if written_ns is not None and now_ns - written_ns > ABANDONED_NS:
                self._refused(path)

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
            raise unavailable("append to the archive", full, error) from error
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
            self._refused(hidden)

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


def _ours(left: bytes, data: memoryview) -> bool:
    """Is `left` what an interrupted write of `data` leaves behind: its beginning, where pages that a power cut took are zeros?"""
    if left == data[: len(left)]:
        return True
    import numpy as np  # here: whoever only reads an archive needs none of it

    there, wanted = np.frombuffer(left, np.uint8), np.frombuffer(data[: len(left)], np.uint8)
    return bool(((there == wanted) | (there == 0)).all())
