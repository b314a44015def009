"""`collect()` of Spark frames in a cluster of two executor processes: what is in the archive afterwards, as others read it."""

from __future__ import annotations

import datetime as dt
import os
import signal
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import modeldata
from modeldata import Archive
from modeldata.catalog.audit import COMPLETE, NOTHING, audit
from modeldata.spark.commit import uncommitted_calls
from modeldata.spool.files import Files
from modeldata.store import open_for, open_store
from tests.spark.archive import assert_nothing_left, data_files, rows
from tests.spark.conftest import Place
from tests.support.scripts import wait_until
from tests.support.spark import Clouds

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa
    from pyspark.sql import DataFrame, SparkSession

pytestmark = [
    pytest.mark.spark,
    pytest.mark.timeout(300),
    pytest.mark.filterwarnings("ignore:PySpark does not yet fully support pandas:FutureWarning"),
]


def archive_at(place: Place, file_format: str = "parquet", **settings: Any) -> Archive:
    return Archive(place.url, format=file_format, ship="off", **settings)


def assert_whole(place: Place) -> list[dict[str, Any]]:
    """Nothing is left over, and the audit agrees; the rows."""
    files = {path: data for path, data in place.files().items() if not path.startswith(".")}
    assert_nothing_left(files)
    found = audit(open_store(place.url, Files()))
    made = rows(files)
    assert found.verdict == (COMPLETE if made else NOTHING), found.as_dict()
    assert found.rows == len(made)
    return made


@pytest.mark.parametrize(
    ("place", "file_format"),
    [
        ("folder", "csv"),
        ("folder", "jsonl"),
        ("folder", "parquet"),
        ("az", "csv"),
        ("az", "parquet"),
        ("s3", "csv"),
        ("s3", "parquet"),
    ],
    indirect=["place"],
)
def test_all_rows_of_all_partitions_are_there_once(spark: SparkSession, place: Place, file_format: str) -> None:
    archive = archive_at(place, file_format)
    collector = archive.collector("m", "inputs")
    with modeldata.request("request-1"):
        assert collector.collect(spark.range(1000, numPartitions=5).selectExpr("id", "concat('t', id) text"), "order-1") is True
    found = assert_whole(place)
    assert sorted(int(row["id"]) for row in found) == list(range(1000))
    assert {row["text"] for row in found} == {f"t{one}" for one in range(1000)}
    assert {(row["$CorrelationId"], row["$RequestId"]) for row in found} == {("order-1", "request-1")}
    assert len({row["$Timestamp"] for row in found}) == 1
    assert len(data_files({path: b"" for path in place.files() if not path.startswith(".")})) == 5
    report = archive.stats()
    assert (report.accepted, report.distributed, report.dropped) == (1000, 1000, {})


def test_spark_itself_reads_the_folder_of_the_day(spark: SparkSession, place: Place) -> None:
    assert archive_at(place).collector("m", "inputs").collect(spark.range(30, numPartitions=3))
    (day,) = {str(Path(path).parent) for path in data_files(place.files()) if path.endswith(".parquet")}
    assert spark.read.parquet(f"{place.url}/{day}").count() == 30


def test_a_frame_that_fails_is_refused_and_counted_and_leaves_nothing(
    spark: SparkSession, place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    archive = archive_at(place)
    failing = spark.range(100, numPartitions=1).selectExpr("if(id = 99, raise_error('a bad row'), id) id")
    assert archive.collector("m", "inputs").collect(failing) is False
    assert archive.stats().dropped == {"spark_failed": 1}
    (message,) = [record.getMessage() for record in caplog.records if record.name == "modeldata"]
    assert "a bad row" in message
    assert "\n" not in message
    assert assert_whole(place) == []


@pytest.mark.parametrize("place", ["s3"], indirect=True)
def test_an_executor_that_does_not_reach_the_store_is_reported(
    spark: SparkSession, place: Place, clouds: Clouds, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", clouds.make["s3"]("x").client.meta.endpoint_url)  # type: ignore[attr-defined] # of boto3
    archive = archive_at(place)
    clouds.proxy.down()
    try:
        assert archive.collector("m", "inputs").collect(spark.range(10, numPartitions=1)) is False
    finally:
        clouds.proxy.up()
    assert archive.stats().dropped == {"store_unavailable": 1}
    assert "said by an executor" in caplog.text
    assert assert_whole(place) == []


def test_a_task_that_fails_twice_and_then_passes_leaves_each_row_once(spark: SparkSession, place: Place) -> None:
    def fails_twice(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        from pyspark import TaskContext

        yield from batches
        context = TaskContext.get()
        if context.partitionId() == 1 and context.attemptNumber() < 2:
            raise RuntimeError("not yet")

    frame = spark.range(100, numPartitions=3).mapInArrow(fails_twice, "id long")
    assert archive_at(place).collector("m", "inputs").collect(frame) is True
    assert sorted(row["id"] for row in assert_whole(place)) == list(range(100))


def test_an_executor_that_is_killed_in_the_middle_leaves_each_row_once(spark: SparkSession, place: Place, tmp_path: Path) -> None:
    frame = spark.range(2, numPartitions=2).mapInArrow(_killed_once(str(tmp_path / "killed"), place.url), "id long, fill binary")
    assert archive_at(place).collector("m", "inputs").collect(frame) is True
    assert (tmp_path / "killed").exists()
    found = assert_whole(place)
    assert sorted(row["id"] for row in found) == list(range(200))


def _killed_once(flag: str, root: str) -> Any:
    """100 rows of a MiB each a partition; the first attempt is killed with its executor once a file of it is in the archive."""

    def rows_and_death(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        (start,) = [one.as_py() * 100 for batch in batches for one in batch.column(0)]
        for at in range(start, start + 100):
            yield pa.RecordBatch.from_pydict({"id": [at], "fill": [bytes(1 << 20)]})
        if start and not os.path.exists(flag):
            wait_until(lambda: list(Path(root).rglob("_attempts/*/1-*.part")))
            Path(flag).touch()
            os.kill(_executor(), signal.SIGKILL)
            signal.pause()

    return rows_and_death


def _executor() -> int:
    """The JVM above this worker."""
    pid = os.getpid()
    while b"java" not in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0]:
        pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return pid


TYPES: dict[str, tuple[str, Any]] = {
    "decimal": ("cast('12345678901234567890.123456' as decimal(38, 6))", Decimal("12345678901234567890.123456")),
    "instant": ("timestamp'2026-11-23 07:26:04.593551+01:00'", dt.datetime(2026, 11, 23, 6, 26, 4, 593551, dt.UTC)),
    "wall": ("timestamp_ntz'2026-11-23 07:26:04.593551'", dt.datetime(2026, 11, 23, 7, 26, 4, 593551)),
    "date": ("date'2026-11-23'", dt.date(2026, 11, 23)),
    "array": ("array(1, null, 3)", [1, None, 3]),
    "struct": ("named_struct('a', 1, 'b', 'x')", {"a": 1, "b": "x"}),
    "map": ("map('a', 1, 'b', null)", [("a", 1), ("b", None)]),
    "binary": ("X'00FF'", b"\x00\xff"),
    "nothing": ("null", None),
    "nested": ("array(named_struct('m', map('k', array(1.5D))))", [{"m": [("k", [1.5])]}]),
    "whole": ("9223372036854775807", 2**63 - 1),
    "byte": ("-128Y", -128),
    "single": ("float(0.1)", 0.10000000149011612),
    "nan": ("double('NaN')", "nan"),
    "yes": ("true", True),
    "text": ("'Grüße, \"Welt\"\n'", 'Grüße, "Welt"\n'),
    "span": ("interval '1 02:03:04.000005' day to second", 93784000005),
}


def test_the_types_of_spark_are_stored_by_the_value_table(spark: SparkSession, place: Place) -> None:
    columns = [f"{said} `{name}`" for name, (said, _) in TYPES.items()]
    nulls = [f"if(id = 0, `{name}`, null) `{name}`" for name in TYPES]
    frame = spark.range(2, numPartitions=1).selectExpr("id", *columns).selectExpr("id", *nulls)
    assert archive_at(place).collector("m", "inputs").collect(frame)
    first, second = sorted(assert_whole(place), key=lambda row: row["id"])
    stored = {name: "nan" if value != value else value for name, value in first.items()}
    assert {name: stored[name] for name in TYPES} == {name: value for name, (_, value) in TYPES.items()}
    assert {name: second[name] for name in TYPES} == dict.fromkeys(TYPES)


@pytest.mark.parametrize("file_format", ["csv", "parquet"])
def test_any_name_of_a_column_is_kept(spark: SparkSession, place: Place, file_format: str) -> None:
    names = ["a.b", "a b", 'say "it"', "it's", "größe·名前", "back`tick", "comma,colon:", "$Timestamp", "two", "two"]
    frame = spark.range(3, numPartitions=1).selectExpr(*["id"] * len(names)).toDF(*names)
    assert archive_at(place, file_format).collector("m", "inputs").collect(frame)
    found = assert_whole(place)
    features = [
        name for name in found[0] if name not in ("$Timestamp", "$CorrelationId", "$RequestId", "$Writer", "$Sequence", "$Row")
    ]
    assert features == [*names[:-3], "$Timestamp.1", "two", "two.1"]
    assert all({int(row[name]) for name in features} == {int(row["a.b"])} for row in found)


def test_a_type_without_a_form_is_refused_before_anything_runs(
    spark: SparkSession, place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    archive = archive_at(place)
    assert archive.collector("m", "inputs").collect(spark.range(1).selectExpr("array(make_interval(1)) odd")) is False
    assert archive.stats().dropped == {"unsupported_type": 1}
    assert "'odd' is array<interval>: cast" in caplog.text
    assert not [path for path in place.files() if not path.startswith(".")]


def test_a_frame_without_rows_is_collected_and_leaves_nothing(spark: SparkSession, place: Place) -> None:
    archive = archive_at(place)
    assert archive.collector("m", "inputs").collect(spark.range(0)) is True
    assert not [path for path in place.files() if not path.startswith(".")]
    assert archive.stats().dropped == {}


def test_rows_of_services_and_of_spark_lie_side_by_side(spark: SparkSession, place: Place) -> None:
    archive = Archive(place.url, format="parquet", ship="thread")
    collector = archive.collector("m", "inputs")
    assert collector.collect({"id": 1000})
    assert collector.collect(spark.range(10, numPartitions=2))
    assert archive.close(60)
    assert sorted(row["id"] for row in assert_whole(place)) == [*range(10), 1000]


def _written(frame: DataFrame, place: Place, **options: str) -> None:
    frame.write.format("modeldata").options(model="m", identifier="inputs", **options).mode("append").save(place.url)


@pytest.mark.parametrize("place", ["folder", "az", "s3"], indirect=True)
def test_the_format_writes_as_collect_does(spark: SparkSession, place: Place) -> None:
    frame = spark.range(1000, numPartitions=3).selectExpr("id", "concat('t', id) `a.b`")
    _written(frame, place, archive_format="parquet", correlation_id="order-1")
    found = assert_whole(place)
    assert sorted(row["id"] for row in found) == list(range(1000))
    assert {row["$CorrelationId"] for row in found} == {"order-1"}


def test_a_write_that_fails_leaves_nothing(spark: SparkSession, place: Place) -> None:
    failing = spark.range(100, numPartitions=1).selectExpr("if(id = 99, raise_error('a bad row'), id) id")
    with pytest.raises(Exception, match="a bad row"):  # in the only task: another might still be writing
        _written(failing, place)
    assert assert_whole(place) == []
    assert uncommitted_calls(open_for(Archive(place.url, ship="off").settings, Files())) == []


def test_an_archive_is_never_overwritten(spark: SparkSession, place: Place) -> None:
    with pytest.raises(Exception, match='an archive is only added to \\(say mode\\("append"\\)\\)'):
        spark.range(3).write.format("modeldata").options(model="m").mode("overwrite").save(place.url)
