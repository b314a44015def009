"""The plots of the sections: `python -m benchmarks.section_plots NAME RESULT`, in `.venv-bench`, which has matplotlib."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any

from benchmarks import scale_parts, service, threads
from benchmarks.peer_page import PAGE
from benchmarks.peer_plot import plt

CUTS = {"p50": "o", "p99": "s", "p99.9": "|"}


def plot_threads(result: dict[str, Any]) -> Any:
    """A panel for each regime; for each sink what a call takes."""
    figure, panels = plt.subplots(1, len(threads.REGIMES), figsize=(12, 3.2), sharey=True)
    for panel, (regime, title) in zip(panels, threads.REGIMES.items(), strict=True):
        sinks = result["regimes"][regime]
        for at, (cut, marker) in enumerate(CUTS.items()):
            points = [sinks[name]["us"][cut] for name in sinks]
            panel.scatter(points, range(len(sinks)), marker=marker, s=60, color=f"C{at}", label=cut)
        panel.set_title(title.partition(":")[0], fontsize=8)
        panel.set_xscale("log")
        panel.set_xlabel("µs a call")
        panel.grid(axis="x", alpha=0.3)
    panels[0].set_yticks(range(len(sinks)), [result["titles"][name] for name in sinks], fontsize=8)
    panels[0].invert_yaxis()
    panels[-1].legend(bbox_to_anchor=(1.01, 1), loc="upper left", frameon=False, fontsize=8)
    return figure


def plot_service(result: dict[str, Any]) -> Any:
    """For each variant the ratio to no collection, with its interval."""
    titles = [title for title in result["us"] if title != service.BASE]
    figure, axes = plt.subplots(figsize=(7, 3.2))
    for at, title in enumerate(titles):
        ratio = service.beside_none(result, title)
        color = "C0" if title.startswith("modeldata") else "gray"
        if ratio.high < math.inf:
            axes.plot([ratio.low, ratio.high], [at, at], color=color, linewidth=3, alpha=0.5)
        axes.plot([ratio.middle], [at], "o", color=color)
    axes.axvline(1, color="black", linewidth=0.8)
    axes.axvline(service.MOST, color="C3", linewidth=0.8, linestyle="--")
    axes.set_yticks(range(len(titles)), titles, fontsize=8)
    axes.invert_yaxis()
    axes.set_xlabel(f"processor time a request, times no collection (dashed: {service.MOST})")
    axes.grid(axis="x", alpha=0.3)
    return figure


def plot_scale(result: dict[str, Any]) -> Any:
    """A panel for each question, both axes logarithmic: a straight line is a power."""
    figure, panels = plt.subplots(1, 4, figsize=(13, 3))
    for kind in scale_parts.WIDTHS:
        own = [row for row in result["widths"] if row["kind"] == kind]
        panels[0].plot([row["size"] for row in own], [row["p50"] for row in own], "o-", label=kind)
    panels[0].legend(frameon=False, fontsize=8)
    lines = (
        ("writers", "p50", "processes on one spool"),
        ("collectors", "later_us", "collectors in one process"),
        ("backlogs", "drain_s", "rows waiting"),
    )
    for panel, (part, cut, axis) in zip(panels[1:], lines, strict=True):
        panel.plot([row["size"] for row in result[part]], [row[cut] for row in result[part]], "o-")
        panel.set_xlabel(axis)
    panels[0].set_xlabel("columns of a row")
    for panel, unit in zip(
        panels, ("µs a call, p50", "µs a call, p50", "µs a later call, p50", "s until all is archived"), strict=True
    ):
        panel.set_ylabel(unit)
        panel.set_xscale("log")
        panel.set_yscale("log")
        low, high = panel.get_ylim()
        panel.set_ylim(low / 3, high * 3)  # so that a small step is not drawn as a cliff
        panel.grid(alpha=0.3)
    figure.tight_layout()
    return figure


PLOTS = {"threads": plot_threads, "service": plot_service, "scale": plot_scale}


def main() -> None:
    name, result = sys.argv[1], json.loads(Path(sys.argv[2]).read_text())
    path = PAGE.parent / "img" / f"{name}.svg"
    path.parent.mkdir(exist_ok=True)
    PLOTS[name](result).savefig(path, bbox_inches="tight", metadata={"Date": None})


if __name__ == "__main__":
    main()
