"""pandas data frames. Imported only when the caller has such an object.

A frame is stored by *parts*: the columns of one numpy dtype lie together, as pandas keeps them itself; then columns of text; what
has neither form (categories, objects) follows value by value. The index is not stored: rows are named by their sequence.

There are two ways to the same bytes: `pandas_blocks.py`, tried at import on frames of every kind, and the public API.
"""

from __future__ import annotations

from itertools import chain

import numpy as np
import pandas as pd

from modeldata.snapshot import pandas_blocks
from modeldata.snapshot.arrays import declared, raw_dtype
from modeldata.snapshot.numpy_values import with_intervals
from modeldata.snapshot.pieces import together
from modeldata.snapshot.schema import ANY, NOTHING, Schema, label, refusal, unique
from modeldata.snapshot.texts import lengths_of, of_arrow, of_values

TYPE_CHECKING = False
if TYPE_CHECKING:
    from struct import Struct
    from typing import Any

    from modeldata.snapshot.arrays import Array, DType
    from modeldata.snapshot.pieces import Piece, Pieces
    from modeldata.snapshot.schema import Captured, Pack, SchemaCache


SMALL = 512
"""Cells up to which a frame is cheaper to take as objects in one go than column group by column group."""


class DtypeGroup:
    """Columns that are stored as raw values of one dtype."""

    __slots__ = ("columns", "dtype", "masked", "zoned")

    def __init__(self, dtype: DType, masked: bool, zoned: bool) -> None:
        self.dtype = dtype
        self.masked = masked
        self.zoned = zoned
        self.columns: list[int] = []


class FrameSchema(Schema):
    """The parts of a frame, and the positions of its other columns."""

    __slots__ = ("lengths", "objects", "parts", "texts", "types", "uniform")
    parts: list[DtypeGroup]
    types: list[str]
    texts: list[int]
    objects: list[int]
    lengths: Struct
    """Packs the lengths of the texts in one row."""
    uniform: DType | None
    """The dtype of all columns, where one `to_numpy()` gives them as they are."""


def capture_frame(data: pd.DataFrame, shapes: SchemaCache, pack: Pack) -> Captured:
    """Its rows. Column types are kept: numpy's, nullable ones, time zones, text, categories (as their values)."""
    try:
        if BY_BLOCKS:
            taken = pandas_blocks.capture_blocks(data, shapes, pack, plan_of)
            if taken is not None:
                return taken
        return capture_public(data, shapes, pack)
    except Exception as error:
        raise refusal(error, data) from error


def capture_public(data: pd.DataFrame, shapes: SchemaCache, pack: Pack) -> Captured:
    """By what pandas promises to keep."""
    rows = len(data)
    if rows == 0 or not len(data.columns):
        return NOTHING
    plan = plan_of(data, shapes)
    if plan.uniform is not None:
        return plan, rows, data.to_numpy().T.astype(plan.uniform, copy=False).tobytes()
    pieces = _small(data, plan, pack) if rows * len(plan.columns) <= SMALL else _large(data, plan, pack)
    return plan, rows, together(pieces)


def plan_of(data: pd.DataFrame, shapes: SchemaCache) -> FrameSchema:
    """The plan for frames of these columns and dtypes."""
    names = frame_names(data.columns)
    dtypes = data.dtypes.tolist()
    key = (names, tuple(map(_key, dtypes)))
    plan = shapes.frames.get(key)
    if plan is None:
        plan = shapes.frames[key] = _plan(names, dtypes, shapes)
    return plan


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


def _plan(names: tuple[str, ...], dtypes: list[object], shapes: SchemaCache) -> FrameSchema:
    parts: dict[tuple[str, bool, bool], DtypeGroup] = {}
    texts: list[int] = []
    objects: list[int] = []
    types = []
    for at, dtype in enumerate(dtypes):
        kind, part = classify(dtype)
        types.append(kind)
        if part is not None:
            parts.setdefault((part.dtype.str, part.masked, part.zoned), part).columns.append(at)
        else:
            (texts if isinstance(dtype, pd.StringDtype) else objects).append(at)
    told = [{"dtype": part.dtype.str, "columns": part.columns, "mask": part.masked} for part in parts.values()]
    columns = unique(names)
    extra = {"parts": told, "texts": texts, "objects": objects}
    plan = FrameSchema(shapes.stream, columns, shapes.define(columns, "frame", types, extra))
    plan.parts, plan.types = list(parts.values()), types
    plan.texts, plan.objects = texts, objects
    plan.lengths = lengths_of(len(texts))
    plain = len(plan.parts) == 1 and len(plan.parts[0].columns) == len(columns)
    plain = plain and not plan.parts[0].masked and not plan.parts[0].zoned
    plan.uniform = plan.parts[0].dtype if plain else None
    return plan


def classify(dtype: object) -> tuple[str, DtypeGroup | None]:
    """The declared type of a column, and the part it would be in; None for one that goes value by value."""
    if isinstance(dtype, np.dtype):
        raw = raw_dtype(dtype)
        return declared(dtype), None if raw is None else DtypeGroup(raw, False, False)
    if isinstance(dtype, pd.StringDtype):
        return "str", None
    if isinstance(dtype, pd.CategoricalDtype):
        return f"category[{classify(dtype.categories.dtype)[0]}]", None
    if isinstance(dtype, pd.DatetimeTZDtype):
        zone = _zone(dtype.tz)
        part = DtypeGroup(np.dtype(f"<M8[{dtype.unit}]"), False, True)
        return (f"datetime64[{dtype.unit}, {zone}]", part) if zone else (ANY, None)
    if isinstance(dtype, pd.ArrowDtype):
        return f"arrow:{dtype.pyarrow_dtype}", None
    if isinstance(dtype, pd.SparseDtype):
        return classify(dtype.subtype)[0], None
    numpy_dtype = getattr(dtype, "numpy_dtype", None)
    raw = raw_dtype(numpy_dtype) if isinstance(numpy_dtype, np.dtype) else None
    if raw is not None:
        return str(dtype), DtypeGroup(raw, True, False)
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


def _small(data: pd.DataFrame, plan: FrameSchema, pack: Pack) -> list[Piece]:
    """All cells as Python objects at once: each has its exact value, and one call costs less than a column's."""
    table: list[list[Any]] = data.to_numpy(dtype=object).T.tolist()
    pieces: list[Piece] = []
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
    if plan.texts:
        pieces += of_values([table[at] for at in plan.texts])
    if plan.objects:
        pieces.append(pack([_cells(table[at], plan.types[at]) for at in plan.objects]))
    return pieces


def _large(data: pd.DataFrame, plan: FrameSchema, pack: Pack) -> list[Piece]:
    pieces: list[Piece] = []
    for part in plan.parts:
        if part.masked or part.zoned:
            columns = [data.iloc[:, at] for at in part.columns]
            pieces.extend(_values(column, part).tobytes() for column in columns)
            if part.masked:
                pieces.extend(column.isna().to_numpy().tobytes() for column in columns)
        else:
            pieces.append(data.iloc[:, part.columns].to_numpy().T.astype(part.dtype, copy=False).tobytes())
    if plan.texts:
        pieces += _texts([data.iloc[:, at] for at in plan.texts])
    if plan.objects:
        pieces.append(pack([_cells(data.iloc[:, at].to_numpy(dtype=object).tolist(), plan.types[at]) for at in plan.objects]))
    return pieces


def _cells(values: list[object], kind: str) -> list[object]:
    """Values that go one by one; None for an interval that is missing."""
    return with_intervals(values) if kind.startswith("interval[") else values


def _texts(columns: list[pd.Series[Any]]) -> list[Piece]:
    """As Arrow's memory where pandas keeps it there, else value by value."""
    if all(getattr(column.dtype, "storage", None) == "pyarrow" for column in columns):
        found = of_arrow([column.array.__arrow_array__() for column in columns])
        if found is not None:
            return found
    return of_values([column.to_numpy(dtype=object).tolist() for column in columns])


def _values(column: pd.Series[Any], part: DtypeGroup) -> Array:
    """The column's raw values: zero where it is null, UTC where it has a zone."""
    if part.masked:
        return column.to_numpy(dtype=part.dtype, na_value=0)
    return column.to_numpy(dtype=part.dtype)


def _both_ways_agree() -> bool:
    """Does reading blocks give the bytes that the public way gives, with the pandas that is here?"""
    from modeldata.snapshot.pandas_samples import pack, samples, shapes_of_none

    try:
        shapes = shapes_of_none()
        for frame in samples():
            for _ in range(2):  # the second time by the recipe of the first
                taken = pandas_blocks.capture_blocks(frame, shapes, pack, plan_of)
                if taken is not None and _content(taken) != _content(capture_public(frame, shapes, pack)):
                    return False
    except Exception:  # whatever pandas has become: then the public way it is
        return False
    return True


def _content(taken: tuple[Schema, int, bytes | Pieces]) -> Captured:
    plan, rows, data = taken
    return plan, rows, bytes(data)


BY_BLOCKS = _both_ways_agree()
