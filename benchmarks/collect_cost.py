"""What does one `collect()` cost, hot (a loop) and paced (one call every 4 ms, as in a service)?

Beside it, one `os.write` of as many bytes as the frame has, to a file: the floor of what survives SIGKILL by a system call.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from statistics import median, quantiles

import numpy as np
import pandas as pd

from modeldata import Archive

HOT, PACED, PAUSE = 20_000, 400, 0.004


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        archive = Archive(os.path.join(folder, "archive"), ship="off", spool_max_bytes="8G", min_free_bytes=0)
        with open(os.path.join(folder, "floor"), "wb", buffering=0) as floor:
            print(f"{'':24}{'hot: median':>12}{'p99':>9}{'os.write':>10}{'ratio':>7}{'paced: median':>15}{'p99':>9}   µs")
            for name, (data, size) in _inputs().items():
                collector = archive.collector("bench", name.replace(" ", "-"))
                _row(name, lambda c=collector, d=data: c.collect(d), lambda s=b"x" * size, f=floor: os.write(f.fileno(), s))  # type: ignore[misc]


def _inputs() -> dict[str, tuple[object, int]]:
    """Name → (what is collected, bytes of its frame)."""
    dice = np.random.default_rng(17)
    wide = pd.DataFrame(
        {f"f{n}": dice.random(1) for n in range(14)} | {f"i{n}": [n] for n in range(3)} | {f"s{n}": ["text"] for n in range(3)}
    )
    return {
        "list of 4": ([0.1, 0.2, 0.3, 0.4], 88),
        "dict of 4": (dict(zip("abcd", [0.1, 0.2, 0.3, 0.4], strict=True)), 88),
        "numpy 1x4": (dice.random((1, 4)), 80),
        "numpy 1x784 float32": (dice.random((1, 784), dtype=np.float32), 3184),
        "DataFrame 1x4": (pd.DataFrame(dice.random((1, 4)), columns=list("abcd")), 80),
        "DataFrame 1x20": (wide, 208),
        "DataFrame 1000x20": (pd.concat([wide] * 1000, ignore_index=True), 152_000),
    }


def _row(name: str, call: Callable[[], object], floor: Callable[[], object]) -> None:
    rounds = 200 if "1000" in name else HOT
    hot, floor_hot = _times(call, rounds, 0), _times(floor, rounds, 0)
    paced = _times(call, PACED, PAUSE)
    print(
        f"{name:24}{median(hot):12.1f}{quantiles(hot, n=100)[98]:9.1f}{median(floor_hot):10.1f}"
        f"{median(hot) / median(floor_hot):7.1f}{median(paced):15.1f}{quantiles(paced, n=100)[98]:9.1f}"
    )


def _times(call: Callable[[], object], rounds: int, pause: float) -> list[float]:
    call()
    found = []
    for _ in range(rounds):
        if pause:
            time.sleep(pause)
        began = time.perf_counter_ns()
        call()
        found.append((time.perf_counter_ns() - began) / 1e3)
    return found
