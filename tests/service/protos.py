"""Messages of protobuf as protoc makes them, without protoc."""

from __future__ import annotations

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, timestamp_pb2

_TYPES = {
    "double": 1, "float": 2, "int64": 3, "int32": 5, "bool": 8, "string": 9, "message": 11, "bytes": 12, "uint32": 13, "enum": 14,
}  # fmt: skip
MESSAGES: dict[str, dict[str, str]] = {
    "Row": {
        "x": "double", "n": "int64", "name": "string", "age": "optional int32", "data": "bytes", "kind": "enum Kind",
        "values": "repeated double", "kinds": "repeated enum Kind", "at": "message .google.protobuf.Timestamp", "inner": "message Inner",
        "inners": "repeated message Inner",
    },
    "Inner": {"flag": "bool"},
    "Rows": {"instances": "repeated message Inner"},
    "Score": {"y": "double"},
    "Text": {"text": "string"},
    "Contents": {"fp32_contents": "repeated float", "bytes_contents": "repeated bytes"},
    "Tensor": {"name": "string", "datatype": "string", "shape": "repeated int64", "contents": "message Contents"},
    "ModelInferRequest": {"id": "string", "inputs": "repeated message Tensor", "raw_input_contents": "repeated bytes"},
    "ModelInferResponse": {"id": "string", "outputs": "repeated message Tensor", "raw_output_contents": "repeated bytes"},
}  # fmt: skip


def _file() -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto(
        name="t.proto", package="t", syntax="proto3", dependency=["google/protobuf/timestamp.proto"]
    )
    kind = file.enum_type.add(name="Kind")
    for number, name in enumerate(("NONE", "GOOD")):
        kind.value.add(name=name, number=number)
    for name, fields in MESSAGES.items():
        message = file.message_type.add(name=name)
        for number, (field, kind_of) in enumerate(fields.items(), start=1):
            words = kind_of.split()
            of = next(word for word in words if word in _TYPES)
            added = message.field.add(name=field, number=number, type=_TYPES[of], label=3 if words[0] == "repeated" else 1)
            if words[-1] != of:
                added.type_name = words[-1] if words[-1].startswith(".") else f".t.{words[-1]}"
            if words[0] == "optional":
                added.proto3_optional = True
                added.oneof_index = len(message.oneof_decl)
                message.oneof_decl.add(name=f"_{field}")
    return file


_POOL = descriptor_pool.DescriptorPool()
_POOL.AddSerializedFile(timestamp_pb2.DESCRIPTOR.serialized_pb)
_POOL.Add(_file())


def message(name: str, /, **fields: Any) -> Any:
    return kind(name)(**fields)


def kind(name: str) -> Any:
    return message_factory.GetMessageClass(_POOL.FindMessageTypeByName(f"t.{name}"))
