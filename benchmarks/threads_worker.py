"""One sink in a process of its own, called from threads or tasks: `python -m benchmarks.threads_worker MODULE:CLASS FOLDER`."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.peer import inputs
from benchmarks.peer_worker import load
from benchmarks.threads_sinks import Busy, spin, spins_for
from benchmarks.turns import serve

THREADS, WAIT_SECONDS, CASE = 8, 0.002, "list of 4"

Call = Callable[[object], object]


class Sink:
    """What may be asked of the sink in this process."""

    def __init__(self, path: str, folder: Path) -> None:
        self._peer, self._data = load(path)(folder), inputs(CASE)

    def about(self) -> dict[str, str]:
        return {"title": self._peer.title}

    def spins(self, seconds: float) -> int:
        return spins_for(seconds)

    def block(self, regime: str, seconds: float, spins: int) -> dict[str, Any]:
        """Microseconds of each call of a block, and what part of a processor the shipper had meanwhile."""
        call, busy = self._peer.caller(CASE), self._peer if isinstance(self._peer, Busy) else None
        call(self._data[0])
        if busy:
            busy.begin()
        before, began = busy.shipper_seconds() if busy else 0.0, time.perf_counter()
        found = REGIMES[regime](call, self._data, seconds, spins)
        used = busy.shipper_seconds() - before if busy else 0.0
        lasted = time.perf_counter() - began
        self._peer.settle()
        return {"us": found, "shipper": round(used / lasted, 3)}


def working(call: Call, data: list[object], seconds: float, spins: int) -> list[float]:
    return _from_threads(lambda: spin(spins), call, data, seconds)


def waiting(call: Call, data: list[object], seconds: float, spins: int) -> list[float]:
    return _from_threads(lambda: time.sleep(WAIT_SECONDS), call, data, seconds)


def looping(call: Call, data: list[object], seconds: float, spins: int) -> list[float]:
    """From as many tasks of one event loop: what a call takes is what the loop stands still."""

    async def task(until: float, found: list[float]) -> None:
        number = 0
        while number == 0 or time.perf_counter() < until:
            await asyncio.sleep(WAIT_SECONDS)
            number = _timed(call, data, number, found)

    async def tasks() -> list[float]:
        found: list[float] = []
        until = time.perf_counter() + seconds
        await asyncio.gather(*(task(until, found) for _ in range(THREADS)))
        return found

    return asyncio.run(tasks())


def _from_threads(pause: Callable[[], None], call: Call, data: list[object], seconds: float) -> list[float]:
    ready = threading.Barrier(THREADS)

    def run(_: int) -> list[float]:
        own: list[float] = []
        number = 0
        ready.wait()
        until = time.perf_counter() + seconds
        while number == 0 or time.perf_counter() < until:
            pause()
            number = _timed(call, data, number, own)
        return own

    with ThreadPoolExecutor(THREADS) as pool:
        return [us for own in pool.map(run, range(THREADS)) for us in own]


def _timed(call: Call, data: list[object], number: int, found: list[float]) -> int:
    given, clock = data[number % len(data)], time.perf_counter_ns
    began = clock()
    taken = call(given)
    found.append((clock() - began) / 1e3)
    if taken is False:
        raise RuntimeError("the sink refused a row")
    return number + 1


REGIMES = {"working": working, "waiting": waiting, "looping": looping}

if __name__ == "__main__":
    serve(Sink(sys.argv[1], Path(sys.argv[2])))
