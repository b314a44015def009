"""The classes of libraries that have a capture of their own. Nothing is imported here that the caller has not imported.

A new kind of input is a module with an `input_of`, and its line in `input_of` below.
"""

from __future__ import annotations

import sys

from modeldata.snapshot.copies import as_dict
from modeldata.snapshot.lazy import lazy_hint
from modeldata.snapshot.row_objects import fields_of, is_mapping

TYPE_CHECKING = False
if TYPE_CHECKING:
    from modeldata.snapshot.schema import Input, RowReader

ARROW = ("polars", "pyarrow", "duckdb")


def input_of(cls: type) -> Input | None:
    """How objects of this class are captured, and read as one row of a list; None for a class of any other library."""
    roots = {base.__module__.partition(".")[0] for base in cls.__mro__}
    reader = None
    if "pandas" in roots:
        from modeldata.snapshot import pandas_series

        reader = pandas_series.input_of(cls)
    if reader is None and "numpy" in roots:
        from modeldata.snapshot import arrays

        reader = arrays.input_of(cls)
    return reader


def row_reader(cls: type) -> RowReader | None:
    """What makes a dict, a list or an array of an object that is a row; None where it is no row.

    For lists of such objects: what is a row alone is a row among others.
    """
    if issubclass(cls, dict):
        return as_dict
    if lazy_hint(cls):
        return None
    known = input_of(cls)
    if known is not None:
        return known[1]
    if hasattr(cls, "__array__"):
        from modeldata.snapshot.numpy_values import as_array

        return as_array
    return fields_of(cls) or (as_dict if is_mapping(cls) else None)


def prepare() -> None:
    """Import what `collect()` will need for the libraries that the caller has imported."""
    if "numpy" in sys.modules:
        import modeldata.snapshot.arrays
    if "pandas" in sys.modules:
        import modeldata.snapshot.pandas_series
    if any(name in sys.modules for name in ARROW):
        import modeldata.snapshot.arrow  # noqa: F401 - it is only to be there
