"""What threads call: modeldata with and without a shipper at work, one `os.write` with and without a lock, and nothing."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable

import numpy as np

from benchmarks.peer import Peer
from benchmarks.peer_floors import OsWrite
from benchmarks.peer_modeldata import Shipping
from benchmarks.turns import cpu_seconds, shippers

BACKLOG = 250
"""Calls of 1,000 rows that wait when a block begins: more than a shipper brings away while it lasts."""
AT_WORK_SECONDS, PATIENCE = 0.02, 10

Call = Callable[[object], object]


def spin(turns: int) -> None:
    """Work in Python: nothing but the interpreter, and the GIL is held."""
    total = 0
    for turn in range(turns):
        total += turn * turn


def spins_for(seconds: float) -> int:
    """How many turns of `spin` take so long when nobody else runs."""
    turns, best = 1_000, float("inf")
    for _ in range(50):
        began = time.perf_counter()
        spin(turns)
        best = min(best, time.perf_counter() - began)
    return round(turns * seconds / best)


class Nothing(Peer):
    title = "no sink"

    def caller(self, case: str) -> Call:
        return lambda _: True


class Computing(Peer):
    """What the interpreter does to any call of this length: now and then it is cut in two, and waits behind all other threads."""

    title = "floor: 4 µs of Python, nothing kept"

    def caller(self, case: str) -> Call:
        turns = spins_for(4e-6)
        return lambda _: spin(turns)


class LockedWrite(OsWrite):
    title = "os.write of the same bytes, under a lock"

    def caller(self, case: str) -> Call:
        write, lock = super().caller(case), threading.Lock()

        def call(data: object) -> object:
            with lock:
                return write(data)

        return call


class FreeWrite(OsWrite):
    title = "os.write of the same bytes"


class Busy(Shipping):
    """modeldata with a backlog in its spool when a block begins."""

    title = "modeldata, shipper busy in its process"
    ship = "process"

    def begin(self) -> None:
        """Returns when the shipper is at work on a backlog."""
        rows, collect = np.random.default_rng(17).random((1_000, 4)), self._archive.collector("bench", "backlog").collect
        for _ in range(BACKLOG):
            if not collect(rows):
                raise RuntimeError(f"refused: {self._archive.stats()}")
        self._await_work()

    def _await_work(self) -> None:
        before, until = self.shipper_seconds(), time.monotonic() + PATIENCE
        while self.shipper_seconds() < before + AT_WORK_SECONDS:
            if time.monotonic() > until:
                raise RuntimeError(f"no shipper is at work after {PATIENCE} s")
            time.sleep(0.002)

    def shipper_seconds(self) -> float:
        """What it has had of the processor."""
        return sum(map(cpu_seconds, shippers(self.folder)))


class BusyThread(Busy):
    title = "modeldata, shipper busy in a thread"
    ship = "thread"

    def shipper_seconds(self) -> float:
        return cpu_seconds(os.getpid())  # nobody else works in this process while a block begins


class Alone(Busy):
    """The same backlog, and nobody who ships it."""

    title = "modeldata, no shipper"
    ship = "off"

    def _await_work(self) -> None:
        pass

    def settle(self) -> None:
        pass
