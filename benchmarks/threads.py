"""What does `collect([4 values])` cost when threads compete for the GIL, in an event loop, and beside a busy shipper?

Every sink in a process of its own, called from 8 threads (or tasks): with 200 µs of Python work between calls, with 2 ms of
waiting between them, and from one event loop. All take turns, block by block in random order, in several sets of processes.
modeldata begins each block with a backlog, with and without somebody who ships it. BENCH_QUICK=1 takes about a minute.
"""

from __future__ import annotations

import contextlib
import random
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import peer_env, peers, sections
from benchmarks.figures import Ratio, cuts, met, number, paired, shown, table, verdict
from benchmarks.turns import QUICK, Seat, environment, in_turn

SINKS = {
    "nothing": "threads_sinks:Nothing",
    "computing": "threads_sinks:Computing",
    "alone": "threads_sinks:Alone",
    "busy": "threads_sinks:Busy",
    "thread": "threads_sinks:BusyThread",
    "write": "threads_sinks:FreeWrite",
    "locked": "threads_sinks:LockedWrite",
    "logging": "peer_logging:QueueLogging",
}
REGIMES = {
    "working": "8 threads, 200 µs of Python work between calls",
    "waiting": "8 threads, 2 ms of waiting between calls",
    "looping": "asyncio, 8 tasks, 2 ms of waiting between calls: how long the loop stands still",
}
WORK_SECONDS = 200e-6
SETS, ROUNDS, SECONDS = (1, 2, 0.25) if QUICK else (3, 7, 0.4)
P50, P99, LOOP_P99, SHIPPER = 10, 200, 1_000, 1.2
"""What was aimed at: microseconds, and times the p99 without a shipper."""


def main() -> None:
    began = time.monotonic()
    missing = peer_env.prepare()
    result: dict[str, Any] = {"titles": {}, "regimes": {}, "not_installed": missing}
    found: dict[str, dict[str, list[list[dict[str, Any]]]]] = {
        regime: {name: [[] for _ in range(SETS)] for name in SINKS} for regime in REGIMES
    }
    with tempfile.TemporaryDirectory(prefix="modeldata-bench-") as scratch:
        folder = Path(scratch)
        env = environment(BENCH_FRAME_BYTES=peers._frame_bytes(folder))
        for number_of_set in range(SETS):
            _measure(folder / str(number_of_set), env, number_of_set, found, result["titles"])
    for regime, sinks in found.items():
        result["regimes"][regime] = {name: _summed(sets) for name, sets in sinks.items()}
    sections.keep("threads", result, time.monotonic() - began, QUICK)
    print(tables(result))


def page() -> None:
    sections.draw("threads", section)


def _measure(folder: Path, env: dict[str, str], number_of_set: int, found: dict[str, Any], titles: dict[str, str]) -> None:
    """One set of processes: all rounds of all regimes. Adds each block to `found`."""
    dice = random.Random(number_of_set)
    with contextlib.ExitStack() as stack:
        seats = {}
        for name, path in SINKS.items():
            (folder / name).mkdir(parents=True)
            seat = Seat("benchmarks.threads_worker", path, str(folder / name), said=folder / f"{name}.stderr", env=env)
            seats[name] = stack.enter_context(seat)
            titles[name] = seat.ask(do="about")["title"]
        spins = seats["nothing"].ask(do="spins", seconds=WORK_SECONDS)
        for regime in REGIMES:

            def block(name: str, regime: str = regime) -> None:
                answer = seats[name].ask(do="block", regime=regime, seconds=SECONDS, spins=spins)
                found[regime][name][number_of_set].append(answer)

            in_turn(SINKS, ROUNDS, block, dice)


def _summed(sets: list[list[dict[str, Any]]]) -> dict[str, Any]:
    """Quantiles of all calls, the p99 of each block (for ratios within a round), and how busy the shipper was."""
    blocks = [block for one in sets for block in one]
    return {
        "us": cuts([us for block in blocks for us in block["us"]]),
        "p99s": [[cuts(block["us"])["p99"] for block in one] for one in sets],
        "shipper": round(sum(block["shipper"] for block in blocks) / len(blocks), 2),
    }


def beside_alone(sinks: dict[str, Any], name: str) -> Ratio:
    """The p99 of a sink in times of modeldata's without a shipper, paired by round."""
    pairs = zip(sinks[name]["p99s"], sinks["alone"]["p99s"], strict=True)
    return paired([list(zip(own, base, strict=True)) for own, base in pairs])


def tables(result: dict[str, Any]) -> str:
    """Everything that a run found, as Markdown."""
    parts = [f"{title}, µs:\n\n{_quantiles(result, regime)}" for regime, title in REGIMES.items()]
    return "\n\n".join([*parts, f"What was aimed at:\n\n{_aims(result)}"])


def _quantiles(result: dict[str, Any], regime: str) -> str:
    sinks, rows = result["regimes"][regime], []
    for name, about in sinks.items():
        cells = [number(about["us"][cut]) for cut in ("p50", "p99", "p99.9")]
        busy = f"{about['shipper']:.0%}" if name == "busy" else "-"
        ratio = "-" if name == "alone" else shown(beside_alone(sinks, name))
        rows.append([result["titles"][name], *cells, ratio, busy, f"{about['us']['calls']:,}"])
    head = ["", "p50", "p99", "p99.9", "p99, times modeldata's without a shipper", "shipper's share of a core", "calls"]
    return table(head, rows)


def _aims(result: dict[str, Any]) -> str:
    working, looping = result["regimes"]["working"], result["regimes"]["looping"]
    rows = []
    for name in ("alone", "busy"):
        about, title = working[name]["us"], result["titles"][name]
        for cut, most in (("p50", P50), ("p99", P99)):
            rows.append([f"{title}, working threads, {cut}", f"at most {most} µs", number(about[cut]), met(about[cut], most)])
        block = looping[name]["us"]["p99"]
        rows.append([f"{title}, event loop, p99", f"at most {LOOP_P99:,} µs", number(block), met(block, LOOP_P99)])
    for regime, sinks in result["regimes"].items():
        ratio = beside_alone(sinks, "busy")
        shipper = f"p99 beside a busy shipper, {regime}", f"at most {SHIPPER}x", shown(ratio), verdict(ratio, SHIPPER)
        rows.append(list(shipper))
    return table(["", "aim", "measured", "met"], rows)


def section(result: dict[str, Any]) -> str:
    """What the page says of a run: of the same run always the same."""
    sets = len(result["regimes"]["working"]["alone"]["p99s"])
    return f"""## Threads, event loops, and a busy shipper

{sections.source("threads", result)} A row is a list of four floats. Every
sink in a process of its own, in turns and in random order; {sets} sets of processes. A sink that gives the GIL away has to get it
back. With threads that compute, the milliseconds come from there. No sink escapes the interpreter's own switch, which gives each
thread 5 ms. So of calls of 5 µs one in a thousand is cut in two and waits until the others had their turn (p99.9).
modeldata begins each block with a backlog of 250,000 rows in its spool, so that its shipper, if there is one, is at work
meanwhile. Its share of a core is in the table. Ratios are the median over rounds of p99 in the same round, with its 95 %
interval.
They are ≈ where 1 lies within it.

![Threads](img/threads.svg)

{tables(result)}"""


if __name__ == "__main__":
    main()
