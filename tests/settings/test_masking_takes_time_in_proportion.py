"""Promise 5: the time in `collect()` is bounded, so masking a text takes time in proportion to its length, whatever it is."""

from __future__ import annotations

import time

import pytest

from modeldata.errors import LONGEST_SECRET, MASK, MOST_TEXT, StoreError, mask, mask_foreign

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


def _least_seconds() -> float:
    """What can be measured at all: Windows counts a thread's work in steps of 10 ms and more."""
    began = time.thread_time()
    while (now := time.thread_time()) == began:
        continue
    return max(now - began, 0.0005)


@pytest.mark.sampled(3)
@pytest.mark.parametrize("end", ["", "@", "=="])
@pytest.mark.parametrize("piece", PIECES)
def test_sixteen_times_the_text_takes_nowhere_near_the_square_of_it(piece: str, end: str) -> None:
    short = piece * (SMALL // len(piece)) + end
    long = piece * (SMALL * TIMES // len(piece)) + end
    assert _seconds(long) < LARGEST_RATIO * max(_seconds(short), _least_seconds())


def test_a_secret_behind_much_text_is_still_masked() -> None:
    for piece in PIECES[:-1]:
        text = piece * 300 + " password=hunter2hunter2 x"
        assert "hunter2" not in mask(text) and MASK in mask(text)


def test_what_others_say_is_shown_whole_up_to_a_length_and_cut_beyond_it() -> None:
    secret = "password=hunter2hunter2 "
    assert mask_foreign(secret) == f"password={MASK} "
    for length in (MOST_TEXT + 1, MOST_TEXT + LONGEST_SECRET, 10 * MOST_TEXT):
        shown = mask_foreign(secret + "a" * length)
        assert len(shown) <= MOST_TEXT + 3 and shown.endswith("a...") and "hunter2" not in shown
        assert mask_foreign(shown) == shown
    assert len(mask_foreign("a" * MOST_TEXT)) == MOST_TEXT


def test_an_error_is_of_bounded_length_whatever_its_cause_says() -> None:
    error = StoreError("read", cause="a" * 10**6)
    assert len(str(error)) < MOST_TEXT + 100 and len(error.cause) <= MOST_TEXT + 3
