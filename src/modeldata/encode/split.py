"""Where rows end in encoded bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    Bounds = np.ndarray[Any, np.dtype[np.int64]]

CHUNK = 1 << 20
"""Bytes looked at in one go: the marks of all would take nine times the size of the data."""


def line_bounds(data: bytes) -> Bounds:
    """The position after each line break: in JSON lines there are none inside rows."""
    return np.flatnonzero(np.frombuffer(data, np.uint8) == ord("\n")) + 1


def csv_bounds(data: bytes) -> Bounds:
    """The position after each line break that is not within quotes: those with an even number of quotes before them."""
    found = np.frombuffer(data, np.uint8)
    ends = [np.empty(0, np.int64)]
    quotes = 0
    for start in range(0, len(found), CHUNK):
        piece = found[start : start + CHUNK]
        breaks = np.flatnonzero(piece == ord("\n"))
        marks = np.flatnonzero(piece == ord('"'))
        outside = (quotes + np.searchsorted(marks, breaks)) % 2 == 0
        ends.append(breaks[outside] + (start + 1))
        quotes += len(marks)
    return np.concatenate(ends)
