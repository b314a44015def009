"""Fault F8: what the caller does after the call changes nothing; and the call changes nothing of the caller's."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from modeldata.columns import Payloads, decode
from modeldata.snapshot import RefusedData, capture_of
from tests.snapshot.support import definition_of, new_pack, new_schemas, table


def _list() -> tuple[Any, Callable[[Any], object]]:
    return [1.5, [2], {"a": 3}], lambda data: (data[1].append(9), data[2].clear(), data.clear())


def _rows() -> tuple[Any, Callable[[Any], object]]:
    return [[1, 2], [3, 4]], lambda data: data[0].__setitem__(0, 9)


def _dict() -> tuple[Any, Callable[[Any], object]]:
    return {"a": 1, "b": [2]}, lambda data: (data["b"].append(9), data.update(a=9))


def _array() -> tuple[Any, Callable[[Any], object]]:
    return np.arange(6.0).reshape(2, 3), lambda data: data.fill(9)


def _strided() -> tuple[Any, Callable[[Any], object]]:
    return np.asfortranarray(np.arange(6).reshape(2, 3)), lambda data: data.fill(9)


def _objects() -> tuple[Any, Callable[[Any], object]]:
    return np.array([[1, "a"], [2.5, None]], object), lambda data: data.fill(9)


def _array_in_a_cell() -> tuple[Any, Callable[[Any], object]]:
    return [1, np.arange(3)], lambda data: data[1].fill(9)


def _frame() -> tuple[Any, Callable[[Any], object]]:
    return pd.DataFrame({"a": [1.5, 2.5], "b": [3.5, 4.5]}), lambda data: data.isetitem(0, [9.0, 9.0])


def _mixed_frame() -> tuple[Any, Callable[[Any], object]]:
    cell = [1]

    def change(data: pd.DataFrame) -> None:
        data.loc[:, "a"] = 9
        cell.append(9)
        data.loc[0, "c"] = None

    return pd.DataFrame({"a": [1, 2], "b": [cell, [2]], "c": pd.array([1, 2], dtype="Int64")}), change


def _large_frame() -> tuple[Any, Callable[[Any], object]]:
    def change(data: pd.DataFrame) -> None:
        data.loc[:, "a"] = 9.0

    return pd.DataFrame({"a": np.arange(1000.0), "b": np.arange(1000), "c": ["x"] * 1000}), change


def _series() -> tuple[Any, Callable[[Any], object]]:
    return pd.Series([1.5, 2.5]), lambda data: data.__setitem__(0, 9.0)


def _arrow() -> tuple[Any, Callable[[Any], object]]:
    numbers = np.arange(3.0)
    data = pa.Table.from_arrays([pa.Array.from_buffers(pa.float64(), 3, [None, pa.py_buffer(numbers)])], ["a"])
    return data, lambda data: numbers.fill(9)


MAKERS = [
    _list, _rows, _dict, _array, _strided, _objects, _array_in_a_cell, _frame, _mixed_frame, _large_frame, _series, _arrow,
]  # fmt: skip


@pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__.strip("_"))
def test_data_changed_after_the_call_is_stored_as_it_was(
    make: Callable[[], tuple[Any, Callable[[Any], object]]],
) -> None:
    data, change = make()
    schemas, pack = new_schemas(), new_pack()
    capture_of(data)(data, schemas, pack)  # the second call takes the cached way
    schema, rows, captured = capture_of(data)(data, schemas, pack)
    before = repr(table(decode(definition_of(schema.definition), Payloads.of([(rows, bytes(bytearray(captured)))]))))
    change(data)
    assert repr(table(decode(definition_of(schema.definition), Payloads.of([(rows, captured)])))) == before


@pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__.strip("_"))
def test_the_callers_object_is_not_changed(make: Callable[[], tuple[Any, Callable[[Any], object]]]) -> None:
    data, _ = make()
    before, shown = copy.deepcopy(data), repr(data)
    capture_of(data)(data, new_schemas(), new_pack())
    assert type(data) is type(before)
    assert repr(data) == repr(before) == shown
    if isinstance(data, np.ndarray):
        assert data.flags.f_contiguous == before.flags.f_contiguous


def test_one_packer_serves_many_calls_also_after_one_that_failed() -> None:
    pack, schemas = new_pack(), new_schemas()
    for turn in range(3):
        try:
            capture_of([0])([turn, "before", (one for one in "")], schemas, pack)
        except RefusedData as error:
            assert "generator" in str(error)
        schema, rows, captured = capture_of([0])([turn, "after"], schemas, pack)
        assert table(decode(definition_of(schema.definition), Payloads.of([(rows, captured)]))) == {"0": [turn], "1": ["after"]}
