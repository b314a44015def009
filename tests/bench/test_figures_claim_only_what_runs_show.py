"""Benchmarks: what is made of measured times, against numpy and against runs whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks.figures import FEWEST_PAIRS, Pair, cuts, exponent, paired, shown, verdict

SETS, ROUNDS = 5, 6


def run(dice: np.random.Generator, ratio: float = 1.0, luck: float = 0.0, noise: float = 0.01) -> list[list[Pair]]:
    """Pairs of a program that takes `ratio` times as long as another, on a machine that becomes three times slower meanwhile."""
    fleets = []
    for at in range(SETS):
        own = ratio * np.exp(dice.normal(0, luck))
        drift = np.linspace(1 + at, 1.5 + at, ROUNDS)
        fleets.append([(own * d * np.exp(dice.normal(0, noise)), d * np.exp(dice.normal(0, noise))) for d in drift])
    return fleets


def test_quantiles_are_those_of_numpy() -> None:
    found = np.random.default_rng(1).lognormal(3, 2, 5_000)
    expected = np.quantile(found, [0.5, 0.99, 0.999])
    made = cuts(found.tolist())
    assert [made["p50"], made["p99"], made["p99.9"]] == pytest.approx(expected, abs=0.005)
    assert made["calls"] == 5_000


@pytest.mark.parametrize("power", [-1, 0, 0.5, 1, 2])
def test_the_exponent_is_the_slope_that_numpy_fits(power: float) -> None:
    sizes = np.array([10.0, 100.0, 1_000.0, 10_000.0])
    costs = 7 * sizes**power * np.array([1.1, 0.9, 1.05, 0.97])
    assert exponent(sizes.tolist(), costs.tolist()) == pytest.approx(np.polyfit(np.log(sizes), np.log(costs), 1)[0])


def test_a_tenth_more_is_found_below_a_drift_that_is_far_larger() -> None:
    found = paired(run(np.random.default_rng(2), ratio=1.1))
    assert 1.05 < found.low < 1.1 < found.high < 1.15
    assert verdict(found, 1.03) == "**no**"
    assert shown(found).startswith("1.1")


def test_the_luck_of_a_process_is_not_taken_for_a_difference() -> None:
    """Twins, each lucky or not for all its life: rounds agree with each other, and would deceive who counts rounds only."""
    runs = [paired(run(np.random.default_rng(seed), luck=0.05, noise=0.001)) for seed in range(30)]
    assert sum(shown(found).startswith("≈") for found in runs) >= 24
    narrow = [paired([[pair for fleet in run(np.random.default_rng(seed), luck=0.05, noise=0.001)[:1] for pair in fleet * 4]])
              for seed in range(30)]  # fmt: skip
    assert sum(shown(found).startswith("≈") for found in narrow) < 10


def test_what_the_runs_leave_open_is_neither_met_nor_missed() -> None:
    found = paired(run(np.random.default_rng(3), ratio=1.03, luck=0.02))
    assert found.low < 1.03 < found.high
    assert verdict(found, 1.03) == "not resolved"
    assert verdict(found, found.high) == "yes"


def test_few_pairs_claim_nothing() -> None:
    pairs = [(2.0, 1.0)] * (FEWEST_PAIRS - 1)
    assert shown(paired([pairs])).startswith("≈")
    assert verdict(paired([pairs]), 1.03) == "not resolved"
    assert shown(paired([[*pairs, (2.0, 1.0)]])).startswith("2x")
