"""pandas data frames. Imported only when the caller has such an object.

A frame is stored by *groups*: the columns of one numpy dtype lie together, as pandas keeps them itself. Then come columns of
text. What has neither form (categories, objects) follows value by value. The index is not stored: rows are named by their
sequence.

There are two ways to the same bytes: `pandas_blocks.py`, tried at import on frames of every kind, and the public API.
"""

from __future__ import annotations

from itertools import chain

import numpy as np
import pandas as pd

from modeldata.format import wire
from modeldata.snapshot import pandas_blocks
from modeldata.snapshot.arrays import declared_type_of, raw_dtype
from modeldata.snapshot.buffers import copy_if_small
from modeldata.snapshot.numpy_values import with_intervals
from modeldata.snapshot.pandas_compiled import compiled
from modeldata.snapshot.schema import ANY, NOTHING, Schema, label, refusal, unique
from modeldata.snapshot.texts import lengths_of, of_arrow, of_values

TYPE_CHECKING = False
if TYPE_CHECKING:
    from struct import Struct
    from typing import Any

    from modeldata.snapshot.buffers import Buffer, Buffers
    from modeldata.snapshot.numpy_values import Array, DType
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
    """The groups of a frame, and the positions of its other columns."""

    __slots__ = ("groups", "lengths", "objects", "texts", "types", "uniform")
    groups: list[DtypeGroup]
    types: list[str]
    texts: list[int]
    objects: list[int]
    lengths: Struct
    """Packs the lengths of the texts in one row."""
    uniform: DType | None
    """The dtype of all columns, where one `to_numpy()` gives them as they are."""


def capture_frame(data: pd.DataFrame, schemas: SchemaCache, pack: Pack) -> Captured:
    """Its rows. Column types are kept: numpy's, nullable ones, time zones, text, categories (as their values)."""
    try:
        if BY_BLOCKS:
            captured = pandas_blocks.capture_blocks(data, schemas, pack, schema_of)
            if captured is not None:
                return captured
        return capture_public(data, schemas, pack)
    except Exception as error:
        raise refusal(error, data) from error


def capture_public(data: pd.DataFrame, schemas: SchemaCache, pack: Pack) -> Captured:
    """By what pandas promises to keep."""
    rows = len(data)
    if rows == 0 or not len(data.columns):
        return NOTHING
    schema = schema_of(data, schemas)
    if schema.uniform is not None:
        return schema, rows, data.to_numpy().T.astype(schema.uniform, copy=False).tobytes()
    buffers = _small(data, schema, pack) if rows * len(schema.columns) <= SMALL else _large(data, schema, pack)
    return schema, rows, copy_if_small(buffers)


def schema_of(data: pd.DataFrame, schemas: SchemaCache) -> FrameSchema:
    """The schema for frames of these columns and dtypes."""
    names = frame_names(data.columns)
    dtypes = data.dtypes.tolist()
    key = (names, tuple(map(_key, dtypes)))
    schema = schemas.frames.get(key)
    if schema is None:
        schema = schemas.frames[key] = _schema(names, dtypes, schemas)
    return schema


def frame_names(columns: pd.Index) -> tuple[str, ...]:
    """Labels as text; the levels of a MultiIndex joined by dots. Not yet unique: that is the schema's."""
    labels = columns.tolist()
    if isinstance(columns, pd.MultiIndex):
        return tuple([".".join(map(label, levels)) for levels in labels])
    return tuple(map(label, labels))


def _key(dtype: object) -> object:
    """A dtype that is cheap to hash. Categories are no part of a shape: they change with every request."""
    if isinstance(dtype, pd.CategoricalDtype):
        return ("category", dtype.categories.dtype)
    return dtype


def _schema(names: tuple[str, ...], dtypes: list[object], schemas: SchemaCache) -> FrameSchema:
    groups: dict[tuple[str, bool, bool], DtypeGroup] = {}
    texts: list[int] = []
    objects: list[int] = []
    types = []
    for at, dtype in enumerate(dtypes):
        declared_type, group = classify(dtype)
        types.append(declared_type)
        if group is not None:
            groups.setdefault((group.dtype.str, group.masked, group.zoned), group).columns.append(at)
        else:
            (texts if isinstance(dtype, pd.StringDtype) else objects).append(at)
    parts = [{"dtype": group.dtype.str, "columns": group.columns, "mask": group.masked} for group in groups.values()]
    columns = unique(names)
    extra = {"parts": parts, "texts": texts, "objects": objects}
    schema = FrameSchema(schemas.stream, columns, schemas.define(columns, wire.FRAME, types, extra))
    schema.groups, schema.types = list(groups.values()), types
    schema.texts, schema.objects = texts, objects
    schema.lengths = lengths_of(len(texts))
    plain = len(schema.groups) == 1 and len(schema.groups[0].columns) == len(columns)
    plain = plain and not schema.groups[0].masked and not schema.groups[0].zoned
    schema.uniform = schema.groups[0].dtype if plain else None
    return schema


def classify(dtype: object) -> tuple[str, DtypeGroup | None]:
    """The declared type of a column, and the group it would be in; None for one that goes value by value."""
    if isinstance(dtype, np.dtype):
        raw = raw_dtype(dtype)
        return declared_type_of(dtype), None if raw is None else DtypeGroup(raw, False, False)
    if isinstance(dtype, pd.StringDtype):
        return "str", None
    if isinstance(dtype, pd.CategoricalDtype):
        return f"category[{classify(dtype.categories.dtype)[0]}]", None
    if isinstance(dtype, pd.DatetimeTZDtype):
        zone = _zone(dtype.tz)
        group = DtypeGroup(np.dtype(f"<M8[{dtype.unit}]"), False, True)
        return (f"datetime64[{dtype.unit}, {zone}]", group) if zone else (ANY, None)
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


def _small(data: pd.DataFrame, schema: FrameSchema, pack: Pack) -> list[Buffer]:
    """All cells as Python objects at once: each has its exact value, and one call costs less than a column's."""
    table: list[list[Any]] = data.to_numpy(dtype=object).T.tolist()
    buffers: list[Buffer] = []
    for group in schema.groups:
        cells = list(chain.from_iterable([table[at] for at in group.columns]))
        mask = b""
        if group.masked:
            null = [value is pd.NA for value in cells]
            mask = bytes(null)
            cells = [0 if absent else value for absent, value in zip(null, cells, strict=True)]
        elif group.dtype.kind in "mM":
            nat = np.array("NaT", group.dtype)[()]
            cells = [nat if value is pd.NaT else value.asm8 for value in cells]
        buffers.append(np.array(cells, group.dtype).tobytes() + mask)
    if schema.texts:
        buffers += of_values([table[at] for at in schema.texts])
    if schema.objects:
        buffers.append(pack([_cells(table[at], schema.types[at]) for at in schema.objects]))
    return buffers


def _large(data: pd.DataFrame, schema: FrameSchema, pack: Pack) -> list[Buffer]:
    buffers: list[Buffer] = []
    for group in schema.groups:
        if group.masked or group.zoned:
            columns = [data.iloc[:, at] for at in group.columns]
            buffers.extend(_values(column, group).tobytes() for column in columns)
            if group.masked:
                buffers.extend(column.isna().to_numpy().tobytes() for column in columns)
        else:
            buffers.append(data.iloc[:, group.columns].to_numpy().T.astype(group.dtype, copy=False).tobytes())
    if schema.texts:
        buffers += _texts([data.iloc[:, at] for at in schema.texts])
    if schema.objects:
        buffers.append(
            pack([_cells(data.iloc[:, at].to_numpy(dtype=object).tolist(), schema.types[at]) for at in schema.objects])
        )
    return buffers


def _cells(values: list[object], declared_type: str) -> list[object]:
    """Values that go one by one; None for an interval that is missing."""
    return with_intervals(values) if declared_type.startswith("interval[") else values


def _texts(columns: list[pd.Series[Any]]) -> list[Buffer]:
    """As Arrow's memory where pandas keeps it there, else value by value."""
    if all(getattr(column.dtype, "storage", None) == "pyarrow" for column in columns):
        found = of_arrow([column.array.__arrow_array__() for column in columns])
        if found is not None:
            return found
    return of_values([column.to_numpy(dtype=object).tolist() for column in columns])


def _values(column: pd.Series[Any], group: DtypeGroup) -> Array:
    """The column's raw values: zero where it is null, UTC where it has a zone."""
    if group.masked:
        return column.to_numpy(dtype=group.dtype, na_value=0)
    return column.to_numpy(dtype=group.dtype)


def _both_ways_agree() -> bool:
    """Does reading blocks, in Python and compiled, give the bytes that the public way gives, with the pandas that is here?"""
    from modeldata.snapshot.pandas_samples import empty_cache, pack, samples

    try:
        schemas = empty_cache()
        for frame in samples():
            for _ in range(2):  # the second time by the copy plan of the first
                by_blocks = pandas_blocks.capture_blocks(frame, schemas, pack, schema_of)
                found = [captured for captured in (by_blocks, compiled(frame, schemas)) if captured is not None]
                if found and {_content(captured) for captured in found} != {_content(capture_public(frame, schemas, pack))}:
                    return False
    except Exception:  # whatever pandas has become: then the public way it is
        return False
    return True


def _content(captured: tuple[Schema, int, bytes | Buffers]) -> Captured:
    schema, rows, data = captured
    return schema, rows, bytes(data)


BY_BLOCKS = _both_ways_agree()
