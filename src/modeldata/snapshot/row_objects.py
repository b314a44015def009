"""Objects that are a row by themselves: dataclasses, models, rows of databases, Series, tensors.

A type is known by what it has, not by its library: nothing is imported. Values are read from where the library keeps them.
"""

from __future__ import annotations

from modeldata.interrupts import spare
from modeldata.snapshot.schema import label, unique

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    Fields = Callable[[Any], dict[str, object]]


def is_mapping(cls: type) -> bool:
    from collections.abc import Mapping

    return issubclass(cls, Mapping)


def fields_of(cls: type) -> Fields | None:
    """What gives the fields of an object of this type; None where it has none."""
    if issubclass(cls, (type, str, bytes)) or is_mapping(cls):
        return None
    if hasattr(cls, "__pydantic_fields__") or hasattr(cls, "__fields_set__"):
        return _of_model
    if hasattr(cls, "__dataclass_fields__"):
        from dataclasses import fields  # its maker has imported it

        return _of_names(tuple([field.name for field in fields(cls)]))  # type: ignore[arg-type]  # it is a dataclass: just checked
    if hasattr(cls, "__attrs_attrs__"):
        return _of_names(tuple([field.name for field in cls.__attrs_attrs__]))
    if hasattr(cls, "__struct_fields__"):
        return _of_names(tuple(cls.__struct_fields__))
    if hasattr(cls, "_mapping") and hasattr(cls, "_fields"):
        return _of_sqlalchemy
    if hasattr(cls, "keys") and hasattr(cls, "__getitem__"):
        return _of_keys
    return None


def _of_names(names: tuple[str, ...]) -> Fields:
    """A field that was never set is missing."""
    return lambda row: {name: getattr(row, name) for name in names if hasattr(row, name)}


def _of_model(row: Any) -> dict[str, object]:
    """A pydantic model. What it allowed beyond its fields comes after them."""
    return {**row.__dict__, **(getattr(row, "__pydantic_extra__", None) or {})}


def _of_sqlalchemy(row: Any) -> dict[str, object]:
    return _paired(row._fields, tuple(row))


def _of_keys(row: Any) -> dict[str, object]:
    """Rows of sqlite3, asyncpg and others. Such a row may have a name twice, so its values are read by their positions."""
    names = list(row.keys())
    try:
        return _paired(names, tuple([row[position] for position in range(len(names))]))
    except (LookupError, TypeError) as error:  # it is read by names only
        spare(error)
        return _paired(names, tuple([row[name] for name in names]))


def _paired(names: Iterable[object], values: tuple[object, ...]) -> dict[str, object]:
    return dict(zip(unique(map(label, names)), values, strict=True))
