"""What a network does to a write, said of a disk: the local archive's counterpart of `tests.support.proxy`.

lost answer         the bytes are written, then the fsync fails (EIO): the caller does not know
cut                 half of the bytes are written, then the write fails (EIO) and so does the truncate that would undo it
held                nothing is written (EIO); the same bytes at the same place come later, by the descriptor of then: a leader that
                    was stopped in the middle of its system call
delivered twice     the same write, two times
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Sequence

from modeldata.testing import FaultyFiles


class LateFiles(FaultyFiles):
    """At each spot, the n-th write to files whose path matches, it goes wrong in the way of `do`."""

    def __init__(self, do: str, spots: Sequence[tuple[str, int]]) -> None:
        super().__init__()
        self._do = do
        self._spots = list(spots)
        self._matched = [0] * len(spots)
        self._names: dict[int, str] = {}
        self._failing: set[tuple[str, int]] = set()
        self._held: list[tuple[int, bytes, int]] = []
        self.times_done = 0

    def open(self, path: str, flags: int, mode: int = 0o600) -> int:
        fd = super().open(path, flags, mode)
        self._names[fd] = path
        return fd

    def pwrite(self, fd: int, data: bytes | memoryview, offset: int) -> int:
        if not self._is_a_spot(self._names[fd]):
            return super().pwrite(fd, data, offset)
        self.times_done += 1
        if self._do == "hold":
            self._held.append((os.open(self._names[fd], os.O_RDWR), bytes(data), offset))
            raise _eio()
        if self._do == "cut":
            super().pwrite(fd, data[: len(data) // 2], offset)
            self._failing.add(("truncate", fd))
            raise _eio()
        if self._do == "lose_answer":
            self._failing.add(("sync", fd))
        if self._do == "deliver_twice":
            super().pwrite(fd, data, offset)
        return super().pwrite(fd, data, offset)

    def _is_a_spot(self, name: str) -> bool:
        for index, (path, nth) in enumerate(self._spots):
            if re.search(path, name):
                self._matched[index] += 1
                if self._matched[index] == nth:
                    return True
        return False

    def sync(self, fd: int) -> None:
        self._fail("sync", fd)
        super().sync(fd)

    def truncate(self, fd: int, size: int) -> None:
        self._fail("truncate", fd)
        super().truncate(fd, size)

    def _fail(self, operation: str, fd: int) -> None:
        if (operation, fd) in self._failing:
            self._failing.discard((operation, fd))
            raise _eio()

    def release(self) -> None:
        """What was held is written now."""
        for fd, data, offset in self._held:
            os.pwrite(fd, data, offset)
            os.close(fd)
        self._held.clear()


def _eio() -> OSError:
    return OSError(errno.EIO, os.strerror(errno.EIO))
