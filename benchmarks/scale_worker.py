"""What `scale` asks of a process: `python -m benchmarks.scale_worker FOLDER`, answers line by line."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.turns import serve
from modeldata import Archive

SAMPLES = 16
PAUSE = 0.004


class Scale:
    """Collectors on one archive. Nobody ships unless a step asks for it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._archive = Archive(folder / "archive", ship="off", spool_max_bytes="64G", min_free_bytes=0)
        self._calls: dict[str, tuple[Callable[[object], bool], list[object]]] = {}

    def time(self, kind: str, size: int, seconds: float) -> dict[str, list[float]]:
        """Microseconds of each call of a hot block."""
        name = f"{kind} {size}"
        if name not in self._calls:
            dice = np.random.default_rng(17)
            self._calls[name] = self._collect(name.replace(" ", "-")), [KINDS[kind](size, dice) for _ in range(SAMPLES)]
            for row in self._calls[name][1]:
                _accepted(self._calls[name][0](row))
        collect, rows = self._calls[name]
        found, until = [], time.perf_counter() + seconds
        while time.perf_counter() < until:
            for row in rows:
                began = time.perf_counter_ns()
                taken = collect(row)
                found.append((time.perf_counter_ns() - began) / 1e3)
                _accepted(taken)
        return {"us": found}

    def paced(self, calls: int) -> dict[str, Any]:
        """One writer among many: median and p99 in µs of calls that are 4 ms apart."""
        collect, row, found = self._collect("writers"), [0.1, 0.2, 0.3, 0.4], []
        _accepted(collect(row))
        for _ in range(calls):
            time.sleep(PAUSE)
            began = time.perf_counter_ns()
            taken = collect(row)
            found.append((time.perf_counter_ns() - began) / 1e3)
            _accepted(taken)
        return {"us": found, "rows": calls + 1}

    def collectors(self, number: int, calls: int) -> dict[str, float]:
        """Bytes that each of `number` collectors takes, µs of its first call and of later ones, all in turn."""
        before = _resident()
        collects = [self._collect(f"c{at}") for at in range(number)]
        row = [0.1, 0.2, 0.3, 0.4]
        first: list[float] = []
        later: list[float] = []
        for found, turns in ((first, number), (later, calls)):
            for turn in range(turns):
                collect = collects[turn % number]
                began = time.perf_counter_ns()
                taken = collect(row)
                found.append((time.perf_counter_ns() - began) / 1e3)
                _accepted(taken)
        return {
            "bytes": (_resident() - before) / number,
            "first_us": median(first),
            "later_us": median(later),
            "rows": number + calls,
        }

    def fill(self, rows: int) -> float:
        """Collects so many rows, one a call. Returns µs a row."""
        collect, row = self._collect("backlog"), [0.1, 0.2, 0.3, 0.4]
        began = time.perf_counter()
        for _ in range(rows):
            _accepted(collect(row))
        return (time.perf_counter() - began) / rows * 1e6

    def first_call(self) -> float:
        """Milliseconds of the first `collect()` of this process, which opens the spool."""
        collect, row = self._collect("newcomer"), [0.1, 0.2, 0.3, 0.4]
        began = time.perf_counter()
        _accepted(collect(row))
        return (time.perf_counter() - began) * 1e3

    def _collect(self, name: str) -> Callable[[object], bool]:
        return self._archive.collector("bench", name).collect


def _accepted(taken: object) -> None:
    if not taken:
        raise RuntimeError("a row was refused")


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


KINDS: dict[str, Callable[[int, np.random.Generator], object]] = {
    "list": lambda size, dice: dice.random(size).tolist(),
    "numpy": lambda size, dice: dice.random((1, size)),
    "DataFrame": lambda size, dice: pd.DataFrame(dice.random((1, size)), columns=[f"f{n}" for n in range(size)]),
    "numpy float32": lambda size, dice: dice.random((1, size), dtype=np.float32),
    "text of bytes": lambda size, dice: [dice.bytes(size // 2).hex()],
}

if __name__ == "__main__":
    serve(Scale(Path(sys.argv[1])))
