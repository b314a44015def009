"""A moment as a reader may say it → nanoseconds since 1970."""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING, TypeAlias

from modeldata.errors import SettingsError
from modeldata.parsing import duration_ns

if TYPE_CHECKING:
    import numpy as np

Moment: TypeAlias = "dt.datetime | dt.date | np.datetime64 | str | None"
FIRST_NS, LAST_NS = -(2**63), 2**63 - 1
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_DAYS_AGO = {"today": 0, "yesterday": 1}
ACCEPTED = (
    "give a date (2026-11-23), a month (2026-11), a time (2026-11-23T12:00), today, yesterday or now, or an age (7d, 12h);"
    " in Python also a datetime, a date or a numpy.datetime64, and of seconds since 1970: datetime.fromtimestamp(seconds, UTC)"
)


def nanoseconds(moment: Moment, default: int, now: dt.datetime | None = None) -> int:
    """A bound. Without a zone it is UTC; a date or a month is its first midnight; `7d` is seven days before now.

    Raises `SettingsError`, which says what is accepted.
    """
    if moment is None:
        return default
    when = _datetime(moment, now or dt.datetime.now(dt.UTC))
    since = (when if when.tzinfo else when.replace(tzinfo=dt.UTC)) - _EPOCH
    return min(max(since // dt.timedelta(microseconds=1) * 1000, FIRST_NS), LAST_NS)


def _datetime(moment: object, now: dt.datetime) -> dt.datetime:
    value = moment
    if type(moment).__name__ == "datetime64":
        value = moment.astype("M8[us]").item()  # type: ignore[attr-defined] # numpy has it
    if isinstance(moment, str):
        value = _from_text(moment.strip(), now)
    if isinstance(value, dt.datetime):
        return value
    if isinstance(value, dt.date):
        return dt.datetime(value.year, value.month, value.day)
    raise SettingsError("read the archive", cause=f"{moment!r} is no time", hint=ACCEPTED)


def _from_text(text: str, now: dt.datetime) -> dt.datetime | None:
    """None for what is not accepted."""
    low = text.lower()
    if low == "now":
        return now
    if low in _DAYS_AGO:
        return dt.datetime.combine(now.astimezone(dt.UTC).date(), dt.time()) - dt.timedelta(days=_DAYS_AGO[low])
    try:
        return dt.datetime.fromisoformat(f"{text}-01" if re.fullmatch(r"\d{4}-\d\d", text) else text)
    except ValueError:
        return _ago(low.removesuffix("ago"), now)


def _ago(text: str, now: dt.datetime) -> dt.datetime | None:
    try:
        return now - dt.timedelta(microseconds=duration_ns(text) // 1000)
    except (ValueError, OverflowError):
        return None
