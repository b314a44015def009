"""What is made of measured times: quantiles, ratios with an interval, growth. Pure."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from statistics import median, quantiles
from typing import NamedTuple

from benchmarks.peer_page import number, table

__all__ = ["Ratio", "cuts", "exponent", "met", "number", "paired", "shown", "table", "verdict"]

TRIES = 2_000
SURE = 0.95
FEWEST_PAIRS = 20
"""With fewer, an interval is no more than a guess: nothing is claimed."""

Pair = tuple[float, float]
"""What was measured, and beside it in the same round what it is compared with."""


class Ratio(NamedTuple):
    """A median ratio, and between which two values it lies with 95 % confidence."""

    middle: float
    low: float
    high: float


def cuts(found: Sequence[float]) -> dict[str, float]:
    """p50, p99, p99.9 in the unit of `found`, and how many there are: at least two."""
    at = quantiles(found, n=1000, method="inclusive")
    return {"p50": round(at[499], 2), "p99": round(at[989], 2), "p99.9": round(at[998], 2), "calls": len(found)}


def paired(fleets: Sequence[Sequence[Pair]]) -> Ratio:
    """The median ratio of all pairs, with a bootstrap interval that counts processes, too.

    A process may be faster than its twin for all its life (where its memory lies, what it hashes). So a fleet is what was
    measured with one set of processes; whole fleets are drawn first, and pairs within each then. Below `FEWEST_PAIRS` pairs the
    interval is everything.
    """
    dice = random.Random(17)
    ratios = [[own / base for own, base in fleet] for fleet in fleets]
    drawn = sorted(
        median(ratio for fleet in dice.choices(ratios, k=len(ratios)) for ratio in dice.choices(fleet, k=len(fleet)))
        for _ in range(TRIES)
    )
    middle = median(ratio for fleet in ratios for ratio in fleet)
    if sum(map(len, ratios)) < FEWEST_PAIRS:
        return Ratio(middle, 0.0, math.inf)
    rest = round((1 - SURE) / 2 * TRIES)
    return Ratio(middle, drawn[rest], drawn[-1 - rest])


def shown(ratio: Ratio) -> str:
    """The ratio with its interval; ≈ where the runs can't tell it from 1."""
    if ratio.high == math.inf:
        return f"≈ (fewer than {FEWEST_PAIRS} pairs)"
    told_as = "≈" if ratio.low <= 1 <= ratio.high else f"{ratio.middle:.3g}x"
    return f"{told_as} ({ratio.low:.3g} to {ratio.high:.3g})"


def verdict(ratio: Ratio, most: float) -> str:
    """Is the ratio at most `most`? Only said where the whole interval says so."""
    return "yes" if ratio.high <= most else "**no**" if ratio.low > most else "not resolved"


def met(value: float, most: float) -> str:
    return "yes" if value <= most else "**no**"


def exponent(sizes: Sequence[float], costs: Sequence[float]) -> float:
    """The k of cost = c * size^k that fits best, in logarithms: 1 is proportional, 0 is constant. At least two sizes."""
    xs, ys = [math.log(size) for size in sizes], [math.log(cost) for cost in costs]
    x, y = sum(xs) / len(xs), sum(ys) / len(ys)
    return sum((a - x) * (b - y) for a, b in zip(xs, ys, strict=True)) / sum((a - x) ** 2 for a in xs)
