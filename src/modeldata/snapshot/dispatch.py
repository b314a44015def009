"""Which function captures objects of which class: found once per class, then by one dict lookup."""

from __future__ import annotations

from modeldata.snapshot.dicts import capture_dict, capture_mapping
from modeldata.snapshot.held import Held, capture_held
from modeldata.snapshot.lazy import lazy_hint
from modeldata.snapshot.libraries import input_of
from modeldata.snapshot.lists import capture_list, capture_sequence
from modeldata.snapshot.row_objects import fields_of, is_mapping
from modeldata.snapshot.schema import RefusedData, SchemaCache, refusal
from modeldata.snapshot.type_table import TypeTable
from modeldata.snapshot.values import is_single_value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from modeldata.snapshot.schema import Capture, Captured, Pack


class Distributed(RefusedData):  # reads as what the data is
    """It lies on many machines: not for a copy, they archive it themselves (`modeldata.spark`)."""


def capture_of(data: object) -> Capture:
    """The function that captures `data`."""
    return captures[type(data)]


def _find(cls: type) -> Capture:
    """For a class that is not collected, a function that raises `RefusedData`."""
    ways = (_built_in, _of_library, _elsewhere, _by_protocol, _row, _single)
    return next((capture for way in ways if (capture := way(cls)) is not None), None) or _refuser(cls)


def _built_in(cls: type) -> Capture | None:
    if issubclass(cls, dict):
        return capture_mapping
    if issubclass(cls, (list, tuple)):
        return capture_sequence
    return None


def _of_library(cls: type) -> Capture | None:
    known = input_of(cls)
    return known and known[0]


def _elsewhere(cls: type) -> Capture | None:
    """Before protocols: by them, frames of PySpark and others would be computed, or bring every row to this process."""
    named = (base for base in cls.__mro__ if base.__name__ == "DataFrame")
    if any(base.__module__.startswith("pyspark.sql.") for base in named):
        return _point_elsewhere
    hint = lazy_hint(cls)
    return _refuse_with(hint) if hint else None


def _by_protocol(cls: type) -> Capture | None:
    """By what the *type* offers: an instance may answer to any name (a relation's columns, a proxy)."""
    if hasattr(cls, "__arrow_c_array__") or hasattr(cls, "__arrow_c_stream__"):
        if hasattr(cls, "__next__") or hasattr(cls, "get_next"):
            return _refuse_with(f"{_name(cls)} can be read only once, and that is for you to do; collect what you read from it")
        from modeldata.snapshot.arrow import capture_arrow

        return capture_arrow
    if hasattr(cls, "__array__"):
        from modeldata.snapshot.arrays import capture_any_array

        return capture_any_array
    return capture_mapping if is_mapping(cls) else None


def _row(cls: type) -> Capture | None:
    """One row: a dataclass, a model, a row of a database."""
    fields = fields_of(cls)
    if fields is None:
        return None

    def capture(data: object, schemas: SchemaCache, pack: Pack) -> Captured:
        try:
            row = fields(data)
        except Exception as error:
            raise refusal(error, data) from error
        return capture_dict(row, schemas, pack)  # type: ignore[arg-type]  # names are keys, too

    return capture


def _single(cls: type) -> Capture | None:
    """Text, bytes, a number, a time: one row of one column."""
    return _capture_value if is_single_value(cls) else None


def _capture_value(data: object, schemas: SchemaCache, pack: Pack) -> Captured:
    try:
        return schemas.row_schema(1, True), 1, pack([data])
    except Exception as error:
        raise refusal(error, data) from error


def _refuser(cls: type) -> Capture:
    return _refuse_with(
        f"{_name(cls)} is not collected: expected a list, dict, numpy array, pandas, polars or Arrow data, tensor, row or value"
    )


def _point_elsewhere(data: object, schemas: SchemaCache, pack: Pack) -> Captured:
    raise Distributed("unsupported_type", "the rows of a Spark data frame are on its executors")


def _refuse_with(message: str) -> Capture:
    def refuse(data: object, schemas: SchemaCache, pack: Pack) -> Captured:
        raise RefusedData("unsupported_type", message)

    return refuse


def _name(cls: type) -> str:
    return cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"


captures: dict[type, Capture] = TypeTable(
    {list: capture_list, tuple: capture_sequence, dict: capture_dict, Held: capture_held}, _find
)
"""By class, the function that captures its objects."""
