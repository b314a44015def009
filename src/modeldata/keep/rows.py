"""Rows of live batches as columns that an encoder takes: each value as it was collected, as Arrow data wherever that is exact."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.types as types

from modeldata.catalog.errors import Damaged
from modeldata.columns import Column
from modeldata.columns.python import python_values
from modeldata.encode import WrongRows, format_of
from modeldata.encode.kinds import of_declared, of_type
from modeldata.format import names
from modeldata.keep.lines import RowKeys
from modeldata.read.chunks import OWN_TYPES, Chunk
from modeldata.read.convert import plain
from modeldata.read.fetch import damage, fetch
from modeldata.read.forms import column_type
from modeldata.read.part import Misfit, present, table, values, whole

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modeldata.catalog.lines import ArchivedBatch
    from modeldata.encode import Encoded, Part
    from modeldata.store import ReadStore

    Numbers = np.ndarray[Any, np.dtype[np.int64]]

OWN = pa.schema(OWN_TYPES)
SORTED_BY = [(name, "ascending") for name in (names.TIMESTAMP, names.WRITER, names.SEQUENCE)]
REWRITTEN = "parquet"
"""The format of files that compaction makes, and erasure where a file can't grow."""
LOOSE_BYTES = 200
"""What a value takes that is a Python object, about."""


class Rows(NamedTuple):
    """Some rows of one collector: our own six columns, and features with declared types."""

    own: pa.Table
    features: list[Column]

    @property
    def where(self) -> RowKeys:
        return RowKeys.of(self.own)

    @property
    def nbytes(self) -> int:
        return joined_bytes([self])

    @property
    def shape(self) -> tuple[object, ...]:
        """Rows of one shape can go to one file with nothing lost."""
        return tuple((one.name, one.type, _form(one)) for one in self.features)

    @property
    def times_ns(self) -> Numbers:
        return np.asarray(self.own[names.TIMESTAMP].cast(pa.int64()), np.int64) * 1000

    def taken(self, rows: Numbers) -> Rows:
        which = pa.array(rows)
        return Rows(self.own.take(which), [one._replace(values=_taken(one.values, rows, which)) for one in self.features])

    def sorted(self) -> Rows:
        """By `$Timestamp`, `$Writer`, `$Sequence`."""
        numbered = self.own.append_column("at", pa.array(np.arange(len(self.own))))
        return self.taken(np.asarray(numbered.sort_by(SORTED_BY)["at"], np.int64))

    def encode(self, identity: dict[str, str], origin: str) -> Encoded:
        """As a file of the format `REWRITTEN`."""
        schema = {"columns": [one.name for one in self.features], "types": [one.type for one in self.features]}
        about = {
            "modeldata.identity": json.dumps(identity, sort_keys=True),
            "modeldata.origin": origin,
            "modeldata.schema": json.dumps(schema),
        }
        own = [Column(name, str(kind), self.own[name]) for name, kind in OWN_TYPES.items()]
        return format_of(REWRITTEN).encode([*own, *self.features], excel_safe=False, metadata=about)


def joined(parts: Sequence[Rows]) -> Rows:
    """Rows of one shape, one after the other."""
    features = []
    for columns in zip(*(part.features for part in parts), strict=True):
        if _is_loose(columns):
            values: Any = [value for one in columns for value in _as_list(one)]
        else:
            pieces = [one.values for one in columns]
            values = pa.chunked_array(
                [chunk for piece in pieces for chunk in (piece.chunks if isinstance(piece, pa.ChunkedArray) else [piece])]
            )
        features.append(columns[0]._replace(values=values))
    return Rows(pa.concat_tables([part.own for part in parts]), features)


def joined_bytes(parts: Sequence[Rows]) -> int:
    """What `joined` makes of them takes, about."""
    total = sum(part.own.nbytes for part in parts)
    for columns in zip(*(part.features for part in parts), strict=True):
        loose = _is_loose(columns)
        total += sum(len(one.values) * LOOSE_BYTES if loose else one.values.nbytes for one in columns)
    return int(total)


def _is_loose(columns: Sequence[Column]) -> bool:
    """Are values Python's own in one of them, or of one type here and of another there?"""
    kinds = {None if isinstance(one.values, list) else one.values.type for one in columns}
    return None in kinds or len(kinds) > 1


def _as_list(column: Column) -> list[object]:
    return column.values if isinstance(column.values, list) else python_values(column.values)


def _taken(values: Any, rows: Numbers, which: pa.Array) -> Any:
    return [values[row] for row in rows.tolist()] if isinstance(values, list) else values.take(which)


def _form(column: Column) -> str:
    """Arrow data with values that are Python's own, too, can stand beside values that came one by one."""
    if isinstance(column.values, list) or _everyday(column.values.type):
        return ""
    return str(column.values.type)


def _everyday(kind: pa.DataType) -> bool:
    return bool(types.is_int64(kind) or types.is_float64(kind) or types.is_boolean(kind) or types.is_string(kind))


def read(store: ReadStore, folder: str, batch: ArchivedBatch) -> Rows:
    """The rows of one batch. Raises `Damaged`, `Vanished`, `Unavailable`."""
    chunk = Chunk(folder, (batch,))
    return rows_of(chunk, part_of(store, chunk, proven(store, chunk)))


def proven(store: ReadStore, chunk: Chunk) -> memoryview:
    """The rows of one batch as bytes. Raises `Vanished`, `Unavailable`.

    Raises `Damaged` where they are not what was archived: once rewritten, they would look as if they were.
    """
    ((_, data),) = fetch(store, chunk, _raise)
    return data


def part_of(store: ReadStore, chunk: Chunk, data: memoryview) -> Part:
    """The same as a part of a file. Raises `Damaged`, `Vanished`, `Unavailable`."""
    try:
        return whole(chunk, data)
    except WrongRows:
        raise damage(store, chunk.batches[0], b"") from None


def _raise(error: Damaged) -> None:
    raise error


def rows_of(chunk: Chunk, part: Part) -> Rows:
    """All rows of one batch. Raises `Damaged`."""
    exact = {name: _exact(chunk, name) for name in chunk.columns}
    if part.typed:
        exact |= {name: kind if _everyday(kind) else None for name, kind in part.types().items() if _is_open(chunk, name)}
    try:
        while True:
            typed = {name: kind for name, kind in exact.items() if kind is not None}
            try:
                parsed = table(part, chunk, pa.schema({**OWN_TYPES, **typed}))
                break
            except Misfit as misfit:
                exact[misfit.column] = None
        loose = values(part, chunk, [name for name, kind in exact.items() if kind is None])
    except (WrongRows, pa.ArrowInvalid) as error:
        cause = f"its rows are not what its manifest says (batch {chunk.batches[0].line.batch}): {error}"
        raise Damaged("rewrite a folder", chunk.path, cause=cause) from None
    declared = chunk.types
    features = [Column(name, declared[name], parsed[name] if name in typed else present(loose[name])) for name in chunk.columns]
    return Rows(parsed.select(list(OWN_TYPES)), features)


def _exact(chunk: Chunk, name: str) -> pa.DataType | None:
    """The Arrow type of a feature that holds its very values; None where they are read one by one."""
    declared, kinds = chunk.types[name], chunk.kinds_of(name)
    if kinds == "int":
        return pa.int64()
    if isinstance(kinds, (list, dict)):
        return None
    kind = column_type(declared, kinds)
    if kind is None or not (plain(kind) or types.is_duration(kind)) or of_type(kind) != (kinds or of_declared(declared)):
        return None
    return kind


def _is_open(chunk: Chunk, name: str) -> bool:
    """Does only the file say what the values of a feature are?"""
    return name in chunk.types and chunk.kinds_of(name) is None and of_declared(chunk.types[name]) is None
