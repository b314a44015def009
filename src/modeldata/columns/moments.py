"""Times as text. Many at once: rows of one second share all but the digits behind it. Any year, also back from text."""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from typing import Any

    Array = np.ndarray[Any, np.dtype[Any]]

DIGITS = {"s": 0, "ms": 3, "us": 6, "ns": 9}
PER_SECOND = {unit: 10**digits for unit, digits in DIGITS.items()}
NANOSECONDS = {
    "W": 604_800 * 10**9, "D": 86_400 * 10**9, "h": 3600 * 10**9, "m": 60 * 10**9, "s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1,
}  # fmt: skip
EPOCH, CYCLE = dt.date(1970, 1, 1).toordinal() - 1, dt.date(401, 1, 1).toordinal() - 1
"""Days from the year 1 to 1970, and in 400 years."""
SECOND = len("2026-11-23T07:26:04")
FIRST, LAST = -62_167_219_200, 253_402_300_799
"""Seconds of the years 0 to 9999: those that have four digits."""
THREE = np.frombuffer(b"".join(b"%03d" % number for number in range(1000)), np.uint8).reshape(1000, 3)


def iso(counts: Array, unit: str) -> pa.Array:
    """large_string: ISO 8601 with `T` and as many digits as the unit has. counts: int64, units since 1970."""
    digits = DIGITS[unit]
    seconds, rest = np.divmod(counts, 10**digits)
    if len(counts) and not FIRST <= int(seconds.min()) <= int(seconds.max()) <= LAST:
        return pa.array([moment_text(count, unit) for count in counts.tolist()], pa.large_string())
    known, which = np.unique(seconds, return_inverse=True)
    texts = np.datetime_as_string(known.view("M8[s]"))
    width = SECOND + (digits + 1 if digits else 0)
    cells = np.empty((len(counts), width), np.uint8)
    cells[:, :SECOND] = texts.astype(f"S{SECOND}").view(np.uint8).reshape(-1, SECOND)[which]
    if digits:
        cells[:, SECOND] = ord(".")
    for at in range(0, digits, 3):
        cells[:, SECOND + 1 + at : SECOND + 4 + at] = THREE[rest // 10 ** (digits - 3 - at) % 1000]
    bounds = np.arange(len(counts) + 1, dtype=np.int64) * width
    return pa.LargeStringArray.from_buffers(len(counts), pa.py_buffer(bounds), pa.py_buffer(cells))


def moment_text(count: int, unit: str) -> str:
    """One time as `iso` has it, of any year: `-044-03-15T12:00:00`, `36812-02-20T00:36:16`."""
    seconds, rest = divmod(count, PER_SECOND[unit])
    days, clock = divmod(seconds, 86_400)
    return f"{date_text(days)}T{clock_text(clock * PER_SECOND[unit] + rest, unit)}"


def date_text(days: int) -> str:
    """A day, counted from 1970-01-01, of any year: the calendar repeats itself every 400 years."""
    cycles, place = divmod(days + EPOCH, CYCLE)
    day = dt.date.fromordinal(place + 1)
    return f"{day.year + 400 * cycles:04d}-{day.month:02d}-{day.day:02d}"


def clock_text(count: int, unit: str) -> str:
    """A time of day; more hours, or a minus, where it is beyond one."""
    seconds, rest = divmod(abs(count), PER_SECOND[unit])
    minutes, second = divmod(seconds, 60)
    fraction = f".{rest:0{DIGITS[unit]}d}" if DIGITS[unit] else ""
    return f"{'-' if count < 0 else ''}{minutes // 60:02d}:{minutes % 60:02d}:{second:02d}{fraction}"


def duration_text(whole: int) -> str:
    """So many nanoseconds in ISO 8601."""
    sign, whole = ("-" if whole < 0 else ""), abs(whole)
    seconds, rest = divmod(whole, 1_000_000_000)
    days, seconds = divmod(seconds, 86_400)
    minutes, seconds = divmod(seconds, 60)
    fraction = f"{seconds}.{rest:09d}" if rest % 1000 else f"{seconds}.{rest // 1000:06d}" if rest else str(seconds)
    return f"{sign}P{days}DT{minutes // 60}H{minutes % 60}M{fraction}S"


DURATION = r"(?P<sign>-?)P(?P<d>[0-9]+)DT(?P<h>[0-9]+)H(?P<m>[0-9]+)M(?P<s>[0-9]+)(?:\.(?P<f>[0-9]+))?S"
"""Durations as `duration_text` writes them, for Python and for Arrow."""

_DAY = r"([+-]?\d{3,}-\d\d-\d\d)"
_ISO = re.compile(rf"{_DAY}(?:T(\d\d):(\d\d):(\d\d)(?:\.(\d{{1,9}}))?)?(?:([+-])(\d\d):(\d\d)(?::(\d\d))?)?")
_DATE = re.compile(rf"{_DAY}|<value out of range: (-?\d+)>")
"""The second is what Arrow writes, and older versions stored, for a date with a year of more than four digits."""


def count_of(text: str, unit: str) -> tuple[int, bool]:
    """(units since 1970, has it an offset?) of a time as we write it, of any year. Raises ValueError for any other text."""
    found = _ISO.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is not a time")
    day, hours, minutes, seconds, fraction, sign, *away = found.groups()
    whole = days_of(day) * 86_400 + _seconds(hours, minutes, seconds) - _seconds(*away) * (-1 if sign == "-" else 1)
    digits = DIGITS[unit]
    behind, finer = (fraction or "").ljust(9, "0")[:digits], (fraction or "").ljust(9, "0")[digits:]
    if finer.strip("0"):
        raise ValueError(f"{text!r} is finer than {unit}")
    return whole * 10**digits + int(behind or 0), sign is not None


def _seconds(hours: str | None, minutes: str | None, seconds: str | None) -> int:
    return (int(hours or 0) * 60 + int(minutes or 0)) * 60 + int(seconds or 0)


def days_of(text: str) -> int:
    """Days since 1970 of a date as we write it, of any year. Raises ValueError for any other text."""
    found = _DATE.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is not a date")
    return int(found[2]) if found[2] else int(np.datetime64(found[1], "D").astype(np.int64))
