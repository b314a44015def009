"""Times as text, many at once: rows of one second share all but the digits behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from typing import Any

    Array = np.ndarray[Any, np.dtype[Any]]

DIGITS = {"s": 0, "ms": 3, "us": 6, "ns": 9}
SECOND = len("2026-11-23T07:26:04")
THREE = np.frombuffer(b"".join(b"%03d" % number for number in range(1000)), np.uint8).reshape(1000, 3)


def iso(counts: Array, unit: str) -> pa.Array:
    """large_string: ISO 8601 with `T` and as many digits as the unit has. counts: int64, units since 1970."""
    digits = DIGITS[unit]
    seconds, rest = np.divmod(counts, 10**digits)
    known, which = np.unique(seconds, return_inverse=True)
    texts = np.datetime_as_string(known.view("M8[s]"))
    if len(texts) and (np.char.str_len(texts) != SECOND).any():
        return pa.array(np.datetime_as_string(counts.view(f"M8[{unit}]")).astype(object), pa.large_string())
    width = SECOND + (digits + 1 if digits else 0)
    cells = np.empty((len(counts), width), np.uint8)
    cells[:, :SECOND] = texts.astype(f"S{SECOND}").view(np.uint8).reshape(-1, SECOND)[which]
    if digits:
        cells[:, SECOND] = ord(".")
    for at in range(0, digits, 3):
        cells[:, SECOND + 1 + at : SECOND + 4 + at] = THREE[rest // 10 ** (digits - 3 - at) % 1000]
    bounds = np.arange(len(counts) + 1, dtype=np.int64) * width
    return pa.LargeStringArray.from_buffers(len(counts), pa.py_buffer(bounds), pa.py_buffer(cells))
