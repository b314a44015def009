"""Data frames of every kind that pandas keeps in a way of its own: what the two ways of taking a frame are tried on at import."""

from __future__ import annotations

import datetime as dt

import msgpack
import numpy as np
import pandas as pd

from modeldata.format import names
from modeldata.snapshot.schema import SchemaCache

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any


def samples() -> Iterator[pd.DataFrame]:
    """Frames that differ in what lies where, not in what their values mean."""
    for rows in (1, 7):
        mixed = _mixed(rows)
        yield mixed
        yield mixed[mixed.columns[::-1]]
        yield mixed.iloc[::-1]
        yield mixed.iloc[:, [3, 0, 5, 1]]
        yield mixed[["float", "int", "text", "small", "missing", "bool", "float too", "time", "zoned", "span"]].assign(
            object=_plain(rows)
        )
        yield _grown(rows)
        yield pd.DataFrame(np.arange(4.0 * rows).reshape(rows, 4), columns=list("abcd"))
        yield pd.DataFrame(np.asfortranarray(np.arange(3 * rows, dtype=">i4").reshape(rows, 3)))
    yield _mixed(7).iloc[2:3]


def empty_cache() -> SchemaCache:
    """The schemas of a collector that nobody has."""
    return SchemaCache(dict.fromkeys(names.IDENTITY, "none"), None)


def pack(value: object) -> bytes:
    packed: bytes = msgpack.packb(value, default=repr)
    return packed


def _mixed(rows: int) -> pd.DataFrame:
    many = np.arange(rows)
    times = pd.to_datetime(many * 86_400_123_456_789)
    return pd.DataFrame(
        {
            "float": many / 7,
            "int": many * 3,
            "text": ["", *"aäb€c𝄞"][:rows],
            "small": many.astype("u1"),
            "missing": ["x", None, "long enough to be no short text", float("nan"), "", "y", None][:rows],
            "bool": many % 2 == 0,
            "float too": -many / 3,
            "time": times,
            "zoned": times.tz_localize("UTC"),
            "odd zone": times.tz_localize(dt.timezone(dt.timedelta(seconds=-3601))),
            "span": times - times[0],
            "nullable": pd.array([1, None, 3, None, 5, 6, None][:rows], "Int64"),
            "maybe": pd.array([True, None, False, None, True, True, None][:rows], "boolean"),
            "category": pd.Categorical(["a", "b", None, "a", "c", "b", "a"][:rows]),
            "object": pd.Series([1, "two", 3.0, None, b"5", (6,), [7]][:rows], dtype=object),
        }
    )


def _plain(rows: int) -> pd.Series[Any]:
    """Objects that need no copy of their own."""
    return pd.Series([1, "two", 3.0, None, b"5", True, 1 << 40][:rows], dtype=object)


def _grown(rows: int) -> pd.DataFrame:
    """Column by column: each is a block of its own."""
    grown = pd.DataFrame({"a": np.arange(rows) / 2})
    for name in ("b", "c", "d"):
        grown[name] = np.arange(rows) / 3
    grown.insert(1, "text", ["t"] * rows)
    return grown
