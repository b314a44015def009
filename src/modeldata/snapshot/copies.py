"""Private copies of containers, each captured in one look.

Python's own are read by their own methods, whatever a subclass makes of them: in C, so that no other thread comes between. Other
sequences, sets and mappings are read by the code that they bring, up to `MAX_ITEMS`: they may have no end.
"""

from __future__ import annotations

from itertools import islice

from modeldata.snapshot.schema import MAX_ITEMS, RefusedData

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections import OrderedDict
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

TRIES = 5
"""How often a container is read that others change meanwhile."""


def of_list(value: list[object]) -> list[object]:
    return list.copy(value)


def of_tuple(value: tuple[object, ...]) -> list[object]:
    return list(tuple.__iter__(value))


def of_set(value: set[object]) -> list[object]:
    return list(set.__iter__(value))


def of_frozenset(value: frozenset[object]) -> list[object]:
    return list(frozenset.__iter__(value))


def of_bytes(value: bytearray) -> bytes:
    return bytes(bytearray.__getitem__(value, slice(None)))


def of_dict(value: dict[Any, object]) -> list[tuple[Any, object]]:
    return list(dict.items(value))


def of_ordered(value: OrderedDict[Any, object]) -> list[tuple[Any, object]]:
    """In its own order, which is not that of the dict below it."""
    from collections import OrderedDict

    return _steady(lambda: [(key, dict.__getitem__(value, key)) for key in list(OrderedDict.__iter__(value))])


def of_mapping(value: Mapping[Any, object]) -> list[tuple[Any, object]]:
    return _steady(lambda: [(key, value[key]) for key in _limited(value)])


def as_dict(value: Mapping[Any, object]) -> dict[Any, object]:
    """A mapping as the dict that it is. Nobody has an OrderedDict who has not imported it."""
    if not isinstance(value, dict):
        return dict(of_mapping(value))
    from collections import OrderedDict

    return dict(of_ordered(value) if isinstance(value, OrderedDict) else of_dict(value))


def of_items(value: Iterable[object]) -> list[object]:
    return _steady(lambda: _limited(value))


def _limited(value: Iterable[Any]) -> list[Any]:
    """Its items. What says its length is refused at once where that is too much, and believed no further than that."""
    length = len(value) if hasattr(type(value), "__len__") else MAX_ITEMS  # type: ignore[arg-type]  # just checked
    items = list(islice(iter(value), min(length, MAX_ITEMS) + 1)) if length <= MAX_ITEMS else []
    if len(items) > MAX_ITEMS or length > MAX_ITEMS:
        raise RefusedData("too_large", f"a {type(value).__name__} has more than {MAX_ITEMS:,} items: give a list or an array")
    if len(items) > length:
        raise RefusedData("unserializable", f"a {type(value).__name__} has more items than its length says")
    return items


def _steady(look: Callable[[], list[Any]]) -> list[Any]:
    for _ in range(TRIES - 1):
        try:
            return look()
        except (RuntimeError, KeyError):  # another thread changed it: "changed size during iteration"
            continue
    return look()
