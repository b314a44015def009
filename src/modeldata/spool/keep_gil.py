"""A store into a file that keeps the GIL, and looks first whether the descriptor is still that file.

A system call through `os` gives the GIL away and then waits for it: milliseconds, where other threads compute. A mapping
keeps it, but a store into a page that the disk can't give is SIGBUS, the end of the service. A call from compiled code keeps the
GIL and kills nobody: from ours (`native`), else from `ctypes.PyDLL`.
"""

from __future__ import annotations

import os
import sys
from functools import partial

from modeldata.interrupts import spare
from modeldata.native import accelerator

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeAlias

    from modeldata.spool.fork import Mark

    Store: TypeAlias = Callable[[bytes, int], bool]

FSTAT_CALLS = {"x86_64": 5, "aarch64": 80}
"""The machines on which the layout of `struct stat` below was looked up, with the number of the system call."""
SAME_BYTES = 56
"""How many bytes of `struct stat` stay the same while nobody but us touches the file: device, inode, names, mode, owner, size.
The times come behind them."""
STAT_BYTES = 256
MOST_BYTES = 1 << 31
"""Whole numbers below this need no declared type, and a declaration costs as much as the system call."""


def cautious_store(fd: int, size: int, ours: Mark) -> Store | None:
    """`store(data, offset)` for a file of `size` bytes; None where this way is not offered.

    True: all of `data` is in the file. False: ask another way, nothing is known but that no other file was written.
    """
    if accelerator is not None:
        try:
            compiled: Store = accelerator.Store(fd, size, ours)
            return compiled
        except (TypeError, ValueError, OSError) as error:  # no page says which process it is, or the file is odd: look again
            spare(error)
    libc = find_libc()
    if libc is None or size >= MOST_BYTES:
        return None
    import ctypes

    fstat, pwrite = libc
    seen = bytearray(STAT_BYTES)
    handle, answer = ctypes.c_int(fd), ctypes.c_void_p(ctypes.addressof(ctypes.c_char.from_buffer(seen)))
    fstat(handle, answer)
    mark = bytes(seen[:SAME_BYTES])
    if not _understood(mark, os.fstat(fd), size):
        return None
    is_same = seen.startswith

    def store(data: bytes, offset: int) -> bool:
        if not ours[0] or fstat(handle, answer) or not is_same(mark):
            return False
        written: int = pwrite(handle, data, len(data), offset)
        return written == len(data)

    return store


def _understood(mark: bytes, truth: os.stat_result, size: int) -> bool:
    """Does this kernel lay out its answer as we think?"""
    fields = [int.from_bytes(mark[at : at + 8], "little") for at in (0, 8, 48)]
    return fields == [truth.st_dev, truth.st_ino, truth.st_size] and truth.st_size == size


_found: list[Any] = []


def find_libc() -> Any:
    """(fstat, pwrite), looked for once; None where they can't be had."""
    if not _found:
        _found.append(_look_for_libc())
    return _found[0]


if sys.platform == "linux":

    def _fstat_call() -> int | None:
        return FSTAT_CALLS.get(os.uname().machine)
else:

    def _fstat_call() -> int | None:
        return None


def _look_for_libc() -> Any:
    number = _fstat_call()
    if number is None or sys.maxsize < 1 << 32:
        return None
    try:
        import ctypes

        libc = ctypes.PyDLL(None)
        pwrite, call = libc.pwrite, libc.syscall
        pwrite.restype = call.restype = ctypes.c_int  # of less than that: see `segment.DIRECT_BYTES`
        fstat = getattr(libc, "fstat", None) or partial(call, ctypes.c_long(number))  # an old C library exports none
    except Exception as error:  # no ctypes, no dynamic library, an audit hook that says no: there is another way
        spare(error)
        return None
    return fstat, pwrite
