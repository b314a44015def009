"""The format "modeldata" for `spark.read` and `frame.write`: Spark's Python data source API, in Arrow batches.

Promise: reading gives every row that is archived once, and none that is not (`modeldata.spark.reading`). Writing archives all
rows of a frame once, or none and the action fails, as `collector.collect(frame)` does. An archive is only ever added to:
`mode("append")`.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from pyspark.sql.datasource import DataSource, DataSourceArrowWriter, DataSourceReader, InputPartition, WriterCommitMessage

from modeldata.errors import SettingsError
from modeldata.settings import Settings
from modeldata.snapshot.schema import RefusedData, unique
from modeldata.spark.call import AttemptFile, Call, new_call
from modeldata.spark.commit import Driver, sweep_quietly
from modeldata.spark.dataframe import check_types
from modeldata.spark.options import checked, identity_of, settings_of
from modeldata.spark.reading import SparkQuestion, between, question_of, rows, schema_of, shaped, tasks

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pyarrow as pa
    from pyspark.sql.datasource import Filter
    from pyspark.sql.types import StructType

    from modeldata.spark.reading import Task


class ModelDataSource(DataSource):
    """What a session makes of `format("modeldata")`. Options: see `modeldata.spark.options`."""

    @classmethod
    def name(cls) -> str:
        return "modeldata"

    def schema(self) -> StructType:
        """From the manifests. Raises `SettingsError`, `NotThere`, `Unavailable`."""
        from pyspark.sql.pandas.types import from_arrow_schema

        return from_arrow_schema(schema_of(self._question()))

    def reader(self, schema: StructType) -> ModelDataReader:
        return ModelDataReader(shaped(self._question(), schema))

    def _question(self) -> SparkQuestion:
        options = checked(self.options)
        return question_of(options, settings_of(options, os.environ))

    def writer(self, schema: StructType, overwrite: bool) -> ModelDataWriter:
        """Begins a call. Raises `SettingsError`, `RefusedData`, `NotArchived`."""
        options = checked(self.options)
        if overwrite:
            raise SettingsError("write to the archive", cause="an archive is only added to", hint='say mode("append")')
        settings = settings_of(options, os.environ)
        if len(settings.archives) > 1:
            raise RefusedData("unsupported_type", "a Spark frame goes to one archive: write it to each")
        check_types(schema)
        call = new_call(
            identity_of(options, settings).as_dict(),
            unique(schema.names),
            settings.to_env(),
            time_ns=time.time_ns(),
            hour_folders=settings.hour_folders,
            correlation=options.get("correlation_id", ""),
            request=options.get("request_id", ""),
        )
        return ModelDataWriter(Driver(call, settings).begin())


class PushingSource(ModelDataSource):
    """The same where Spark tells a source what is asked of its columns: a condition on `$Timestamp` is as good as an option."""

    def reader(self, schema: StructType) -> ModelDataReader:
        return PushingReader(shaped(self._question(), schema))


class ReadPartition(InputPartition):
    """What one task reads."""

    def __init__(self, task: Task) -> None:
        super().__init__(None)
        self.task = task


class ModelDataReader(DataSourceReader):
    """One read: `partitions` runs on the driver, `read` on executors."""

    def __init__(self, question: SparkQuestion) -> None:
        self._question = question

    def partitions(self) -> Sequence[InputPartition]:
        return [ReadPartition(task) for task in tasks(self._question)]

    def read(self, partition: InputPartition) -> Iterator[pa.RecordBatch]:
        """Of no partitions, Spark makes one of its own: there is nothing in it."""
        return rows(self._question, partition.task) if isinstance(partition, ReadPartition) else iter(())


class PushingReader(ModelDataReader):
    """Takes the time out of conditions. Spark looks at each row all the same: a condition is narrower than what is skipped."""

    def pushFilters(self, filters: list[Filter]) -> Iterator[Filter]:  # noqa: N802 # Spark's name
        self._question = self._question._replace(request=between(self._question.request, filters))
        yield from filters


class TaskCommit(WriterCommitMessage):
    """What one attempt of a task wrote."""

    def __init__(self, written: list[AttemptFile]) -> None:
        self.written = written


class ModelDataWriter(DataSourceArrowWriter):
    """One write: `write` runs on executors, `commit` or `abort` on the driver."""

    def __init__(self, call: Call) -> None:
        self._call = call

    def write(self, iterator: Iterator[pa.RecordBatch]) -> TaskCommit:
        from pyspark import TaskContext

        from modeldata.spark.task import write_partition

        context = TaskContext.get()
        assert context is not None  # a task has one
        return TaskCommit(list(write_partition(self._call, iterator, context.partitionId(), context.taskAttemptId())))

    def commit(self, messages: Sequence[WriterCommitMessage | None]) -> None:
        written = [file for message in messages if isinstance(message, TaskCommit) for file in message.written]
        self._driver().commit(written)
        sweep_quietly(Settings.build(self._call.settings), self._call.time_ns)

    def abort(self, messages: Sequence[WriterCommitMessage | None]) -> None:
        """Spark asks for it after a failed commit, too: whoever has all messages may have tried one."""
        driver = self._driver()
        if all(isinstance(message, TaskCommit) for message in messages):
            driver.settle()
        else:
            driver.give_up()

    def _driver(self) -> Driver:
        return Driver(self._call, Settings.build(self._call.settings))
