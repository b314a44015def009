"""Who is alive, who leads: locks that the kernel takes back when their holder is gone.

Both kinds belong to the open file, not to the process: another part of the process that opens and closes the same file (a backup,
a scanner) can't drop them. A segment is held by `flock`. Leadership is a lock by `F_OFD_SETLK`; where there is none, `flock`.

A forked child inherits both, and lets go of them as soon as it knows of the fork. A child of a C-level fork that never uses this
library does not know: it delays the removal of a few segments, and where its parent led, nobody can lead while it lives.
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
import sys

from modeldata.interrupts import spare

assert sys.platform != "win32"


def hold(fd: int) -> bool:
    """Hold the open file `fd` for this process; False when somebody else does."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        spare(error)
        return False
    return True


def hold_lead(fd: int) -> bool:
    """`hold`, by a lock that also meets the record locks of older versions."""
    command = getattr(fcntl, "F_OFD_SETLK", None)
    if command is None:
        return hold(fd)
    try:
        fcntl.fcntl(fd, command, _WHOLE_FILE)
    except OSError as error:
        spare(error)
        return error.errno not in (errno.EAGAIN, errno.EACCES) and hold(fd)  # an old kernel, or a sandbox
    return True


_WHOLE_FILE = struct.pack("hhqqi0q", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
"""`struct flock`"""
