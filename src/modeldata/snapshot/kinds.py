"""Which taker is for which type: found once per type, then by one dict lookup."""

from __future__ import annotations

import sys

from modeldata.snapshot.dicts import take_dict, take_mapping
from modeldata.snapshot.lazy import lazy_hint
from modeldata.snapshot.lists import take_list, take_sequence
from modeldata.snapshot.plan import Plan, Refused, Shapes, refusal
from modeldata.snapshot.records import fields_of, is_mapping

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from modeldata.snapshot.pieces import Pieces

    # Each taker takes the type that it is registered for: no static type can say that.
    Taker = Callable[[Any, Shapes, Callable[[object], bytes]], tuple[Plan, int, bytes | Pieces]]

MAX_TYPES = 4096


class Distributed(Refused):  # reads as what the data is
    """It lies on many machines: not for a copy, they archive it themselves (`modeldata.spark`)."""


class Takers(dict[type, "Taker"]):
    """By type, the function that takes objects of it; for a type that is not collected, one that raises `Refused`."""

    def __missing__(self, kind: type) -> Taker:
        taker = _built_in(kind) or _array_or_frame(kind) or _elsewhere(kind) or _by_protocol(kind) or _row(kind) or _refuser(kind)
        if len(self) >= MAX_TYPES:  # types made on the fly
            for known in list(self):
                if known not in (list, tuple, dict):
                    del self[known]
        self[kind] = taker
        return taker


takers = Takers({list: take_list, tuple: take_sequence, dict: take_dict})


def taker_of(data: object) -> Taker:
    """The function that takes `data`."""
    return takers[type(data)]


def _built_in(kind: type) -> Taker | None:
    if issubclass(kind, dict):
        return take_mapping
    if issubclass(kind, (list, tuple)):
        return take_sequence
    return None


def _array_or_frame(kind: type) -> Taker | None:
    """numpy and pandas: who has such an object has imported them."""
    if "numpy" in sys.modules:
        from numpy import generic, ndarray

        if issubclass(kind, ndarray):
            from modeldata.snapshot.arrays import take_any_array, take_array

            return take_array if kind is ndarray else take_any_array
        if issubclass(kind, generic):
            from modeldata.snapshot.arrays import take_any_array

            return take_any_array
    roots = {base.__module__.partition(".")[0] for base in kind.__mro__}
    if "pandas" in roots:
        from pandas import DataFrame, Index, Series
        from pandas.api.extensions import ExtensionArray

        if issubclass(kind, DataFrame):
            from modeldata.snapshot.frames import take_frame

            return take_frame
        if issubclass(kind, Series):
            from modeldata.snapshot.series import take_series

            return take_series
        if issubclass(kind, (Index, ExtensionArray)):
            from modeldata.snapshot.series import take_values

            return take_values
    return None


def _elsewhere(kind: type) -> Taker | None:
    """Before protocols: by them, frames of PySpark and others would be computed, or bring every row to this process."""
    named = (base for base in kind.__mro__ if base.__name__ == "DataFrame")
    if any(base.__module__.startswith("pyspark.sql.") for base in named):
        return _point_elsewhere
    hint = lazy_hint(kind)
    return _refuse_with(hint) if hint else None


def _by_protocol(kind: type) -> Taker | None:
    """By what the *type* offers: an instance may answer to any name (a relation's columns, a proxy)."""
    if hasattr(kind, "__arrow_c_array__") or hasattr(kind, "__arrow_c_stream__"):
        if hasattr(kind, "__next__") or hasattr(kind, "get_next"):
            return _refuse_with(f"{_name(kind)} can be read only once, and that is for you to do; collect what you read from it")
        from modeldata.snapshot.arrow import take_arrow

        return take_arrow
    if hasattr(kind, "__array__"):
        from modeldata.snapshot.arrays import take_any_array

        return take_any_array
    return take_mapping if is_mapping(kind) else None


def _row(kind: type) -> Taker | None:
    """One row: a dataclass, a model, a row of a database."""
    fields = fields_of(kind)
    if fields is None:
        return None

    def take(data: object, shapes: Shapes, pack: Callable[[object], bytes]) -> tuple[Plan, int, bytes]:
        try:
            row = fields(data)
        except Exception as error:
            raise refusal(error, data) from error
        return take_dict(row, shapes, pack)  # type: ignore[arg-type]  # names are keys, too

    return take


def _refuser(kind: type) -> Taker:
    return _refuse_with(
        f"{_name(kind)} is not collected: expected a list, dict, numpy array, pandas, polars or Arrow data, tensor or row"
    )


def _point_elsewhere(data: object, shapes: Shapes, pack: Callable[[object], bytes]) -> tuple[Plan, int, bytes]:
    raise Distributed("unsupported_type", "the rows of a Spark data frame are on its executors")


def _refuse_with(message: str) -> Taker:
    def refuse(data: object, shapes: Shapes, pack: Callable[[object], bytes]) -> tuple[Plan, int, bytes]:
        raise Refused("unsupported_type", message)

    return refuse


def _name(kind: type) -> str:
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
