"""Which rows were shown already: by writer and sequence number, whatever file they are in. Pure."""

from __future__ import annotations

from bisect import bisect_left
from typing import NamedTuple

Key = tuple[str, str]
"""A collector's folder and a writer."""


class SequenceSpan(NamedTuple):
    """Sequence numbers [first, last]."""

    first: int
    last: int


class SeenRows:
    """Sequence numbers by writer, as few spans: a writer's numbers come one after the other, so there is mostly one."""

    def __init__(self) -> None:
        self._spans: dict[Key, list[SequenceSpan]] = {}

    def missing(self, key: Key, first: int, last: int) -> list[SequenceSpan]:
        """What of [first, last] was not added yet, in order."""
        made, at = [], first
        for span in self._spans.get(key, ()):
            if span.last < at:
                continue
            if span.first > last:
                break
            if span.first > at:
                made.append(SequenceSpan(at, span.first - 1))
            at = span.last + 1
        return [*made, SequenceSpan(at, last)] if at <= last else made

    def add(self, key: Key, first: int, last: int) -> None:
        spans = self._spans.setdefault(key, [])
        at = bisect_left(spans, (first, first))
        if at and spans[at - 1].last >= first - 1:
            at -= 1
        upto = at
        while upto < len(spans) and spans[upto].first <= last + 1:
            first, last = min(first, spans[upto].first), max(last, spans[upto].last)
            upto += 1
        spans[at:upto] = [SequenceSpan(first, last)]
