"""The forms of JSON that model servers take and give.

{"dataframe_split": {"columns": [...], "data": [[...]]}}    MLflow
{"dataframe_records": [{...}]}                              MLflow
{"instances": [...]}, {"predictions": [...]}                MLflow, TensorFlow Serving, KServe v1
{"inputs": [{"name", "shape", "datatype", "data"}]}         KServe v2; "outputs" in its answers
{"data": {"names": [...], "ndarray": [[...]]}}              Seldon; "tensor" instead, with shape and values
{"columns": [...], "data": [[...]]}                         pandas, orient="split"
{"a": [1, 2], "b": [3, 4]}                                  columns: several lists of one length
[{...}], [[...]], {...}, [...]                              rows, or one row
"""

from __future__ import annotations

import json
from math import prod
from typing import TYPE_CHECKING, Any

from modeldata.service.decode.undecodable import Undecodable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

PLAIN = (str, int, float, bool, type(None))


def decode(body: bytes, headers: Mapping[str, str]) -> object:
    try:
        return rows_of(json.loads(body))
    except RecursionError as error:
        raise Undecodable("JSON that is nested too deep") from error


def rows_of(value: Any) -> object:
    """What `collect()` takes, of a parsed body."""
    if not isinstance(value, dict):
        return value
    for name, read in _FORMS.items():
        if name in value:
            rows = read(value[name])
            if rows is not None:
                return rows
    return split(value) or _columns(value) or value


def split(value: Any) -> object:
    """{"columns": [...], "data": [[...]]}; None for anything else."""
    if not isinstance(value, dict) or not {"columns", "data"} <= value.keys():
        return None
    names, data = value["columns"], value["data"]
    if not isinstance(names, list) or not isinstance(data, list) or not all(isinstance(row, list) for row in data):
        return None
    if any(len(row) != len(names) for row in data):
        return None
    return [dict(zip(map(str, names), row, strict=True)) for row in data]


def one_each(value: Any) -> object:
    """A list of rows: single values are rows of one column. None for anything else."""
    if isinstance(value, dict):
        return _columns(value)
    if not isinstance(value, list):
        return None
    return [[item] for item in value] if any(isinstance(item, PLAIN) for item in value) else value


def tensors(value: Any) -> object:
    """Named tensors of v2, as one row for each entry of their first axis. None for anything else."""
    if not isinstance(value, list) or not value or not all(_is_tensor(item) for item in value):
        return None
    columns = {str(item["name"]): shaped(item["data"], item["shape"]) for item in value}
    return transposed(columns)


def seldon(value: Any) -> object:
    """The `data` of a message of Seldon's. None for anything else."""
    if not isinstance(value, dict):
        return None
    rows, tensor = value.get("ndarray"), value.get("tensor")
    if isinstance(tensor, dict) and isinstance(tensor.get("values"), list) and isinstance(tensor.get("shape"), list):
        rows = shaped(tensor["values"], tensor["shape"])
    return split({"columns": value.get("names"), "data": rows}) or (rows if isinstance(rows, list) and rows else None)


def _is_tensor(item: Any) -> bool:
    return isinstance(item, dict) and {"name", "shape", "data"} <= item.keys() and isinstance(item["data"], list)


def shaped(data: list[Any], shape: Sequence[int]) -> list[Any]:
    """Flat data as nested lists. Data that is nested already stays."""
    if data and isinstance(data[0], list):
        return data
    if not all(isinstance(size, int) and size >= 0 for size in shape) or prod(shape) != len(data):
        raise Undecodable("a tensor that is not of its shape")
    for size in reversed(shape[1:]):
        data = [data[at : at + size] for at in range(0, len(data), size)] if size else []
    return data


def transposed(columns: dict[str, list[Any]]) -> object:
    """Columns of one length as rows; of several lengths as one row."""
    lengths = set(map(len, columns.values()))
    if len(lengths) != 1:
        return dict(columns)
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _columns(value: dict[str, Any]) -> object:
    """Several lists of single values, all of one length: columns. One list alone may as well be the row's only value."""
    lists = [item for item in value.values() if isinstance(item, list) and all(isinstance(cell, PLAIN) for cell in item)]
    if len(value) < 2 or len(lists) != len(value) or len(set(map(len, lists))) != 1 or not lists[0]:
        return None
    return transposed(value)


_FORMS: dict[str, Callable[[Any], object]] = {
    "dataframe_split": split,
    "dataframe_records": one_each,
    "instances": one_each,
    "predictions": one_each,
    "outputs": tensors,
    "data": seldon,
    "inputs": lambda value: tensors(value) or one_each(value),
}


def body_id(body: bytes) -> str:
    """The `id` of a v2 body; empty where there is none."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    found = value.get("id") if isinstance(value, dict) and "inputs" in value else None
    return found if isinstance(found, str) else ""
