"""`collect()` of a Spark frame: an action of Spark, its tasks write to the archive and its driver decides.

Promise: True means that every row is in the archive once; anything else, that none is. Rows never come to the driver.
"""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any

from modeldata.snapshot.schema import RefusedData, unique
from modeldata.spark.call import AttemptFile, new_call
from modeldata.spark.commit import Driver, sweep_quietly
from modeldata.spark.errors import NotArchived, stage_failure

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pyarrow as pa
    from pyspark.sql import DataFrame
    from pyspark.sql.types import StructType

    from modeldata.settings import Settings
    from modeldata.spark.call import Call

PLAIN = frozenset(
    f"{name}Type"
    for name in (
        "Binary", "Boolean", "Byte", "Char", "Date", "DayTimeInterval", "Decimal", "Double", "Float", "Integer", "Long",
        "Null", "Short", "String", "Time", "Timestamp", "TimestampNTZ", "Varchar",
    )
)  # fmt: skip
NEEDS = "cast the column to text, or leave it out"


def collect(
    frame: DataFrame, identity: Mapping[str, str], settings: Settings, *, correlation: str = "", request: str = ""
) -> int:
    """Archive all rows of `frame`; their number. Runs the frame once, and waits for it.

    Raises `RefusedData` for data that can't be collected, `NotArchived` where it failed: then no row is in the archive.
    """
    columns = check(frame, settings)
    if not columns:
        return 0
    now = time.time_ns()
    call = new_call(
        identity,
        columns,
        settings.to_env(),
        time_ns=now,
        hour_folders=settings.hour_folders,
        correlation=correlation,
        request=request,
    )
    rows = _run(frame, call, settings)
    sweep_quietly(settings, now)
    return rows


def check(frame: DataFrame, settings: Settings) -> tuple[str, ...]:
    """The names of the columns as they are stored. Raises `RefusedData`."""
    if len(settings.archives) > 1:
        raise RefusedData("unsupported_type", "a Spark frame goes to one archive: make an Archive for each and collect twice")
    if frame.isStreaming:
        raise RefusedData("unsupported_type", "a stream is not collected as such: collect each batch in foreachBatch")
    check_types(frame.schema)
    return unique(frame.columns)


def check_types(schema: StructType) -> None:
    """Raises `RefusedData` for a column of a type that does not come out of Spark as Arrow, or has no form in the archive."""
    for field in schema.fields:
        if not _has_form(field.dataType):
            raise RefusedData("unsupported_type", f"column {field.name!r} is {field.dataType.simpleString()}: {NEEDS}")


def _has_form(kind: Any) -> bool:
    """By name: some types are known to newer versions only."""
    name = type(kind).__name__
    if name == "ArrayType":
        return _has_form(kind.elementType)
    if name == "MapType":
        return _has_form(kind.keyType) and _has_form(kind.valueType)
    if name == "StructType":
        return all(_has_form(field.dataType) for field in kind.fields)
    return _has_form(kind.sqlType()) if hasattr(kind, "sqlType") else name in PLAIN


def _run(frame: DataFrame, call: Call, settings: Settings) -> int:
    driver = Driver(call, settings)
    driver.begin()
    try:
        written = _write(frame, call)
    except BaseException as error:
        driver.give_up()
        if isinstance(error, NotArchived) or not isinstance(error, Exception):
            raise
        raise stage_failure(error) from None
    return driver.commit(written)


def _write(frame: DataFrame, call: Call) -> list[AttemptFile]:
    """What one attempt of each task wrote. By position: Spark itself can't tell two columns of one name apart."""
    plain = frame.toDF(*(str(at) for at in range(len(call.columns))))
    return [AttemptFile.unpack(row.written) for row in plain.mapInArrow(partial(_task, call), "written string").collect()]


def _task(call: Call, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """On an executor."""
    import pyarrow as pa
    from pyspark import TaskContext

    from modeldata.spark.task import write_partition

    context = TaskContext.get()
    assert context is not None  # a task has one
    for file in write_partition(call, batches, context.partitionId(), context.taskAttemptId()):
        yield pa.RecordBatch.from_pydict({"written": [file.pack()]})
