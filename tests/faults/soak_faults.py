"""The faults of a soak: kills all the time, everything else now and then, and undone after a while. See `soak`."""

from __future__ import annotations

import ctypes
import heapq
import json
import os
import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path

from tests.faults.soak_services import Services

EXCHANGE = 2
MODEL = "unknown/unknown/unknown-m-unknown"

RARE: dict[str, tuple[float, float, float]] = {
    "outage": (0.05, 5, 20),
    "descriptors": (0.1, 3, 10),
    "stop": (0.15, 5, 20),
    "nuisance": (0.2, 3, 12),
    "rename": (0.5, 20, 60),
}
"""Fault → when it comes first (a part of the run), then again after so many seconds, at least and at most."""


class Home:
    """Where the archive is just now: a folder that changes its name, with its spool in it, and a link to it that does not."""

    def __init__(self, folder: Path, *, one_spelling: bool = False) -> None:
        self.folder = folder
        self.one_spelling = one_spelling
        self.number = 0
        self.link = folder / "link"
        self.path.mkdir()
        (self.path / "unknown").mkdir()
        self.link.symlink_to(self.path)
        self.away = folder / "away"
        self.away.write_text("an outage")

    @property
    def path(self) -> Path:
        return self.folder / f"home-{self.number}"

    def spellings(self) -> list[str]:
        return [str(self.path)] if self.one_spelling else [str(self.path), str(self.link)]

    def rename(self) -> None:
        before = self.path
        self.number += 1
        before.rename(self.path)
        fresh = self.folder / "link.new"
        fresh.symlink_to(self.path)
        fresh.replace(self.link)

    def exchange(self) -> None:
        """What is in the archive and a plain file change their names in one step: nothing can be reached below a file."""
        here = -100
        rows = bytes(self.path / "unknown")
        failed = ctypes.CDLL(None, use_errno=True).renameat2(here, rows, here, bytes(self.away), EXCHANGE)
        assert failed == 0, os.strerror(ctypes.get_errno())

    def inside(self, path: str) -> Path:
        """A place in the archive, also during an outage."""
        return Path(self.away if self.away.is_dir() else self.path / "unknown", path.removeprefix("unknown/"))

    def leader(self) -> int | None:
        """Who ships."""
        for pattern in (".modeldata-spool*/leader.json", ".modeldata-spool*/*/leader.json"):
            for found in self.path.glob(pattern):
                with suppress(OSError, ValueError, KeyError):
                    return int(json.loads(found.read_text())["pid"])
        return None


class Faults:
    """What happens to the services and to their archive. `counts`: how often."""

    def __init__(
        self, home: Home, services: Services, chance: random.Random, began: float, seconds: float, without: Collection[str]
    ) -> None:
        self.home = home
        self.services = services
        self.chance = chance
        self.counts: Counter[str] = Counter()
        self._due = {name: began + seconds * part for name, (part, _, _) in RARE.items() if name not in without}
        self._undo: list[tuple[float, int, Callable[[], None]]] = []
        self._sides = 0

    def step(self, now: float) -> None:
        """One kill, and what is due."""
        while self._undo and self._undo[0][0] <= now:
            heapq.heappop(self._undo)[2]()
        for name, due in self._due.items():
            if due <= now and getattr(self, name)(now):
                self._due[name] = now + self.chance.uniform(*RARE[name][1:])
        self._kill()

    def undo_all(self) -> None:
        while self._undo:
            heapq.heappop(self._undo)[2]()

    def _later(self, when: float, undo: Callable[[], None]) -> None:
        heapq.heappush(self._undo, (when, len(self._undo) + self.counts.total(), undo))

    def _kill(self) -> None:
        services, dice = self.services, self.chance.random()
        if dice < 0.74 and services.workers:
            victim = services.workers.pop(self.chance.randrange(len(services.workers)))
            self._signalled("SIGKILL of a plain worker", victim)
        elif dice < 0.87:
            workers = services.gunicorn_workers()
            if workers:
                self._signalled("SIGKILL of a gunicorn worker", self.chance.choice(workers))
        elif dice < 0.89:
            self._signalled("SIGKILL of a service that ships by a thread", services.thread)
        elif dice < 0.97:
            leader = self.home.leader()
            kind = "thread" if leader == self.services.thread else "process"
            self._signalled(f"SIGKILL of the {kind} that ships", leader)

    def _signalled(self, what: str, pid: int | None, number: int = signal.SIGKILL) -> bool:
        sent = pid is not None and self.services.signal(pid, number)
        self.counts[what] += sent
        return sent

    # Each of `RARE`: did it happen? Else it is tried again in the next step.

    def stop(self, now: float) -> bool:
        leader = self.home.leader()
        stopped = self._signalled("SIGSTOP and SIGCONT of the shipper", leader, signal.SIGSTOP)
        if stopped:
            self._later(now + self.chance.uniform(1, 10), lambda: self._go_on(leader))
        return stopped

    def _go_on(self, pid: int | None) -> None:
        assert pid is not None
        self.services.signal(pid, signal.SIGCONT)

    def outage(self, now: float) -> bool:
        self.home.exchange()
        self.counts["outages of the archive"] += 1
        self._later(now + self.chance.uniform(0.5, 4), self.home.exchange)  # over before the next can begin: see RARE
        return True

    def descriptors(self, now: float) -> bool:
        self.services.fork("closed_descriptors")
        self.counts["closed descriptors"] += 1
        return True

    def rename(self, now: float) -> bool:
        """The archive moves with its spool. Half of the time its shipper is still there and knows the old name only."""
        self.services.stop()
        if self.chance.random() < 0.5:
            self.services.kill_all(lambda command: "ship" in command)
        self.home.rename()
        self.counts["renames of the archive"] += 1
        self.services.start()
        return True

    def nuisance(self, now: float) -> bool:
        """Something lies where a collector that is about to begin wants its first file."""
        self._sides += 1
        side = f"side-{self._sides}"
        day = f"{MODEL}/{side}/{time.strftime('%Y/%m/%d', time.gmtime())}"
        name, plant = self.chance.choice(NUISANCES)
        self._later(now + self.chance.uniform(1, 5), plant(self.home, day))
        self.services.side = side
        self.counts[name] += 1
        return True


def _folder(home: Home, day: str) -> Callable[[], None]:
    home.inside(f"{day}/data.csv").mkdir(parents=True)
    return lambda: home.inside(f"{day}/data.csv").rmdir()


def _pipe(home: Home, day: str) -> Callable[[], None]:
    home.inside(day).mkdir(parents=True)
    os.mkfifo(home.inside(f"{day}/data.csv"))
    return lambda: home.inside(f"{day}/data.csv").unlink()


def _file(home: Home, day: str) -> Callable[[], None]:
    month = str(Path(day).parent)
    home.inside(month).mkdir(parents=True)
    home.inside(day).write_text("a file where a folder is wanted")
    return lambda: home.inside(day).unlink()


def _closed(home: Home, day: str) -> Callable[[], None]:
    """A folder that takes nothing. Rights are nothing to root, who is stopped by the mark of a folder that never changes."""
    home.inside(day).mkdir(parents=True)
    if os.geteuid():
        home.inside(day).chmod(0)
        return lambda: home.inside(day).chmod(0o755)
    _mark(home.inside(day), "+i")
    return lambda: _mark(home.inside(day), "-i")


def _mark(path: Path, how: str) -> None:
    subprocess.run(["chattr", how, str(path)], check=False, capture_output=True)


NUISANCES: list[tuple[str, Callable[[Home, str], Callable[[], None]]]] = [
    ("a folder in a file's place", _folder),
    ("a pipe in a file's place", _pipe),
    ("a file in a folder's place", _file),
    ("a folder without rights", _closed),
]
