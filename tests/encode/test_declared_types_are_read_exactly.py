"""One grammar for declared types: what a source can say of a column is read as what it is, and never by how its text begins.

The oracle is the type itself, as numpy, pandas and pyarrow describe it.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from modeldata.encode.kinds import of_declared
from modeldata.format.declared import parse
from modeldata.snapshot import arrays, pandas_frames
from modeldata.snapshot.arrow import _address
from modeldata.snapshot.arrow_schema import read_schema, text_of

UNITS = ("s", "ms", "us", "ns")
ZONES = st.sampled_from([None, "UTC", "+05:30", "Europe/Berlin", "America/Argentina/Buenos_Aires", "odd] zone, tz=x", "Zürich"])
ODD_NAMES = st.sampled_from(["x", "", "a: int64, b", "item>", "]", "int64", "values=", ", indices=", "string[", "timestamp[us]"])

FLAT = st.one_of(
    st.sampled_from(
        [
            *(pa.type_for_alias(f"{sign}int{bits}") for sign in ("", "u") for bits in (8, 16, 32, 64)),
            *(pa.float16(), pa.float32(), pa.float64(), pa.bool_(), pa.null(), pa.date32(), pa.date64()),
            *(pa.string(), pa.large_string(), pa.string_view(), pa.binary(), pa.large_binary(), pa.binary_view(), pa.binary(3)),
            *(pa.time32("s"), pa.time32("ms"), pa.time64("us"), pa.time64("ns"), pa.month_day_nano_interval()),
            *(pa.duration(unit) for unit in UNITS),
        ]
    ),
    st.builds(pa.timestamp, st.sampled_from(UNITS), ZONES),
    st.builds(lambda digits, scale: pa.decimal128(digits, scale), st.integers(1, 38), st.integers(-5, 38)),
    st.builds(lambda digits, scale: pa.decimal256(digits, scale), st.integers(1, 76), st.integers(-5, 76)),
)


def _around(inner: st.SearchStrategy[pa.DataType]) -> st.SearchStrategy[pa.DataType]:
    return st.one_of(
        st.builds(lambda make, kind: make(kind), st.sampled_from([pa.list_, pa.large_list, pa.list_view]), inner),
        st.builds(lambda kind: pa.list_(kind, 2), inner),
        st.builds(lambda pairs: pa.struct(pairs), st.lists(st.tuples(ODD_NAMES, inner), max_size=3)),
        st.builds(
            lambda key, item: pa.map_(pa.field("key", key, nullable=False), item),
            inner.filter(lambda key: key != pa.null()),
            inner,
        ),
        st.builds(lambda kind: pa.dictionary(pa.int32(), kind), inner),
        st.builds(lambda kind: pa.run_end_encoded(pa.int32(), kind), inner),
        st.builds(lambda kind: pa.dense_union([pa.field("a", kind), pa.field("int64", kind)]), inner),
    )


ARROW = st.recursive(FLAT, _around, max_leaves=5)


def family(kind: pa.DataType) -> str:
    """What Arrow itself says the type is."""
    if pa.types.is_dictionary(kind):
        return family(kind.value_type)
    if pa.types.is_boolean(kind):
        return "bool"
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return "number"
    if pa.types.is_temporal(kind) and not pa.types.is_interval(kind):
        return "time"
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return "text"
    return "other"


def printed(kind: pa.DataType) -> list[str]:
    """As a column of an Arrow table, and as a column of pandas that keeps Arrow's types, declare it."""
    capsule = pa.field("x", kind).__arrow_c_schema__()
    return [f"arrow:{text_of(read_schema(_address(capsule, b'arrow_schema')))}", pandas_frames.classify(pd.ArrowDtype(kind))[0]]


@settings(max_examples=150, deadline=None)
@given(kind=ARROW)
@example(kind=pa.struct([("x", pa.int64())]))
@example(kind=pa.dictionary(pa.int8(), pa.dictionary(pa.int32(), pa.timestamp("us", "UTC"))))
def test_each_arrow_type_is_read_as_what_it_is(kind: pa.DataType) -> None:
    for text in printed(kind):
        found = parse(text)
        assert found.name and found.family == family(kind), text
        if pa.types.is_timestamp(kind):
            assert (found.unit, found.zone or None) == (kind.unit, kind.tz), text
        if pa.types.is_duration(kind) or pa.types.is_time(kind):
            assert found.unit == kind.unit, text
        if pa.types.is_decimal(kind):
            assert (found.precision, found.scale) == (kind.precision, kind.scale), text
        if pa.types.is_nested(kind) or pa.types.is_dictionary(kind):
            assert of_declared(text) is None, text


NUMPY = st.one_of(
    st.sampled_from("?bBhHiIlLqQefdgFDG").map(np.dtype),
    st.sampled_from(["M8", "m8", "M8[25s]", "m8[3D]", *(f"{kind}8[{unit}]" for kind in "Mm" for unit in ("D", "h", *UNITS))]).map(
        np.dtype
    ),
    st.sampled_from(["U5", "S3", "O"]).map(np.dtype),
)
NUMPY_FAMILY = {**dict.fromkeys("iuf", "number"), **dict.fromkeys("mM", "time"), **dict.fromkeys("US", "text")}
NUMPY_FAMILY |= {"b": "bool", "c": "other", "O": "any"}


@given(dtype=NUMPY)
def test_each_numpy_dtype_is_read_as_what_it_is(dtype: np.dtype[object]) -> None:
    text = arrays.declared_type_of(dtype)
    found = parse(text)
    assert found.name and found.family == NUMPY_FAMILY[dtype.kind], text
    if dtype.kind in "mM" and np.datetime_data(dtype)[0] != "generic":
        unit, step = np.datetime_data(dtype)
        assert found.unit == (unit if step == 1 else f"{step}{unit}")
    lists = parse(f"list[{text}]")
    assert lists.family == "other" and lists.values == found


PANDAS: dict[str, tuple[object, str]] = {
    **{name: (pd.Series([], dtype=name).dtype, "number") for name in ("Int8", "Int64", "UInt16", "Float32", "Float64")},
    "boolean": (pd.BooleanDtype(), "bool"),
    "string": (pd.StringDtype(), "text"),
    "zone": (pd.DatetimeTZDtype("ns", "America/New_York"), "time"),
    "period": (pd.PeriodDtype("W-SUN"), "time"),
    "sparse": (pd.SparseDtype("int64", 0), "number"),
    "interval": (pd.IntervalDtype("int64", "right"), "other"),
    "interval of times": (pd.IntervalDtype(pd.DatetimeTZDtype("ns", "UTC"), "both"), "other"),
    "object": (np.dtype(object), "any"),
}


@pytest.mark.parametrize("name", PANDAS)
def test_each_pandas_dtype_and_a_category_of_it_is_read_as_what_it_is(name: str) -> None:
    dtype, wanted = PANDAS[name]
    text, _ = pandas_frames.classify(dtype)
    assert parse(text).name and parse(text).family == wanted, text
    category = parse(f"category[{text}]")
    assert category.stored == parse(text)
    assert category.family == ("text" if wanted == "any" else wanted)


@pytest.mark.parametrize(
    "text",
    ["", "arrow:", "[", "int64[", "int64[3]", "integer", "interval", "structure", "arrow:struct", "stringy", "booleans", "time",
     "decimal128", "arrow:decimal128(a, b)", "timestamp[us", "INT64", "category", "arrow:arrow:int64", "dictionary<int64>"],
)  # fmt: skip
def test_a_text_that_only_begins_like_a_type_is_none(text: str) -> None:
    found = parse(text)
    assert found.family == "other"
    assert of_declared(text) is None
