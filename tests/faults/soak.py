"""Minutes of load and random faults, then the oracle: `python -m tests.faults.soak --seconds 600` (or `make soak`).

Load (`soak_load`): four plain processes that collect in bulk, with threads, forks and children that end by `os._exit`; a gunicorn
service with four workers that ends each worker after some requests; a service that ships by a thread while another of its threads
copies the whole archive and its spool; now and then a process that closes all descriptors and opens files of its own. They reach
the archive by its path or by a link to it.

Faults (`soak_faults`): SIGKILL of any of them and of the shipper ten times a second; now and then the shipper is stopped and
continued, the archive can't be reached, it is renamed with its spool, and something else lies where a new file should be.

At the end everything is drained and compared with what the processes noted: lost, doubled, foreign and mangled rows must be 0, the
services' own files must be as they left them, `modeldata audit` must find the archive complete, and `modeldata status` must show
the same numbers. One JSON line says what was done.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection
from pathlib import Path

from tests.faults.soak_faults import RARE, Faults, Home
from tests.faults.soak_load import overwritten
from tests.faults.soak_services import Services
from tests.support.ledger import compare
from tests.support.scripts import SOURCE, environment

ROOT = Path(__file__).parents[2]
SPOOL_BYTES = 256 << 20
STEP_SECONDS = 0.1
DRAIN_SECONDS = 300.0


class Soak:
    """One run in one folder."""

    def __init__(self, folder: Path, seconds: float, seed: int, without: Collection[str] = ()) -> None:
        self.folder = folder
        self.seconds = seconds
        self.without = without
        self.chance = random.Random(seed)
        self.home = Home(folder, one_spelling="spellings" in without)
        path = [part for part in os.environ.get("PYTHONPATH", "").split(os.pathsep) if part]
        self.env = environment(
            PYTHONPATH=os.pathsep.join([*path, SOURCE, str(ROOT)]),
            MODELDATA_SPOOL_MAX_BYTES=str(SPOOL_BYTES),
            MODELDATA_MIN_FREE_BYTES="0",
            MODELDATA_BATCH_SECONDS="0.2",
            SOAK_FOLDER=str(folder),
        )
        self.services = Services(folder, self.env, self.chance, self.home.spellings)

    def run(self) -> dict[str, object]:
        began = time.monotonic()
        faults = Faults(self.home, self.services, self.chance, began, self.seconds, self.without)
        try:
            self._load(faults, began + self.seconds)
        finally:
            faults.undo_all()
            self.services.end()
            self.services.kill_all(lambda command: "ship" not in command)
        loaded = time.monotonic() - began
        judged = self._judge(faults)
        return {**judged, "loaded_seconds": round(loaded, 1), "seconds": round(time.monotonic() - began, 1)}

    def _load(self, faults: Faults, end: float) -> None:
        self.services.start()
        while (now := time.monotonic()) < end:
            self.services.keep()
            faults.step(now)
            time.sleep(max(0.0, STEP_SECONDS - (time.monotonic() - now)))

    def _judge(self, faults: Faults) -> dict[str, object]:
        archive = self.chance.choice(self.home.spellings())
        try:
            drained = self._modeldata(archive, "ship", "--drain", "--timeout", str(DRAIN_SECONDS))
            status = json.loads(self._modeldata(archive, "status", "--json").stdout)
            audit = self._modeldata(archive, "audit", archive, "--json")
        finally:
            self.services.kill_all(lambda command: True)
        count = compare(self.home.path, self.folder)
        shown = {
            key: status[key] for key in ("archived", "pending", "gaps", "damaged", "quarantined", "torn", "refused", "bytes")
        }
        if drained.returncode or audit.returncode:
            count.problem(f"{drained.stderr[-500:]} {audit.stdout[:500]} {audit.stderr[-500:]}")
        changed = list(overwritten(self.folder))
        if changed:
            count.problem(f"{changed[0]} is not what its service wrote")
        backups = self.folder / "backups"
        return {
            **count.as_dict(),
            "overwritten": len(changed),
            "drain": drained.returncode,
            "audit": audit.returncode,
            "status": shown,
            "kills": sum(times for what, times in faults.counts.items() if what.startswith("SIGKILL")),
            "faults": {**faults.counts, "backups": len(backups.read_text().splitlines()) if backups.exists() else 0},
            "requests": self.services.requests,
            "workers": self.services.names,
            "archive": archive,
        }

    def _modeldata(self, archive: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        env = {name: value for name, value in self.env.items() if name != "SOAK_FOLDER"} | {"MODELDATA_ARCHIVE": archive}
        command = [sys.executable, "-m", "modeldata", *arguments]
        return subprocess.run(command, env=env, timeout=2 * DRAIN_SECONDS, capture_output=True, text=True, check=False)


ZERO = ("lost", "doubled", "foreign", "mangled", "overwritten", "drain", "audit")


def problems(report: dict[str, object]) -> list[str]:
    """What is not as promised; none is the only good answer."""
    status = report["status"]
    assert isinstance(status, dict)
    wrong = [f"{name} = {report[name]}" for name in ZERO if report[name] != 0]
    wrong += [f"status: {name} = {status[name]}" for name in ("pending", "gaps", "damaged", "quarantined") if status[name] != 0]
    if status["archived"] != report["delivered"]:
        wrong.append(f"status tells of {status['archived']} archived rows, the files hold {report['delivered']}")
    return wrong


def soak(folder: Path, seconds: float, seed: int, without: Collection[str] = ()) -> dict[str, object]:
    """without: kinds of faults to leave out (`soak_faults.RARE`, or "spellings"), to find which of them it takes."""
    return {"seed": seed, **Soak(folder, seconds, seed, without).run()}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4), "big"))
    parser.add_argument("--without", default="", help="faults to leave out: " + ",".join((*RARE, "spellings")))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="modeldata-soak-") as folder:
        report = soak(Path(folder), given.seconds, given.seed, given.without.split(","))
        print(json.dumps(report), flush=True)
        wrong = problems(report)
        if wrong:
            print("\n".join(wrong), file=sys.stderr)
            print((Path(folder) / "log").read_text()[-3000:], file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
