"""Promise 5: the time in `collect()` is bounded, so masking a text takes time in proportion to its length, whatever it is."""

from __future__ import annotations

import time

import pytest

from modeldata.errors import MASK, mask

PIECES = [
    "://", "a://b:c", "://u:p@", "abfss://c@", "@", "sig=", "password ", '"password":"', "password\\", "Authorization", "Bearer ",
    "Authorization: ", "a", "aaaa==", "==", "\\", "'", 'secret"', 'AccountKey=\\"', "%3d", "sig%3d", "\n", "\u0130", "***",
]  # fmt: skip
SMALL, TIMES = 20_000, 16
LARGEST_RATIO = 80
"""Linear is 16, the square is 256."""


def _seconds(text: str) -> float:
    """Of this thread's own work: what others do on the machine is not counted."""
    best = float("inf")
    for _ in range(3):
        began = time.thread_time()
        mask(text)
        best = min(best, time.thread_time() - began)
    return best


@pytest.mark.parametrize("end", ["", "@", "=="])
@pytest.mark.parametrize("piece", PIECES)
def test_sixteen_times_the_text_takes_nowhere_near_the_square_of_it(piece: str, end: str) -> None:
    short = piece * (SMALL // len(piece)) + end
    long = piece * (SMALL * TIMES // len(piece)) + end
    assert _seconds(long) < LARGEST_RATIO * max(_seconds(short), 0.0005)


def test_a_secret_behind_much_text_is_still_masked() -> None:
    for piece in PIECES[:-1]:
        text = piece * 300 + " password=hunter2hunter2 x"
        assert "hunter2" not in mask(text) and MASK in mask(text)
