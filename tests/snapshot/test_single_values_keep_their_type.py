"""Values in lists and dicts: each comes back equal and of its type, or in its documented form."""

from __future__ import annotations

import array
import datetime as dt
import decimal
import enum
import math
import uuid
from collections import Counter, OrderedDict, deque
from fractions import Fraction
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modeldata.columns import ABSENT
from tests.snapshot.support import arrow, new_schemas, python, round_trip, row_of

BERLIN = ZoneInfo("Europe/Berlin")


class Level(enum.Enum):
    HIGH = "high"


class Number(enum.IntEnum):
    ONE = 1


class Flags(enum.Flag):
    A = 1
    B = 2


class Text(enum.StrEnum):
    A = "a"


class Whole(int):
    def __str__(self) -> str:
        return "not this"


class Words(str):
    def __str__(self) -> str:
        return "not this"


class Real(float):
    pass


class Shown:
    def __str__(self) -> str:
        return "shown \N{SNOWMAN}"


EXACT = [
    0, -1, 2**63 - 1, -(2**63), 2**63, 2**64 - 1, 2**64, -(2**63) - 1, 10**40, -(10**40),
    0.1, -0.0, 1e308, 5e-324, math.inf, -math.inf,
    True, False, None, "", " ", "a\0b", "\u2028", "\ud800", "\U0001f600", b"", b"\xff\x00",
    decimal.Decimal("1.50"), decimal.Decimal("-0"), decimal.Decimal("1E+400"), decimal.Decimal("Infinity"),
    dt.datetime(2026, 11, 23, 6, 4, 38, 123456), dt.datetime(1, 1, 1), dt.datetime.max,
    dt.datetime(2026, 11, 23, tzinfo=dt.UTC), dt.datetime(2026, 11, 23, tzinfo=BERLIN),
    dt.datetime(2026, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=-3, minutes=-30))),
    dt.date(2026, 11, 23), dt.time(1, 2, 3, 4), dt.time(1, 2, tzinfo=dt.UTC),
    dt.timedelta(days=-1, microseconds=1), dt.timedelta.max, dt.timedelta.min,
    uuid.UUID(int=2**127 + 5), 1 - 2j, complex(math.inf, 0.0),
    [1, [2, None]], {"a": {"b": [1.5]}}, {}, [],
]  # fmt: skip


@pytest.mark.parametrize("value", EXACT, ids=lambda value: type(value).__name__)
def test_a_value_comes_back_as_it_was(value: object) -> None:
    for found in (row_of([0, value])[1], row_of({"a": value})[0], row_of([0, [value]])[1][0]):  # type: ignore[index]
        assert found == value
        assert type(found) is type(value)
        assert repr(found) == repr(value)


@pytest.mark.parametrize("fold", [0, 1])
def test_the_hour_that_comes_twice_stays_apart(fold: int) -> None:
    moment = dt.datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN, fold=fold)
    (found,) = row_of([moment])
    assert isinstance(found, dt.datetime)
    assert found.utcoffset() == moment.utcoffset()
    assert found.replace(tzinfo=None, fold=0) == moment.replace(tzinfo=None, fold=0)
    assert found.tzinfo == BERLIN


def test_a_time_that_never_was_keeps_its_instant() -> None:
    moment = dt.datetime(2026, 3, 29, 2, 30, tzinfo=BERLIN)
    (found,) = row_of([moment])
    assert isinstance(found, dt.datetime)
    assert found.astimezone(dt.UTC) == moment.astimezone(dt.UTC)


def test_nan_stays_nan_and_is_not_none() -> None:
    (column,) = round_trip([math.nan], [None], [1.0])
    values = python(column)
    assert isinstance(values[0], float) and math.isnan(values[0])
    assert values[1:] == [None, 1.0]


FORMS: list[tuple[object, object]] = [
    (Level.HIGH, "high"),
    (Number.ONE, 1),
    (Flags.A | Flags.B, 3),
    (Text.A, "a"),
    (Whole(5), 5),
    (Whole(2**80), 2**80),
    (Words("text"), "text"),
    (Real(0.5), 0.5),
    ((1, (2,)), [1, [2]]),
    ({3}, [3]),
    (frozenset({4}), [4]),
    (range(3), [0, 1, 2]),
    (deque([1, 2]), [1, 2]),
    ({"a": 1}.values(), [1]),
    ({"a": 1}.keys(), ["a"]),
    (array.array("d", [1.5]), [1.5]),
    (OrderedDict(b=1, a=2), {"b": 1, "a": 2}),
    (Counter("aa"), {"a": 2}),
    ({1: "a", (1, 2): "b", None: "c", 2.5: "d"}, {1: "a", (1, 2): "b", None: "c", 2.5: "d"}),
    (bytearray(b"ab"), b"ab"),
    (memoryview(b"ab"), b"ab"),
    (Shown(), "shown \N{SNOWMAN}"),
    (Fraction(1, 3), "1/3"),
    (np.float64(0.5), 0.5),
    (np.int64(5), 5),
    (np.bool_(True), True),
    (np.str_("x"), "x"),
    (np.bytes_(b"x"), b"x"),
    (np.datetime64("NaT"), None),
    (np.array((1, "x"), dtype=[("a", int), ("b", "U1")])[()], {"a": 1, "b": "x"}),
    (np.array(["x", "y"]), ["x", "y"]),
    (np.array([1, "x"], dtype=object), [1, "x"]),
    (np.array(1.5), 1.5),
    (np.ma.array([1, 2], mask=[False, True]), [1, None]),
    (pd.NA, None),
    (pd.NaT, None),
    (pd.Timestamp("2026-01-02 03:04:05.000006"), dt.datetime(2026, 1, 2, 3, 4, 5, 6)),
    (pd.Timestamp("2026-01-02 03:04", tz="Europe/Berlin"), dt.datetime(2026, 1, 2, 3, 4, tzinfo=BERLIN)),
    (pd.Timedelta(days=1, microseconds=2), dt.timedelta(days=1, microseconds=2)),
    (pd.Period("2026-01", "M"), "2026-01"),
    (pd.Interval(0, 1), "(0, 1]"),
    (pd.Series([1, 2]), [1, 2]),
    (pd.Index(["a"]), ["a"]),
    (pd.DataFrame({"a": [1]}), {"a": [1]}),
]


@pytest.mark.parametrize(("value", "form"), FORMS, ids=lambda value: type(value).__name__)
def test_other_values_come_back_in_their_documented_form(value: object, form: object) -> None:
    (found,) = row_of({"a": value})
    assert found == form
    assert type(found) is type(form)
    assert row_of([1, [value]])[1] == [form]


@pytest.mark.parametrize(
    "scalar",
    [
        np.float32(0.1), np.float16(0.1), np.int8(-1), np.uint64(2**64 - 1), np.uint8(255), np.complex64(1 + 2j),
        np.longdouble("0.1"), np.datetime64("2026-01-01T00:00:00.123456789"), np.datetime64("2026-01"), np.timedelta64(5, "h"),
    ],
    ids=repr,
)  # fmt: skip
def test_a_numpy_scalar_keeps_exactly_its_dtype(scalar: np.generic) -> None:
    found = row_of([1, [scalar]])[1]
    assert isinstance(found, list)
    assert found == [scalar]
    assert found[0].dtype == scalar.dtype


def test_a_column_of_numpy_scalars_is_an_arrow_column_of_their_type() -> None:
    (column,) = round_trip([np.float32(0.1)], [None], [np.float32("nan")])
    assert arrow(column).type == pa.float32()
    assert arrow(column).null_count == 1
    assert python(column)[0] == float(np.float32(0.1))


def test_nanoseconds_are_kept() -> None:
    stamp = pd.Timestamp("2026-01-02T03:04:05.123456789")
    (column,) = round_trip([stamp])
    assert arrow(column).type == pa.timestamp("ns")
    assert arrow(column).cast(pa.int64()).to_pylist() == [stamp.value]
    (found,) = row_of([stamp.tz_localize("Europe/Berlin")])
    assert found == "2026-01-02T03:04:05.123456789+01:00"
    length = pd.Timedelta(nanoseconds=1_000_001)
    (column,) = round_trip([length])
    assert arrow(column).cast(pa.int64()).to_pylist() == [1_000_001]


@pytest.mark.parametrize("dtype", ["<f4", ">f8", "<i2", "?", "<c8", "<M8[us]", "<m8[s]"])
def test_an_array_in_a_cell_keeps_dtype_shape_and_values(dtype: str) -> None:
    value = np.arange(6).reshape(2, 3).astype(dtype)
    for one in (value, np.asfortranarray(value), value[:, ::2]):
        found = row_of([1, one])[1]
        assert isinstance(found, np.ndarray)
        assert found.dtype == np.dtype(dtype).newbyteorder("<")
        np.testing.assert_array_equal(found, one)


def test_a_zone_this_machine_does_not_know_keeps_its_offset() -> None:
    class Zone(dt.tzinfo):
        key = "Mars/Olympus"

        def utcoffset(self, moment: dt.datetime | None) -> dt.timedelta:
            return dt.timedelta(hours=5)

        def tzname(self, moment: dt.datetime | None) -> str:
            return "MTC"

        def dst(self, moment: dt.datetime | None) -> dt.timedelta:
            return dt.timedelta(0)

    assert row_of([dt.datetime(2026, 1, 1, tzinfo=Zone())]) == [
        dt.datetime(2026, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=5)))
    ]


PLAIN = [(True, pa.bool_()), (5, pa.int64()), (0.5, pa.float64()), ("x", pa.string())]


@pytest.mark.parametrize(("value", "kind"), PLAIN)
def test_a_column_of_one_plain_type_is_an_arrow_column(value: object, kind: pa.DataType) -> None:
    (column,) = round_trip([value], [None], [value])
    assert column.type == "any"
    assert arrow(column).type == kind
    assert python(column) == [value, None, value]


@pytest.mark.parametrize("other", [1.5, True, "x", 2**63, b"x", [1], decimal.Decimal(1)], ids=repr)
def test_a_column_of_two_types_is_a_list_of_what_was_given(other: object) -> None:
    (column,) = round_trip({"a": 1}, {"a": other})
    assert isinstance(column.values, list)
    assert column.values == [1, other]
    assert type(column.values[1]) is type(other)


_cells = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**80), 2**80)
    | st.floats(allow_nan=False)
    | st.text(st.characters())
    | st.binary()
    | st.decimals(allow_nan=False)
    | st.datetimes(timezones=st.none() | st.timezones() | st.just(dt.UTC))
    | st.dates()
    | st.times()
    | st.timedeltas()
    | st.uuids()
    | st.complex_numbers(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


def _same(found: object, given: object) -> bool:
    if isinstance(given, dt.datetime) and isinstance(found, dt.datetime) and given.tzinfo is not None:
        return found.astimezone(dt.UTC) == given.astimezone(dt.UTC) and str(found.tzinfo) == str(given.tzinfo)
    if isinstance(given, list):
        return isinstance(found, list) and len(found) == len(given) and all(map(_same, found, given))
    if isinstance(given, dict):
        return isinstance(found, dict) and list(found) == list(given) and all(_same(found[key], given[key]) for key in given)
    return type(found) is type(given) and found == given


@given(st.lists(st.tuples(_cells, _cells), min_size=1, max_size=5))
def test_any_rows_of_any_values_come_back(rows: list[tuple[object, object]]) -> None:
    try:
        _utc([list(row) for row in rows])
    except OverflowError:
        return  # an instant that UTC has no year for: nothing to compare with
    by_call = round_trip(*({"a": first, "b": second} for first, second in rows))
    at_once = round_trip([list(row) for row in rows])
    for columns in (by_call, at_once):
        for at in range(2):
            assert all(map(_same, python(columns[at]), [row[at] for row in rows]))


def _utc(cell: object) -> None:
    if isinstance(cell, dt.datetime) and cell.tzinfo is not None:
        cell.astimezone(dt.UTC)
    elif isinstance(cell, (list, dict)):
        for inner in cell if isinstance(cell, list) else cell.values():
            _utc(inner)


@given(st.lists(st.dictionaries(st.sampled_from("abcd"), st.integers() | st.text() | st.none()), min_size=1))
def test_any_dicts_come_back_key_by_key(rows: list[dict[str, object]]) -> None:
    if not any(rows):
        return
    columns = round_trip(rows, schemas=new_schemas())
    for at, row in enumerate(rows):
        found = {column.name: python(column)[at] for column in columns}
        assert {name: value for name, value in found.items() if value is not ABSENT} == row


@pytest.mark.parametrize(
    "value",
    [
        "text", "", b"bytes", bytearray(b"x"), memoryview(b"abc"), 5, 2**70, True, 2.5, 1j, decimal.Decimal("1.50"),
        dt.datetime(2024, 1, 1, tzinfo=dt.UTC), dt.date(2024, 1, 1), dt.time(12), dt.timedelta(1), uuid.UUID(int=5),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_a_value_alone_is_one_row_of_one_column(value: object) -> None:
    (column,) = round_trip(value, schemas=new_schemas("prompt"))
    assert column.name == "prompt"
    assert python(column) == [bytes(value) if isinstance(value, (bytearray, memoryview)) else value]
