"""What does `collect()` cost in this tree beside an earlier revision of it? `python -m benchmarks.revisions REVISION`.

Both trees run in processes of their own, in turns and in random order, beside one `os.write` of the same bytes: a loop, one call
per 4 ms, and 8 threads with 200 µs of Python work between calls. Read the ratios. BENCH_QUICK=1 takes a minute.
"""

from __future__ import annotations

import contextlib
import io
import os
import random
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import peer_env, peers, sections
from benchmarks.figures import cuts, number, paired, shown, table
from benchmarks.peer import EVERY
from benchmarks.peer_env import ROOT
from benchmarks.turns import QUICK, Seat, environment, in_turn

NOW, BEFORE, FLOOR = "now", "before", "os.write"
ROUNDS, SECONDS = (2, {"hot": 0.1, "paced": 0.2, "threads": 0.2}) if QUICK else (24, {"hot": 0.2, "paced": 0.5, "threads": 0.4})
WORK_SECONDS = 200e-6


def main(revision: str) -> None:
    began = time.monotonic()
    peer_env.prepare()
    with tempfile.TemporaryDirectory(prefix="modeldata-bench-") as scratch:
        folder = Path(scratch)
        trees = {NOW: ROOT / "src", BEFORE: earlier(revision, folder), FLOOR: ROOT / "src"}
        env = environment(BENCH_FRAME_BYTES=peers._frame_bytes(folder))
        with contextlib.ExitStack() as stack:
            calls = {name: stack.enter_context(_seat(name, "calls", source, folder, env)) for name, source in trees.items()}
            threads = {name: stack.enter_context(_seat(name, "threads", source, folder, env)) for name, source in trees.items()}
            result = {"revision": revision, "us": _measure(calls, threads)}
    sections.keep("revisions", result, time.monotonic() - began, QUICK)
    print(tables(result))


def page() -> None:
    sections.draw("revisions", section, plotted=False)


def earlier(revision: str, folder: Path) -> Path:
    """The source of a revision, below `folder`."""
    packed = subprocess.run(["git", "archive", revision, "src"], cwd=ROOT, capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(packed)) as tree:
        tree.extractall(folder / "earlier", filter="data")
    return folder / "earlier" / "src"


def _seat(name: str, kind: str, source: Path, folder: Path, env: dict[str, str]) -> Seat:
    """A process of one tree that is asked for one kind of figures."""
    own = folder / f"{name}-{kind}"
    own.mkdir()
    module, sink = {
        ("calls", False): ("benchmarks.peer_worker", "peer_modeldata:Modeldata"),
        ("calls", True): ("benchmarks.peer_worker", "peer_floors:OsWrite"),
        ("threads", False): ("benchmarks.threads_worker", "threads_sinks:Alone"),
        ("threads", True): ("benchmarks.threads_worker", "threads_sinks:FreeWrite"),
    }[kind, name == FLOOR]
    path = os.pathsep.join([str(ROOT), str(source)])
    return Seat(module, sink, str(own), said=own / "stderr", env={**env, "PYTHONPATH": path})


def _measure(calls: dict[str, Seat], threads: dict[str, Seat]) -> dict[str, dict[str, list[dict[str, float]]]]:
    """Question → tree → quantiles of each round."""
    found: dict[str, dict[str, list[dict[str, float]]]] = {}
    spins = threads[FLOOR].ask(do="spins", seconds=WORK_SECONDS)
    dice = random.Random(17)
    questions: list[tuple[str, Any]] = [(f"{case}, {regime}", (case, regime)) for case in EVERY for regime in ("hot", "paced")]
    for title, (case, regime) in questions:
        if regime == "paced" and case == EVERY[-1]:
            continue  # a call of this size takes longer than the pause
        rows = found.setdefault(title, {name: [] for name in calls})

        def block(name: str, case: str = case, regime: str = regime, rows: Any = rows) -> None:
            answer = calls[name].ask(do="time", case=case, hot=regime == "hot", seconds=SECONDS[regime])
            rows[name].append(cuts(answer["us"]))

        in_turn(calls, ROUNDS, block, dice)
    rows = found.setdefault("list of 4, 8 threads at work", {name: [] for name in threads})

    def work(name: str) -> None:
        rows[name].append(cuts(threads[name].ask(do="block", regime="working", seconds=SECONDS["threads"], spins=spins)["us"]))

    in_turn(threads, ROUNDS, work, dice)
    return found


def tables(result: dict[str, Any]) -> str:
    """Medians over rounds, in µs, and the ratio of both trees with its 95 % interval."""
    rows = []
    for question, trees in result["us"].items():
        for cut in ("p50", "p99"):
            middle = {name: number(median(found[cut] for found in rounds)) for name, rounds in trees.items()}
            pairs = [(now[cut], before[cut]) for now, before in zip(trees[NOW], trees[BEFORE], strict=True)]
            rows.append([f"{question}, {cut}", middle[BEFORE], middle[NOW], shown(paired([pairs])), middle[FLOOR]])
    return table(["µs", f"at {result['revision']}", "now", "now / before", "one os.write"], rows)


def section(result: dict[str, Any]) -> str:
    """What the page says of a run: of the same run always the same."""
    return f"""## What safety costs: this version beside an earlier one

{sections.source("revisions", result).replace("benchmarks revisions", f"benchmarks.revisions {result['revision']}")}
Medians over rounds. The ratio has its 95 % interval; ≈ where the runs can't tell it from 1.

{tables(result)}"""


if __name__ == "__main__":
    main(sys.argv[1])
