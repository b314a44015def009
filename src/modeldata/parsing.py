"""Text → the value of a setting. Each raises ValueError with what is allowed."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_SIZE = "a size such as 67108864, 64M or 1GiB"
_TIME = "a time in seconds such as 5, 5s or 500ms"


def flag(text: str) -> bool:
    low = text.strip().lower()
    if low in ("true", "1", "yes", "on"):
        return True
    if low in ("false", "0", "no", "off"):
        return False
    raise ValueError("true or false")


_SIZES = (
    *((f"{letter}{end}", 1024**power) for power, letter in enumerate("kmgt", 1) for end in ("ib", "b", "")),
    ("b", 1),
)
_TIMES = (("ms", 0.001), ("min", 60), ("s", 1))


def size(text: str) -> int:
    return int(_number(text, _SIZES, 1 << 62, _SIZE))


def seconds(text: str) -> float:
    return float(_number(text, _TIMES, 1e9, _TIME))


def positive_size(text: str) -> int:
    return int(_number(text, _SIZES, 1 << 62, f"{_SIZE}, more than 0", least=1))


def positive_seconds(text: str) -> float:
    return float(_number(text, _TIMES, 1e9, f"{_TIME}, at least 1ms", least=0.001))


def _number(text: str, units: Iterable[tuple[str, float]], most: float, allowed: str, *, least: float = 0) -> float:
    low = text.strip().lower()
    unit, factor = next(((unit, factor) for unit, factor in units if low.endswith(unit)), ("", 1))
    low = low.removesuffix(unit).rstrip()
    try:
        number = factor * (int(low) if low.isdecimal() else float(low))
    except (ValueError, OverflowError):
        raise ValueError(allowed) from None
    if not least <= number <= most:
        raise ValueError(allowed)
    return number


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
