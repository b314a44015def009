"""Ranges of whole numbers, both ends included: what of a writer's rows is here, gone, missing, or here twice. Pure."""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]

Key = TypeVar("Key")


class Range(NamedTuple):
    """The numbers [first, last]."""

    first: int
    last: int

    @property
    def size(self) -> int:
        return self.last - self.first + 1


class Ranges:
    """A set of numbers, as the fewest ranges in order. Numbers of one writer follow each other, so there is mostly one."""

    def __init__(self) -> None:
        self._ranges: list[Range] = []

    def __iter__(self) -> Iterator[Range]:
        return iter(self._ranges)

    def add(self, first: int, last: int) -> None:
        at = bisect_left(self._ranges, (first, first))
        if at and self._ranges[at - 1].last >= first - 1:
            at -= 1
        stop = at
        while stop < len(self._ranges) and self._ranges[stop].first <= last + 1:
            first, last = min(first, self._ranges[stop].first), max(last, self._ranges[stop].last)
            stop += 1
        self._ranges[at:stop] = [Range(first, last)]

    def missing(self, first: int, last: int) -> list[Range]:
        """What of [first, last] is not in the set, in order."""
        return self._divided(first, last)[0]

    def common(self, first: int, last: int) -> list[Range]:
        """What of [first, last] is in the set, in order."""
        return self._divided(first, last)[1]

    def _divided(self, first: int, last: int) -> tuple[list[Range], list[Range]]:
        missing, common = [], []
        for known in self._ranges[max(0, bisect_left(self._ranges, (first, first)) - 1) :]:
            if known.last < first:
                continue
            if known.first > last:
                break
            if known.first > first:
                missing.append(Range(first, known.first - 1))
            common.append(Range(max(first, known.first), min(last, known.last)))
            first = known.last + 1
        return [*missing, Range(first, last)] if first <= last else missing, common


def merged(ranges: Iterable[tuple[Key, int, int]]) -> list[tuple[Key, int, int]]:
    """The same numbers in fewer entries, as (key, first, last): neighbours of one key that follow each other become one."""
    joined: list[tuple[Key, int, int]] = []
    for key, first, last in ranges:
        if joined and joined[-1][0] == key and joined[-1][2] + 1 == first:
            joined[-1] = (key, joined[-1][1], last)
        else:
            joined.append((key, first, last))
    return joined


def split(ranges: Iterable[tuple[Key, int, int]], at: int) -> tuple[list[tuple[Key, int, int]], list[tuple[Key, int, int]]]:
    """The first `at` numbers, in the order of the ranges, and the others."""
    left, right = [], []
    for key, first, last in ranges:
        here = min(at, last - first + 1)
        if here:
            left.append((key, first, first + here - 1))
        if first + here <= last:
            right.append((key, first + here, last))
        at -= here
    return left, right


def breaks(keys: Array, first: Array, sizes: Array | int = 1) -> Array:
    """Where does an entry not go on from the one before? Entry n has `sizes[n]` numbers of one key, from `first[n]` on.

    There is one answer less than entries: the first has none before it.
    """
    after = first + sizes
    found: Array = (first[1:] != after[:-1]) | (keys[1:] != keys[:-1])
    return found


def stretches(breaks: Array) -> list[tuple[int, int]]:
    """[start, stop) of entries without a break between them. There is at least one entry."""
    starts = [0, *(breaks.nonzero()[0] + 1).tolist()]
    return list(zip(starts, [*starts[1:], len(breaks) + 1], strict=True))
