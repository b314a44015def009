"""Durations of settings and of options are read by one grammar: `ms s min h d w`, and ISO 8601. pandas is the oracle."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modeldata.parsing import duration_ns, positive_seconds, seconds
from modeldata.settings import Settings

MILLISECONDS = {"ms": 1, "s": 1000, "min": 60_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
NUMBERS = st.integers(0, 999_999)


@given(NUMBERS, st.sampled_from(sorted(MILLISECONDS)), st.sampled_from(["", " "]), st.booleans())
def test_a_number_and_a_unit_are_exact(number: int, unit: str, space: str, shout: bool) -> None:
    text = f" {number}{space}{unit}\n"
    assert duration_ns(text.upper() if shout else text) == number * MILLISECONDS[unit] * 1_000_000


@given(st.integers(0, 9999), st.integers(0, 23), st.integers(0, 59), st.integers(0, 59), st.integers(0, 999))
def test_iso_8601_means_what_pandas_says(days: int, hours: int, minutes: int, whole: int, milliseconds: int) -> None:
    text = f"P{days}DT{hours}H{minutes}M{whole}.{milliseconds:03}S"
    assert duration_ns(text) == pytest.approx(pd.Timedelta(text).value, rel=1e-15, abs=1)
    assert seconds(text.lower()) == pytest.approx(pd.Timedelta(text).total_seconds())


@pytest.mark.parametrize(
    ("text", "hours"), [("P1D", 24), ("PT90M", 1.5), ("P2W", 336), ("P1W1D", 192), ("PT0.5H", 0.5), ("PT0S", 0), ("P1DT1H", 25)]
)
def test_parts_of_iso_8601_may_be_left_out(text: str, hours: float) -> None:
    assert duration_ns(text) == hours * 3_600_000_000_000


@given(st.text(max_size=8) | st.from_regex(r"[pP]?-?[0-9.]{0,3}[pPtTwWdDhHmMsSyY0-9.]{0,6}", fullmatch=True))
def test_any_text_is_a_duration_or_a_value_error_that_shows_some(text: str) -> None:
    for parse in (duration_ns, seconds, positive_seconds):
        try:
            assert 0 <= parse(text) < float("inf")
        except ValueError as error:
            assert "500ms" in str(error) and "PT1H30M" in str(error)


@pytest.mark.parametrize("text", ["", "p", "P", "PT", "P1DT", "1", "90", "1y", "P1Y", "P1M", "PT1H2D", "PT1S1H", "-1d", "P-1D", "nan s", "infd",
                                  "1d2h", "d", "PT5MIN", "9" * 5000 + "d", "1e99w"])  # fmt: skip
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="a duration such as"):
        duration_ns(text)


@given(st.floats(0, 1e6))
def test_a_bare_number_of_a_setting_is_seconds(number: float) -> None:
    assert seconds(repr(number)) == pytest.approx(number, abs=1e-9)
    assert seconds(repr(number)) == seconds(f"{number!r}s")


def test_a_setting_takes_the_same_grammar() -> None:
    assert Settings.build({"MODELDATA_BATCH_SECONDS": "PT1M30S"}).batch_seconds == 90.0
    assert Settings.build({"MODELDATA_BATCH_SECONDS": "2h"}).batch_seconds == 7200.0
