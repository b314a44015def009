"""Messages of gRPC → rows.

A field of a message is a column, of the same type and under the same name; one that is not set, and has no default, is None. So
all messages of one type have the same columns. protobuf is imported by the service, which has such messages.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from modeldata.service.decode import described
from modeldata.service.decode.binary import values_of
from modeldata.service.decode.json_rows import rows_of, shaped, transposed

if TYPE_CHECKING:
    from collections.abc import Sequence

WELL_KNOWN = "google.protobuf."
"""Types with a form of their own in JSON, such as `Timestamp` and `Struct`."""
TENSORS = {"ModelInferRequest": ("inputs", "raw_input_contents"), "ModelInferResponse": ("outputs", "raw_output_contents")}
"""Of the Open Inference Protocol (v2)."""


def size_of(message: Any) -> int | None:
    """Bytes on the wire; None where that is not known: of a serializer of the user's own."""
    if hasattr(message, "ByteSize"):
        return int(message.ByteSize())
    return len(message) if isinstance(message, (bytes, str)) else None


def copy_of(message: Any) -> Any:
    """What `collect()` takes of one message: a private copy. Raises whatever a message of a stranger raises."""
    if isinstance(message, bytes):
        return described(message, "application/grpc")
    if not hasattr(message, "DESCRIPTOR"):
        return deepcopy(message)  # of a serializer of the user's own
    tensors = TENSORS.get(message.DESCRIPTOR.name)
    return _tensors(message, *tensors) if tensors else rows_of(_message(message))


def id_of(message: Any) -> str:
    """The id that a request of v2 brings; empty where there is none."""
    known = hasattr(message, "DESCRIPTOR") and message.DESCRIPTOR.name in TENSORS
    return str(message.id) if known else ""


def joined(messages: Sequence[Any]) -> Any:
    """Rows of several messages, one behind the other."""
    if len(messages) == 1:
        return messages[0]
    rows: list[Any] = []
    for each in messages:
        rows.extend(each if isinstance(each, list) else [each])
    return rows


def _fields(message: Any) -> dict[str, Any]:
    return {
        field.name: _value(field, getattr(message, field.name))
        if not field.has_presence or message.HasField(field.name)
        else None
        for field in message.DESCRIPTOR.fields
    }


def _value(field: Any, value: Any) -> Any:
    if isinstance(value, str | bytes | float):
        return value
    if isinstance(value, int):
        return _enum_name(field, value)
    if isinstance(value, Mapping):
        of_values = field.message_type.fields_by_name["value"]
        return {key: _value(of_values, value[key]) for key in value}
    if hasattr(value, "DESCRIPTOR"):
        return _message(value)
    return [_value(field, item) for item in value] if field.message_type or field.enum_type else list(value)


def _enum_name(field: Any, value: int) -> Any:
    known = field.enum_type.values_by_number.get(value) if field.enum_type else None
    return value if known is None else known.name


def _message(value: Any) -> Any:
    if not value.DESCRIPTOR.full_name.startswith(WELL_KNOWN):
        return _fields(value)
    from google.protobuf.json_format import MessageToDict

    return MessageToDict(value)


def _tensors(message: Any, name: str, raw_name: str) -> object:
    tensors, raw = getattr(message, name), getattr(message, raw_name)
    if raw:
        columns = {each.name: values_of(data, each.datatype, each.shape) for each, data in zip(tensors, raw, strict=True)}
    else:
        columns = {each.name: shaped(_contents(each), each.shape) for each in tensors}
    return transposed(columns)


def _contents(tensor: Any) -> list[Any]:
    """Those of the one list that is filled."""
    values = next((list(values) for _, values in tensor.contents.ListFields()), [])
    return [value.decode("utf-8", "replace") if isinstance(value, bytes) else value for value in values]
