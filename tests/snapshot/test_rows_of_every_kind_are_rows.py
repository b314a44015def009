"""Promise 4: an object that is a row alone is a row among others, under its own names; a frame is never computed inside the call."""

from __future__ import annotations

import dataclasses
import sqlite3
from typing import Any, NoReturn

import attrs
import numpy as np
import pandas as pd
import pydantic
import pytest

from modeldata.snapshot import RefusedData, capture_of
from tests.snapshot.support import new_pack, new_schemas, python, refused, round_trip, table


@dataclasses.dataclass
class Item:
    age: int
    name: str


@attrs.define
class Attrs:
    age: int
    name: str


class Model(pydantic.BaseModel):
    age: int
    name: str


class SqlRow:
    """As SQLAlchemy's: a sequence with names."""

    _fields = ("age", "name")
    _mapping = None

    def __init__(self, *values: object) -> None:
        self.values = values

    def __iter__(self) -> Any:
        return iter(self.values)


def _database() -> list[object]:
    database = sqlite3.connect(":memory:")
    database.row_factory = sqlite3.Row
    return database.execute("select 1 as age, 'x' as name union all select 2, 'y'").fetchall()


KINDS: dict[str, list[Any]] = {
    "dataclass": [Item(1, "x"), Item(2, "y")],
    "attrs": [Attrs(1, "x"), Attrs(2, "y")],
    "pydantic": [Model(age=1, name="x"), Model(age=2, name="y")],
    "sqlite3": _database(),
    "sqlalchemy": [SqlRow(1, "x"), SqlRow(2, "y")],
    "Series": [pd.Series({"age": 1, "name": "x"}), pd.Series({"age": 2, "name": "y"})],
    "numpy record": list(np.array([(1, "x"), (2, "y")], dtype=[("age", int), ("name", "U1")])),
}


@pytest.mark.parametrize("rows", KINDS.values(), ids=KINDS)
def test_one_is_a_row_and_a_list_of_them_is_rows(rows: list[Any]) -> None:
    assert table(round_trip(rows[0])) == {"age": [1], "name": ["x"]}
    assert table(round_trip(rows)) == {"age": [1, 2], "name": ["x", "y"]}


def test_a_name_that_comes_twice_keeps_both_values() -> None:
    database = sqlite3.connect(":memory:")
    database.row_factory = sqlite3.Row
    assert table(round_trip(database.execute("select 1 as a, 2 as a").fetchall())) == {"a": [1], "a.1": [2]}


class Tensor:
    def __init__(self, values: Any) -> None:
        self.values = np.array(values)

    def __array__(self, dtype: object = None, copy: bool | None = None) -> Any:
        return self.values


def test_tensors_of_one_axis_are_rows_and_those_of_none_are_cells() -> None:
    assert table(round_trip([Tensor([1.0, 2.0]), Tensor([3.0, 4.0])])) == {"0": [1.0, 3.0], "1": [2.0, 4.0]}
    assert [len(python(column)) for column in round_trip([Tensor(1.0), Tensor(2.0)])] == [1, 1]


def _computed(*_: object, **__: object) -> NoReturn:
    raise AssertionError("computed inside the call")


def _lazy(module: str, name: str, **more: object) -> Any:
    return type(name, (), {"__module__": module, "__array__": _computed, "__str__": _computed, "__iter__": _computed, **more})()


LAZY = [
    (_lazy("dask.dataframe.dask_expr._collection", "DataFrame", columns=["a"]), r"\.compute\(\)"),
    (_lazy("dask.array.core", "Array"), r"\.compute\(\)"),
    (_lazy("modin.pandas.dataframe", "DataFrame"), r"to_pandas\(\)"),
    (_lazy("ibis.expr.types.relations", "Table", __arrow_c_stream__=_computed), r"to_pyarrow\(\)"),
    (_lazy("pyspark.pandas.frame", "DataFrame"), r"to_pandas\(\)"),
    (_lazy("somebody.frames", "DataFrame", columns=["a"]), "as a pandas data frame"),
]


@pytest.mark.parametrize(("data", "hint"), LAZY, ids=lambda value: type(value).__module__)
def test_a_frame_that_would_be_computed_is_refused_and_says_what_to_do(data: Any, hint: str) -> None:
    with pytest.raises(RefusedData, match=hint) as caught:
        capture_of(data)(data, new_schemas(), new_pack())
    assert caught.value.reason == "unsupported_type"
    assert refused([1, data]) == refused({"a": data}) == "unserializable"


def test_what_is_masked_is_null_among_rows_of_other_kinds_too() -> None:
    rows = [np.ma.array([1.0, 2.0], mask=[False, True]), Tensor([3.0, 4.0])]
    assert table(round_trip(rows)) == {"0": [1.0, 3.0], "1": [None, 4.0]}


def test_a_missing_interval_is_none_wherever_it_stands() -> None:
    intervals = pd.arrays.IntervalArray.from_tuples([(0, 1), None])
    for data in (intervals, pd.Series(intervals), [pd.Series(intervals)] * 2):
        assert [python(column)[0] for column in round_trip(data)] == ["(0.0, 1.0]", None]
    for rows in (1, 300):  # few cells go another way than many
        (column, _) = round_trip(pd.DataFrame({"a": pd.concat([pd.Series(intervals)] * rows), "b": 1.0}))
        assert python(column) == ["(0.0, 1.0]", None] * rows
