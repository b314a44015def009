"""`spark.read.format("modeldata")`: what services and Spark archived, as one frame; held against what went in, and other readers."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest

from modeldata import Archive
from tests.spark.archive import rows
from tests.spark.conftest import Place

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

pytestmark = [
    pytest.mark.spark,
    pytest.mark.timeout(300),
    pytest.mark.filterwarnings("ignore:PySpark does not yet fully support pandas:FutureWarning"),
]
NOON = dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)


def loaded(spark: SparkSession, place: Place, **options: str) -> DataFrame:
    return spark.read.format("modeldata").options(model="m", identifier="inputs", **options).load(place.url)


def shipped(place: Place, file_format: str, *calls: Any) -> None:
    """Collected by a service, and archived."""
    archive = Archive(place.url, format=file_format, ship="thread")
    collector = archive.collector("m", "inputs")
    assert all(collector.collect(data) for data in calls)
    assert archive.close(60)


def at_noon(place: Place, monkeypatch: pytest.MonkeyPatch, *days: int) -> None:
    """One row a day, of a service whose clock says so."""
    for day in days:
        moment = int((NOON + dt.timedelta(day)).timestamp()) * 10**9
        monkeypatch.setattr("modeldata.collector.time_ns", lambda moment=moment: moment)
        shipped(place, "parquet", {"day": day})


@pytest.mark.parametrize(
    ("place", "file_format"), [("folder", "csv"), ("folder", "parquet"), ("az", "csv"), ("s3", "parquet")], indirect=["place"]
)
def test_what_services_and_spark_collected_is_one_frame(spark: SparkSession, place: Place, file_format: str) -> None:
    shipped(place, file_format, pa.table({"id": [1000, 1001], "text": ["a", None]}))
    written = spark.range(100, numPartitions=3).selectExpr("id", "concat('t', id) text")
    assert Archive(place.url, format=file_format, ship="off").collector("m", "inputs").collect(written, "order-1")
    frame = loaded(spark, place)
    assert [(field.name, field.dataType.simpleString()) for field in frame.schema if field.name[0] != "$"] == [
        ("id", "bigint"),
        ("text", "string"),
    ]
    found = sorted((row["id"], row["text"]) for row in frame.select("id", "text").collect())
    assert found == [*((one, f"t{one}") for one in range(100)), (1000, "a"), (1001, None)]
    ours = {(row["$Writer"], row["$Sequence"], row["$Row"]) for row in frame.collect()}
    assert len(ours) == 102
    in_order = frame.where("`$CorrelationId` = 'order-1'").orderBy("`$Row`").select("id").collect()
    assert [row["id"] for row in in_order] == list(range(100))
    if file_format == "parquet":
        assert ours == {(row["$Writer"], row["$Sequence"], row["$Row"]) for row in rows(place.files())}


@pytest.mark.parametrize("file_format", ["csv", "jsonl", "parquet"])
def test_the_types_of_columns_come_back(spark: SparkSession, place: Place, file_format: str) -> None:
    table = pa.table(
        {
            "wide": pa.array([2**64 - 1], pa.uint64()),
            "small": pa.array([200], pa.uint8()),
            "half": pa.array(np.array([1.5], np.float16)),
            "money": pa.array([Decimal("12.30")], pa.decimal128(12, 2)),
            "instant": pa.array([NOON], pa.timestamp("us", "Europe/Berlin")),
            "wall": pa.array([NOON.replace(tzinfo=None)], pa.timestamp("us")),
            "fine": pa.array([NOON.replace(tzinfo=None)], pa.timestamp("ns")),
            "day": pa.array([NOON.date()], pa.date32()),
            "clock": pa.array([dt.time(1, 2, 3)], pa.time64("us")),
            "span": pa.array([dt.timedelta(1, 2, 3)], pa.duration("us")),
            "raw": pa.array([b"\x00\xff"], pa.binary()),
            "flag": pa.array([True], pa.bool_()),
            "none": pa.nulls(1),
        }
    )
    shipped(place, file_format, table)
    (row,) = loaded(spark, place).collect()
    assert row["wide"] == 2**64 - 1
    assert (row["small"], row["half"], row["money"]) == (200, 1.5, Decimal("12.30"))
    (instant,) = loaded(spark, place).selectExpr("unix_micros(instant)").first()
    assert instant == int(NOON.timestamp()) * 10**6
    assert (row["wall"], row["fine"], row["day"]) == (NOON.replace(tzinfo=None), NOON.replace(tzinfo=None), NOON.date())
    assert (dt.time.fromisoformat(row["clock"]), row["span"], row["raw"]) == (
        dt.time(1, 2, 3),
        dt.timedelta(1, 2, 3),
        b"\x00\xff",
    )
    assert (row["flag"], row["none"]) == (True, None)


def test_a_time_finer_than_sparks_stops_the_read_until_it_is_asked_for_as_text(spark: SparkSession, place: Place) -> None:
    shipped(place, "csv", pa.table({"fine": pa.array([1], pa.timestamp("ns"))}))
    with pytest.raises(Exception, match=r"would lose data.*this one as string"):
        loaded(spark, place).collect()
    frame = spark.read.format("modeldata").schema("fine string").option("model", "m").load(place.url)
    assert [row["fine"] for row in frame.collect()] == ["1970-01-01T00:00:00.000000001"]


def test_nested_values_of_spark_come_back_as_they_were(spark: SparkSession, place: Place) -> None:
    said = ["array(1, null) a", "named_struct('x', 1, 'y', 'z') s", "map('k', array(1.5D)) m"]
    frame = spark.range(1).selectExpr(*said)
    assert Archive(place.url, format="parquet", ship="off").collector("m", "inputs").collect(frame)
    assert loaded(spark, place).select("a", "s", "m").collect() == frame.collect()


def test_only_days_that_are_asked_for_are_read(spark: SparkSession, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    at_noon(place, monkeypatch, 0, 1, 2, 3)
    frame = loaded(spark, place, start="2026-11-24T00:00", end="2026-11-25T12:00:00+00:00")
    assert [row["day"] for row in frame.collect()] == [1]
    assert frame.rdd.getNumPartitions() == 1
    assert loaded(spark, place, start="2027-01-01").count() == 0


def test_a_condition_on_the_time_reads_only_what_may_fit(
    spark: SparkSession, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_noon(place, monkeypatch, 0, 1, 2, 3)
    for path in [path for path in place.files() if path.endswith(".parquet") and "/2026/11/23/" in path]:
        place.bucket.write(path, b"whoever opens this, fails")
    later = loaded(spark, place).where(
        "`$Timestamp` > timestamp'2026-11-24 12:00:00Z' and `$Timestamp` <= timestamp'2026-11-26 12:00:00Z'"
    )
    assert sorted(row["day"] for row in later.collect()) == [2, 3]


def test_a_user_may_say_which_columns_in_which_types(spark: SparkSession, place: Place) -> None:
    shipped(place, "csv", {"id": 1, "text": "a"}, {"id": 2, "text": "b"})
    frame = (
        spark.read.format("modeldata").schema("text string, id string").options(model="m", identifier="inputs").load(place.url)
    )
    assert sorted(map(tuple, frame.collect())) == [("a", "1"), ("b", "2")]


def test_nothing_of_a_failed_call_is_read(spark: SparkSession, place: Place) -> None:
    shipped(place, "parquet", pa.table({"id": [7]}))
    failing = spark.range(100, numPartitions=2).selectExpr("if(id = 99, raise_error('bad'), id) id")
    assert not Archive(place.url, format="parquet", ship="off").collector("m", "inputs").collect(failing)
    assert [row["id"] for row in loaded(spark, place).collect()] == [7]


def test_an_unknown_option_or_model_says_what_there_is(spark: SparkSession, place: Place) -> None:
    shipped(place, "csv", {"id": 1})
    with pytest.raises(Exception, match="unknown: modle"):
        spark.read.format("modeldata").option("modle", "m").load(place.url)
    with pytest.raises(Exception, match="did you mean 'm'"):
        spark.read.format("modeldata").option("model", "M").load(place.url)
