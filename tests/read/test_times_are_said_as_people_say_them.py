"""`start` and `end`: what a person types, and what the error says where it is no time."""

from __future__ import annotations

import datetime as dt

import pytest

from modeldata.catalog.moments import nanoseconds
from modeldata.errors import SettingsError

NOW = dt.datetime(2026, 11, 23, 15, 30, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("text", "when"),
    [
        ("2026-11-20", dt.datetime(2026, 11, 20)),
        ("2026-11-20T12:00", dt.datetime(2026, 11, 20, 12)),
        ("2026-11-20T12:00+02:00", dt.datetime(2026, 11, 20, 10)),
        ("2026-11", dt.datetime(2026, 11, 1)),
        ("today", dt.datetime(2026, 11, 23)),
        (" Yesterday", dt.datetime(2026, 11, 22)),
        ("now", dt.datetime(2026, 11, 23, 15, 30)),
        ("7d", dt.datetime(2026, 11, 16, 15, 30)),
        ("12h ago", dt.datetime(2026, 11, 23, 3, 30)),
    ],
)
def test_a_time_is_what_a_person_means_by_it(text: str, when: dt.datetime) -> None:
    assert nanoseconds(text, 0, NOW) == int(when.replace(tzinfo=dt.UTC).timestamp()) * 10**9


def test_yesterday_is_the_day_before_in_utc_wherever_we_are() -> None:
    east = dt.timezone(dt.timedelta(hours=13))
    assert nanoseconds("yesterday", 0, NOW.astimezone(east)) == nanoseconds("2026-11-22", 0)


@pytest.mark.parametrize("text", ["tomorow", "2026-13", "7", "-7d", "999999999d", ""])
def test_what_is_no_time_is_answered_with_what_is_accepted(text: str) -> None:
    with pytest.raises(SettingsError, match=r"is no time .*2026-11-23.*yesterday.*7d"):
        nanoseconds(text, 0, NOW)
