"""To the archive with what waits, and what is there then."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from benchmarks.turns import environment

LOOK_SECONDS = 0.02


class Drained(NamedTuple):
    """`peak_mib`: the most memory that it had, its start included."""

    seconds: float
    peak_mib: float


def drain(place: Path) -> Drained:
    """`modeldata ship --drain`, start included. Raises RuntimeError where it fails."""
    env = environment(MODELDATA_ARCHIVE=str(place / "archive"), MODELDATA_MIN_FREE_BYTES="0")
    command, began, peak = [sys.executable, "-m", "modeldata", "ship", "--drain", "--json"], time.perf_counter(), 0.0
    with (place / "drain").open("wb+") as said, subprocess.Popen(command, env=env, stdout=said, stderr=said) as process:
        while process.poll() is None:
            peak = max(peak, peak_mib(process.pid))
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(LOOK_SECONDS)
        seconds = time.perf_counter() - began
        if process.returncode:
            said.seek(0)
            raise RuntimeError(said.read().decode(errors="replace"))
    return Drained(round(seconds, 3), round(peak, 1))


def peak_mib(pid: int) -> float:
    """VmHWM: of this program alone, unlike ru_maxrss, which begins with what its parent had."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), 0.0)


def rows_in(place: Path) -> int:
    """Lines below the header; no value of these benchmarks has a line break."""
    found = 0
    for path in data_files(place):
        with path.open("rb") as file:
            found += sum(1 for _ in file) - 1
    return found


def data_files(place: Path) -> Iterator[Path]:
    """The archive's CSV files, whichever collector's."""
    return (place / "archive").glob("*/*/*/*/*/*/*/data*.csv")
