"""Text → the value of a setting. Each raises ValueError with what is allowed."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_SIZE = "a size such as 67108864, 64M or 1GiB"
_DURATION = "a duration such as 500ms, 30s, 15min, 12h, 90d, 4w or PT1H30M"
_SECONDS = f"{_DURATION}, or a number of seconds"

_SECOND = 1_000_000_000
_MINUTE, _HOUR, _DAY, _WEEK = 60 * _SECOND, 3_600 * _SECOND, 86_400 * _SECOND, 604_800 * _SECOND
_LONGEST, _LONGEST_WAIT = 10_000_000 * _DAY, 1_000_000_000 * _SECOND

_SIZES = (
    *((f"{letter}{end}", 1024**power) for power, letter in enumerate("kmgt", 1) for end in ("ib", "b", "")),
    *(("b", 1), ("", 1)),
)
_DURATIONS = (
    *(("ms", _SECOND // 1000), ("min", _MINUTE), ("m", _MINUTE), ("s", _SECOND)),
    *(("h", _HOUR), ("d", _DAY), ("w", _WEEK)),
)
"""In nanoseconds. Of the endings that fit, the first counts."""
_ISO_DATE, _ISO_TIME = (("w", _WEEK), ("d", _DAY)), (("h", _HOUR), ("m", _MINUTE), ("s", _SECOND))
"""Before and after the `T` of ISO 8601. Years and months are missing: they have no fixed length."""


def flag(text: str) -> bool:
    low = text.strip().lower()
    if low in ("true", "1", "yes", "on"):
        return True
    if low in ("false", "0", "no", "off"):
        return False
    raise ValueError("true or false")


def size(text: str) -> int:
    return int(_number(text, _SIZES, 1 << 62, _SIZE))


def positive_size(text: str) -> int:
    return int(_number(text, _SIZES, 1 << 62, f"{_SIZE}, more than 0", least=1))


def duration_ns(text: str) -> int:
    """In nanoseconds. It has a unit: a bare number may mean seconds or days."""
    return int(_duration(text, _DURATIONS, _LONGEST, _DURATION))


def seconds(text: str) -> float:
    return _duration(text, (*_DURATIONS, ("", _SECOND)), _LONGEST_WAIT, _SECONDS) / _SECOND


def positive_seconds(text: str) -> float:
    allowed = f"{_SECONDS}, at least 1ms"
    return _duration(text, (*_DURATIONS, ("", _SECOND)), _LONGEST_WAIT, allowed, least=_SECOND // 1000) / _SECOND


def _duration(text: str, units: Iterable[tuple[str, int]], most: int, allowed: str, *, least: int = 0) -> float:
    low = text.strip().lower()
    if not low.startswith("p"):
        return _number(low, units, most, allowed, least=least)
    date, clock, time = low[1:].partition("t")
    total = _iso_part(date, _ISO_DATE, allowed) + _iso_part(time, _ISO_TIME, allowed)
    if low == "p" or (clock and not time) or not least <= total <= most:
        raise ValueError(allowed)
    return total


def _iso_part(text: str, units: Iterable[tuple[str, int]], allowed: str) -> float:
    """`1h30m`: each unit once at most, the longest first."""
    total: float = 0
    for unit, _ in units:
        number, there, rest = text.partition(unit)
        if there:
            total += _number(number + unit, units, _LONGEST, allowed)
            text = rest
    if text:
        raise ValueError(allowed)
    return total


def _number(text: str, units: Iterable[tuple[str, int]], most: float, allowed: str, *, least: float = 0) -> float:
    """The longest endings stand first among the units."""
    low = text.strip().lower()
    for unit, factor in units:
        if low.endswith(unit):
            low = low.removesuffix(unit).rstrip()
            try:
                number = factor * (int(low) if low.isdecimal() else float(low))
            except (ValueError, OverflowError):
                break
            if least <= number <= most:
                return number
            break
    raise ValueError(allowed)


def path_text(text: str) -> str:
    try:
        good = b"\0" not in os.fsencode(text) and not text.isspace() and text != ""
    except UnicodeEncodeError:
        good = False
    if not good:
        raise ValueError("a path or URL")
    return text


def one_of(*allowed: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        low = text.strip().lower()
        if low not in allowed:
            raise ValueError("one of " + ", ".join(allowed))
        return low

    return parse


def boundary(text: str) -> bool:
    return one_of("day", "hour")(text) == "hour"
