"""When to ship, when to try again. Pure: the clock and the dice come in as arguments."""

from __future__ import annotations

FIRST_RETRY = 0.25
LONGEST_RETRY = 60.0
"""Seconds. A store that comes back is met at most this much later."""


def due(*, waiting: float, pending_bytes: int, batch_seconds: float, batch_bytes: int, asked: bool) -> bool:
    """Is it time for a round? `waiting`: seconds since something was first seen pending."""
    return asked or waiting >= batch_seconds or pending_bytes >= batch_bytes


def retry_after(failures: int, dice: float) -> float:
    """Seconds to wait after the n-th failure in a row: doubling up to a minute, then taken at random from the upper half,
    so that a fleet does not come back in one moment. `dice` is in [0, 1)."""
    longest: float = min(LONGEST_RETRY, FIRST_RETRY * 2 ** min(failures - 1, 16))
    return longest / 2 + dice * longest / 2
