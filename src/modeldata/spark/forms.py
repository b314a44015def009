"""Arrow types as Spark has them, and Spark's as Arrow has them: what a column of the archive is in a Spark frame. Pure.

whole number without a sign     the next wider with one; 64 bit: decimal(20, 0)
half precision                  float
time, any unit                  microseconds; what is finer is cut off
time of day                     text, as in a CSV cell
decimal of more than 38 digits  text
lists, of whatever layout       array
no value at all                 text
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.types as types

from modeldata.columns.listed import is_list
from modeldata.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable

UTC = pa.timestamp("us", "UTC")


def spark_form(kind: pa.DataType) -> pa.DataType:
    """The Arrow type in which a column is handed to Spark."""
    for test, form in _FORMS:
        if test(kind):
            return form or kind
    if types.is_timestamp(kind):
        return UTC if kind.tz else pa.timestamp("us")
    if types.is_decimal(kind):
        return pa.decimal128(kind.precision, kind.scale) if 0 <= kind.scale <= kind.precision <= 38 else pa.string()
    if types.is_dictionary(kind):
        return spark_form(kind.value_type)
    if is_list(kind):
        return pa.list_(spark_form(kind.value_type))
    if types.is_map(kind):
        return pa.map_(spark_form(kind.key_type), spark_form(kind.item_type))
    if types.is_struct(kind):
        return pa.struct([(kind.field(at).name, spark_form(kind.field(at).type)) for at in range(kind.num_fields)])
    return pa.string()


_FORMS: tuple[tuple[Callable[[pa.DataType], bool], pa.DataType | None], ...] = (
    (types.is_uint8, pa.int16()),
    (types.is_uint16, pa.int32()),
    (types.is_uint32, pa.int64()),
    (types.is_uint64, pa.decimal128(38, 0)),
    (types.is_float16, pa.float32()),
    (lambda kind: types.is_boolean(kind) or types.is_integer(kind) or types.is_floating(kind), None),
    (lambda kind: types.is_binary(kind) or types.is_large_binary(kind) or types.is_binary_view(kind), pa.binary()),
    (types.is_fixed_size_binary, pa.binary()),
    (types.is_date, pa.date32()),
    (types.is_duration, pa.duration("us")),
)


def arrow_form(kind: Any) -> pa.DataType:
    """The Arrow type of a Spark type. Raises `SettingsError` for one that no column of an archive has."""
    name = type(kind).__name__.removesuffix("Type")
    if name in _ARROW:
        return _ARROW[name]
    if name == "Decimal":
        return pa.decimal128(kind.precision, kind.scale)
    if name == "Array":
        return pa.list_(arrow_form(kind.elementType))
    if name == "Map":
        return pa.map_(arrow_form(kind.keyType), arrow_form(kind.valueType))
    if name == "Struct":
        return pa.struct([(field.name, arrow_form(field.dataType)) for field in kind.fields])
    hint = "read the column as string, and cast it"
    raise SettingsError("read the archive", cause=f"{kind.simpleString()} is no type of a column here", hint=hint)


_ARROW = {
    "Boolean": pa.bool_(),
    "Byte": pa.int8(),
    "Short": pa.int16(),
    "Integer": pa.int32(),
    "Long": pa.int64(),
    "Float": pa.float32(),
    "Double": pa.float64(),
    "String": pa.string(),
    "Binary": pa.binary(),
    "Date": pa.date32(),
    "Timestamp": UTC,
    "TimestampNTZ": pa.timestamp("us"),
    "DayTimeInterval": pa.duration("us"),
}
