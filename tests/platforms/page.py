"""The table of docs/platforms.md, drawn from docs/platforms.jsonl: `python -m tests.platforms.page`."""

from __future__ import annotations

import re
from itertools import groupby
from pathlib import Path
from typing import Any

from .recorder import SHOWN, results

PAGE = Path(__file__).parents[2] / "docs" / "platforms.md"
HEAD = f"""| system | Python | libraries | {" | ".join(SHOWN)} | tests | passed | skipped | failed | last run |
|---|---|---|{"---|" * len(SHOWN)}---|---|---|---|---|
"""
BEGIN, END = "<!-- table: python -m tests.platforms.page -->\n", "<!-- end of table -->\n"


def table(runs: list[dict[str, Any]]) -> str:
    groups = groupby(runs, key=lambda run: (run["system"], run["python"], run["libraries"]))
    return HEAD + "".join(_row(*names, list(group)) for names, group in groups)


def _row(system: str, python: str, libraries: str, runs: list[dict[str, Any]]) -> str:
    versions = [runs[-1]["versions"].get(name, "") for name in SHOWN]
    tests = ", ".join(run["tests"] for run in runs)
    counts = [f"{sum(run[outcome] for run in runs):,}" for outcome in ("passed", "skipped", "failed")]
    return f"| {' | '.join([system, python, libraries, *versions, tests, *counts, max(run['day'] for run in runs)])} |\n"


def drawn(page: str) -> str:
    """The page, its table made from the results of today."""
    return re.sub(f"(?<={re.escape(BEGIN)}).*(?={re.escape(END)})", lambda _: table(results()), page, flags=re.DOTALL)


if __name__ == "__main__":
    PAGE.write_text(drawn(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
