"""Rows of an archive as a Spark frame: planned by the driver from manifests, read by the executors.

Promise: every row that is in the archive while the read is planned, once; nothing of a call that is under way.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa
import pyarrow.types as types

from modeldata.catalog.errors import DoesNotFit
from modeldata.catalog.moments import FIRST_NS, LAST_NS, nanoseconds
from modeldata.format import names
from modeldata.read.original import Original
from modeldata.read.part import Misfit
from modeldata.read.plan import ReadPlan, ReadRequest, make_plan
from modeldata.read.scan import Reading
from modeldata.settings import Settings
from modeldata.spark.forms import arrow_form, spark_form
from modeldata.spark.options import filters
from modeldata.spool.files import Files
from modeldata.store import open_for

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pyspark.sql.types import StructType

    from modeldata.read.chunks import Chunk

    Piece = Chunk | Original

PARTITION_BYTES = 32 * 1024 * 1024
"""Of files, that one task reads: many small batches are one task, a large part is one, too."""


class SparkQuestion(NamedTuple):
    """What is asked, in a form that crosses to the executors. `settings`: environment variables, never a secret.

    `wanted`: the columns of the answer, in types that Spark has; None until somebody knows.
    """

    settings: dict[str, str]
    request: ReadRequest
    wanted: pa.Schema | None = None

    @property
    def archive(self) -> str:
        return Settings.build(self.settings).archive


def question_of(options: Mapping[str, str], settings: Settings) -> SparkQuestion:
    """What options ask for. Raises `SettingsError`."""
    start, end = nanoseconds(options.get("start"), FIRST_NS), nanoseconds(options.get("end"), LAST_NS)
    return SparkQuestion(settings.to_env(), ReadRequest(filters(options), start, end))


def schema_of(question: SparkQuestion) -> pa.Schema:
    """The columns of the answer, in types that Spark has. Raises `NotThere`, `Damaged`, `Unavailable`."""
    schema = _plan(question).schema
    return pa.schema([(field.name, spark_form(field.type)) for field in schema])


def shaped(question: SparkQuestion, schema: StructType) -> SparkQuestion:
    """The same question for these columns in these types: what `schema_of` gave, or what a user wants of it."""
    return question._replace(wanted=pa.schema([(field.name, arrow_form(field.dataType)) for field in schema.fields]))


def between(request: ReadRequest, conditions: Iterable[Any]) -> ReadRequest:
    """The same, with the bounds that conditions of Spark (all of them hold) set to `$Timestamp`."""
    start, end = request.start_ns, request.end_ns
    for condition in conditions:
        moment = getattr(condition, "value", None)
        if getattr(condition, "attribute", None) != (names.TIMESTAMP,) or not isinstance(moment, dt.datetime):
            continue
        at = nanoseconds(moment, 0)
        word = type(condition).__name__
        if word in ("GreaterThan", "GreaterThanOrEqual", "EqualTo", "EqualNullSafe"):
            start = max(start, at)
        if word in ("LessThan", "LessThanOrEqual", "EqualTo", "EqualNullSafe"):
            end = min(end, at + 1000)
    return request._replace(start_ns=start, end_ns=end)


class Task(NamedTuple):
    """Pieces that one task reads, and the columns as its reader makes them before they get Spark's types."""

    schema: pa.Schema
    pieces: list[Piece]


def tasks(question: SparkQuestion) -> list[Task]:
    """What there is to read, in the order of time."""
    wanted = question.wanted
    assert wanted is not None
    request = question.request._replace(columns=tuple(wanted.names))
    plan = _plan(question._replace(request=request))
    schema = pa.schema([(field.name, _read_as(plan.schema.field(field.name).type, field.type)) for field in wanted])
    return [Task(schema, pieces) for pieces in _partitions(plan.pieces)]


def _read_as(own: pa.DataType, wanted: pa.DataType) -> pa.DataType:
    """A column is read in its own type and then cast, where that loses nothing; else in the type that is wanted."""
    return own if spark_form(own).equals(wanted) and not types.is_string(wanted) else wanted


def _partitions(pieces: Iterable[Piece]) -> list[list[Piece]]:
    partitions: list[list[Piece]] = []
    room = 0
    for piece in pieces:
        size = PARTITION_BYTES if isinstance(piece, Original) else piece.end - piece.start
        if not partitions or size > room:
            partitions.append([])
            room = PARTITION_BYTES
        partitions[-1].append(piece)
        room -= size
    return partitions


def rows(question: SparkQuestion, task: Task) -> Iterator[pa.RecordBatch]:
    """On an executor. Raises `DoesNotFit` for a value that its column can't hold, `Damaged`, `Unavailable`."""
    store = open_for(Settings.build(question.settings), Files())
    request = question.request._replace(columns=tuple(task.schema.names))
    try:
        for table in Reading(store, ReadPlan(list(task.pieces), task.schema), request).tables():
            yield from table.cast(question.wanted).to_batches()
    except Misfit as misfit:
        began = task.schema.field(misfit.column).type
        cause = f"column {misfit.column!r} has values of type {misfit.found} where it began as {began}"
        raise _does_not_fit(question, cause) from None
    except pa.ArrowInvalid as error:
        raise _does_not_fit(question, str(error)) from None


def _does_not_fit(question: SparkQuestion, cause: str) -> DoesNotFit:
    hint = "name the columns and types that you want with .schema(...), this one as string"
    return DoesNotFit("read the archive", question.archive, cause=cause, hint=hint)


def _plan(question: SparkQuestion) -> ReadPlan:
    settings = Settings.build(question.settings)
    return make_plan(open_for(settings, Files()), settings.archive, question.request)
