"""Is every row there after 1,000 calls a second for 30 s, and after SIGKILL in the middle of them?

A service process collects a data frame per call, its shipper at work, and counts what was accepted in a mapped file. Each call
has a number as its correlation id; the csv module then finds the numbers in the archive. BENCH_QUICK=1: 3 s instead of 30.
"""

from __future__ import annotations

import csv
import random
import signal
import subprocess
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks import peer_env, sections
from benchmarks.draining import data_files, drain
from benchmarks.figures import table
from benchmarks.peer_env import PYTHON, ROOT
from benchmarks.sustained_worker import PER_SECOND, TALLY
from benchmarks.turns import QUICK, environment

SECONDS = 3 if QUICK else 30
CASES = ("DataFrame 1x4", "DataFrame 1x20")
ENDS = ("runs to its end", "SIGKILL in the middle")
PATIENCE = 120


def main() -> None:
    began = time.monotonic()
    missing = peer_env.prepare()
    runs: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="modeldata-bench-") as scratch:
        for case in CASES:
            for end in ENDS:
                runs.append(_run(Path(scratch) / str(len(runs)), case, killed=end == ENDS[1]) | {"case": case, "end": end})
    sections.keep("sustained", {"runs": runs, "not_installed": missing, "for": SECONDS}, time.monotonic() - began, QUICK)
    print(tables({"runs": runs}))


def page() -> None:
    sections.draw("sustained", section, plotted=False)


def _run(folder: Path, case: str, *, killed: bool) -> dict[str, Any]:
    """Calls made, accepted, found in the archive; found more than once, and accepted but not found."""
    folder.mkdir()
    calls = SECONDS * PER_SECOND
    command = [PYTHON, "-m", "benchmarks.sustained_worker", str(folder), case, str(calls)]
    with subprocess.Popen(command, env=environment(), cwd=ROOT) as process:
        if killed:
            _await_calls(folder, process, random.Random(17).randrange(calls // 3, 2 * calls // 3))
            process.send_signal(signal.SIGKILL)
        code = process.wait(SECONDS * 4 + PATIENCE)
    if code != (-signal.SIGKILL if killed else 0):
        raise RuntimeError(f"the service ended with {code}")
    made, accepted, late = TALLY.unpack((folder / "tally").read_bytes())
    drain(folder)
    numbers = _numbers(folder)
    return {
        "calls": made,
        "accepted": accepted,
        "late_ms": round(late / 1e6, 1),
        "found": sum(numbers.values()),
        "twice": sum(times - 1 for times in numbers.values()),
        "lost": sum(number not in numbers for number in range(accepted)) if made == accepted else None,
    }


def _await_calls(folder: Path, process: subprocess.Popen[bytes], calls: int) -> None:
    """Until so many calls were made."""
    until, tally = time.monotonic() + SECONDS * 4 + PATIENCE, folder / "tally"
    while not tally.exists() or tally.stat().st_size < TALLY.size or TALLY.unpack(tally.read_bytes())[0] < calls:
        if process.poll() is not None or time.monotonic() > until:
            raise RuntimeError(f"the service made no {calls} calls: {process.poll()}")
        time.sleep(0.01)


def _numbers(folder: Path) -> Counter[int]:
    """The number of each call that is in the archive, and how often."""
    found: Counter[int] = Counter()
    for path in data_files(folder):
        with path.open(newline="") as file:
            found.update(int(row["$CorrelationId"]) for row in csv.DictReader(file))
    return found


def tables(result: dict[str, Any]) -> str:
    """Everything that a run found, as Markdown."""
    rows = []
    for run in result["runs"]:
        in_flight = max(0, run["found"] - run["twice"] - run["accepted"])
        lost = "not known: calls were refused" if run["lost"] is None else str(run["lost"])
        counts = [f"{run[name]:,}" for name in ("calls", "accepted", "found")]
        refused = run["calls"] - run["accepted"]
        rows.append([run["case"], run["end"], *counts, str(refused), lost, str(run["twice"]), str(in_flight)])
    head = [
        "call",
        "the process",
        "calls",
        "accepted",
        "in the archive",
        "refused",
        "accepted and lost",
        "twice",
        "cut off in the call",
    ]
    return table(head, rows)


def section(result: dict[str, Any]) -> str:
    """What the page says of a run: of the same run always the same."""
    late = max(run["late_ms"] for run in result["runs"])
    return f"""## A thousand calls a second

{sections.source("sustained", result)} {PER_SECOND:,} calls a second for {result["for"]} s,
with the shipper at work. Rows are counted afterwards with the csv module, by the number that each call
had as its correlation id. "Cut off in the call" are rows that were in the spool when the process died inside `collect()`, before
it could say so. They are archived, too. No call began more than {late:,.0f} ms late.

{tables(result)}"""


if __name__ == "__main__":
    main()
