"""From frames of one definition to columns. The shipper's side of `modeldata.snapshot`.

Promise: a column has as many values as the frames have rows, in their order, each equal to what was collected and of its
type; a frame that is not what its definition says raises `Undecodable`, and never shifts a value into another column.
"""

from __future__ import annotations

from typing import NamedTuple

import pyarrow as pa

from modeldata.columns import arrow, block, frame, rows
from modeldata.columns.payloads import Payloads
from modeldata.columns.values import ABSENT, Absent

__all__ = ["ABSENT", "Absent", "Column", "Payloads", "Undecodable", "decode"]


class Undecodable(ValueError):  # reads as what the frame is
    """Bytes that are not what their definition says."""


class Column(NamedTuple):
    """One column. `type` is what the source declared ("any": nothing); `values` is Arrow data, or a list of Python values.

    A list may hold None, `ABSENT`, bool, int of any size, float, str, bytes, Decimal, datetime, date, time, timedelta,
    UUID, complex, numpy scalars and arrays, lists and dicts of these.
    """

    name: str
    type: str
    values: pa.Array | pa.ChunkedArray | list[object]


_DECODERS = {"rows": rows.decode, "block": block.decode, "frame": frame.decode, "arrow": arrow.decode}


def decode(definition: dict[str, object], found: Payloads) -> list[Column]:
    """The columns of frames that are all of `definition`. Raises `Undecodable`; MemoryError."""
    try:
        names, types, extra = definition["columns"], definition["types"], definition["extra"]
        if not (isinstance(names, list) and isinstance(types, list) and isinstance(extra, dict)):
            raise Undecodable("the definition's columns, types or extra are not what they must be")
        columns = _DECODERS[str(definition["layout"])](types, extra, found)
        total = found.total
        if len(names) != len(types) or len(columns) != len(names) or any(len(column) != total for column in columns):
            raise Undecodable("the data has other columns or rows than was said")
    except (Undecodable, MemoryError, ImportError):
        raise  # the last two are not what the bytes are to blame for
    except Exception as error:
        raise Undecodable(f"{type(error).__name__}: {error}") from error
    return [Column(name, kind, values) for name, kind, values in zip(names, types, columns, strict=True)]
