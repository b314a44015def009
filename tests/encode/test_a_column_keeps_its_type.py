"""A column without a declared type has one type in all Parquet files of its collector, and its values come back as they were."""

from __future__ import annotations

import io
import json
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modeldata.columns import Column
from modeldata.encode import format_of
from modeldata.encode.restore import restore_column
from tests.encode.support import MIXED, SHAPED, UNIFORM, assert_same, decoded, expected, with_number

NUMBERS = st.lists(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**53), 2**53), st.floats(), st.floats(width=32).map(np.float32)),
    min_size=1,
)


def encoded(values: object, types: dict[str, str], declared: str = "any") -> tuple[str, list[object]]:
    """The type in the file, and the values that come back; `types` is what a shipper remembers."""
    columns = with_number([Column("x", declared, values)])  # type: ignore[arg-type]
    made = format_of("parquet").encode(columns, excel_safe=False, metadata={}, types=types)
    types.update(made.types)
    cells = pq.read_table(io.BytesIO(made.data))["x"]
    back = restore_column(cells.to_pylist(), declared, json.loads(json.dumps(made.kinds)).get("x"))
    return str(cells.type), back


def same(found: list[object], values: list[object]) -> None:
    (wanted,) = expected("parquet", [Column("x", "any", values)])
    assert_same(found, wanted)


@given(batches=st.lists(NUMBERS, min_size=1, max_size=5))
def test_numbers_that_a_double_holds_are_double_in_any_order(batches: list[list[object]]) -> None:
    types: dict[str, str] = {"x": "double"}
    for values in batches:
        kind, back = encoded(values, types)
        assert kind == "double"
        same(back, values)


@given(batches=st.lists(st.one_of(UNIFORM, SHAPED, MIXED), min_size=2, max_size=4))
def test_any_values_in_any_order_come_back_as_they_were(batches: list[list[object]]) -> None:
    types: dict[str, str] = {}
    for values in batches:
        _, back = encoded(values, types)
        same(back, values)


@given(batches=st.lists(UNIFORM, min_size=2, max_size=4))
def test_what_is_no_number_and_does_not_fit_is_text_and_stays_text(batches: list[list[object]]) -> None:
    types: dict[str, str] = {"x": "bool"}
    kinds = ["bool", *(encoded(values, types)[0] for values in batches)]
    assert kinds == sorted(kinds) and set(kinds) <= {"bool", "string"}


@pytest.mark.parametrize(
    ("types", "values", "kind"),
    [
        ({}, [None], "double"),
        ({"x": "string"}, [None], "string"),
        ({"x": "list<item: double>"}, [None], "list<element: double>"),
        ({}, [2**53, -(2**53)], "double"),
        ({}, [2**53 + 1], "int64"),
        ({}, [-(2**53) - 1], "int64"),
        ({"x": "int64"}, [1], "int64"),
        ({"x": "int64"}, [None], "int64"),
        ({"x": "int64"}, [1.5], "double"),
        ({"x": "double"}, [2**53 + 1], "int64"),
        ({"x": "double"}, [True], "double"),
        ({"x": "int64"}, [True], "bool"),
        ({"x": "bool"}, [1], "string"),
        ({"x": "string"}, [1], "string"),
        ({"x": "decimal128(38, 18)"}, [3], "decimal128(38, 18)"),
        ({"x": "decimal128(38, 0)"}, [3], "decimal128(38, 0)"),
        ({}, [Decimal("1.5")], "decimal128(38, 18)"),
        ({}, [Decimal(10) ** 30], "decimal128(38, 0)"),
        ({}, [[1, 2], [3]], "list<element: double>"),
        ({}, [[1, 2.5]], "list<element: double>"),
        ({}, [[2**53 + 1]], "list<element: int64>"),
        ({}, [np.array([1, 2])], "list<element: double>"),
        ({}, [np.array([1], "int32")], "list<element: int32>"),
    ],
)  # fmt: skip
def test_each_batch_has_the_type_that_those_before_it_had(types: dict[str, str], values: list[object], kind: str) -> None:
    found, back = encoded(values, dict(types))
    assert found == kind
    same(back, values)


@pytest.mark.parametrize(
    ("frame", "kind"),
    [
        (pd.DataFrame({"x": [1, 2]}), "double"),
        (pd.DataFrame({"x": [1.5]}), "double"),
        (pd.DataFrame({"x": [2**60]}), "int64"),
        (pd.DataFrame({"x": [1]}, dtype="int32"), "int32"),
        (pd.DataFrame({"x": [1]}, dtype="Int64"), "int64"),
        (pd.DataFrame({"x": [1]}, dtype="float32"), "float"),
        (pa.table({"x": pa.array([1], pa.int64())}), "int64"),
        (pa.table({"x": pa.nulls(1)}), "string"),
    ],
    ids=str,
)
@pytest.mark.parametrize("known", [{}, {"x": "double"}, {"x": "string"}], ids=str)
def test_only_types_that_a_library_found_change(frame: Any, kind: str, known: dict[str, str]) -> None:
    columns = decoded(frame)
    assert columns is not None
    found, back = encoded(columns[0].values, dict(known), columns[0].type)
    assert found == ("string" if known == {"x": "string"} and columns[0].type in ("int64", "float64") else kind)
    assert back == pa.array(columns[0].values).to_pylist()


def test_our_own_columns_have_the_types_that_they_always_had() -> None:
    columns = [Column("$Sequence", "int64", pa.array([1])), Column("$Row", "int64", pa.array([0]))]
    data = format_of("parquet").encode(columns, excel_safe=False, metadata={}, types={"$Row": "string"}).data
    assert pq.read_schema(io.BytesIO(data)).types == [pa.int64(), pa.int64()]
