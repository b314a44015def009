"""A disk (the real one, or a simulated one) with one thing wrong: the n-th operation fails, or the process dies before it."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, NamedTuple

from modeldata.native import hold_up
from modeldata.spool.files import Files

if TYPE_CHECKING:
    from modeldata.spool.fork import Mark
    from modeldata.spool.keep_gil import Store


class Died(BaseException):
    """Stands for the death of the process: not an Exception, so nothing that survives a real death can catch it."""


class Fault(NamedTuple):
    """What goes wrong at operation `at` (the first is 1). `errno` None: the process dies there, before the operation.

    `lasting`: every later operation of that name fails too. `names`: only these operations are counted; all, if empty.
    """

    at: int
    errno: int | None = None
    lasting: bool = False
    names: frozenset[str] = frozenset()


CHANGING = frozenset(
    {"open", "write", "pwrite", "truncate", "sync", "sync_folder", "rename", "link", "unlink", "mkdir", "allocate", "store"}
)
"""Operations that change something on the disk; dying before any other is the same as dying before the next of these."""


class FaultyFiles(Files):
    """`Files` that counts changing operations and carries out one `Fault`. After death, every operation raises `Died`.

    `operations` is the list of what was done, as (name, path or descriptor), for a sweep to know how far it has to go.
    """

    def __init__(self, fault: Fault | None = None, inner: Files | None = None) -> None:
        self.inner = inner if inner is not None else Files()
        self.fault = fault
        self.operations: list[tuple[str, object]] = []
        self.dead = False
        self._count = 0
        self._open: set[int] = set()
        self._refused: OSError | None = None

    def step(self, name: str, what: object) -> None:
        """Called before each changing operation."""
        if self.dead:
            raise Died(name)
        self.operations.append((name, what))
        fault = self.fault
        if fault is None or (fault.names and name not in fault.names):
            return
        self._count += 1
        if self._count == fault.at or (fault.lasting and self._count > fault.at):
            if fault.errno is None:
                self.die()
            raise OSError(fault.errno or 0, os.strerror(fault.errno or 0), str(what))

    def die(self) -> None:
        """What the kernel does at the end of a process: close everything, so that locks go."""
        self.dead = True
        for fd in list(self._open):
            self.inner.close(fd)
        self._open.clear()
        raise Died

    def open(self, path: str, flags: int, mode: int = 0o600) -> int:
        if flags & os.O_CREAT:
            self.step("open", path)
        elif self.dead:
            raise Died
        fd = self.inner.open(path, flags, mode)
        self._open.add(fd)
        return fd

    def close(self, fd: int) -> None:
        if self.dead:
            return  # closed already
        self._open.discard(fd)
        self.inner.close(fd)

    def allocate(self, fd: int, size: int) -> bool:
        self.step("allocate", fd)
        return self.inner.allocate(fd, size)

    def storer(self, fd: int, size: int, ours: Mark) -> Store:
        store = self.inner.storer(fd, size, ours)

        def goes_on() -> bool:
            self._refused = None
            try:
                self.step("store", fd)
            except OSError as error:
                self._refused = error  # the quick way names no error: whoever asked goes on with `pwrite`, which does
                return False
            return True

        if hold_up(store, goes_on):
            return store
        return lambda data, offset: goes_on() and store(data, offset)

    def write(self, fd: int, data: bytes | memoryview) -> int:
        self.step("write", fd)
        return self.inner.write(fd, data)

    def pwrite(self, fd: int, data: bytes | memoryview, offset: int) -> int:
        refused, self._refused = self._refused, None
        if refused is not None:
            raise refused
        self.step("pwrite", fd)
        return self.inner.pwrite(fd, data, offset)

    def truncate(self, fd: int, size: int) -> None:
        self.step("truncate", fd)
        self.inner.truncate(fd, size)

    def sync(self, fd: int) -> None:
        self.step("sync", fd)
        self.inner.sync(fd)

    def sync_folder(self, path: str) -> None:
        self.step("sync_folder", path)
        self.inner.sync_folder(path)

    def rename(self, source: str, target: str) -> None:
        self.step("rename", target)
        self.inner.rename(source, target)

    def link(self, source: str, target: str) -> None:
        self.step("link", target)
        self.inner.link(source, target)

    def unlink(self, path: str) -> None:
        self.step("unlink", path)
        self.inner.unlink(path)

    def hold(self, fd: int) -> bool:
        return self.inner.hold(fd)

    def hold_lead(self, fd: int) -> bool:
        return self.inner.hold_lead(fd)

    def pread(self, fd: int, size: int, offset: int) -> bytes:
        return self._alive().pread(fd, size, offset)

    def fstat(self, fd: int) -> os.stat_result:
        if self.dead:
            raise OSError(errno.EBADF, "closed by death")  # asked by what lets go of descriptors, after Died was raised
        return self.inner.fstat(fd)

    def stat(self, path: str) -> os.stat_result:
        return self._alive().stat(path)

    def listdir(self, path: str) -> list[str]:
        return self._alive().listdir(path)

    def free_bytes(self, path: str) -> tuple[int, int]:
        return self._alive().free_bytes(path)

    def file_system(self, path: str) -> str:
        return self._alive().file_system(path)

    def _alive(self) -> Files:
        if self.dead:
            raise Died
        return self.inner

    def mkdir(self, path: str, mode: int = 0o700) -> None:
        self.step("mkdir", path)
        self.inner.mkdir(path, mode)
