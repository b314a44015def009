"""A store into a file that keeps the GIL, and looks first whether the descriptor is still that file.

A system call through `os` gives the GIL away and then waits for it: milliseconds, where other threads compute. A mapping
keeps it, but a store into a page that the disk can't give is SIGBUS, the end of the service. `ctypes.PyDLL` keeps the GIL
and kills nobody.
"""

from __future__ import annotations

import os
import sys

from modeldata.interrupts import spare

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeAlias

    from modeldata.spool.fork import Mark

    Store: TypeAlias = Callable[[bytes, int], bool]

FSTAT_CALLS = {"x86_64": 5, "aarch64": 80}
"""The number of the system call. C libraries differ in what they export; the kernel does not."""
SAME_BYTES = 56
"""How many bytes of the kernel's `struct stat` stay the same while nobody but us touches the file: device, inode, names, mode,
owner, size. The times come behind them."""
STAT_BYTES = 256


def cautious_store(fd: int, size: int, ours: Mark) -> Store | None:
    """`store(data, offset)` for a file of `size` bytes; None where this way is not offered.

    True: all of `data` is in the file. False: ask another way, nothing is known but that no other file was written.
    """
    libc = _libc()
    if libc is None:
        return None
    import ctypes

    call, number, pwrite = libc
    seen = bytearray(STAT_BYTES)
    address = ctypes.addressof(ctypes.c_char.from_buffer(seen))
    call(number, fd, address)
    mark = bytes(seen[:SAME_BYTES])
    if not _understood(mark, os.fstat(fd), size):
        return None

    def store(data: bytes, offset: int) -> bool:
        if not ours[0] or call(number, fd, address) or not seen.startswith(mark):
            return False
        written: int = pwrite(fd, data, len(data), offset)
        return written == len(data)

    return store


def _understood(mark: bytes, truth: os.stat_result, size: int) -> bool:
    """Does this kernel lay out its answer as we think?"""
    fields = [int.from_bytes(mark[at : at + 8], "little") for at in (0, 8, 48)]
    return fields == [truth.st_dev, truth.st_ino, truth.st_size] and truth.st_size == size


_found: list[Any] = []


def _libc() -> Any:
    """(system call, the number of fstat, pwrite), looked for once; None where they can't be had."""
    if not _found:
        _found.append(_look_for_libc())
    return _found[0]


def _look_for_libc() -> Any:
    if sys.platform != "linux" or sys.maxsize < 1 << 32:
        return None
    number = FSTAT_CALLS.get(os.uname().machine)
    if number is None:
        return None
    try:
        import ctypes

        libc = ctypes.PyDLL(None)
        call, pwrite = libc.syscall, libc.pwrite
    except Exception as error:  # no ctypes, no dynamic library, an audit hook that says no: there is another way
        spare(error)
        return None
    call.argtypes, call.restype = (ctypes.c_long, ctypes.c_int, ctypes.c_void_p), ctypes.c_int
    pwrite.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int64)
    pwrite.restype = ctypes.c_int  # of less than that: see `segment.DIRECT_BYTES`
    return call, number, pwrite
