"""Python's values of any Arrow array, also of those that Arrow itself gives no values for.

What Python has no form for comes as text: a date or a time beyond the year 9999 or before the year 1, a time of day beyond a
day, a duration beyond what Python counts. A zone that this machine does not know becomes UTC. Bytes that are not UTF-8, in
text, become lone surrogates, as `surrogateescape` has them. Fields of a struct with one name twice get ".1", ".2".
"""

from __future__ import annotations

import datetime as dt
from itertools import count
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.types as types

from modeldata.columns.moments import PER_SECOND, clock_text, date_text, duration_text, moment_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any


def listed(values: pa.Array | pa.ChunkedArray) -> list[object]:
    """The values of an array that holds in full (`validate(full=True)`)."""
    try:
        whole: list[object] = values.to_pylist()
        return whole
    except MemoryError:
        raise
    except Exception:  # whatever Arrow, its zones or Python's own types say of a value: the slow way has a form for each
        return one_by_one(values)


def one_by_one(values: pa.Array | pa.ChunkedArray) -> list[object]:
    """The same for arrays that hold but for values that their type does not allow: no value is read past its check."""
    return [_value(one) for one in values]


def field_names(kind: pa.DataType) -> list[str]:
    """The names of a struct's fields, each once."""
    given = [kind.field(at).name for at in range(kind.num_fields)]
    if len(set(given)) == len(given):
        return given
    taken: set[str] = set()
    unique = []
    for name in given:
        free = name if name not in taken else next(one for at in count(1) if (one := f"{name}.{at}") not in {*taken, *given})
        taken.add(free)
        unique.append(free)
    return unique


def _value(scalar: Any) -> object:
    if not scalar.is_valid and not types.is_union(scalar.type):
        return None
    kind = scalar.type
    for test, form in _NESTED:
        if test(kind):
            return form(scalar)
    return _leaf(scalar, kind)


def _leaf(scalar: Any, kind: pa.DataType) -> object:
    for test, form in _TEXTS:
        if test(kind):
            return _odd(scalar, form)
    return scalar.as_py()


def _odd(scalar: Any, form: Callable[[Any], object]) -> object:
    """As Python has it, where it has exactly this."""
    if types.is_time(scalar.type) and not 0 <= scalar.value < 86_400 * PER_SECOND[scalar.type.unit]:
        return form(scalar)
    if types.is_date64(scalar.type) and scalar.value % 86_400_000:
        return form(scalar)
    try:
        return scalar.as_py()
    except (ValueError, OverflowError, TypeError, LookupError):
        return form(scalar)


def _struct(scalar: Any) -> dict[str, object]:
    return {name: _value(scalar[at]) for at, name in enumerate(field_names(scalar.type))}


def _list(scalar: Any) -> list[object]:
    return one_by_one(scalar.values)


def _map(scalar: Any) -> list[tuple[object, ...]]:
    return [tuple(_value(entry[at]) for at in range(2)) for entry in scalar.values]


def _inner(scalar: Any) -> object:
    return None if scalar.value is None else _value(scalar.value)


def _text(scalar: Any) -> str:
    return str(scalar.as_buffer().to_pybytes(), "utf-8", "surrogateescape")


def _timestamp(scalar: Any) -> object:
    """Of a zone that nobody here knows: the same instant in UTC."""
    unit, zone = scalar.type.unit, scalar.type.tz
    if zone:
        try:
            return pa.scalar(scalar.value, pa.timestamp(unit)).as_py().replace(tzinfo=dt.UTC)
        except (ValueError, OverflowError):
            pass
    return moment_text(scalar.value, unit) + ("+00:00" if zone else "")


def _date(scalar: Any) -> str:
    if types.is_date32(scalar.type):
        return date_text(scalar.value)
    days, rest = divmod(scalar.value, 86_400_000)
    return moment_text(scalar.value, "ms") if rest else date_text(days)


def is_list(kind: pa.DataType) -> bool:
    """Lists of whatever layout."""
    views = types.is_list_view(kind) or types.is_large_list_view(kind)
    return bool(types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind) or views)


def _is_wrapped(kind: pa.DataType) -> bool:
    return bool(
        isinstance(kind, pa.BaseExtensionType)
        or types.is_dictionary(kind)
        or types.is_run_end_encoded(kind)
        or types.is_union(kind)
    )


def _is_text(kind: pa.DataType) -> bool:
    return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind))


_NESTED: Sequence[tuple[Callable[[pa.DataType], bool], Callable[[Any], object]]] = (
    (types.is_struct, _struct),
    (types.is_map, _map),
    (is_list, _list),
    (_is_wrapped, _inner),
)
_TEXTS: Sequence[tuple[Callable[[pa.DataType], bool], Callable[[Any], object]]] = (
    (_is_text, _text),
    (types.is_timestamp, _timestamp),
    (types.is_date, _date),
    (types.is_time, lambda scalar: clock_text(scalar.value, scalar.type.unit)),
    (types.is_duration, lambda scalar: duration_text(scalar.value * (10**9 // PER_SECOND[scalar.type.unit]))),
)
