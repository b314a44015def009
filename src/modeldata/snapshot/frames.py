"""pandas data frames, through public API alone. Imported only when the caller has such an object.

A frame is stored by *parts*: the columns of one numpy dtype lie together, as pandas keeps them itself; what numpy has no value
type for (text, categories, objects) follows value by value. The index is not stored: rows are named by their sequence.
"""

from __future__ import annotations

from itertools import chain

import numpy as np
import pandas as pd

from modeldata.snapshot.arrays import declared, is_raw
from modeldata.snapshot.plan import ANY, NOTHING, Plan, label, refusal, unique

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from modeldata.snapshot.arrays import Array, DType
    from modeldata.snapshot.plan import Shapes

    Pack = Callable[[object], bytes]

SMALL = 512
"""Cells up to which a frame is cheaper to take as objects in one go than column group by column group."""


class Part:
    """Columns that are stored as raw values of one dtype."""

    __slots__ = ("columns", "dtype", "masked", "zoned")

    def __init__(self, dtype: DType, masked: bool, zoned: bool) -> None:
        self.dtype = dtype
        self.masked = masked
        self.zoned = zoned
        self.columns: list[int] = []


class FramePlan(Plan):
    """The parts of a frame, and the positions of its other columns."""

    __slots__ = ("objects", "parts", "uniform")
    parts: list[Part]
    objects: list[int]
    uniform: DType | None
    """The dtype of all columns, where one `to_numpy()` gives them as they are."""


def take_frame(data: pd.DataFrame, shapes: Shapes, pack: Pack) -> tuple[Plan, int, bytes]:
    """Its rows. Column types are kept: numpy's, nullable ones, time zones, text, categories (as their values)."""
    try:
        names = frame_names(data.columns)
        dtypes = data.dtypes.tolist()
        key = (names, tuple(map(_key, dtypes)))
        plan = shapes.frames.get(key)
        if plan is None:
            plan = shapes.frames[key] = _plan(names, dtypes, shapes)
        rows = len(data)
        if rows == 0 or not names:
            return NOTHING
        if plan.uniform is not None:
            return plan, rows, data.to_numpy().T.astype(plan.uniform, copy=False).tobytes()
        pieces = _small(data, plan, pack) if rows * len(names) <= SMALL else _large(data, plan, pack)
        return plan, rows, b"".join(pieces)
    except Exception as error:
        raise refusal(error, data) from error


def frame_names(columns: pd.Index) -> tuple[str, ...]:
    """Labels as text; the levels of a MultiIndex joined by dots. Not yet unique: that is the plan's."""
    labels = columns.tolist()
    if isinstance(columns, pd.MultiIndex):
        return tuple([".".join(map(label, levels)) for levels in labels])
    return tuple(map(label, labels))


def _key(dtype: object) -> object:
    """A dtype that is cheap to hash. Categories are no part of a shape: they change with every request."""
    if isinstance(dtype, pd.CategoricalDtype):
        return ("category", dtype.categories.dtype)
    return dtype


def _plan(names: tuple[str, ...], dtypes: list[object], shapes: Shapes) -> FramePlan:
    parts: dict[tuple[str, bool, bool], Part] = {}
    objects = []
    types = []
    for at, dtype in enumerate(dtypes):
        kind, part = classify(dtype)
        types.append(kind)
        if part is None:
            objects.append(at)
        else:
            parts.setdefault((part.dtype.str, part.masked, part.zoned), part).columns.append(at)
    told = [{"dtype": part.dtype.str, "columns": part.columns, "mask": part.masked} for part in parts.values()]
    columns = unique(names)
    plan = FramePlan(shapes.stream, columns, shapes.define(columns, "frame", types, {"parts": told, "objects": objects}))
    plan.parts = list(parts.values())
    plan.objects = objects
    plain = len(plan.parts) == 1 and not objects and not plan.parts[0].masked and not plan.parts[0].zoned
    plan.uniform = plan.parts[0].dtype if plain else None
    return plan


def classify(dtype: object) -> tuple[str, Part | None]:
    """The declared type of a column, and the part it would be in; None for one that goes value by value."""
    if isinstance(dtype, np.dtype):
        return declared(dtype), Part(dtype.newbyteorder("<"), False, False) if is_raw(dtype) else None
    if isinstance(dtype, pd.StringDtype):
        return "str", None
    if isinstance(dtype, pd.CategoricalDtype):
        return f"category[{classify(dtype.categories.dtype)[0]}]", None
    if isinstance(dtype, pd.DatetimeTZDtype):
        zone = _zone(dtype.tz)
        part = Part(np.dtype(f"<M8[{dtype.unit}]"), False, True)
        return (f"datetime64[{dtype.unit}, {zone}]", part) if zone else (ANY, None)
    if isinstance(dtype, pd.ArrowDtype):
        return f"arrow:{dtype.pyarrow_dtype}", None
    if isinstance(dtype, pd.SparseDtype):
        return classify(dtype.subtype)[0], None
    numpy_dtype = getattr(dtype, "numpy_dtype", None)
    if isinstance(numpy_dtype, np.dtype) and is_raw(numpy_dtype):
        return str(dtype), Part(numpy_dtype.newbyteorder("<"), True, False)
    return (str(dtype), None) if isinstance(dtype, (pd.PeriodDtype, pd.IntervalDtype)) else (ANY, None)


def _zone(zone: Any) -> str | None:
    """The name by which Arrow knows a time zone; None where it has none (a zone read from a file)."""
    name = getattr(zone, "key", None) or getattr(zone, "zone", None)
    if isinstance(name, str):
        return name
    if str(zone) == "UTC":
        return "UTC"
    offset = zone.utcoffset(None)
    if offset is None:
        return None
    minutes, rest = divmod(round(offset.total_seconds()), 60)
    return None if rest else f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"


def _small(data: pd.DataFrame, plan: FramePlan, pack: Pack) -> list[bytes]:
    """All cells as Python objects at once: each has its exact value, and one call costs less than a column's."""
    table: list[list[Any]] = data.to_numpy(dtype=object).T.tolist()
    pieces = []
    for part in plan.parts:
        cells = list(chain.from_iterable([table[at] for at in part.columns]))
        mask = b""
        if part.masked:
            null = [value is pd.NA for value in cells]
            mask = bytes(null)
            cells = [0 if absent else value for absent, value in zip(null, cells, strict=True)]
        elif part.dtype.kind in "mM":
            nat = np.array("NaT", part.dtype)[()]
            cells = [nat if value is pd.NaT else value.asm8 for value in cells]
        pieces.append(np.array(cells, part.dtype).tobytes() + mask)
    if plan.objects:
        pieces.append(pack([table[at] for at in plan.objects]))
    return pieces


def _large(data: pd.DataFrame, plan: FramePlan, pack: Pack) -> list[bytes]:
    pieces: list[bytes] = []
    for part in plan.parts:
        if part.masked or part.zoned:
            columns = [data.iloc[:, at] for at in part.columns]
            pieces.extend(_values(column, part).tobytes() for column in columns)
            if part.masked:
                pieces.extend(column.isna().to_numpy().tobytes() for column in columns)
        else:
            pieces.append(data.iloc[:, part.columns].to_numpy().T.astype(part.dtype, copy=False).tobytes())
    if plan.objects:
        pieces.append(pack([data.iloc[:, at].to_numpy(dtype=object).tolist() for at in plan.objects]))
    return pieces


def _values(column: pd.Series[Any], part: Part) -> Array:
    """The column's raw values: zero where it is null, UTC where it has a zone."""
    if part.masked:
        return column.to_numpy(dtype=part.dtype, na_value=0)
    return column.to_numpy(dtype=part.dtype)
