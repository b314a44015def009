"""Nested values as JSON text, however deep: Python's own way ends at some hundred levels, less where its stack is in use."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def dumped(value: object, form: Callable[[object], object], key_text: Callable[[object], str]) -> str:
    """Strict JSON. `form` gives what JSON takes for a value; of lists and dicts it is asked as a whole, while that goes."""
    try:
        return _dumps(form(value))
    except RecursionError:
        return "".join(_level_by_level(value, form, key_text))


def _dumps(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _level_by_level(value: object, form: Callable[[object], object], key_text: Callable[[object], str]) -> Iterator[str]:
    """The same text, from a stack of our own: of each open list or dict, what is still to come and how it ends."""
    open_ones: list[tuple[Iterator[tuple[str, object]], str]] = []
    begin, inner, end = _parts(value, key_text)
    yield begin
    open_ones.append((inner, end))
    while open_ones:
        inner, end = open_ones[-1]
        following = next(inner, None)
        if following is None:
            yield end
            open_ones.pop()
            continue
        before, item = following
        yield before
        if isinstance(item, (list, tuple, dict)):
            begin, inner, end = _parts(item, key_text)
            yield begin
            open_ones.append((inner, end))
        else:
            yield _dumps(form(item.tolist() if isinstance(item, np.ndarray) else item))


def _parts(value: object, key_text: Callable[[object], str]) -> tuple[str, Iterator[tuple[str, object]], str]:
    """How a list or dict begins, its values and what stands before each, and how it ends."""
    if isinstance(value, dict):
        pairs = {key_text(key): one for key, one in value.items()}
        return "{", ((f"{',' if at else ''}{_dumps(key)}:", one) for at, (key, one) in enumerate(pairs.items())), "}"
    items = value if isinstance(value, (list, tuple)) else [value]
    return "[", (("," if at else "", one) for at, one in enumerate(items)), "]"
