"""An Arrow table as a data frame of another library, which is the user's: imported when it is asked for."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.types as types

from modeldata.catalog.errors import need


def to_pandas(table: pa.Table, **options: Any) -> Any:
    """A pandas DataFrame; options as for `pyarrow.Table.to_pandas`. Raises `MissingExtra`."""
    try:
        import pandas  # noqa: F401 # pyarrow's own words would not say how to install it
    except ImportError:
        raise need("pandas", "", "make a pandas DataFrame") from None
    try:
        return _frame(table, options)
    except pa.ArrowInvalid:  # no database of zones, in which Arrow looks up UTC, too
        by_offset = pa.schema([field.with_type(_by_offset(field.type)) for field in table.schema])
        return _frame(table.cast(by_offset), options)


def _frame(table: pa.Table, options: dict[str, Any]) -> Any:
    try:
        return table.to_pandas(**options)
    except (ValueError, OverflowError):  # a date that Python has no form for: pandas' own type has
        return table.to_pandas(**{"date_as_object": False, **options})


def _by_offset(kind: pa.DataType) -> pa.DataType:
    """Zones as the offset of UTC, which needs no database: pandas shows it as UTC."""
    if types.is_timestamp(kind) and kind.tz and kind.tz[:1] not in "+-":
        return pa.timestamp(kind.unit, "+00:00")
    return kind


def to_polars(table: pa.Table) -> Any:
    """A polars DataFrame. Raises `MissingExtra`."""
    try:
        import polars
    except ImportError:
        raise need("polars", "", "make a polars DataFrame") from None
    return polars.from_arrow(table)
