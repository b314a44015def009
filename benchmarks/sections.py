"""Where runs are kept, and sections of docs/performance.md that are drawn from the run that is kept as reference.

A run of the benchmark NAME is written to results/NAME-<time>.json. The page shows results/reference-NAME.json: to show another
run, copy it there and run `python -m benchmarks page`.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import peer_env
from benchmarks.peer_env import PYTHON, ROOT
from benchmarks.peer_page import PAGE

RESULTS = Path(__file__).with_name("results")


def keep(name: str, result: dict[str, Any], seconds: float, quick: bool) -> None:
    """Writes a run, with where and when it was made, and prints where it is."""
    result |= {
        "at": datetime.now(UTC).isoformat(timespec="seconds")[:19],
        "seconds": round(seconds),
        "quick": quick,
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "load": round(os.getloadavg()[0], 1),
    }
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}-{result['at'].replace(':', '')}.json"
    path.write_text(json.dumps(result, indent=1) + "\n")
    print(f"\n{path.relative_to(ROOT)}: {result['seconds']} s in all")


def draw(name: str, section: Callable[[dict[str, Any]], str], *, plotted: bool = True) -> None:
    """Writes the section of the page, and its plot, from the reference run. Says so where there is none."""
    path = RESULTS / f"reference-{name}.json"
    if not path.exists():
        print(f"no {path.relative_to(ROOT)}: run `python -m benchmarks {name}` and copy its result there")
        return
    PAGE.write_text(with_section(PAGE.read_text() if PAGE.exists() else "", name, section(json.loads(path.read_text()))))
    if plotted:
        peer_env.prepare()
        subprocess.run([PYTHON, "-m", "benchmarks.section_plots", name, str(path)], cwd=ROOT, check=True)


def with_section(page: str, name: str, section: str) -> str:
    """The page with the section between its marks, in its place where there was one, else at the end."""
    begin, stop = f"<!-- {name}: drawn by `python -m benchmarks page` -->", f"<!-- end of {name} -->"
    before, _, rest = page.partition(begin)
    _, _, after = rest.partition(stop)
    return f"{before.rstrip()}\n\n{begin}\n{section}\n{stop}\n" + (f"\n{after.lstrip()}" if after.strip() else "")


def source(name: str, result: dict[str, Any]) -> str:
    """The sentence that says where the figures of a section come from."""
    haste = " **in quick mode**" if result["quick"] else ""
    return (
        f"`python -m benchmarks {name}`{haste}, {result['at'][:10]}, {result['seconds']} s on a shared machine"
        f" ({result['machine']}, load {result['load']} at the end), Python {result['python']}."
        f" The figures are in `benchmarks/results/reference-{name}.json`."
    )
