"""A column of a declared type is read in this type from any file; parts of different types in one that holds both."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from tests.read.kit import FORMATS, OWN, Shipped

MOMENT = dt.datetime(2026, 11, 23, 7, 26, 4, 593551)
TYPED = pa.table(
    {
        "int8": pa.array([-128, None, 127], pa.int8()),
        "uint64": pa.array([0, None, 2**64 - 1], pa.uint64()),
        "int64": pa.array([-(2**63), None, 2**63 - 1], pa.int64()),
        "float32": pa.array([0.1, None, float("nan")], pa.float32()),
        "float64": pa.array([0.1, None, float("-inf")], pa.float64()),
        "bool": pa.array([True, None, False]),
        "text": pa.array(["", None, 'a "b", \n c'], pa.string()),
        "bytes": pa.array([b"", None, b"\x00\xff"], pa.binary()),
        "decimal": pa.array([Decimal("1.50"), None, Decimal("-0.01")], pa.decimal128(9, 2)),
        "naive": pa.array([MOMENT, None, dt.datetime(1900, 1, 1)], pa.timestamp("us")),
        "seconds": pa.array([dt.datetime(2026, 1, 1), None, dt.datetime(1900, 1, 1)], pa.timestamp("s")),
        "zoned": pa.array([MOMENT, None, MOMENT], pa.timestamp("us", "Europe/Berlin")),
        "date": pa.array([dt.date(2026, 11, 23), None, dt.date(1, 1, 1)], pa.date32()),
        "time": pa.array([dt.time(7, 26, 4, 5), None, dt.time()], pa.time64("us")),
        "span": pa.array([dt.timedelta(days=-1, microseconds=5), None, dt.timedelta(3)], pa.duration("us")),
        "list": pa.array([[1.5, None], None, []], pa.list_(pa.float64())),
        "struct": pa.array([{"a": 1, "b": "x"}, None, {"a": None, "b": ""}], pa.struct({"a": pa.int64(), "b": pa.string()})),
        "category": pa.array(["a", None, "b"]).dictionary_encode(),
        "nothing": pa.nulls(3),
    }
)
READ_AS = {"category": pa.string(), "nothing": pa.string()}
"""Types that have another one in an archive."""


@pytest.fixture(params=FORMATS)
def shipped(request: pytest.FixtureRequest, tmp_path: Path) -> Shipped:
    return Shipped(str(tmp_path / "archive"), tmp_path / "spool", request.param)


def features(table: pa.Table) -> pa.Table:
    """In the order of the collecting, without our columns."""
    return table.sort_by("$Sequence").drop_columns(OWN)


def test_an_arrow_table_comes_back_in_its_types(shipped: Shipped) -> None:
    shipped.collect("typed", TYPED)
    shipped.ship()
    found = features(shipped.archive.read("m", "typed"))
    assert {field.name: field.type for field in found.schema} == {
        field.name: READ_AS.get(field.name, field.type) for field in TYPED.schema
    }
    for name in TYPED.column_names:
        wanted = TYPED[name].cast(READ_AS.get(name, TYPED[name].type))
        assert str(found[name].to_pylist()) == str(wanted.to_pylist()), name


def test_a_pandas_frame_comes_back_equal(shipped: Shipped) -> None:
    frame = pd.DataFrame(
        {
            "age": np.array([34, 52], "int32"),
            "income": [51000.0, float("nan")],
            "since": pd.to_datetime(["2026-01-02T03:04:05.123456789", "2026-01-02T00:00:00.5"], format="ISO8601").astype(
                "datetime64[ns]"
            ),
            "plan": pd.Categorical(["basic", "pro"]),
            "active": [True, False],
        }
    )
    shipped.collect("frame", frame)
    shipped.ship()
    found = shipped.archive.scan("m", "frame").to_pandas().drop(columns=OWN)
    expected = frame.astype({"plan": "str"})
    pd.testing.assert_frame_equal(found, expected, check_dtype=True)


@pytest.mark.parametrize(
    ("one", "other", "kind", "values"),
    [
        ([1, 2], [2.5], pa.float64(), [1.0, 2.0, 2.5]),
        ([1], [2**53 + 1, 0.5], pa.string(), ["1", str(2**53 + 1), "0.5"]),
        ([1], [2**70], pa.decimal128(38, 0), [Decimal(1), Decimal(2**70)]),
        ([1], [10**45], pa.string(), ["1", str(10**45)]),
        ([1], ["a"], pa.string(), ["1", "a"]),
        ([True], [1], pa.string(), ["True", "1"]),
        ([None], [1], pa.int64(), [None, 1]),
        (["1"], [None], pa.string(), ["1", None]),
        ([dt.date(2026, 1, 2)], [MOMENT], pa.timestamp("us"), [dt.datetime(2026, 1, 2), MOMENT]),
        ([Decimal("1.5")], [2.5], pa.string(), ["1.5", "2.5"]),
        ([MOMENT], [MOMENT.replace(tzinfo=dt.UTC)], pa.string(), ["2026-11-23T07:26:04.593551", "2026-11-23T07:26:04.593551+00:00"]),
        ([{"a": 1}], ["a"], pa.string(), ['{"a":1}', "a"]),
    ],
)  # fmt: skip
def test_parts_of_two_types_have_one_that_holds_both(
    shipped: Shipped, one: list[object], other: list[object], kind: pa.DataType, values: list[object]
) -> None:
    for part in (one, other):  # two batches
        shipped.collect("both", [{"x": value} for value in part])
        shipped.ship()
    found = features(shipped.archive.read("m", "both"))["x"]
    assert (found.type, found.to_pylist()) == (kind, values)


def test_a_whole_number_beside_a_decimal_is_one(shipped: Shipped) -> None:
    for value in (Decimal("1.5"), 2):
        shipped.collect("decimals", [{"x": value}])
        shipped.ship()
    found = features(shipped.archive.read("m", "decimals"))["x"]
    assert pa.types.is_decimal(found.type) and found.to_pylist() == [Decimal("1.5"), Decimal(2)]


def test_whole_numbers_of_a_frame_stay_whole_beside_text(shipped: Shipped) -> None:
    for call in (pd.DataFrame({"x": [1]}), {"x": "a"}):
        shipped.collect("beside", call)
        shipped.ship()
    assert features(shipped.archive.read("m", "beside"))["x"].to_pylist() == ["1", "a"]


def test_vectors_of_whole_numbers_and_of_fractions_are_one_column(tmp_path: Path) -> None:
    shipped = Shipped(str(tmp_path / "a"), tmp_path / "s", "parquet")
    vectors: list[object] = [[1, 2], [0.5, 1], None, [2.5]]
    for vector in vectors:
        shipped.collect("vectors", {"x": vector})
        shipped.ship()
    found = features(shipped.archive.read("m", "vectors"))["x"]
    assert (found.type, found.to_pylist()) == (pa.list_(pa.float64()), vectors)
    assert [row["x"] for row in shipped.archive.scan("m", "vectors").to_pylist()] == vectors


def test_declared_widths_meet_in_the_wider_one(shipped: Shipped) -> None:
    for kind, value in (("int8", 1), ("uint8", 255), ("int32", -(2**31))):
        shipped.collect("widths", pd.DataFrame({"x": np.array([value], kind)}))
        shipped.ship()
    found = features(shipped.archive.read("m", "widths"))["x"]
    assert (found.type, found.to_pylist()) == (pa.int32(), [1, 255, -(2**31)])


def test_a_column_that_came_later_is_null_before_and_last_in_order(shipped: Shipped) -> None:
    for call in ([{"a": 1}], [{"b": "x", "a": 2}]):
        shipped.collect("grown", call)
        shipped.ship()
    found = features(shipped.archive.read("m", "grown"))
    assert found.to_pydict() == {"a": [1, 2], "b": [None, "x"]}


def test_times_of_two_zones_are_read_in_utc(shipped: Shipped) -> None:
    zones = [ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York")]
    moments = [MOMENT.replace(tzinfo=zone) for zone in zones]
    for moment in moments:
        shipped.collect("zones", [{"x": moment}])
        shipped.ship()
    found = features(shipped.archive.read("m", "zones"))["x"]
    assert found.type == pa.timestamp("us", "UTC") and found.to_pylist() == moments


def test_values_without_an_arrow_type_are_text_and_come_back_from_to_pylist(shipped: Shipped) -> None:
    values: list[object] = [1 + 2j, {"a": [1, None]}, "1", 1, np.float32(0.5)]
    shipped.collect("mixed", [{"x": value} for value in values])
    shipped.ship()
    scan = shipped.archive.scan("m", "mixed")
    assert scan.to_arrow().sort_by("$Sequence")["x"].to_pylist() == ["(1+2j)", '{"a":[1,null]}', "1", "1", "0.5"]
    found = [row["x"] for row in scan.to_pylist()]
    assert found == values and list(map(type, found)) == list(map(type, values))


def test_a_type_of_ones_own_choice_wins(shipped: Shipped) -> None:
    shipped.collect("chosen", [{"x": 1}, {"x": 2}])
    shipped.ship()
    assert shipped.archive.read("m", "chosen", types={"x": pa.string()})["x"].to_pylist() == ["1", "2"]
    assert shipped.archive.read("m", "chosen", types={"x": pa.float64()})["x"].to_pylist() == [1.0, 2.0]
