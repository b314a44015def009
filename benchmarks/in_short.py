"""The table and the picture at the top of docs/performance.md, from the runs that are kept as reference."""

from __future__ import annotations

import json
from typing import Any

from benchmarks.peer_page import PAGE, PLOT, number, table
from benchmarks.sections import RESULTS, with_section

NAME = "in short"
SHOWN = ("list of 4", "DataFrame 1x20", "DataFrame 1000x20")


def page() -> None:
    """Draws it in its place."""
    PAGE.write_text(with_section(PAGE.read_text(), NAME, section()))


def section() -> str:
    calls = next(iter(_reference("reference")["peers"].values()))["times"]
    shipper = {(each["shape"], each["format"]): each["rows_per_s"] for each in _reference("reference-shipper")["figures"]}
    rows = [
        [
            f"`collect()`, {case}",
            f"{number(calls[f'{case}, hot']['median'])} µs",
            f"{number(calls[f'{case}, paced']['median'])} µs",
        ]
        for case in SHOWN
    ]
    rates = ", ".join(f"{shipper['DataFrame 1x20', form]:,.0f} as {form}" for form in ("csv", "parquet"))
    return f"""## In short

{table(["median of a call", "in a loop", "one call per 4 ms, as in a service"], rows)}

The shipper archives rows of 20 columns on one core, in its own process. In rows a second: {rates}.

![What a call takes, beside other ways]({PLOT})"""


def _reference(name: str) -> dict[str, Any]:
    result: dict[str, Any] = json.loads((RESULTS / f"{name}.json").read_text())
    return result
