"""The plot of the page: `python -m benchmarks.peer_plot RESULT`, in `.venv-bench`, which has matplotlib."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import matplotlib

from benchmarks.peer_page import CASES, PAGE, PLOT

matplotlib.use("svg")
matplotlib.rcParams.update({"svg.hashsalt": "modeldata", "svg.fonttype": "none"})  # the same small file for the same figures
from matplotlib import pyplot as plt  # noqa: E402 - after the choice of its backend


def main() -> None:
    peers = [
        about for about in json.loads(Path(sys.argv[1]).read_text())["peers"].values() if "floor: pyarrow" not in about["title"]
    ]
    figure, axes = plt.subplots(figsize=(9, 4.2))
    for at, about in enumerate(peers):
        points = [
            (about["times"][f"{case}, paced"]["median"], -row)
            for row, case in enumerate(CASES)
            if f"{case}, paced" in about["times"]
        ]
        floor, ours = about["title"].startswith("floor"), about["title"] == "modeldata"
        axes.scatter(
            *zip(*points, strict=True), label=about["title"], color="black" if floor else f"C{at}", zorder=3 if ours else 2,
            marker="|" if "mmap" in about["title"] else "2" if floor else "o", s=160 if floor else 90 if ours else 45,
        )  # fmt: skip
    axes.set_xscale("log")
    axes.set_xlabel("µs a call, median, one call per 4 ms")
    axes.set_yticks([-row for row in range(len(CASES))], CASES)
    axes.grid(axis="x", alpha=0.3)
    axes.legend(bbox_to_anchor=(1.01, 1), loc="upper left", frameon=False, fontsize=8)
    path = PAGE.parent / PLOT
    path.parent.mkdir(exist_ok=True)
    figure.savefig(path, bbox_inches="tight", metadata={"Date": None})


if __name__ == "__main__":
    main()
