"""What Windows does otherwise: how files are opened, locked, made durable, replaced and removed, and how a shipper is started.

Only `Disk` and what serves it call Windows, and they are there only on Windows. The rest decides, and runs anywhere.

Every file is opened so that others may read, write, rename and remove it meanwhile: a segment gets its name while it is open.
"""

from __future__ import annotations

import errno
import ntpath
import os
import sys

from modeldata.interrupts import spare

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

HERE = sys.platform == "win32"
"""Is this Windows? Asked only where no call of `Disk` says it."""

GENERIC_READ, GENERIC_WRITE, DELETE = 0x8000_0000, 0x4000_0000, 0x0001_0000
FILE_APPEND_DATA, FILE_WRITE_ATTRIBUTES, SYNCHRONIZE = 0x0004, 0x0100, 0x0010_0000
SHARE_ALL = 0x7
"""Others may read, write, and rename or remove."""
CREATE_NEW, CREATE_ALWAYS, OPEN_EXISTING, OPEN_ALWAYS, TRUNCATE_EXISTING = 1, 2, 3, 4, 5
BACKUP_SEMANTICS, OPEN_REPARSE_POINT = 0x0200_0000, 0x0020_0000
LOCKED_BYTE = 1 << 62
"""Locks are mandatory on Windows: ours lies behind all data of any file."""
DRIVE_REMOTE = 4
NETWORK_DRIVE = "smb3"
"""What a mapped network drive and a UNC path count as, among the names in `disk_kind`."""
SHARING_VIOLATION, LOCK_VIOLATION, ACCESS_DENIED, USER_MAPPED_FILE = 32, 33, 5, 1224
PATIENCE_SECONDS = 2.0
"""How long a shipper waits to replace a file that another program has open: a scanner, a backup, a reader of ours."""
FIRST_PAUSE, LONGEST_PAUSE = 0.001, 0.05
NO_WINDOW, OWN_GROUP, OUT_OF_JOB = 0x0800_0000, 0x0200, 0x0100_0000
"""How a shipper is started: Ctrl-C and the end of a service's job do not reach it."""


def access_of(flags: int) -> int:
    """The rights that the flags of `os.open` ask for."""
    if flags & os.O_APPEND:
        return FILE_APPEND_DATA | FILE_WRITE_ATTRIBUTES | SYNCHRONIZE  # without the right to write elsewhere
    return {os.O_WRONLY: GENERIC_WRITE, os.O_RDWR: GENERIC_READ | GENERIC_WRITE}.get(flags & 3, GENERIC_READ)


def disposition_of(flags: int) -> int:
    """What happens to a file that is there, and to one that is not, by the flags of `os.open`."""
    if flags & os.O_CREAT:
        if flags & os.O_EXCL:
            return CREATE_NEW
        return CREATE_ALWAYS if flags & os.O_TRUNC else OPEN_ALWAYS
    return TRUNCATE_EXISTING if flags & os.O_TRUNC else OPEN_EXISTING


def long_path(path: str, absolute: Callable[[str], str] = ntpath.abspath) -> str:
    """The spelling of `path` that may be longer than 260 characters."""
    path = absolute(path)
    if path.startswith(("\\\\?\\", "\\\\.\\")):
        return path
    return "\\\\?\\UNC" + path[1:] if path.startswith("\\\\") else "\\\\?\\" + path


def drive_kind(path: str, drive_type: Callable[[str], int]) -> str:
    """`NETWORK_DRIVE` for a UNC path and for a path on a mapped network drive; else empty."""
    drive = ntpath.splitdrive(path.replace("/", "\\"))[0].removeprefix("\\\\?\\")
    unc = drive.upper().startswith(("\\\\", "UNC"))
    return NETWORK_DRIVE if unc or drive_type(drive + "\\") == DRIVE_REMOTE else ""


def start(command: list[str], environment: Mapping[str, str], log: int) -> None:
    """Start a process that outlives this one and its console, without a window. Raises OSError.

    It inherits the open file `log` as its stderr, and nothing else.
    """
    first_that_works(
        lambda: _start(command, environment, log, NO_WINDOW | OWN_GROUP | OUT_OF_JOB),
        lambda: _start(command, environment, log, NO_WINDOW | OWN_GROUP),  # in a job that lets nobody out
    )


def _start(command: list[str], environment: Mapping[str, str], log: int, flags: int) -> None:
    import subprocess

    quiet = subprocess.DEVNULL
    child = subprocess.Popen(command, env=environment, stdin=quiet, stdout=quiet, stderr=log, creationflags=flags)
    child.returncode = 0  # nobody waits for it: without this, Python warns that it still runs


def state_base(env: Mapping[str, str], home: str) -> str:
    """The folder in which Windows wants the state of a user's programs."""
    return env.get("LOCALAPPDATA") or os.path.join(home, "AppData", "Local")


def first_that_works(*ways: Callable[[], None]) -> None:
    """Do one of `ways`, the best first, at once: this is met inside `collect()`. Raises what the last one raised."""
    for way in ways[:-1]:
        try:
            return way()
        except FileNotFoundError:
            raise
        except OSError as error:
            spare(error)  # this Windows, or this file system, has no such way
    return ways[-1]()


def patiently(
    way: Callable[[], None], is_held: Callable[[OSError], bool], clock: Callable[[], float], sleep: Callable[[float], object]
) -> None:
    """Do `way`; again for `PATIENCE_SECONDS` while another program holds the file. Raises the last error.

    Nothing is tried twice for another reason: a disk that is full stays full.
    """
    until, pause = clock() + PATIENCE_SECONDS, FIRST_PAUSE
    while True:
        try:
            return way()
        except OSError as error:
            if not is_held(error) or clock() >= until:
                raise
            spare(error)
        sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE)


def is_held(error: OSError) -> bool:
    """Does another program have the file open?"""
    return getattr(error, "winerror", None) in (SHARING_VIOLATION, LOCK_VIOLATION, USER_MAPPED_FILE)


def target_is_held(error: OSError, target_exists: Callable[[], bool], source_is_ours: Callable[[], bool]) -> bool:
    """Did a replace fail because another program has the target open? "Access denied" also means that we have no right to it."""
    denied = getattr(error, "winerror", None) == ACCESS_DENIED
    return (is_held(error) or (denied and source_is_ours())) and target_exists()


def flushed(handle: int, flush: Callable[[int], object], reopened: Callable[[int], int], close: Callable[[int], object]) -> bool:
    """Is what was written to a file on the disk? Windows refuses to flush a handle that only reads: then by one that writes."""
    if flush(handle):
        return True
    writer = reopened(handle)
    try:
        return bool(flush(writer))
    finally:
        close(writer)


if sys.platform == "win32":
    import _winapi
    import ctypes
    import msvcrt
    import stat
    import time
    from ctypes import wintypes

    _RENAME_EX, _DISPOSITION_EX, _END_OF_FILE = 22, 21, 6
    _POSIX_REPLACE = 0x1 | 0x2
    _POSIX_DELETE = 0x1 | 0x2 | 0x10  # also what is marked read-only
    _EXCLUSIVE_AT_ONCE = 0x2 | 0x1

    class _Overlapped(ctypes.Structure):
        _fields_ = (
            ("internal", ctypes.c_void_p), ("internal_high", ctypes.c_void_p),
            ("offset", wintypes.DWORD), ("offset_high", wintypes.DWORD), ("event", wintypes.HANDLE),
        )  # fmt: skip

        @classmethod
        def at(cls, offset: int) -> _Overlapped:
            return cls(offset=offset & 0xFFFF_FFFF, offset_high=offset >> 32)

    def _kernel32() -> ctypes.WinDLL:
        """With the types of what we call: a handle is as wide as a pointer."""
        dll = ctypes.WinDLL("kernel32", use_last_error=True)
        pointer, handle, dword = ctypes.c_void_p, wintypes.HANDLE, wintypes.DWORD
        dll.ReadFile.argtypes = dll.WriteFile.argtypes = (handle, pointer, dword, pointer, pointer)
        dll.LockFileEx.argtypes = (handle, dword, dword, dword, dword, pointer)
        dll.SetFileInformationByHandle.argtypes = (handle, ctypes.c_int, pointer, dword)
        dll.FlushFileBuffers.argtypes = dll.CloseHandle.argtypes = (handle,)
        dll.ReOpenFile.argtypes = (handle, dword, dword, dword)
        dll.ReOpenFile.restype = handle
        dll.GetDriveTypeW.argtypes = (wintypes.LPCWSTR,)
        return dll

    _kernel = _kernel32()
    _INVALID = wintypes.HANDLE(-1).value

    def _check(done: object, path: str | None = None) -> None:
        """Raises the OSError of the last call that was not `done`."""
        if not done:
            code = ctypes.get_last_error()
            raise OSError(None, ctypes.FormatError(code).strip(), path, code)

    def _opened(path: str, access: int, disposition: int = OPEN_EXISTING, attributes: int = 0) -> int:
        try:
            wanted = attributes | BACKUP_SEMANTICS | OPEN_REPARSE_POINT
            return _winapi.CreateFile(long_path(path), access, SHARE_ALL, _winapi.NULL, disposition, wanted, _winapi.NULL)
        except OSError as error:
            raise OSError(None, error.strerror, path, error.winerror) from None  # as `os.open` says it: with the path

    def _reopened(handle: int) -> int:
        """Another handle of the same file, which may write."""
        writer: int = _kernel.ReOpenFile(handle, GENERIC_WRITE, SHARE_ALL, 0)
        _check(writer != _INVALID)
        return writer

    class Disk:
        """The calls of `Files` that Windows answers otherwise."""

        def open(self, path: str, flags: int, mode: int = 0o600) -> int:
            """Links are not followed, as on other platforms. `mode` means nothing here: the folder's own rights are inherited."""
            handle = _opened(path, access_of(flags), disposition_of(flags))
            fd = msvcrt.open_osfhandle(handle, os.O_BINARY | os.O_NOINHERIT | flags & (os.O_APPEND | 3))
            seen = os.fstat(fd)
            if stat.S_ISREG(seen.st_mode) and not seen.st_file_attributes & stat.FILE_ATTRIBUTE_REPARSE_POINT:
                return fd
            os.close(fd)
            raise OSError(errno.EISDIR if stat.S_ISDIR(seen.st_mode) else errno.ELOOP, "a folder or a link", path)

        def hold(self, fd: int) -> bool:
            """Hold the open file for this process until it is closed; False when somebody else does."""
            there = _Overlapped.at(LOCKED_BYTE)
            return bool(_kernel.LockFileEx(msvcrt.get_osfhandle(fd), _EXCLUSIVE_AT_ONCE, 0, 1, 0, ctypes.byref(there)))

        def hold_lead(self, fd: int) -> bool:
            return self.hold(fd)

        def allocate(self, fd: int, size: int) -> bool:
            """NTFS gives a file the room for its size; on a compressed volume a full disk is met later, at a store."""
            self.truncate(fd, size)
            return True

        def truncate(self, fd: int, size: int) -> None:
            """Not by the C library, which writes zeros over all that is new."""
            end = size.to_bytes(8, "little")
            _check(_kernel.SetFileInformationByHandle(msvcrt.get_osfhandle(fd), _END_OF_FILE, end, len(end)))

        def pwrite(self, fd: int, data: bytes | memoryview, offset: int) -> int:
            """The place travels with the call: two threads share no position of the file."""
            there, done, data = _Overlapped.at(offset), wintypes.DWORD(), bytes(data)
            _check(_kernel.WriteFile(msvcrt.get_osfhandle(fd), data, len(data), ctypes.byref(done), ctypes.byref(there)))
            return done.value

        def pread(self, fd: int, size: int, offset: int) -> bytes:
            there, done, room = _Overlapped.at(offset), wintypes.DWORD(), ctypes.create_string_buffer(max(1, size))
            read = _kernel.ReadFile(msvcrt.get_osfhandle(fd), room, size, ctypes.byref(done), ctypes.byref(there))
            _check(read or ctypes.get_last_error() == 38)  # the end of the file
            return room.raw[: done.value]

        def sync(self, fd: int) -> None:
            _check(flushed(msvcrt.get_osfhandle(fd), _kernel.FlushFileBuffers, _reopened, _winapi.CloseHandle))

        def sync_folder(self, path: str) -> None:
            """Where a folder can't be flushed, NTFS writes its log of names with the next flush of a file."""
            try:
                handle = _opened(path, GENERIC_WRITE)
            except PermissionError as error:
                spare(error)
                return
            _kernel.FlushFileBuffers(handle)
            _winapi.CloseHandle(handle)

        def stat(self, path: str) -> os.stat_result:
            return os.lstat(long_path(path))

        def rename(self, source: str, target: str) -> None:
            old, new = long_path(source), long_path(target)
            first_that_works(lambda: _rename_over(source, new), lambda: os.replace(old, new))

        def replace(self, source: str, target: str) -> None:
            def is_held(error: OSError) -> bool:
                return target_is_held(error, lambda: os.path.lexists(long_path(target)), lambda: _is_ours(source))

            patiently(lambda: self.rename(source, target), is_held, time.monotonic, time.sleep)

        def unlink(self, path: str) -> None:
            first_that_works(lambda: _remove(path), lambda: os.unlink(long_path(path)))

        def link(self, source: str, target: str) -> None:
            os.link(long_path(source), long_path(target))

        def link_target(self, path: str) -> str:
            return os.readlink(long_path(path))

        def mkdir(self, path: str, mode: int = 0o700) -> None:
            os.mkdir(long_path(path))

        def listdir(self, path: str) -> list[str]:
            return sorted(os.listdir(long_path(path)))

        def free_bytes(self, path: str) -> tuple[int, int]:
            import shutil

            usage = shutil.disk_usage(path)
            return usage.free, usage.total

        def file_system(self, path: str) -> str:
            return drive_kind(os.path.realpath(path), _kernel.GetDriveTypeW)

        def mount_point(self, path: str) -> str:
            return ""

        def set_mode(self, fd: int, mode: int) -> None:
            """A file has the rights of its folder."""

        def user(self) -> int | None:
            return None

    def _rename_over(source: str, target: str) -> None:
        """Also onto a file that is open: who has it open keeps what it was."""
        text = target.encode("utf-16-le")
        flags, root = _POSIX_REPLACE.to_bytes(8, "little"), bytes(8)
        _with_handle(source, _RENAME_EX, flags + root + len(text).to_bytes(4, "little") + text + bytes(2))

    def _remove(path: str) -> None:
        """The name is free at once, also while somebody has the file open."""
        _with_handle(path, _DISPOSITION_EX, _POSIX_DELETE.to_bytes(4, "little"))

    def _is_ours(path: str) -> bool:
        """May we rename `path`?"""
        try:
            _winapi.CloseHandle(_opened(path, DELETE | SYNCHRONIZE))
        except OSError as error:
            spare(error)
            return False
        return True

    def _with_handle(path: str, what: int, value: bytes) -> None:
        handle = _opened(path, DELETE | SYNCHRONIZE)
        try:
            _check(_kernel.SetFileInformationByHandle(handle, what, value, len(value)), path)
        finally:
            _winapi.CloseHandle(handle)
