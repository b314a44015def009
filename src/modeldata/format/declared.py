"""Declared types: the one grammar of what a source said of a column (`types` in definitions, manifests and Parquet files).

    any  json                              nothing; whatever JSON can hold
    bool  int8 ... uint64  float16 ...     numpy's names
    complex64  float128  longdouble ...    numpy's names
    Int64 ... Float64  boolean             pandas' nullable types: read as numpy's
    str  bytes                             text and bytes of numpy and pandas
    datetime64  timedelta64                both also with [unit]; datetime64[unit, zone]
    period[frequency]
    category[T]  list[T]  interval[T, side]
    arrow:T                                as pyarrow prints T: double, timestamp[unit, tz=zone], decimal128(38, 2),
                                           dictionary<values=T, indices=I, ordered=0>, struct<name: T, ...>

Fields of nested Arrow types are not read: their names may hold any text, and nobody needs them from here. Pure.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

ARROW = "arrow:"
ARROW_UNITS = ("s", "ms", "us", "ns")
"""Units of Arrow's times, the finest last."""

INTS = tuple(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64))
DECIMALS = ("decimal32", "decimal64", "decimal128", "decimal256")
MOMENTS = ("datetime64", "timestamp")
SPANS = ("timedelta64", "duration")
_DAYS_AND_CLOCKS = ("date32", "date64", "time32", "time64")
_FLOATS = ("float16", "float32", "float64", "float96", "float128", "longdouble")
_TEXTS = ("str", "string", "large_string", "string_view", "bytes")
_OTHERS = (
    "json", "null", "complex64", "complex128", "complex192", "complex256", "clongdouble", "binary", "large_binary", "binary_view",
    "month_interval", "day_time_interval", "month_day_nano_interval",
)  # fmt: skip
_NESTED = (
    "struct", "list", "large_list", "list_view", "large_list_view", "fixed_size_list", "map", "run_end_encoded", "sparse_union",
    "dense_union", "extension",
)  # fmt: skip

_SAME = {
    **{f"{sign}Int{bits}": f"{sign.lower()}int{bits}" for sign in ("", "U") for bits in (8, 16, 32, 64)},
    "Float32": "float32", "Float64": "float64", "boolean": "bool", "halffloat": "float16", "float": "float32",
    "double": "float64",
}  # fmt: skip
"""Other names of a type → the one that is used here."""

_FAMILIES = {
    ("any", ""): "any",
    ("bool", ""): "bool",
    **{(name, ""): "number" for name in (*INTS, *_FLOATS)},
    **{(name, "("): "number" for name in DECIMALS},
    **{(name, ""): "time" for name in ("datetime64", "timedelta64")},
    **{(name, "["): "time" for name in (*MOMENTS, *SPANS, *_DAYS_AND_CLOCKS, "period")},
    **{(name, ""): "text" for name in _TEXTS},
    **{(name, ""): "other" for name in _OTHERS},
    **{(name, "["): "other" for name in ("fixed_size_binary", "category", "list", "interval")},
    **{(name, "<"): "other" for name in (*_NESTED, "dictionary")},
}
"""(name, bracket after it) → family: types with values that may stand in one column of a CSV file side by side."""

_ENDS: dict[str, str | tuple[str, ...]] = {"": "", "[": "]", "(": ")", "<": (">", "]")}
"""The bracket that opens → what the type ends with: a list of fixed size has that size behind it."""


class Declared(NamedTuple):
    """What a declared type says.

    name: one of the names above; empty for a text that is none of the grammar. text: without `arrow:`. `unit` and `zone` belong
    to times, `precision` and `scale` to decimals, `values` to categories, dictionaries, lists and intervals: what they hold.
    """

    name: str
    family: str
    text: str
    unit: str = ""
    zone: str = ""
    precision: int = 0
    scale: int = 0
    values: Declared | None = None

    @property
    def stored(self) -> Declared:
        """What is stored: of a category its value, else the same type."""
        return self.values if self.name == "category" and self.values is not None else self


@lru_cache(1024)
def parse(text: str) -> Declared:
    """What a declared type says. Never raises: a text that is none of the grammar has no name, and is of the family `other`."""
    plain = text.removeprefix(ARROW)
    opens = min((at for at in map(plain.find, "[(<") if at >= 0), default=len(plain))
    bracket, inner = plain[opens : opens + 1], plain[opens + 1 : -1]
    name = _SAME.get(plain[:opens], plain[:opens])
    family = _FAMILIES.get((name, bracket))
    if family is None or not plain.endswith(_ENDS[bracket]):
        return Declared("", "other", plain)
    found = Declared(name, family, plain)
    read = _READERS.get((name, bracket))
    return found if read is None else read(found, inner)


def _time(found: Declared, inner: str) -> Declared:
    unit, _, zone = inner.partition(", ")
    return found._replace(unit=unit, zone=zone.removeprefix("tz=") if found.name == "timestamp" else zone)


def _decimal(found: Declared, inner: str) -> Declared:
    precision, _, scale = inner.partition(", ")
    if not (precision.isdecimal() and scale.removeprefix("-").isdecimal()):
        return Declared("", "other", found.text)
    return found._replace(precision=int(precision), scale=int(scale))


def _category(found: Declared, inner: str) -> Declared:
    """Of the family of its values. Values of no declared type are text, as good as always."""
    values = parse(inner)
    return found._replace(values=values, family="text" if values.family == "any" else values.family)


def _dictionary(found: Declared, inner: str) -> Declared:
    return _category(found, inner.removeprefix("values=").rpartition(", indices=")[0])


def _list(found: Declared, inner: str) -> Declared:
    return found._replace(values=parse(inner))


def _interval(found: Declared, inner: str) -> Declared:
    return found._replace(values=parse(inner.rpartition(", ")[0]))


_READERS: dict[tuple[str, str], Callable[[Declared, str], Declared]] = {
    **{(name, "["): _time for name in (*MOMENTS, *SPANS, *_DAYS_AND_CLOCKS)},
    **{(name, "("): _decimal for name in DECIMALS},
    ("category", "["): _category,
    ("dictionary", "<"): _dictionary,
    ("list", "["): _list,
    ("interval", "["): _interval,
}


def arrow_unit(unit: str, *, moment: bool) -> str | None:
    """The unit of Arrow that holds values of a numpy unit: `D` for a date; None where there is none.

    moment: of a point in time; else of a duration, of which Arrow counts at most seconds.
    """
    if unit in ARROW_UNITS:
        return unit
    if unit in ("h", "m"):
        return "s"
    if moment:
        return "D" if unit in ("D", "W", "M", "Y") else None
    return "s" if unit in ("D", "W") else None
