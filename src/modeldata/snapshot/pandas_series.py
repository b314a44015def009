"""pandas Series: one row. Imported only when the caller has such an object."""

from __future__ import annotations

import pandas as pd
from pandas.api.extensions import ExtensionArray

from modeldata.format import wire
from modeldata.snapshot.arrays import block_schema
from modeldata.snapshot.numpy_values import pandas_list
from modeldata.snapshot.pandas_frames import capture_frame, classify
from modeldata.snapshot.schema import NOTHING, refusal, unique

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from modeldata.snapshot.numpy_values import DType
    from modeldata.snapshot.schema import Captured, Input, Pack, Schema, SchemaCache


def capture_series(data: pd.Series[Any], schemas: SchemaCache, pack: Pack) -> Captured:
    """One row. An index of strings names the columns; with any other the names are those of a list."""
    try:
        declared_type, group = classify(data.dtype)
        dtype = None if group is None or group.masked or group.zoned else group.dtype
        if dtype is None:
            values = pandas_list(data)
            count = len(values)
        else:
            captured = data.to_numpy().astype(dtype, copy=False).tobytes()
            count = len(captured) // dtype.itemsize
        if count == 0:
            return NOTHING
        labels = _labels(data.index, count)
        schema = schemas.cached(
            ("series", declared_type, labels or count), lambda: _schema(labels, count, declared_type, dtype, schemas)
        )
        return schema, 1, pack(values) if dtype is None else captured
    except Exception as error:
        raise refusal(error, data) from error


def _schema(labels: tuple[str, ...] | None, count: int, declared_type: str, dtype: DType | None, schemas: SchemaCache) -> Schema:
    columns = unique(labels) if labels else schemas.positional(count)
    if dtype is not None:
        return block_schema(columns, dtype, (), schemas)
    return schemas.new(columns, wire.ROWS, [declared_type] * count, {"single": True})


def capture_values(data: Any, schemas: SchemaCache, pack: Pack) -> Captured:
    """An Index, or an array of pandas' own: one row, as the Series of its values."""
    try:
        series = pd.Series(data)
    except Exception as error:
        raise refusal(error, data) from error
    return capture_series(series, schemas, pack)


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
