"""The first slice of the fault matrix (end of reliability.md §3), by itself: `python -m tests.faults.first_slice [pytest options]`."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from tests.faults.matrix import ROWS
from tests.stores import matrix as stores

ROOT = Path(__file__).parents[2]
SLICE = ["A1", "A2", "A4", "B3", "B5", "B10", "C1", "C5", "C7", "C9", "C10", "D1", "D2", "D4", "E3", "F3", "G1", "G2", "G5"]
QUICK = ["-m", "not faults and not soak"]


def chosen() -> list[str]:
    """The ids of its tests, as pytest takes them."""
    wanted = tuple(f"tests/{name}" for row in SLICE for name in (*ROWS.get(row, ()), *stores.ROWS.get(row, ())))
    files = sorted({name.partition("::")[0] for name in wanted})
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", *QUICK, *files]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    return [one for one in found if one.startswith(wanted)]


def main(options: list[str]) -> int:
    ids = chosen()
    began = time.monotonic()
    status = subprocess.run([sys.executable, "-m", "pytest", "-q", *QUICK, *options, *ids], cwd=ROOT, check=False).returncode
    print(f"{len(ids)} tests of {len(SLICE)} rows in {time.monotonic() - began:.0f} s")
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
