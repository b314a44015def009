"""Is this process still the one that it was? Asked at every `collect()`, so without a system call where the kernel helps."""

from __future__ import annotations

import os
import sys

from modeldata.interrupts import spare

try:
    import mmap  # not in a function: a forked child that imports may wait for ever for a lock of its parent's
except ImportError:  # a Python that was built without it
    HAS_MMAP = False
else:
    HAS_MMAP = True

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class Mark(Protocol):
        def __getitem__(self, at: int, /) -> int: ...


MADV_WIPEONFORK = 18
"""Linux 4.14: the page is zeros in a forked child, whoever forked, and however."""


class _ByNumber:
    """Elsewhere the number of the process says it; a call to the kernel each time."""

    def __init__(self) -> None:
        self._pid = os.getpid()

    def __getitem__(self, at: int, /) -> int:
        return os.getpid() == self._pid


def own_mark() -> Mark:
    """`mark[0]` is true in this process, and false in every child that is forked from it."""
    return _wiped() or _ByNumber()


if sys.platform == "linux":

    def _wiped() -> Mark | None:
        if not HAS_MMAP:
            return None
        try:
            page = mmap.mmap(-1, mmap.PAGESIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
            page.madvise(MADV_WIPEONFORK)
        except OSError as error:  # an older kernel, or a sandbox that refuses
            spare(error)
            return None
        page[0] = 1
        return page
else:

    def _wiped() -> Mark | None:
        return None
