"""npy, binary tensors of v2. numpy is imported where such a body comes."""

from __future__ import annotations

import io
import json
from math import prod
from typing import TYPE_CHECKING, Any

from modeldata.service.decode.json_rows import shaped, transposed
from modeldata.service.decode.undecodable import TooMuch, Undecodable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

JSON_LENGTH = "inference-header-content-length"
_DTYPES = {
    "BOOL": "?", "UINT8": "u1", "UINT16": "<u2", "UINT32": "<u4", "UINT64": "<u8", "INT8": "i1", "INT16": "<i2", "INT32": "<i4",
    "INT64": "<i8", "FP16": "<f2", "FP32": "<f4", "FP64": "<f8",
}  # fmt: skip
LENGTH_BYTES = 4


def npy(body: bytes, headers: Mapping[str, str]) -> object:
    import numpy as np

    array = np.load(io.BytesIO(body))  # refuses objects, unless told otherwise
    if not isinstance(array, np.ndarray):
        raise Undecodable("several arrays in one body")
    return array


def v2_binary(body: bytes, headers: Mapping[str, str]) -> object:
    """JSON of so many bytes, then the data of its tensors, one behind the other."""
    size = int(headers[JSON_LENGTH])
    head = json.loads(body[:size])
    tensors = head.get("inputs") or head.get("outputs") or []
    rest, columns = body[size:], {}
    for tensor in tensors:
        length = tensor.get("parameters", {}).get("binary_data_size")
        if length is None:
            columns[str(tensor["name"])] = shaped(tensor["data"], tensor["shape"])
            continue
        columns[str(tensor["name"])] = values_of(rest[:length], tensor["datatype"], tensor["shape"])
        rest = rest[length:]
    return transposed(columns) if columns else head


def values_of(data: bytes, datatype: str, shape: Sequence[int]) -> list[Any]:
    """The values of one tensor, as nested lists. Raises `Undecodable` where there are not as many bytes as its shape needs."""
    if datatype == "BYTES":
        return shaped(list(_texts(data)), shape)
    import numpy as np

    dtype = np.dtype(_DTYPES[datatype])
    if prod(shape) * dtype.itemsize != len(data):
        raise Undecodable("a tensor that is not of its shape")
    if not data and shape[0]:
        raise TooMuch("a tensor of rows without a value")
    values: list[Any] = np.frombuffer(data, dtype).reshape(shape).tolist()
    return values


def _texts(data: bytes) -> Iterator[str]:
    """Each with its length in front."""
    at = 0
    while at < len(data):
        stop = at + LENGTH_BYTES + int.from_bytes(data[at : at + LENGTH_BYTES], "little")
        if stop > len(data):
            raise Undecodable("a text that is cut off")
        yield data[at + LENGTH_BYTES : stop].decode("utf-8", "replace")
        at = stop
