"""How does the cost grow: with wider rows, more writers, more collectors, a longer backlog?

Rows of 10 to 1,000 columns; 784 pixels; a text of 64 KiB; 1 to 64 processes on one spool; 10 to 10,000 collectors in one process;
backlogs up to SCALE_ROWS (10,000,000) rows. Each step with the exponent k of cost = c * size^k: 0 is constant, 1 proportional.
Rows are counted in the archive after each step. BENCH_QUICK=1 takes less than a minute.
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import peer_env, scale_parts, sections
from benchmarks.figures import exponent, number, table
from benchmarks.turns import QUICK

ROWS = int(os.environ.get("SCALE_ROWS", "100_000" if QUICK else "10_000_000"))
ROUNDS, SECONDS = (2, 0.05) if QUICK else (8, 0.2)
WRITERS, WRITER_CALLS = ((1, 2, 4), 100) if QUICK else ((1, 2, 4, 8, 16, 32, 64), 500)
COLLECTORS, COLLECTOR_CALLS = ((10, 100), 2_000) if QUICK else ((10, 100, 1_000, 10_000), 20_000)

FOUND, PEAK = "rows in the archive of rows accepted", "shipper's peak, MiB"


def main() -> None:
    began = time.monotonic()
    missing = peer_env.prepare()
    with tempfile.TemporaryDirectory(prefix="modeldata-bench-") as scratch:
        folder = Path(scratch)
        result: dict[str, Any] = {
            "widths": scale_parts.widths(folder / "widths", ROUNDS, SECONDS),
            "writers": scale_parts.writers(folder, WRITERS, WRITER_CALLS),
            "collectors": scale_parts.collectors(folder, COLLECTORS, COLLECTOR_CALLS),
            "backlogs": scale_parts.backlogs(folder, steps_to(ROWS)),
            "not_installed": missing,
        }
    sections.keep("scale", result, time.monotonic() - began, QUICK)
    print(tables(result))


def page() -> None:
    sections.draw("scale", section)


def steps_to(most: int) -> tuple[int, ...]:
    """Up to four sizes, each ten times the one before, the last one `most`. None below 1,000."""
    return tuple(size for size in (most // 1_000, most // 100, most // 10, most) if size >= 1_000)


def growth(rows: list[dict[str, Any]], figure: str, *, each: bool = False) -> float:
    """The exponent of a figure over the sizes of `rows`. `each`: the figure is for all together, and meant for one."""
    sizes = [row["size"] for row in rows]
    return exponent(sizes, [row[figure] / (row["size"] if each else 1) for row in rows])


def tables(result: dict[str, Any]) -> str:
    """Everything that a run found, as Markdown."""
    return "\n\n".join(
        [
            f"Wider rows, one a call, hot, µs:\n\n{_widths(result['widths'])}",
            f"Processes that write to one spool, a call per 4 ms each:\n\n{_writers(result['writers'])}",
            f"Collectors in one process, all called in turn:\n\n{_collectors(result['collectors'])}",
            f"A backlog that a killed process left, one row a call:\n\n{_backlogs(result['backlogs'])}",
        ]
    )


def _widths(rows: list[dict[str, Any]]) -> str:
    lines = []
    for kind in dict.fromkeys(row["kind"] for row in rows):
        own = [row for row in rows if row["kind"] == kind]
        for row in own:
            cells = [number(row[cut]) for cut in ("p50", "p99", "p99.9")]
            lines.append([kind, f"{row['size']:,}", *cells, number(row["p50"] * 1e3 / row["size"]), f"{row['calls']:,}", ""])
        if len(own) > 1:
            lines[-1][-1] = f"{growth(own, 'p50'):.2f}"
    return table(["a row", "columns (bytes)", "p50", "p99", "p99.9", "ns for each", "calls", "exponent of p50"], lines)


def _writers(rows: list[dict[str, Any]]) -> str:
    lines = [
        [
            f"{row['size']}", number(row["p50"]), number(row["p99"]), f"{row['found']:,} of {row['accepted']:,}",
            f"{row['drain_s']:.1f}",
        ]
        for row in rows
    ]  # fmt: skip
    lines.append(["exponent", f"{growth(rows, 'p50'):.2f}", f"{growth(rows, 'p99'):.2f}", "", f"{growth(rows, 'drain_s'):.2f}"])
    return table(["processes", "p50, µs", "p99, µs", FOUND, "shipped in, s"], lines)


def _collectors(rows: list[dict[str, Any]]) -> str:
    head = ["collectors", "KiB each", "first call, µs", "later calls, µs", "shipped in, ms each", PEAK, "files each", FOUND]
    lines = [
        [
            f"{row['size']:,}", number(row["bytes"] / 1024), number(row["first_us"]), number(row["later_us"]),
            number(row["drain_s"] * 1e3 / row["size"]), number(row["peak_mib"]), f"{row['files'] / row['size']:.1f}",
            f"{row['found']:,} of {row['accepted']:,}",
        ]
        for row in rows
    ]  # fmt: skip
    powers = [growth(rows, "bytes"), growth(rows, "first_us"), growth(rows, "later_us"), growth(rows, "drain_s", each=True)]
    peak, files = growth(rows, "peak_mib"), growth(rows, "files", each=True)
    lines.append(["exponent", *(f"{power:.2f}" for power in (*powers, peak, files)), ""])
    return table(head, lines)


def _backlogs(rows: list[dict[str, Any]]) -> str:
    head = ["rows", "all archived after, s", "rows/s", PEAK, "a newcomer's first call, ms", FOUND]
    lines = [
        [
            f"{row['size']:,}", f"{row['drain_s']:.1f}", f"{row['size'] / row['drain_s']:,.0f}", number(row["peak_mib"]),
            number(row["first_ms"]), f"{row['found']:,} of {row['accepted']:,}",
        ]
        for row in rows
    ]  # fmt: skip
    if len(rows) > 1:
        powers = [
            growth(rows, "drain_s"),
            -growth(rows, "drain_s", each=True),
            growth(rows, "peak_mib"),
            growth(rows, "first_ms"),
        ]
        lines.append(["exponent", *(f"{power:.2f}" for power in powers), ""])
    return table(head, lines)


def section(result: dict[str, Any]) -> str:
    """What the page says of a run: of the same run always the same."""
    return f"""## How it grows

{sections.source("scale", result)} The exponent is the k of cost = c * size^k that fits
the steps best: 0 is constant, 1 proportional. Shipping is `modeldata ship --drain` into a local folder, its start (about a
second) included. So short ones seem to grow less.
64 KiB of text are one row of one column. Shipping for many new collectors waits for the disk. In a profile of 10,000 of them nine
tenths are fsync, mostly of folders. Each is made safe by itself for its first batch of a day. One fsync for each folder of a
round would lift that.

![How it grows](img/scale.svg)

{tables(result)}"""


if __name__ == "__main__":
    main()
