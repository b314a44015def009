"""An Arrow table as a data frame of another library, which is the user's: imported when it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modeldata.catalog.errors import need

if TYPE_CHECKING:
    import pyarrow as pa


def to_pandas(table: pa.Table, **options: Any) -> Any:
    """A pandas DataFrame; options as for `pyarrow.Table.to_pandas`. Raises `MissingExtra`."""
    try:
        import pandas  # noqa: F401 # pyarrow's own words would not say how to install it
    except ImportError:
        raise need("pandas", "", "make a pandas DataFrame") from None
    try:
        return table.to_pandas(**options)
    except (ValueError, OverflowError):  # a date that Python has no form for: pandas' own type has
        return table.to_pandas(**{"date_as_object": False, **options})


def to_polars(table: pa.Table) -> Any:
    """A polars DataFrame. Raises `MissingExtra`."""
    try:
        import polars
    except ImportError:
        raise need("polars", "", "make a polars DataFrame") from None
    return polars.from_arrow(table)
