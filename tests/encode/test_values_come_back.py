"""Promise 4: collected → encoded → read by a reader that is none of ours, with what the manifest says → the same values."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modeldata.columns import ABSENT, Column
from tests.encode.support import FORMATS, MIXED, SHAPED, UNIFORM, assert_same, decoded, encode, expected, read_back
from tests.snapshot.support import python
from tests.snapshot.test_arrow_data_keeps_its_types import COLUMNS


def check(columns: list[Column], file_format: str) -> None:
    found = read_back(file_format, columns)
    for column, values, wanted in zip(columns, found, expected(file_format, columns), strict=True):
        assert_same(values, wanted, f"{file_format} {column.type}")


@pytest.mark.parametrize("file_format", FORMATS)
@settings(max_examples=300, deadline=None)
@given(values=UNIFORM)
def test_values_of_one_kind_come_back(file_format: str, values: list[object]) -> None:
    check(decoded([{"x": value} for value in values]) or [], file_format)


@pytest.mark.parametrize("file_format", FORMATS)
@settings(max_examples=300, deadline=None)
@given(values=MIXED)
def test_values_of_any_kinds_side_by_side_come_back(file_format: str, values: list[object]) -> None:
    check(decoded([{"x": value} for value in values]) or [], file_format)


@pytest.mark.parametrize("file_format", FORMATS)
@settings(max_examples=150, deadline=None)
@given(values=SHAPED)
def test_nested_values_of_one_shape_come_back(file_format: str, values: list[object]) -> None:
    check(decoded([{"x": value} for value in values]) or [], file_format)


@pytest.mark.parametrize("file_format", FORMATS)
@settings(max_examples=100, deadline=None)
@given(
    rows=st.lists(
        st.dictionaries(st.sampled_from("abc"), st.one_of(st.none(), st.integers(0, 9), st.text("ab", max_size=2))), min_size=1
    )
)
def test_missing_keys_come_back_as_missing_in_json_and_as_none_elsewhere(file_format: str, rows: list[dict[str, object]]) -> None:
    columns = decoded(rows)
    if columns:
        check(columns, file_format)


@pytest.mark.parametrize("file_format", FORMATS)
@pytest.mark.parametrize("name", sorted(COLUMNS))
def test_every_arrow_type_comes_back(file_format: str, name: str) -> None:
    columns = decoded(pa.table({"x": COLUMNS[name]}))
    assert columns is not None
    check(columns, file_format)


FRAMES: dict[str, Any] = {
    **{kind: pd.Series([1, 0, 5], dtype=kind) for kind in ("int8", "uint8", "int32", "uint32", "int64", "bool")},
    **{kind: pd.Series([1, None, 5], dtype=kind) for kind in ("Int8", "UInt16", "Int64", "UInt64", "Float32", "Float64")},
    "uint64": pd.Series([2**64 - 1, 0], dtype="uint64"),
    "boolean": pd.Series([True, None], dtype="boolean"),
    "float16": pd.Series(np.array([0.1, np.nan, np.inf], "f2")),
    "float32": pd.Series(np.array([0.1, np.nan, -np.inf], "f4")),
    "float64": pd.Series([0.1, np.nan, -0.0, np.inf]),
    "text": pd.Series(["a", None, ""], dtype="str"),
    "arrow text": pd.Series(["a", None, ""], dtype="string[pyarrow]"),
    "category": pd.Series(["a", None, "b"], dtype="category"),
    "category of numbers": pd.Series([1.5, None, 2.5], dtype="category"),
    "objects": pd.Series([1, "1", None, Decimal("1.50"), 1.0], dtype=object),
    **{f"datetime64[{unit}]": pd.Series(pd.to_datetime(["2026-01-02T03:04:05", None]).astype(f"M8[{unit}]")) for unit in ("s", "ms", "us", "ns")},
    "nanoseconds": pd.Series(pd.to_datetime(["2026-01-02T03:04:05.123456789", None])),
    **{f"zone {zone}": pd.Series(pd.to_datetime(["2026-10-25T00:30", "2026-10-25T01:30", None]).tz_localize("UTC").tz_convert(zone)) for zone in ("UTC", "Europe/Berlin", "+05:30")},
    "zone, nanoseconds": pd.Series(pd.to_datetime(["2026-10-25T01:30:00.000000001"]).tz_localize("UTC").tz_convert("Europe/Berlin")),
    **{f"timedelta64[{unit}]": pd.Series(np.array([5, -86_400], f"m8[{unit}]")) for unit in ("s", "ms", "us", "ns")},
    "period": pd.Series(pd.period_range("2026-01", periods=2, freq="M")),
    "interval": pd.Series(pd.interval_range(0, 2)),
    "arrow decimal": pd.Series([Decimal("1.50"), None], dtype=pd.ArrowDtype(pa.decimal128(10, 2))),
    "sparse": pd.Series(pd.arrays.SparseArray([0.0, 1.5, 0.0])),
}  # fmt: skip


@pytest.mark.parametrize("file_format", FORMATS)
@pytest.mark.parametrize("name", sorted(FRAMES))
def test_every_pandas_type_comes_back(file_format: str, name: str) -> None:
    columns = decoded(pd.DataFrame({"x": FRAMES[name], "y": 1}))
    assert columns is not None
    check(columns, file_format)


@pytest.mark.parametrize("file_format", FORMATS)
@pytest.mark.parametrize(
    "dtype",
    ["f2", "f4", "f8", "i4", "u8", "?", "c8", "c16", "M8[D]", "M8[h]", "M8[M]", "M8[ns]", "m8[D]", "m8[ns]", "m8[M]", "S3", "U3"],
)
def test_every_numpy_dtype_comes_back(file_format: str, dtype: str) -> None:
    columns = decoded(np.array([[1, 0], [5, 3]]).astype(dtype))
    assert columns is not None
    check(columns, file_format)


@pytest.mark.parametrize("file_format", FORMATS)
def test_arrays_of_three_axes_come_back_as_nested_lists(file_format: str) -> None:
    columns = decoded(np.arange(12.0).reshape(2, 2, 3))
    assert columns is not None
    check(columns, file_format)


ODD_NAMES = ["", " ", "a.b", "a`b", 'q"q', "a,b", "ü", "\u2028", "🎉", "line\nbreak", "$Writer", "[0]", "x" * 300, "a", "A"]


@pytest.mark.parametrize("file_format", FORMATS)
def test_columns_of_any_name_come_back(file_format: str) -> None:
    columns = decoded(pd.DataFrame([range(len(ODD_NAMES) + 2)], columns=[*ODD_NAMES, "a", "a"]))
    assert columns is not None and len({column.name for column in columns}) == len(ODD_NAMES) + 2
    check(columns, file_format)


def test_a_column_that_its_declared_type_tells_needs_no_word() -> None:
    columns = decoded(
        pd.DataFrame(
            {
                name: FRAMES[name]
                for name in ("int8", "boolean", "float64", "arrow text", "Int64", "nanoseconds", "timedelta64[ns]")
            }
        )
    )
    assert columns is not None
    assert [encode(file_format, columns).kinds for file_format in FORMATS] == [{}, {}, {}]


def test_cells_that_tell_what_they_are_make_no_runs() -> None:
    columns = [Column("x", "any", [1, 2.5, None, "a", True, "b", [1, {"a": 2}], ABSENT, 3] * 1000)]
    assert [encode(file_format, columns).kinds for file_format in FORMATS] == [{"x": "auto"}, {}, {"x": "json"}]


def test_text_that_looks_like_a_number_is_distinguished_from_it() -> None:
    columns = [Column("x", "any", [1, "a", "1", "2", 2.5])]
    assert encode("csv", columns).kinds == {"x": [["auto", 2], ["str", 2], ["auto", 1]]}


def test_whole_numbers_among_fractions_are_numbers_in_parquet_and_stay_whole() -> None:
    columns = [Column("x", "any", [1, 2.5, 3, None])]
    assert encode("parquet", columns).kinds == {"x": "number"}
    check(columns, "parquet")
    whole_fraction = [Column("x", "any", [1, 2.0, 3, None])]
    assert encode("parquet", whole_fraction).kinds == {"x": [["int", 1], ["float", 1], ["int", 2]]}
    check(whole_fraction, "parquet")


def test_both_hours_of_a_night_when_clocks_go_back_come_back() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    moments = [dt.datetime(2026, 10, 25, 2, 30, tzinfo=berlin, fold=fold) for fold in (0, 1)]
    for file_format in FORMATS:
        columns = decoded([{"x": moment} for moment in moments])
        assert columns is not None
        found = read_back(file_format, columns)[0]
        assert [one.utcoffset() for one in found] == [one.utcoffset() for one in moments]  # type: ignore[attr-defined]


def test_what_python_has_of_a_column_is_what_is_compared() -> None:
    columns = decoded(pd.DataFrame({"x": FRAMES["nanoseconds"]}))
    assert columns is not None and python(columns[0])[0] == pd.Timestamp("2026-01-02T03:04:05.123456789")
