"""modeldata from this source tree: alone (rows wait in the spool), and with its shipper at work in a process of its own."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from benchmarks.peer import CARRIES, CASES, EVERY, Peer, inputs
from modeldata import Archive

SHIPS_IN_SECONDS = 120


class Modeldata(Peer):
    title = "modeldata"
    carries = CARRIES
    cases = EVERY
    ship: ClassVar[str] = "off"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._archive = _archive(folder, self.ship)

    def caller(self, case: str) -> Callable[[object], object]:
        return self._archive.collector("bench", case.replace(" ", "-")).collect

    @classmethod
    def rows(cls, folder: Path) -> int:
        """What `modeldata ship` brings into the archive from what the dead process left, read with the csv module."""
        settings = {"MODELDATA_ARCHIVE": str(folder / "archive"), "MODELDATA_MIN_FREE_BYTES": "0"}
        command = [sys.executable, "-m", "modeldata", "ship", "--drain", "--json"]
        done = subprocess.run(command, env={**os.environ, **settings}, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(done.stdout + done.stderr)
        found = 0
        for path in (folder / "archive").glob("*/*/*/*/*/*/*/data*.csv"):
            with path.open(newline="") as file:
                found += sum(1 for _ in csv.reader(file)) - 1
        return found


class Shipping(Modeldata):
    title = "modeldata, shipper at work"
    cases = CASES
    ship = "process"

    def settle(self) -> None:
        if not self._archive.flush(SHIPS_IN_SECONDS):
            raise RuntimeError(f"not shipped within {SHIPS_IN_SECONDS} s: {self._archive.stats()}")


def _archive(folder: Path, ship: str) -> Archive:
    return Archive(folder / "archive", ship=ship, spool_max_bytes="8G", min_free_bytes=0)


def frame_bytes(folder: Path) -> dict[str, int]:
    """Bytes that one call takes in the spool, for each case: the difference between spools of 1 and of 11 calls."""
    return {case: (_spooled(folder, case, 11) - _spooled(folder, case, 1)) // 10 for case in EVERY}


def _spooled(folder: Path, case: str, calls: int) -> int:
    place = folder / f"{EVERY.index(case)}-{calls}"
    archive = _archive(place, "off")
    collect = archive.collector("bench").collect
    data = inputs(case)
    for call in range(calls):
        if not collect(data[call % len(data)]):
            raise RuntimeError(f"refused: {archive.stats()}")
    archive.close(0)
    return sum(path.stat().st_size for path in place.rglob("*.seg"))


if __name__ == "__main__":
    print(json.dumps(frame_bytes(Path(sys.argv[1]))))
