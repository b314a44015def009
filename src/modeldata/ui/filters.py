"""Which rows a page shows: conditions on columns, and a place between two rows. Pure."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as types

from modeldata.columns.python import python_values
from modeldata.errors import SettingsError
from modeldata.read.profile import is_number, is_text, is_time

if TYPE_CHECKING:
    from collections.abc import Callable

OPERATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "=": pc.equal, "!=": pc.not_equal, "<": pc.less, "<=": pc.less_equal, ">": pc.greater, ">=": pc.greater_equal,
}  # fmt: skip
CONTAINS, IS_NULL, IS_NOT_NULL = "contains", "is null", "is not null"
ALL = (*OPERATIONS, CONTAINS, IS_NULL, IS_NOT_NULL)


class Filter(NamedTuple):
    """column, one of `ALL`, and the text to compare with: read as the column's type."""

    column: str
    operation: str
    value: str = ""

    def mask(self, batch: pa.RecordBatch) -> pa.Array:
        """Which rows fit; null does not. A column that is not there has no values."""
        at = batch.schema.get_field_index(self.column)
        column = batch.column(at) if at >= 0 else pa.nulls(batch.num_rows)
        if self.operation == IS_NULL:
            return pc.is_null(column)
        if self.operation == IS_NOT_NULL:
            return pc.is_valid(column)
        if self.operation == CONTAINS:
            return pc.match_substring(as_text(column), self.value, ignore_case=True)
        if is_number(column.type) or is_time(column.type):
            return OPERATIONS[self.operation](*_comparable(column, self.value))
        return OPERATIONS[self.operation](as_text(column), pa.scalar(self.value, pa.large_string()))


def checked(column: str, operation: str, value: str) -> Filter:
    """Raises `SettingsError`, with what there is."""
    if operation not in ALL:
        raise SettingsError("filter rows", cause=f"no operation {operation!r}", hint=f"one of {', '.join(ALL)}")
    return Filter(column, operation, value)


def as_text(column: pa.Array) -> pa.Array:
    """A column as text, whatever its type."""
    if types.is_null(column.type):
        return pa.nulls(len(column), pa.large_string())
    if is_text(column.type) or is_number(column.type):
        return column.cast(pa.large_string())
    return pa.array([None if value is None else str(value) for value in python_values(column)], pa.large_string())


def _comparable(column: pa.Array, value: str) -> tuple[pa.Array, pa.Scalar]:
    """Both as what they are: whole numbers exactly, other numbers as doubles, times as microseconds."""
    try:
        if is_time(column.type):
            moment = dt.datetime.fromisoformat(value)
            moment = moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
            micros = (moment - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(microseconds=1)
            return column.cast(pa.timestamp("us"), safe=False).cast(pa.int64()), pa.scalar(micros)
        if types.is_integer(column.type) and value.strip().lstrip("+-").isdecimal():
            return column.cast(pa.decimal128(38, 0)), pa.scalar(int(value)).cast(pa.decimal128(38, 0))
        return column.cast(pa.float64(), safe=False), pa.scalar(float(value))
    except (ValueError, pa.ArrowInvalid):
        kind = "a time, such as 2026-11-23T12:00" if is_time(column.type) else "a number"
        raise SettingsError("filter rows", cause=f"{value!r:.100} is not {kind}", hint=f"the column is {column.type}") from None
