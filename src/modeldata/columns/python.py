"""Arrow values as Python's own, and as numpy's where Python's calendar ends.

    beyond                                     comes as
    the years 1 to 9999: a time, a date        numpy.datetime64 of its unit (of a date: days), in UTC where it has a zone
    datetime.timedelta: a duration             numpy.timedelta64 of its unit
    the zones that this machine knows: a time  the same instant in UTC

One such value never keeps anybody from the others, nor in a list, struct or map from what is beside it.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.types as types

if TYPE_CHECKING:
    from collections.abc import Callable

NO_VALUE = (ValueError, TypeError, ArithmeticError, LookupError, RecursionError, pa.ArrowException)
"""What Python, numpy and Arrow raise where they have no form for a value."""


def python_values(column: pa.Array | pa.ChunkedArray) -> list[Any]:
    """As `to_pylist`, for any value."""
    try:
        values: list[Any] = column.to_pylist()
    except NO_VALUE:
        values = [python_value(scalar) for scalar in column]
    return values


def python_value(scalar: pa.Scalar) -> Any:
    """As `as_py`, for any value."""
    try:
        return scalar.as_py()
    except NO_VALUE:
        for test, turn in _TURNS:
            if test(scalar.type):
                return turn(scalar)
        return str(scalar)


def _time(scalar: pa.Scalar) -> Any:
    """In UTC, and without a look at the machine's zones: Arrow looks there for UTC, too."""
    unit, zone = scalar.type.unit, scalar.type.tz
    try:
        moment = pa.scalar(scalar.value, pa.timestamp(unit)).as_py()
        return moment.replace(tzinfo=dt.UTC) if zone else moment
    except NO_VALUE:
        return np.datetime64(scalar.value, unit)


def _map(scalar: pa.Scalar) -> list[tuple[Any, Any]]:
    return [(python_value(pair["key"]), python_value(pair["value"])) for pair in scalar.values]


_TURNS: tuple[tuple[Callable[[pa.DataType], bool], Callable[[Any], Any]], ...] = (
    (types.is_timestamp, _time),
    (types.is_date32, lambda scalar: np.datetime64(scalar.value, "D")),
    (types.is_date64, lambda scalar: np.datetime64(scalar.value // 86_400_000, "D")),
    (types.is_duration, lambda scalar: np.timedelta64(scalar.value, scalar.type.unit)),
    (types.is_struct, lambda scalar: {name: python_value(one) for name, one in scalar.items()}),
    (types.is_map, _map),
    (types.is_nested, lambda scalar: [python_value(one) for one in scalar.values]),
    (types.is_dictionary, lambda scalar: python_value(scalar.dictionary[scalar.index.as_py()])),
    (lambda kind: isinstance(kind, pa.BaseExtensionType), lambda scalar: python_value(scalar.value)),
)
