"""Lists, tuples and dicts: what is a row, what is a column, what is missing."""

from __future__ import annotations

from collections import OrderedDict, UserDict, defaultdict, namedtuple
from types import MappingProxyType

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from modeldata.columns import ABSENT
from tests.snapshot.support import new_schemas, python, round_trip, row_of, table, taken_as_nothing


def test_a_flat_list_is_one_row() -> None:
    assert row_of([1, 2.5, "x", None, True, b"\x00"]) == [1, 2.5, "x", None, True, b"\x00"]


def test_two_calls_are_two_rows_in_their_order() -> None:
    assert table(round_trip([1, "a"], [2, "b"], [3, "c"])) == {"0": [1, 2, 3], "1": ["a", "b", "c"]}


@pytest.mark.parametrize("rows", [[[1, 2], [3, 4]], [(1, 2), (3, 4)], ([1, 2], [3, 4]), [(1, 2), [3, 4]]])
def test_a_list_of_lists_is_rows(rows: list[list[int]]) -> None:
    assert table(round_trip(rows)) == {"0": [1, 3], "1": [2, 4]}


def test_shorter_rows_are_filled_up_with_absent() -> None:
    columns = table(round_trip([[1, 2, None], [3], []]))
    assert columns == {"0": [1, 3, ABSENT], "1": [2, ABSENT, ABSENT], "2": [None, ABSENT, ABSENT]}


def test_a_list_of_values_and_lists_is_one_row_with_nested_values() -> None:
    assert row_of([1, [2, [3]], {"a": 4}]) == [1, [2, [3]], {"a": 4}]
    assert row_of([[2], 1]) == [[2], 1]
    assert row_of([{"a": 1}, 1]) == [{"a": 1}, 1]


def test_a_list_of_lists_of_lists_is_rows_of_nested_values() -> None:
    assert table(round_trip([[[1, 2], [3]], [[4], [5, 6]]])) == {"0": [[1, 2], [4]], "1": [[3], [5, 6]]}


def test_a_tuple_is_like_a_list() -> None:
    point = namedtuple("point", "x y")
    assert row_of((1, "a")) == [1, "a"]
    assert row_of(point(1, 2)) == [1, 2]
    assert table(round_trip([point(1, 2), point(3, 4)])) == {"0": [1, 3], "1": [2, 4]}


def test_a_subclass_of_list_is_a_list() -> None:
    class Scores(list[float]):
        pass

    assert row_of(Scores([0.5, 1.5])) == [0.5, 1.5]


def test_a_list_of_arrays_of_one_shape_is_the_rows_of_one_array() -> None:
    columns = round_trip([np.array([1, 2], np.int8), np.array([3, 4], np.int8)])
    assert [column.type for column in columns] == ["int8", "int8"]
    assert table(columns) == {"0": [1, 3], "1": [2, 4]}


def test_a_list_of_arrays_of_different_lengths_is_rows_too() -> None:
    assert table(round_trip([np.array([1, 2]), np.array([3])])) == {"0": [1, 3], "1": [2, ABSENT]}


def test_a_list_of_numpy_scalars_is_one_row() -> None:
    assert row_of(list(np.array([1.5, 2.5]))) == [1.5, 2.5]
    assert row_of([np.array(1.5), np.array(2)]) == [1.5, 2]


def test_feature_names_name_the_columns() -> None:
    assert list(table(round_trip([1, 2], schemas=new_schemas("age", "income")))) == ["age", "income"]


def test_values_beyond_the_feature_names_are_named_by_position() -> None:
    assert list(table(round_trip([1, 2, 3], schemas=new_schemas("age")))) == ["age", "1", "2"]


def test_fewer_values_than_feature_names_use_the_first_ones() -> None:
    assert list(table(round_trip([1], schemas=new_schemas("age", "income")))) == ["age"]


def test_a_dict_is_one_row_named_by_its_keys() -> None:
    assert table(round_trip({"age": 1, "name": "x"}, {"age": 2, "name": "y"})) == {"age": [1, 2], "name": ["x", "y"]}


def test_a_dict_in_another_order_keeps_the_first_header() -> None:
    columns = table(round_trip({"b": 1, "a": 2}, {"a": 3, "b": 4}, {"a": 5, "b": 6}, {"b": 7, "a": 8}))
    assert list(columns.items()) == [("b", [1, 4, 6, 7]), ("a", [2, 3, 5, 8])]


def test_a_list_of_dicts_keeps_the_header_of_the_dicts_before_it() -> None:
    schemas = new_schemas()
    round_trip({"b": 1, "a": 2}, schemas=schemas)
    assert list(table(round_trip([{"a": 1, "b": 2}, {"b": 3, "a": 4}], schemas=schemas)).items()) == [
        ("b", [2, 3]),
        ("a", [1, 4]),
    ]


def test_a_list_of_dicts_is_rows_and_a_missing_key_is_not_none() -> None:
    columns = round_trip([{"a": 1, "b": None}, {"b": "x", "c": 2.5}, {}])
    assert list(table(columns).items()) == [
        ("a", [1, ABSENT, ABSENT]),
        ("b", [None, "x", ABSENT]),
        ("c", [ABSENT, 2.5, ABSENT]),
    ]


@pytest.mark.parametrize(
    "data",
    [OrderedDict(a=1, b=2), defaultdict(int, a=1, b=2), UserDict(a=1, b=2), MappingProxyType({"a": 1, "b": 2})],
    ids=lambda data: type(data).__name__,
)
def test_other_mappings_are_dicts(data: object) -> None:
    assert table(round_trip(data)) == {"a": [1], "b": [2]}


def test_keys_that_are_no_text_are_named_by_their_text() -> None:
    assert table(round_trip({1: "a", None: "b", 2.5: "c", (1, 2): "d"})) == {
        "1": ["a"],
        "None": ["b"],
        "2.5": ["c"],
        "(1, 2)": ["d"],
    }


def test_keys_that_are_equal_to_python_but_not_as_text_do_not_share_a_header() -> None:
    schemas = new_schemas()
    headers = [list(table(round_trip(data, schemas=schemas))) for data in ({1: "x"}, {1.0: "x"}, {True: "x"})]
    assert headers == [["1"], ["1.0"], ["True"]]


def test_keys_of_one_text_stay_two_columns() -> None:
    assert table(round_trip({"1": "a", 1: "b"})) == {"1": ["a"], "1.1": ["b"]}
    assert table(round_trip([{"1": "a", 1: "b"}, {1: "c"}])) == {"1": ["a", "c"], "1.1": ["b", ABSENT]}


@pytest.mark.parametrize("data", [[], (), {}, [[]], [[], []], [{}], [{}, {}]], ids=repr)
def test_nothing_is_no_frame(data: object) -> None:
    assert taken_as_nothing(data)


def test_ten_thousand_columns_are_a_shape_like_any_other() -> None:
    wide = list(range(10_000))
    assert row_of(wide) == wide
    assert row_of({str(at): at for at in wide}) == wide


def test_a_row_of_64_mib_is_taken() -> None:
    text = "x" * (64 << 20)
    assert row_of([text, 1])[0] == text


def test_a_column_that_changes_its_type_keeps_each_value_as_it_was() -> None:
    (column,) = round_trip([1], [1.5], ["1"], [True], [None])
    values = python(column)
    assert values == [1, 1.5, "1", True, None]
    assert [type(value) for value in values] == [int, float, str, bool, type(None)]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"a": 1, "b": 2}, {"a": 1, "b": 2, "c": 3}),
        ({"a": 1, "b": 2}, {"a": 1}),
        ([1, 2], [1, 2, 3]),
        (np.array([[1, 2]]), np.array([[1.0, 2.0]])),
        (pd.DataFrame({"a": [1], "b": [2]}), pd.DataFrame({"b": [1], "a": [2]})),
        (pd.DataFrame({"a": [1]}), pd.DataFrame({"a": [1.5]})),
        (pa.table({"a": [1]}), pa.table({"a": ["x"]})),
    ],
    ids=["new key", "missing key", "longer", "dtype", "order", "column type", "arrow type"],
)
def test_data_of_another_schema_is_another_shape(before: object, after: object) -> None:
    schemas = new_schemas()
    first = round_trip(before, schemas=schemas)
    assert table(round_trip(after, schemas=schemas)) == table(round_trip(after))
    with pytest.raises(AssertionError, match="2 schemas"):
        round_trip(before, after, schemas=schemas)
    assert table(round_trip(before, schemas=schemas)) == table(first)


def test_thousands_of_shapes_are_forgotten_and_made_again() -> None:
    schemas = new_schemas()
    for turn in range(3_000):
        round_trip({f"key {turn}": turn}, schemas=schemas)
        assert len(schemas.others) <= 1024
        assert len(schemas.dicts) <= 1024
    assert table(round_trip({"key 0": 1}, schemas=schemas)) == {"key 0": [1]}


def test_ever_new_orders_of_the_same_keys_do_not_fill_the_memory() -> None:
    schemas = new_schemas()
    generator = np.random.default_rng(1)
    keys = [f"k{at}" for at in range(8)]
    for _ in range(2_500):
        order = [keys[at] for at in generator.permutation(8)]
        columns = table(round_trip({key: key for key in order}, schemas=schemas))
        assert columns == {key: [key] for key in keys}
        assert len(schemas.dicts) <= 1024
