"""Values from what a format made of them: the reverse of every encoder. The kinds are in `modeldata.encode.kinds`."""

from __future__ import annotations

import base64
import datetime as dt
import json
import re
from decimal import Context, Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa

from modeldata.columns.moments import DURATION, NANOSECONDS, count_of, days_of
from modeldata.columns.python import NO_VALUE, python_value
from modeldata.columns.values import in_zone
from modeldata.encode.kinds import NUMBER, PLAIN, each, of_declared, zone_of
from modeldata.format.declared import MOMENTS, parse

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from modeldata.encode.kinds import ColumnKinds, Kind
    from modeldata.format.declared import Declared


def restore_column(cells: Sequence[object], declared: str, kinds: ColumnKinds | None) -> list[object]:
    """The values of a column, from its cells (text of a CSV file, None where it is empty and not quoted; what a JSON parser
    gives; Python values of a Parquet column), its declared type and what the manifest's `kinds` says of it."""
    known = each(kinds or of_declared(declared) or PLAIN, len(cells))
    return [restore(cell, kind) for cell, kind in zip(cells, known, strict=True)]


def readable_column(cells: Sequence[object], declared: str, kinds: ColumnKinds | None) -> list[object]:
    """As `restore_column`; but a cell that is no form of its kind is given as it is, and keeps nobody from the others."""
    try:
        return restore_column(cells, declared, kinds)
    except NO_VALUE:
        known = each(kinds or of_declared(declared) or PLAIN, len(cells))
        return [_readable(cell, kind) for cell, kind in zip(cells, known, strict=True)]


def _readable(cell: object, kind: Kind) -> object:
    try:
        return restore(cell, kind)
    except NO_VALUE:
        return cell


def restore(value: object, kind: Kind) -> object:
    """The value that went in. Pure. Raises ValueError where `value` is no form of this kind."""
    if value is None:
        return None
    if isinstance(kind, dict):
        return _nested(value, kind)
    read = _WORDS.get(kind)
    if read is not None:
        return read(value)
    if kind.startswith("np:"):
        return _numpy(value, np.dtype(kind[3:]))
    if kind.startswith("decimal["):
        return _WORDS["decimal"](value).quantize(Decimal((0, (1,), -int(kind[8:-1]))), context=WIDE)  # type: ignore[attr-defined] # a Decimal
    zone = zone_of(kind)
    if zone is not None:
        return _datetime_there(value, zone)
    time = parse(kind)
    return _arrow_time(value, time) if time.name in MOMENTS else _arrow_duration(value, time.unit)


def _nested(value: Any, kind: dict[str, Any]) -> object:
    if isinstance(value, str):
        value = json.loads(value)
    if "json" in kind:
        return restore(value, kind["json"])
    if "list" in kind:
        return [restore(item, inner) for item, inner in zip(value, each(kind["list"], len(value)), strict=True)]
    if "map" in kind:
        first, second = kind["map"]
        return [(restore(key, first), restore(item, second)) for key, item in value]
    if "array" in kind:
        return _array(value, np.dtype(kind["array"]), kind.get("shape"))
    restored = {key: restore(item, kind["dict"].get(key, PLAIN)) for key, item in value.items()}
    if "keys" not in kind:
        return restored
    inner = each(kind["keys"], len(restored))
    if len(inner) != len(restored):
        return restored  # keys of one text became one: which of them it was, nobody knows
    return dict(zip(map(_key, restored, inner), restored.values(), strict=True))


def _key(text: str, kind: Kind) -> Any:
    if kind == "null":
        return None
    key = restore(json.loads(text) if kind == PLAIN else text, kind)
    return _frozen(key)


def _frozen(key: object) -> object:
    return tuple(map(_frozen, key)) if isinstance(key, list) else key


def _array(value: Any, dtype: np.dtype[Any], shape: list[int] | None) -> np.ndarray[Any, Any]:
    read = {"c": complex, "m": lambda one: _numpy(one, dtype)}.get(dtype.kind)
    made = np.array(value if read is None else _each(value, read), dtype)
    return made if shape is None else made.reshape(shape)


def _each(value: Any, read: Callable[[Any], Any]) -> Any:
    if isinstance(value, list):
        return [_each(one, read) for one in value]
    return None if value is None else read(value)


def _numpy(value: Any, dtype: np.dtype[Any]) -> object:
    if dtype.kind == "m" and isinstance(value, str):
        step = np.datetime_data(dtype)
        return _numpy_duration(value, dtype) if step[0] not in ("Y", "M") else _months(value, dtype)
    if dtype.kind == "M" and isinstance(value, str):
        return np.datetime64(value).astype(dtype)
    if dtype.kind == "c":
        return dtype.type(complex(value))
    return dtype.type(value)


def _numpy_duration(text: str, dtype: np.dtype[Any]) -> object:
    unit, step = np.datetime_data(dtype)
    return np.array(nanoseconds(text) // (NANOSECONDS[unit] * step), "i8").view(dtype)[()]


def _months(text: str, dtype: np.dtype[Any]) -> object:
    return np.array([int(text.split()[0])], "i8").view(dtype)[0]


def _auto(value: Any) -> object:
    if not isinstance(value, str):
        return value
    if value[:1] in ("[", "{"):
        return json.loads(value)
    if WHOLE.fullmatch(value):
        return _int(value)
    if FRACTION.fullmatch(value):
        return float(value)
    return {"True": True, "False": False}.get(value, value)


WHOLE = re.compile(r"-?[0-9]+")
FRACTION = re.compile(r"-?[0-9]+(\.[0-9]+)?(e[+-]?[0-9]+)?|NaN|-?Inf")
LOOKALIKE = re.compile(rf"{WHOLE.pattern}|{FRACTION.pattern}|True|False|[\[{{].*", re.DOTALL)
"""Text that `auto` would take for something else."""


def _bytes(value: Any) -> bytes:
    return base64.b64decode(value, validate=True) if isinstance(value, str) else bytes(value)


def _int(value: Any) -> int:
    """Also of more digits than this process may be set to read."""
    if not isinstance(value, str) or len(value) <= SAFE_DIGITS:
        whole: int = int(value)
        return whole
    value = str(value)
    return int(value, 16) if value.lstrip("-").startswith("0x") else int(Decimal(value))


WIDE = Context(prec=76)
"""Python's own context rounds to 28 digits."""
SAFE_DIGITS = 600
"""Python reads whole numbers up to here whatever it is set to."""

_DURATION = re.compile(DURATION)


def nanoseconds(text: str) -> int:
    """An ISO duration as we write it. Raises ValueError for any other."""
    found = _DURATION.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is not a duration")
    sign, days, hours, minutes, seconds, fraction = found.groups()
    whole = ((int(days) * 24 + int(hours)) * 60 + int(minutes)) * 60 + int(seconds)
    total = whole * 10**9 + int((fraction or "").ljust(9, "0"))
    return -total if sign else total


def _timedelta(value: Any) -> dt.timedelta:
    if isinstance(value, dt.timedelta):
        return value
    microseconds = nanoseconds(value) // 1000 if isinstance(value, str) else int(value)
    return dt.timedelta(0, 0, microseconds)


def _datetime(value: Any) -> dt.datetime:
    return dt.datetime.fromisoformat(value) if isinstance(value, str) else value


def _datetime_there(value: Any, zone: str) -> object:
    """In text the offset stands beside the wall clock; in Parquet all times are UTC."""
    try:
        where = _offset(zone) or ZoneInfo(zone)
    except (ValueError, LookupError, OSError):
        return _datetime(value)  # this machine does not know the zone
    if isinstance(value, np.datetime64):
        return _at_the_edge(value, where)
    moment = _datetime(value)
    try:
        return in_zone(moment, where) if isinstance(value, str) else moment.astimezone(where)
    except OverflowError:
        return moment


def _at_the_edge(value: np.datetime64, where: dt.tzinfo) -> object:
    """A wall clock of the years 1 and 9999 can stand for a time that is in another year in UTC, for which Python has no form."""
    edge = dt.datetime.max if value > np.datetime64(0, "s") else dt.datetime.min
    wall = (value.astype("M8[us]") + np.timedelta64(where.utcoffset(edge) or dt.timedelta())).astype(object)
    return wall.replace(tzinfo=where) if isinstance(wall, dt.datetime) else value


def _offset(zone: str) -> dt.timezone | None:
    if zone[:1] not in ("+", "-"):
        return None
    return dt.datetime.fromisoformat(f"2000-01-01T00:00:00{zone}").tzinfo  # type: ignore[return-value]  # an offset gives this


def _arrow_time(value: Any, time: Declared) -> object:
    """As Arrow itself gives values of this type."""
    if isinstance(value, np.datetime64):
        return value
    if isinstance(value, str):
        value, _ = count_of(value, time.unit)
    return python_value(pa.scalar(value, pa.timestamp(time.unit, time.zone or None)))


def _arrow_duration(value: Any, unit: str) -> object:
    if isinstance(value, str):
        value = nanoseconds(value) // NANOSECONDS[unit]
    return value if isinstance(value, np.timedelta64) else python_value(pa.scalar(value, pa.duration(unit)))


def _date(value: Any) -> object:
    if not isinstance(value, str):
        return value
    try:
        return dt.date.fromisoformat(value)
    except ValueError:
        return np.datetime64(days_of(value), "D")


def _interval(value: Any) -> object:
    return pa.MonthDayNano(json.loads(value) if isinstance(value, str) else list(value))


_WORDS: dict[str, Callable[[Any], object]] = {
    "plain": lambda value: value,
    "null": lambda value: None,
    "auto": _auto,
    "json": json.loads,
    "int": _int,
    "float": float,
    NUMBER: lambda value: int(value) if float(value).is_integer() else float(value),
    "float32": lambda value: float(np.float32(value)),
    "float16": lambda value: float(np.float16(value)),
    "bool": lambda value: value == "True" if isinstance(value, str) else bool(value),
    "str": str,
    "bytes": _bytes,
    "decimal": Decimal,
    "uuid": lambda value: value if isinstance(value, UUID) else UUID(value),
    "complex": complex,
    "date": _date,
    "time": lambda value: dt.time.fromisoformat(value) if isinstance(value, str) else value,
    "timedelta": _timedelta,
    "datetime": _datetime,
    "interval": _interval,
}
