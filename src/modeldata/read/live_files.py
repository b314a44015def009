"""Parquet files of a local archive that DuckDB reads by itself: only where it finds in them, value for value, what a scan gives.

It gets open descriptors and no names: a file that compaction or erasure takes away meanwhile is read to its end all the same,
and no other file can take its place. Whatever is not certain (a column with another type in one file, a file of another length
than its manifest says) is a question for the scan.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import finalize

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pyarrow.types as types

from modeldata.encode.kinds import of_declared
from modeldata.errors import StoreError
from modeldata.format import names
from modeldata.read.chunks import OWN_TYPES, Chunk
from modeldata.read.duck import HAS_PATHS, path_of
from modeldata.read.part import is_json
from modeldata.read.plan import inside
from modeldata.store.local import LocalStore

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modeldata.read.plan import ReadPlan, ReadRequest
    from modeldata.store import ReadStore

MOST = 256
"""Files of one question. Each holds a descriptor, of which a process often has 1,024; and DuckDB opens each file anew."""
FEW = 64
"""The same, of a question that may leave out days: DuckDB opens each file to skip it, where a scan knows from the manifests."""
ANY = "any"
"""The declared type of what came value by value."""
TIME = f'make_timestamp(epoch_us("{names.TIMESTAMP}"))'
"""UTC, without saying so, in every session; DuckDB skips the row groups that a condition on it rules out (`skips_by_time`)."""


class LiveFiles(ds.Dataset):  # type: ignore[misc] # pyarrow has no types
    """Descriptors that stay open as long as somebody holds this. A connection holds what is registered there, so it is a dataset.

    select: the SQL that has the rows of all of them, in the columns of the scan.
    """

    schema = pa.schema([("file", pa.string())])

    def __init__(self) -> None:
        self.descriptors: list[int] = []
        self.select = ""
        finalize(self, _close, self.descriptors)

    def add(self, descriptor: int) -> int:
        """It is closed with the others."""
        self.descriptors.append(descriptor)
        return descriptor


def _close(descriptors: Sequence[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)


class Shape(NamedTuple):
    """What files have in common: their columns as they lie there, and what manifests say of them."""

    stored: pa.Schema
    types: dict[str, str]
    kinds: dict[str, Any]


def live_files(store: ReadStore, plan: ReadPlan, request: ReadRequest) -> LiveFiles | None:
    """The files that a plan reads; None where a scan has to read them."""
    pieces = _whole_files(plan, request)
    if not HAS_PATHS or not isinstance(store, LocalStore) or not pieces:
        return None
    files, shapes = LiveFiles(), list[Shape]()
    with suppress(StoreError, OSError, pa.ArrowException):  # gone, damaged, not ours to read: the scan knows what to say
        for piece in pieces:
            shape = _shape(files.add(store.open_file(piece.path)), piece, plan.schema)
            if shape is None:
                return None
            if shape not in shapes:
                shapes.append(shape)
        return _selected(files, plan.schema, shapes)
    return None


def _whole_files(plan: ReadPlan, request: ReadRequest) -> list[Chunk]:
    """The pieces of a plan, where they are whole Parquet files with columns that DuckDB can tell apart; else none."""
    pieces = [piece for piece in plan.pieces if isinstance(piece, Chunk) and piece.format == "parquet" and inside(piece, request)]
    differ = len({name.lower() for name in plan.schema.names}) == len(plan.schema)
    asked = request.errors == "raise" and request.may_hold is None
    return pieces if asked and differ and len(pieces) == len(plan.pieces) else []


def _shape(descriptor: int, piece: Chunk, wanted: pa.Schema) -> Shape | None:
    """None where a file is not what its manifest says."""
    about = pq.read_metadata(path_of(descriptor))
    stored = about.schema.to_arrow_schema()
    there = sorted(stored.names) == sorted({*names.OWN_COLUMNS, *piece.columns})
    whole = (piece.start, piece.end, piece.rows) == (0, os.fstat(descriptor).st_size, about.num_rows)
    kinds = piece.batches[0].kinds
    unsaid = [name for name in piece.columns if name not in kinds and types.is_int64(wanted.field(name).type)]
    none = {name: "int" for name in unsaid if piece.types[name] == ANY and _has_no_value(about, stored, name)}
    return Shape(stored, piece.types, {**kinds, **none}) if there and whole else None


def _has_no_value(about: pq.FileMetaData, stored: pa.Schema, name: str) -> bool:
    """By its statistics. Such a column lies there as float64, and fits among whole numbers."""
    if about.num_columns != len(stored):
        return False  # something is nested, and the places are other ones
    groups = (about.row_group(number) for number in range(about.num_row_groups))
    columns = [(group.num_rows, group.column(stored.get_field_index(name)).statistics) for group in groups]
    return all(stats is not None and stats.null_count == rows for rows, stats in columns)


def _selected(files: LiveFiles, wanted: pa.Schema, shapes: Sequence[Shape]) -> LiveFiles | None:
    forms = [_form_in_all(field, shapes) for field in wanted]
    if None in forms:
        return None
    columns = ", ".join(f"{form} AS {_quoted(field.name)}" for form, field in zip(forms, wanted, strict=True))
    alike = len({frozenset(shape.stored.names) for shape in shapes}) == 1
    paths = ", ".join(f"'{path_of(descriptor)}'" for descriptor in files.descriptors)
    files.select = f"SELECT {columns} FROM read_parquet([{paths}], union_by_name={not alike}, hive_partitioning=false)"
    return files


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _form_in_all(field: pa.Field, shapes: Sequence[Shape]) -> str | None:
    """The SQL of a column, where all files that have it have it in one type and one form."""
    there = [shape for shape in shapes if shape.stored.get_field_index(field.name) >= 0]
    forms = {_form(field, shape) for shape in there}
    one_type = len({shape.stored.field(field.name).type for shape in there}) == 1
    return forms.pop() if one_type and len(forms) == 1 else None


def _form(field: pa.Field, shape: Shape) -> str | None:
    """The SQL of a column, that gives what `part.table` gives. None where it takes more."""
    name, kind = _quoted(field.name), shape.stored.field(field.name).type
    if field.name in OWN_TYPES:
        return None if kind != OWN_TYPES[field.name] else TIME if field.name == names.TIMESTAMP else name
    kinds = shape.kinds.get(field.name)
    if types.is_float64(kind) and types.is_int64(field.type):
        return f"CAST({name} AS BIGINT)" if (kinds or of_declared(shape.types[field.name])) == "int" else None
    same = _is_plain(kind) and (kind == field.type or _are_moments(kind, field.type))
    return name if same and not (types.is_string(kind) and is_json(kinds)) else None


def _is_plain(kind: pa.DataType) -> bool:
    """Does DuckDB make of it, in a file, what it makes of Arrow's own?"""
    if types.is_list(kind):
        return _is_plain(kind.value_type) and not types.is_list(kind.value_type)
    return any(test(kind) for test in _PLAIN) or (types.is_timestamp(kind) and kind.unit == "us")


_PLAIN = (
    types.is_boolean, types.is_integer, types.is_float32, types.is_float64, types.is_string, types.is_binary, types.is_date32,
    types.is_decimal128,
)  # fmt: skip


def _are_moments(kind: pa.DataType, other: pa.DataType) -> bool:
    """Both microseconds with a zone, which DuckDB shows in the session's."""
    return all(types.is_timestamp(one) and one.unit == "us" and one.tz is not None for one in (kind, other))
