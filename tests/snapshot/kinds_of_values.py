"""One value of each kind that a cell may hold, honest and hostile, and what it is in plain Python."""

from __future__ import annotations

import array
import collections
import dataclasses
import datetime as dt
import decimal
import enum
import sqlite3
import uuid
from typing import Any, NoReturn

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa


def _lies(*_: object, **__: object) -> NoReturn:
    raise RuntimeError("asked the subclass")


LIES = dict.fromkeys(
    [
        "__str__", "__repr__", "__format__", "__len__", "__iter__", "__bytes__", "__complex__", "__float__", "__int__", "__index__",
        "encode", "isoformat", "items", "keys", "values", "copy", "tolist", "item", "tobytes", "as_tuple", "bit_length", "days",
        "seconds", "microseconds", "bytes", "hex", "real", "imag", "__reduce__", "__reduce_ex__", "__getitem__", "astype",
    ],
    _lies,
)  # fmt: skip


def hostile(base: type) -> type:
    """A subclass that answers to nothing."""
    return type(f"Hostile{base.__name__}", (base,), LIES)


class Level(enum.Enum):
    HIGH = "high"


@dataclasses.dataclass
class Item:
    age: int
    name: str


class Shown:
    def __str__(self) -> str:
        return "shown"


class OddText(str):
    def encode(self, *_: object, **__: object) -> bytes:
        return b"\xff\xff"


class ShownOddly:
    def __str__(self) -> str:
        return OddText("shown")


def _row() -> object:
    database = sqlite3.connect(":memory:")
    database.row_factory = sqlite3.Row
    return database.execute("select 1 as age, 'x' as name").fetchone()


BIG = 2**53 + 1
NUMBER = decimal.Decimal("1.50")
DAY, TIME = dt.date(2026, 1, 2), dt.time(3, 4, 5)
MOMENT = dt.datetime(2026, 1, 2, 3, 4, 5)
ID = uuid.UUID(int=5)
SPAN = dt.timedelta(days=1, seconds=2)

KINDS: list[tuple[object, object]] = [
    (5, 5), (0.5, 0.5), ("text", "text"), (b"x", b"x"), (bytearray(b"x"), b"x"), (memoryview(b"xyz")[::2], b"xz"), (True, True), (None, None),
    (hostile(int)(7), 7), (hostile(float)(0.5), 0.5), (hostile(str)("text"), "text"), (OddText("text"), "text"),
    (hostile(bytes)(b"x"), b"x"), (hostile(bytearray)(b"x"), b"x"),
    ([1, [2]], [1, [2]]), ((1, 2), [1, 2]), ({3}, [3]), (frozenset({4}), [4]), ({"a": 1}, {"a": 1}),
    (hostile(list)([1, 2]), [1, 2]), (hostile(tuple)((1, 2)), [1, 2]), (hostile(dict)(a=1), {"a": 1}),
    (hostile(set)({3}), [3]), (hostile(frozenset)({4}), [4]), (hostile(collections.OrderedDict)(b=1), {"b": 1}),
    (collections.OrderedDict(b=1, a=2), {"b": 1, "a": 2}), (collections.UserString("text"), "text"),
    (collections.UserList([1]), [1]), (collections.UserDict(a=1), {"a": 1}), (collections.deque([1]), [1]), (range(3), [0, 1, 2]),
    (array.array("q", [1, 2]), [1, 2]),
    (NUMBER, NUMBER), (hostile(decimal.Decimal)("1.50"), NUMBER),
    (MOMENT, MOMENT), (hostile(dt.datetime)(2026, 1, 2, 3, 4, 5), MOMENT), (DAY, DAY), (hostile(dt.date)(2026, 1, 2), DAY),
    (TIME, TIME), (hostile(dt.time)(3, 4, 5), TIME), (SPAN, SPAN), (hostile(dt.timedelta)(1, 2), SPAN),
    (ID, ID), (hostile(uuid.UUID)(int=5), ID), (Level.HIGH, "high"), (Shown(), "shown"), (ShownOddly(), "shown"),
    (1 + 2j, 1 + 2j), (hostile(complex)(1, 2), 1 + 2j),
    (Item(1, "x"), {"age": 1, "name": "x"}), (_row(), {"age": 1, "name": "x"}),
    (np.float64(0.5), 0.5), (np.int64(5), 5), (np.bool_(True), True), (np.str_("x"), "x"), (np.bytes_(b"x"), b"x"),
    (hostile(np.float64)(0.5), 0.5), (np.float32(0.5), 0.5), (np.int8(5), 5), (np.array([1, 2], "i2"), [1, 2]),
    (np.array([1, 2]).view(hostile(np.ndarray)), [1, 2]), (np.array(["x"]), ["x"]), (np.array([[1.5]], object), [[1.5]]),
    (np.ma.masked, None), (np.ma.array([BIG, 2], mask=[False, True]), [BIG, None]),
    (np.array((1, "x"), dtype=[("a", int), ("b", "U1")])[()], {"a": 1, "b": "x"}),
    (pd.NA, None), (pd.NaT, None), (pd.Timestamp(MOMENT), MOMENT), (pd.Timedelta(SPAN), SPAN),
    (pd.Series([BIG, None], dtype="Int64"), [BIG, None]), (pd.Index(["a"]), ["a"]), (pd.array([BIG, None]), [BIG, None]),
    (pd.DataFrame({"a": [1]}), {"a": [1]}), (pd.Categorical(["a", None]).astype("category"), ["a", float("nan")]),
    (pd.arrays.IntervalArray.from_tuples([(0, 1), None]), ["(0.0, 1.0]", None]),
    (pa.scalar(34), 34), (pa.scalar(None, pa.float64()), None), (pa.scalar(b"x"), b"x"), (pa.scalar([1, None]), [1, None]),
    (pa.scalar({"a": NUMBER}), {"a": NUMBER}), (pa.array([BIG, None]), [BIG, None]), (pa.chunked_array([[BIG], [None]]), [BIG, None]),
    (pa.table({"a": [BIG, None]}), {"a": [BIG, None]}), (pa.record_batch({"a": [1]}), {"a": [1]}),
    (pl.Series([BIG, None]), [BIG, None]), (pl.DataFrame({"a": [1]}), {"a": [1]}),
    (2**70, 2**70), (10**5000, 10**5000),
]  # fmt: skip


def bases(value: Any) -> set[tuple[str, str]]:
    return {(base.__module__.partition(".")[0], base.__qualname__) for base in type(value).__mro__}
