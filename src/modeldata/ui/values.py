"""Values of an archive as JSON that any browser reads as it is meant. Pure.

    null, true, false, text             as they are; text of more than `LONGEST` characters is cut
    numbers                             as they are; whole ones beyond 2**53, decimals, NaN and infinities as text
    times                               ISO 8601, UTC where they have a zone
    bytes                               `0x` and hexadecimal digits
    lists, structs, maps                their JSON as text
A cell that was cut is `{"cut": its beginning, "length": of all}`.
"""

from __future__ import annotations

import datetime as dt
import json
import math
from typing import TYPE_CHECKING, Any

from modeldata.columns.python import python_values

if TYPE_CHECKING:
    import pyarrow as pa

LONGEST = 2000
"""Characters of a cell that are given."""
EXACT = 2**53
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def cell(value: object) -> Any:
    """One value."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if -EXACT <= value <= EXACT else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else _odd(value)
    return _short(_text(value))


def _odd(value: float) -> str:
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return f"0x{value[:LONGEST].hex()}" + ("…" if len(value) > LONGEST else "")
    if isinstance(value, dt.datetime | dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, list | tuple | dict):
        return json.dumps(_inner(value), ensure_ascii=False)
    return str(value)


def _inner(value: object) -> object:
    """What is inside a list or struct."""
    if isinstance(value, dict):
        return {str(key): _inner(held) for key, held in value.items()}
    if isinstance(value, list | tuple):
        return [_inner(held) for held in value]
    return value if value is None or isinstance(value, bool | int) else cell(value) if isinstance(value, float) else _text(value)


def _short(text: str) -> Any:
    return text if len(text) <= LONGEST else {"cut": text[:LONGEST], "length": len(text)}


def rows(table: pa.Table) -> list[list[Any]]:
    """The cells of a table, row by row."""
    columns = [[cell(value) for value in python_values(column)] for column in table.columns]
    return [list(row) for row in zip(*columns, strict=True)] if columns else []


def columns(schema: pa.Schema) -> list[dict[str, str]]:
    """Name and Arrow type of each column."""
    return [{"name": field.name, "type": str(field.type)} for field in schema]


def moment(time_ns: int | None) -> str | None:
    """Nanoseconds since 1970 as ISO 8601, UTC, to the microsecond."""
    if time_ns is None:
        return None
    try:
        return (_EPOCH + dt.timedelta(microseconds=time_ns // 1000)).isoformat()
    except OverflowError:
        return str(time_ns)


def day_of(time_ns: int) -> str:
    """The date of a moment, UTC."""
    return str(moment(time_ns))[:10]
