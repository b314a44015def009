"""From frames of one definition to columns. The shipper's side of `modeldata.snapshot`.

Promise: a column has as many values as the frames have rows, in their order, each equal to what was collected and of its
type; a frame that is not what its definition says raises `Undecodable`, and never shifts a value into another column.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa

from modeldata.columns import arrow, block, pandas_frame, rows
from modeldata.columns.payloads import Payloads
from modeldata.columns.values import ABSENT, Absent
from modeldata.format import wire

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from modeldata.columns.typed import Values

__all__ = ["ABSENT", "Absent", "Column", "Payloads", "Undecodable", "decode", "decode_some"]


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


_DECODERS = {wire.ROWS: rows.decode, wire.BLOCK: block.decode, wire.FRAME: pandas_frame.decode, wire.ARROW: arrow.decode}


_SOME = {wire.ROWS: rows.decode_some, wire.FRAME: pandas_frame.decode_some}
"""Layouts with values that come one by one: those of a large frame are read some rows at a time."""


def decode(definition: dict[str, object], payloads: Payloads) -> list[Column]:
    """The columns of frames that are all of `definition`. Raises `Undecodable`; MemoryError."""
    with _blamed_on_the_bytes():
        names, types, extra = _of(definition)
        columns = _DECODERS[str(definition["layout"])](types, extra, payloads)
        return _named(names, types, columns, payloads.total)


def decode_some(definition: dict[str, object], payloads: Payloads, most: int) -> Iterator[list[Column]]:
    """The same of one frame, at most `most` rows at a time. Raises `Undecodable`, perhaps only after some; MemoryError."""
    with _blamed_on_the_bytes():
        names, types, extra = _of(definition)
        some = _SOME.get(str(definition["layout"]))
        pieces = (
            _slices(_DECODERS[str(definition["layout"])](types, extra, payloads), payloads.total, most)
            if some is None
            else (some(types, extra, payloads, most))
        )
        for columns in pieces:
            yield _named(names, types, columns, len(columns[0]))


def _slices(columns: list[Values], rows: int, most: int) -> Iterator[list[Values]]:
    for start in range(0, rows, most):
        yield [values[start : min(rows, start + most)] for values in columns]


def _of(definition: dict[str, object]) -> tuple[list[str], list[str], dict[str, Any]]:
    names, types, extra = definition["columns"], definition["types"], definition["extra"]
    if not (isinstance(names, list) and isinstance(types, list) and isinstance(extra, dict)):
        raise Undecodable("the definition's columns, types or extra are not what they must be")
    return names, types, extra


def _named(names: list[str], types: list[str], columns: list[Values], total: int) -> list[Column]:
    if len(names) != len(types) or len(columns) != len(names) or any(len(column) != total for column in columns):
        raise Undecodable("the data has other columns or rows than was said")
    return [Column(name, kind, values) for name, kind, values in zip(names, types, columns, strict=True)]


@contextmanager
def _blamed_on_the_bytes() -> Iterator[None]:
    try:
        yield
    except (Undecodable, MemoryError, ImportError):
        raise  # the last two are not what the bytes are to blame for
    except Exception as error:
        raise Undecodable(f"{type(error).__name__}: {error}") from error
