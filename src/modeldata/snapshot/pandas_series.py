"""pandas Series: one row. Imported only when the caller has such an object."""

from __future__ import annotations

import pandas as pd
from pandas.api.extensions import ExtensionArray

from modeldata.format import wire
from modeldata.snapshot.arrays import block_plan
from modeldata.snapshot.numpy_values import pandas_list
from modeldata.snapshot.pandas_frames import capture_frame, classify
from modeldata.snapshot.schema import NOTHING, refusal, unique

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from modeldata.snapshot.schema import Captured, Input, Pack, SchemaCache


def capture_series(data: pd.Series[Any], shapes: SchemaCache, pack: Pack) -> Captured:
    """One row. An index of strings names the columns; with any other the names are those of a list."""
    try:
        kind, part = classify(data.dtype)
        raw = part is not None and not part.masked and not part.zoned
        if part is not None and raw:
            values, taken = [], data.to_numpy().astype(part.dtype, copy=False).tobytes()
            count = len(taken) // part.dtype.itemsize
        else:
            values, taken = pandas_list(data), b""
            count = len(values)
        if count == 0:
            return NOTHING
        labels = _labels(data.index, count)
        key = ("series", kind, labels or count)
        plan = shapes.others.get(key)
        if plan is None:
            columns = unique(labels) if labels else shapes.positional(count)
            if part is not None and raw:
                plan = block_plan(columns, part.dtype, (), shapes)
            else:
                plan = shapes.plan(columns, wire.ROWS, [kind] * count, {"single": True})
            shapes.others[key] = plan
        return plan, 1, taken if raw else pack(values)
    except Exception as error:
        raise refusal(error, data) from error


def capture_values(data: Any, shapes: SchemaCache, pack: Pack) -> Captured:
    """An Index, or an array of pandas' own: one row, as the Series of its values."""
    try:
        series = pd.Series(data)
    except Exception as error:
        raise refusal(error, data) from error
    return capture_series(series, shapes, pack)


def input_of(cls: type) -> Input | None:
    """See `libraries.input_of`."""
    if issubclass(cls, pd.DataFrame):
        return capture_frame, None
    if issubclass(cls, pd.Series):
        return capture_series, _row
    return (capture_values, None) if issubclass(cls, (pd.Index, ExtensionArray)) else None


def _row(data: pd.Series[Any]) -> object:
    values = pandas_list(data)
    labels = _labels(data.index, len(values))
    return dict(zip(unique(labels), values, strict=True)) if labels else values


def _labels(index: pd.Index, count: int) -> tuple[str, ...] | None:
    """The names, if they are text, and as many as there are values."""
    if isinstance(index, (pd.RangeIndex, pd.MultiIndex)):
        return None
    labels = index.tolist()
    return tuple(labels) if len(labels) == count and all(isinstance(name, str) for name in labels) else None
