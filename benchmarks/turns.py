"""Processes that take turns: all are alive, one works at a time, in random order; a drift of the machine hits all alike."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from benchmarks.peer_env import PYTHON, ROOT
from benchmarks.peers import QUICK, Worker

__all__ = ["QUICK", "Seat", "cpu_seconds", "environment", "in_turn", "serve", "shippers"]


class Seat(Worker):
    """`python -m MODULE ARGUMENT...` in a process of its own, in the peers' environment: asked one thing at a time."""

    def __init__(self, module: str, *arguments: str, said: Path, env: dict[str, str]) -> None:
        self._said = said
        with said.open("wb") as errors:
            self.process = subprocess.Popen(
                [PYTHON, "-m", module, *arguments], env=env, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=errors, text=True,
            )  # fmt: skip


def serve(made: object) -> None:
    """The other end of a `Seat`: calls the method of `made` that each line of stdin names, and answers with a line of JSON."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what a peer itself prints
    answers.write(json.dumps({"ready": True}) + "\n")
    for line in sys.stdin:
        request = json.loads(line)
        answers.write(json.dumps(getattr(made, request.pop("do"))(**request)) + "\n")


def environment(**more: str) -> dict[str, str]:
    """What a process of the suite gets: this source tree, and none of our user's settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MODELDATA_", "AML_", "PYTHON"))}
    path = os.pathsep.join([str(ROOT), str(ROOT / "src")])
    return {**kept, "PYTHONPATH": path, "BENTOML_DO_NOT_TRACK": "true", "OMP_NUM_THREADS": "1", **more}


def in_turn(names: Iterable[str], rounds: int, block: Callable[[str], None], dice: random.Random) -> None:
    """One block for each name in each round, in an order that is drawn again each time."""
    names = sorted(names)
    for _ in range(rounds):
        for name in dice.sample(names, len(names)):
            block(name)


def cpu_seconds(pid: int) -> float:
    """What a process has had of the processor until now, user and system, all its threads. To the nanosecond, unlike /proc."""
    return time.clock_gettime_ns((~pid << 3) | 2) / 1e9  # clock_getcpuclockid(3): the same number on every Linux


def shippers(folder: Path) -> list[int]:
    """The shippers that work on archives below `folder`: they are nobody's children, so they are looked for."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command, env = (entry / "cmdline").read_bytes(), (entry / "environ").read_bytes()
        except OSError:  # it has just left, or it is somebody else's
            continue
        if b"--child" in command and f"MODELDATA_ARCHIVE={folder}".encode() in env:
            found.append(int(entry.name))
    return found
