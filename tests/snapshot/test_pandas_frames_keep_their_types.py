"""pandas: names, dtypes, missing values. The oracle is pandas itself, and what is known of Arrow's types."""

from __future__ import annotations

import datetime as dt
import decimal
import math
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.snapshot.support import arrow, new_schemas, python, round_trip, row_of, table, taken_as_nothing

MANY = 700
"""Rows enough for the way that large frames take."""


def frame() -> pd.DataFrame:
    """A column of every kind, twenty rows, some of them null."""
    rows = 20
    at = np.arange(rows)
    odd = at % 2 == 1
    moments = (pd.to_datetime("2026-10-25") + pd.to_timedelta(at * 1_000_001, unit="us")).astype("M8[us]")
    return pd.DataFrame(
        {
            "f8": at / 3,
            "f8 too": np.where(odd, np.nan, at),
            "f4": (at / 3).astype("f4"),
            "f2": (at / 3).astype("f2"),
            "i8": at + 2**62,
            "i1": at.astype("i1") - 100,
            "u8": at.astype("u8") + np.uint64(2**63),
            "bool": odd,
            "complex": at * 1j,
            "time": moments.where(~odd),
            "length": pd.to_timedelta(at, unit="h").astype("m8[us]").where(odd),
            "ns": pd.Series(np.arange(rows) + 1_700_000_000_123_456_789).astype("M8[ns]"),
            "zone": moments.tz_localize("UTC").tz_convert("Europe/Berlin"),
            "utc": moments.tz_localize("UTC"),
            "offset": moments.tz_localize(dt.timezone(dt.timedelta(hours=-3, minutes=-30))),
            "text": pd.Series([None if one else f"t{one}" for one in at], dtype="str"),
            "string": pd.array([None if one % 3 else f"s{one}" for one in at], dtype="string"),
            "object": pd.Series([None, np.nan, 1, 2.5, "x"] * 4, dtype=object),
            "Int64": pd.array([None if one % 3 else 2**62 + one for one in at], dtype="Int64"),
            "UInt8": pd.array([None if one % 4 else one for one in at], dtype="UInt8"),
            "Float32": pd.array([None if one % 3 else one / 3 for one in at], dtype="Float32"),
            "boolean": pd.array([[True, False, None][one % 3] for one in at], dtype="boolean"),
            "category": pd.Categorical([["a", "b", None][one % 3] for one in at]),
            "numbers": pd.Categorical([[10, 20, None][one % 3] for one in at]),
            "period": pd.period_range("2026-01", periods=rows, freq="M"),
            "interval": pd.interval_range(0, rows),
            "sparse": pd.arrays.SparseArray(np.where(odd, 0.0, 1.5)),
        }
    )


TYPES = {
    "f8": pa.float64(), "f8 too": pa.float64(), "f4": pa.float32(), "f2": pa.float16(), "i8": pa.int64(), "i1": pa.int8(),
    "u8": pa.uint64(), "bool": pa.bool_(), "time": pa.timestamp("us"), "length": pa.duration("us"), "ns": pa.timestamp("ns"),
    "utc": pa.timestamp("us", "UTC"), "zone": pa.timestamp("us", "Europe/Berlin"), "offset": pa.timestamp("us", "-03:30"), "text": pa.string(),
    "string": pa.string(), "Int64": pa.int64(), "UInt8": pa.uint8(), "Float32": pa.float32(), "boolean": pa.bool_(),
    "category": pa.string(), "numbers": pa.int64(), "period": pa.string(), "interval": pa.string(), "sparse": pa.float64(),
}  # fmt: skip


def _expected(column: pd.Series[Any]) -> list[object]:
    """What pandas says, missing values as None where the dtype has missing values; else as they are."""
    values: list[Any] = column.astype(object).tolist()
    kind = str(column.dtype)
    if kind.startswith(("period", "interval")):
        return [str(one) for one in values]
    if kind in ("float64", "float32", "float16", "complex128", "object") or kind.startswith("Sparse"):
        return values
    return [None if pd.isna(one) else one for one in values]


def _same(found: list[object], expected: list[object]) -> bool:
    return len(found) == len(expected) and all(
        one == other or (one is None and other is None) or (_nan(one) and _nan(other))
        for one, other in zip(found, expected, strict=True)
    )


def _nan(value: object) -> bool:
    return isinstance(value, float) and math.isnan(value)


SIZES = {
    "one row": [frame()[7:8]],
    "few rows": [frame()],
    "call by call": [frame()[at : at + 1] for at in range(20)],
    "many rows": [pd.concat([frame()] * (MANY // 20), ignore_index=True)],
    "calls of different lengths": [
        frame()[:1], pd.concat([frame()] * 3), frame()[5:8], pd.concat([frame()] * 40), frame()[9:10], frame()[10:13],
    ],
}  # fmt: skip


@pytest.mark.parametrize("calls", SIZES.values(), ids=SIZES.keys())
def test_every_kind_of_column_keeps_values_and_type(calls: list[pd.DataFrame]) -> None:
    whole = pd.concat(calls, ignore_index=True)
    columns = {column.name: column for column in round_trip(*calls)}
    assert list(columns) == list(whole.columns)
    for name, column in columns.items():
        assert _same(python(column), _expected(whole[name])), name
        if name in TYPES:
            assert arrow(column).type == TYPES[name], name


@pytest.mark.parametrize("calls", SIZES.values(), ids=SIZES.keys())
def test_a_frame_of_one_column_of_any_kind_is_kept(calls: list[pd.DataFrame]) -> None:
    for name in frame().columns:
        (column,) = round_trip(*(call[[name]] for call in calls))
        assert _same(python(column), _expected(pd.concat([call[name] for call in calls], ignore_index=True))), name


def test_the_declared_types_are_those_of_pandas() -> None:
    types = {column.name: column.type for column in round_trip(frame())}
    assert types["f8"] == "float64"
    assert types["Int64"] == "Int64"
    assert types["boolean"] == "boolean"
    assert types["time"] == "datetime64[us]"
    assert types["zone"] == "datetime64[us, Europe/Berlin]"
    assert types["text"] == types["string"] == "str"
    assert types["category"] == "category[str]"
    assert types["numbers"] == "category[int64]"
    assert types["object"] == "any"


def test_small_and_large_frames_of_one_schema_are_one_shape() -> None:
    calls = [frame()[:1], pd.concat([frame()] * 50)]
    assert len(arrow(round_trip(*calls)[0])) == 1001  # round_trip fails on two schemas


def test_big_integers_are_not_widened_to_floats() -> None:
    data = pd.DataFrame({"a": [2**62 + 1], "b": [0.5], "c": [2**63 + 1]})
    assert table(round_trip(data)) == {"a": [2**62 + 1], "b": [0.5], "c": [2**63 + 1]}


def test_none_and_nan_stay_apart_in_an_object_column() -> None:
    (column,) = round_trip(pd.DataFrame({"a": pd.Series([None, np.nan, "x", pd.NA, pd.NaT], dtype=object)}))
    values = python(column)
    assert values[0] is None
    assert isinstance(values[1], float) and np.isnan(values[1])
    assert values[2:] == ["x", None, None]


def test_objects_keep_their_own_types() -> None:
    given: list[object] = [1, 2.5, True, "x", decimal.Decimal("1.5"), dt.date(2026, 1, 1), [1, 2], {"a": 1}, 2**70]
    (column,) = round_trip(pd.DataFrame({"a": pd.Series(given, dtype=object)}))
    assert python(column) == given
    assert list(map(type, python(column))) == list(map(type, given))


@pytest.mark.parametrize("rows", [1, MANY])
def test_duplicate_names_stay_columns_of_their_own(rows: int) -> None:
    data = pd.DataFrame([[1, "x", 2.5, 2]] * rows, columns=["a", "a", "b", "a"])
    assert table(round_trip(data)) == {"a": [1] * rows, "a.1": ["x"] * rows, "b": [2.5] * rows, "a.2": [2] * rows}


def test_names_that_are_no_text_are_their_text() -> None:
    stamp = pd.Timestamp("2026-01-01")
    data = pd.DataFrame([[1, 2, 3, 4, 5]], columns=pd.Index([1, 2.5, None, (1, "x"), stamp], dtype=object, tupleize_cols=False))
    assert list(table(round_trip(data))) == ["1", "2.5", "None", "(1, 'x')", "2026-01-01 00:00:00"]
    assert list(table(round_trip(pd.DataFrame([[1, 2]])))) == ["0", "1"]


def test_equal_labels_of_different_text_do_not_share_a_header() -> None:
    schemas = new_schemas()
    headers = [
        list(table(round_trip(pd.DataFrame([[5]], columns=pd.Index([name], dtype=object)), schemas=schemas)))
        for name in (1, 1.0, True)
    ]
    assert headers == [["1"], ["1.0"], ["True"]]


def test_levels_of_a_multi_index_are_joined_by_dots() -> None:
    columns = pd.MultiIndex.from_tuples([("a", "x"), ("a", "y"), ("b", 1)])
    assert table(round_trip(pd.DataFrame([[1, 2.5, "z"]], columns=columns))) == {"a.x": [1], "a.y": [2.5], "b.1": ["z"]}


@pytest.mark.parametrize(
    "index",
    [["p", "q"], pd.to_datetime(["2026-01-01", "2026-01-02"]), pd.MultiIndex.from_tuples([(1, 2), (1, 2)]), [5, 5]],
    ids=lambda index: type(index).__name__,
)
def test_the_index_is_not_stored_and_does_no_harm(index: Any) -> None:
    data = pd.DataFrame({"a": [1, 2], "b": ["x", "y"], "c": pd.array([1, None], dtype="Int64")}, index=index)
    assert table(round_trip(data)) == {"a": [1, 2], "b": ["x", "y"], "c": [1, None]}


def test_a_slice_of_a_frame_is_only_its_rows() -> None:
    data = pd.concat([frame()] * 50, ignore_index=True)[["f8", "i8", "text"]]
    part = data[100:900:7]
    assert table(round_trip(part))["i8"] == part["i8"].tolist()
    assert table(round_trip(part[["i8", "f8"]].iloc[::-1]))["i8"] == part["i8"].tolist()[::-1]


EMPTY = [
    pd.DataFrame(), pd.DataFrame(columns=["a", "b"]), pd.DataFrame(index=[1, 2]), frame()[:0], pd.Series([], dtype=float),
    pd.DataFrame({"a": pd.Categorical([])}),
]  # fmt: skip


@pytest.mark.parametrize("data", EMPTY, ids=["none", "columns", "index", "no rows", "series", "category"])
def test_an_empty_frame_is_no_frame(data: object) -> None:
    assert taken_as_nothing(data)


def test_an_empty_frame_between_others_changes_nothing() -> None:
    assert table(round_trip(frame()[["f8"]], frame()[["f8"]][:0]))["f8"] == frame()["f8"].tolist()


def test_other_categories_are_the_same_shape() -> None:
    calls = [pd.DataFrame({"a": pd.Categorical([value], categories=[value, "z"])}) for value in ("x", "y")]
    assert table(round_trip(*calls)) == {"a": ["x", "y"]}


def test_categories_of_times_and_of_mixed_values() -> None:
    stamps = pd.to_datetime(["2026-01-01", "2026-01-02"])
    data = pd.DataFrame({"time": pd.Categorical(stamps), "mixed": pd.Categorical(["a", 1])})
    time, mixed = round_trip(data)
    assert python(time) == [dt.datetime(2026, 1, 1), dt.datetime(2026, 1, 2)]
    assert python(mixed) == ["a", 1]


@pytest.mark.parametrize("rows", [1, MANY])
def test_arrow_backed_columns_keep_their_types(rows: int) -> None:
    kinds: dict[str, tuple[pa.DataType, object]] = {
        "int": (pa.int32(), 5),
        "text": (pa.string(), "x"),
        "decimal": (pa.decimal128(10, 2), decimal.Decimal("1.50")),
        "time": (pa.timestamp("us", "Europe/Berlin"), dt.datetime(2026, 1, 1, tzinfo=ZoneInfo("Europe/Berlin"))),
        "date": (pa.date32(), dt.date(2026, 1, 1)),
        "list": (pa.list_(pa.int64()), [1, 2]),
    }
    data = pd.DataFrame(
        {name: pd.Series([value] * rows + [None], dtype=pd.ArrowDtype(kind)) for name, (kind, value) in kinds.items()}
    )
    columns = {column.name: column for column in round_trip(data)}
    for name, (kind, value) in kinds.items():
        assert columns[name].type == f"arrow:{kind}"
        found = python(columns[name])
        assert [list(one) if name == "list" and one is not None else one for one in found] == [value] * rows + [None]  # type: ignore[call-overload]
        if name != "list":
            assert arrow(columns[name]).type == kind


def test_python_and_arrow_text_are_one_type() -> None:
    for storage in ("python", "pyarrow"):
        data = pd.DataFrame({"a": pd.array(["x", None, "\U0001f600"], dtype=pd.StringDtype(storage))})  # type: ignore[call-overload]
        assert table(round_trip(data)) == {"a": ["x", None, "\U0001f600"]}


def test_lone_surrogates_in_text_are_kept_for_the_encoder() -> None:
    assert row_of(pd.DataFrame({"a": pd.Series(["\ud800"], dtype=object)})) == ["\ud800"]
    assert row_of(pd.DataFrame({"a": pd.Series(["\ud800"], dtype=pd.StringDtype("python"))})) == ["\ud800"]


def test_a_zone_without_a_name_keeps_the_instant() -> None:
    stamps = pd.to_datetime(["2026-01-01", "2026-07-01"]).tz_localize("UTC")
    data = pd.DataFrame({"a": stamps.tz_convert("dateutil/America/New_York")})
    found = python(round_trip(data)[0])
    assert [one.astimezone(dt.UTC) for one in found] == [  # type: ignore[attr-defined]
        dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
        dt.datetime(2026, 7, 1, tzinfo=dt.UTC),
    ]


def test_a_subclass_of_frame_is_a_frame() -> None:
    class Sub(pd.DataFrame):
        @property
        def _constructor(self) -> type[pd.DataFrame]:
            return Sub

    assert table(round_trip(Sub({"a": [1], "b": ["x"]}))) == {"a": [1], "b": ["x"]}


def test_ten_thousand_columns_are_a_shape_like_any_other() -> None:
    data = pd.DataFrame(np.arange(20_000.0).reshape(2, -1))
    columns = round_trip(data)
    assert [python(column) for column in columns] == data.T.to_numpy().tolist()


def test_a_series_is_one_row_named_by_its_index() -> None:
    assert table(round_trip(pd.Series([1.5, 2.5], index=["a", "b"]))) == {"a": [1.5], "b": [2.5]}
    first = frame().loc[0, ["f8", "text", "bool"]]
    assert table(round_trip(first)) == {"f8": [0.0], "text": ["t0"], "bool": [False]}


def test_a_series_with_another_index_is_named_like_a_list() -> None:
    data = pd.Series([1, 2], index=[10, 20])
    assert table(round_trip(data)) == {"0": [1], "1": [2]}
    assert table(round_trip(data, schemas=new_schemas("x"))) == {"x": [1], "1": [2]}
    assert table(round_trip(pd.Series([1], index=pd.MultiIndex.from_tuples([("a", "b")])))) == {"0": [1]}


@pytest.mark.parametrize("name", frame().columns)
def test_a_series_of_any_dtype_keeps_values_and_type(name: str) -> None:
    data = frame()[name]
    columns = round_trip(data, data)
    assert len(columns) == len(data)
    assert _same([python(column)[0] for column in columns], _expected(data))
    assert _same([python(column)[1] for column in columns], _expected(data))
    if name in TYPES:
        nulls = [column for column in columns if python(column)[0] is not None]
        assert all(arrow(column).type == TYPES[name] for column in nulls)


def test_the_callers_frame_is_not_changed() -> None:
    data, before = frame(), frame()
    round_trip(data)
    pd.testing.assert_frame_equal(data, before)


_columns = st.sampled_from(list(TYPES))


@given(
    st.lists(_columns, min_size=1, max_size=6),
    st.lists(st.tuples(st.integers(0, 19), st.integers(1, 20)), min_size=1, max_size=5),
)
def test_any_columns_of_any_frames_come_back_behind_each_other(names: list[str], cuts: list[tuple[int, int]]) -> None:
    whole = frame()
    calls = [whole.iloc[start : start + count][names] for start, count in cuts]
    expected = pd.concat(calls, ignore_index=True)
    for at, column in enumerate(round_trip(*calls)):
        assert _same(python(column), _expected(expected.iloc[:, at]))
