"""Rows of live batches as columns that an encoder takes: each value as it was collected, as Arrow data wherever that is exact."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.types as types

from modeldata.catalog.errors import Damaged
from modeldata.columns import Column
from modeldata.columns.python import python_values
from modeldata.encode import encoder
from modeldata.encode.kinds import of_declared, of_type
from modeldata.encode.restore import readable_column
from modeldata.format import names
from modeldata.keep.lines import RowKeys
from modeldata.read import parquet_part, text_part
from modeldata.read.chunks import OWN_TYPES, Chunk
from modeldata.read.convert import plain
from modeldata.read.fetch import damage, fetch
from modeldata.read.forms import told_type
from modeldata.read.text_part import Misfit, WrongRows

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from modeldata.catalog.batches import ArchivedBatch
    from modeldata.encode import Encoded
    from modeldata.store import ReadStore

    Numbers = np.ndarray[Any, np.dtype[np.int64]]

OWN = pa.schema(OWN_TYPES)
SORTED_BY = [(name, "ascending") for name in (names.TIMESTAMP, names.WRITER, names.SEQUENCE)]
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
        loose = sum(isinstance(one.values, list) for one in self.features)
        typed = sum(one.values.nbytes for one in self.features if not isinstance(one.values, list))
        return int(self.own.nbytes + typed + loose * LOOSE_BYTES * len(self.own))

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
        """A Parquet file."""
        schema = {"columns": [one.name for one in self.features], "types": [one.type for one in self.features]}
        about = {
            "modeldata.identity": json.dumps(identity, sort_keys=True),
            "modeldata.origin": origin,
            "modeldata.schema": json.dumps(schema),
        }
        own = [Column(name, str(kind), self.own[name]) for name, kind in OWN_TYPES.items()]
        return encoder("parquet").encode([*own, *self.features], excel_safe=False, metadata=about)


def joined(parts: Sequence[Rows]) -> Rows:
    """Rows of one shape, one after the other."""
    features = []
    for columns in zip(*(part.features for part in parts), strict=True):
        if any(isinstance(one.values, list) for one in columns):
            values: Any = [value for one in columns for value in _as_list(one)]
        else:
            pieces = [one.values for one in columns]
            values = pa.chunked_array(
                [chunk for piece in pieces for chunk in (piece.chunks if isinstance(piece, pa.ChunkedArray) else [piece])]
            )
        features.append(columns[0]._replace(values=values))
    return Rows(pa.concat_tables([part.own for part in parts]), features)


def _as_list(column: Column) -> list[object]:
    return column.values if isinstance(column.values, list) else python_values(column.values)


def _taken(values: Any, rows: Numbers, which: pa.Array) -> Any:
    return [values[row] for row in rows.tolist()] if isinstance(values, list) else values.take(which)


def _form(column: Column) -> str:
    """Arrow data whose values are Python's own, too, can stand beside values that came one by one."""
    if isinstance(column.values, list) or _everyday(column.values.type):
        return ""
    return str(column.values.type)


def _everyday(kind: pa.DataType) -> bool:
    return bool(types.is_int64(kind) or types.is_float64(kind) or types.is_boolean(kind) or types.is_string(kind))


def read(store: ReadStore, folder: str, batch: ArchivedBatch) -> Rows:
    """The rows of one batch. Raises `Damaged`, `Gone`, `Unavailable`."""
    chunk = Chunk(folder, (batch,))
    if batch.format != "parquet":
        return of_text(chunk, text_of(store, chunk))
    prove(store, chunk)
    file = open_parquet(store, chunk)
    everything = list(range(file.metadata.num_row_groups))

    def table(schema: pa.Schema) -> pa.Table:
        return parquet_part.table(file, chunk, everything, 0, schema)

    found = file.read_row_groups(everything, columns=list(chunk.columns))
    exact = {name: _exact_in_parquet(chunk, name, found[name].type) for name in chunk.columns}
    return _rows(chunk, table, exact, lambda names: {name: python_values(found[name]) for name in names})


def open_parquet(store: ReadStore, chunk: Chunk) -> pq.ParquetFile:
    """Raises `Damaged`, `Gone`, `Unavailable`."""
    try:
        return parquet_part.open_file(store, chunk)
    except WrongRows:
        raise damage(store, chunk.batches[0], b"") from None


def prove(store: ReadStore, chunk: Chunk) -> None:
    """Raises `Damaged` where the file of a batch is not what was archived: rewritten, it would look as if it were."""
    for _ in fetch(store, chunk, _raise):
        return


def text_of(store: ReadStore, chunk: Chunk) -> memoryview:
    """The rows of one batch as bytes. Raises `Damaged`, `Gone`, `Unavailable`."""
    ((_, data),) = fetch(store, chunk, _raise)
    return data


def _raise(error: Damaged) -> None:
    raise error


def of_text(chunk: Chunk, data: memoryview) -> Rows:
    """The rows of a chunk of CSV or JSON lines. Raises `Damaged`."""

    def table(schema: pa.Schema) -> pa.Table:
        return text_part.table(chunk, data, schema)

    def cells(wanted: list[str]) -> dict[str, list[object]]:
        if chunk.format == "csv":
            return text_part.csv_cells(chunk, data, wanted)
        rows = text_part.json_rows(data)
        return {name: [row.get(name) for row in rows] for name in wanted}

    return _rows(chunk, table, {name: _exact_in_text(chunk, name) for name in chunk.columns}, cells)


def _rows(
    chunk: Chunk,
    table: Callable[[pa.Schema], pa.Table],
    exact: dict[str, pa.DataType | None],
    cells: Callable[[list[str]], dict[str, list[object]]],
) -> Rows:
    """exact: the Arrow type of each feature that holds its very values. cells: those of other features."""
    try:
        while True:
            typed = {name: kind for name, kind in exact.items() if kind is not None}
            try:
                found = table(pa.schema({**OWN_TYPES, **typed}))
                break
            except Misfit as misfit:
                exact[misfit.column] = None
        loose = [name for name, kind in exact.items() if kind is None]
        values = cells(loose) if loose else {}
    except (WrongRows, pa.ArrowInvalid) as error:
        cause = f"its rows are not what its manifest tells of (batch {chunk.batches[0].line.batch}): {error}"
        raise Damaged("rewrite a folder", chunk.path, cause=cause) from None
    declared = chunk.types
    features = [
        Column(name, declared[name], found[name])
        if name in typed
        else Column(name, declared[name], readable_column(values[name], declared[name], chunk.told(name)))
        for name in chunk.columns
    ]
    return Rows(found.select(list(OWN_TYPES)), features)


def _exact_in_text(chunk: Chunk, name: str) -> pa.DataType | None:
    declared, told = chunk.types[name], chunk.told(name)
    if told == "int":
        return pa.int64()
    if isinstance(told, (list, dict)):
        return None
    kind = told_type(declared, told)
    if kind is None or not plain(kind) or of_type(kind) != (told or of_declared(declared)):
        return None
    return kind


def _exact_in_parquet(chunk: Chunk, name: str, kind: pa.DataType) -> pa.DataType | None:
    """What nothing has to be told of is as the file has it."""
    if chunk.told(name) is None and of_declared(chunk.types[name]) is None:
        return kind if _everyday(kind) else None
    return _exact_in_text(chunk, name)
