"""Parquet: one whole file a batch, typed, zstd, with the columns that every reader takes alike (see `parquet_types`).

Row groups hold rows one after the other in time, so that readers can skip by the statistics of `$Timestamp`. The footer's
key-value metadata has what the caller gave, the kinds of values, and the version of this form.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from modeldata.columns.python import python_values
from modeldata.encode import ALL_ROWS, NO_TYPES, Encoded, WrongRows
from modeldata.encode import kinds as kinds_of
from modeldata.encode.parquet_types import KNOWN, arrow_column, json_column, known_name
from modeldata.encode.text import clean
from modeldata.format import names

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from typing import BinaryIO

    from modeldata.columns import Column
    from modeldata.encode import Cells, FileFormat, Part, RowWriter, Source
    from modeldata.encode.parquet_values import ParquetColumn

ROW_GROUP = 1 << 16
WRITER_ROWS = 131_072
"""So many rows of an export are held before they are written together."""
FORMAT_KEY, VERSION = "modeldata.format", "1"
KINDS_KEY = "modeldata.kinds"
UTC = pa.timestamp("us", "UTC")


class Parquet:
    """A whole file, with all six columns of the archive."""

    suffix = "parquet"
    own_columns: tuple[str, ...] = names.OWN_COLUMNS
    portions = 32 << 20, 4 << 20

    def header(self, columns: Sequence[str], *, excel_safe: bool = False) -> bytes:
        return b""

    def encode(
        self, columns: Sequence[Column], *, excel_safe: bool, metadata: Mapping[str, str], types: Mapping[str, str] = NO_TYPES
    ) -> Encoded:
        columns = [_in_utc(column) for column in columns]
        stored = [arrow_column(column, KNOWN.get(types.get(column.name, ""))) for column in columns]
        try:
            return _encoded(columns, stored, metadata)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):  # a type that no file can have, such as a map with a missing key
            stored = [one if _is_writable(one) else json_column(column) for column, one in zip(columns, stored, strict=True)]
            return _encoded(columns, stored, metadata)

    def split(self, data: bytes, rows: int, at: int) -> tuple[bytes, bytes]:
        file = pq.ParquetFile(pa.BufferReader(data))
        table = file.read(use_threads=False)
        about = {key.decode(): value.decode() for key, value in file.metadata.metadata.items()}
        kinds = json.loads(about.pop(KINDS_KEY, "{}"))
        left, right = kinds_of.split(kinds, at)
        return _written(table.slice(0, at), about, left), _written(table.slice(at), about, right)

    def bounds(self, data: bytes) -> None:
        return None

    def counter(self) -> None:
        return None

    def parts(
        self,
        source: Source,
        columns: Sequence[str],
        rows: int,
        *,
        may_hold: Callable[[int, int], bool] | None = None,
        most: int = ALL_ROWS,
    ) -> Iterator[Part]:
        """Of a remote file, only the bytes of what is asked for are read."""
        content = pa.BufferReader(pa.py_buffer(source)) if isinstance(source, memoryview) else source
        try:
            file = pq.ParquetFile(content, pre_buffer=True)
        except (pa.ArrowException, OSError):
            raise WrongRows from None
        if file.metadata.num_rows != rows:
            raise WrongRows
        for groups, first in _runs(file, may_hold, most):
            yield _ParquetPart(file, groups, first)

    def writer(self, sink: BinaryIO, schema: pa.Schema) -> RowWriter:
        return _Writer(sink, schema)

    def odd_line(self, data: bytes, columns: int) -> int | None:
        return None


class _ParquetPart:
    typed = True

    def __init__(self, file: pq.ParquetFile, groups: list[int], first: int) -> None:
        self._file = file
        self._groups = groups
        self.first = first
        self.rows = sum(file.metadata.row_group(number).num_rows for number in groups)

    def columns(self, kinds: Mapping[str, pa.DataType]) -> Mapping[str, Cells]:
        there = set(self._file.schema_arrow.names)
        return self._read([name for name in kinds if name in there])

    def cells(self, wanted: Sequence[str]) -> Mapping[str, list[object]]:
        return {name: python_values(values) for name, values in self._read(wanted).items()}

    def types(self) -> Mapping[str, pa.DataType]:
        return {field.name: field.type for field in self._file.schema_arrow}

    def _read(self, wanted: Sequence[str]) -> dict[str, Cells]:
        try:
            table = self._file.read_row_groups(self._groups, columns=list(wanted))
        except (pa.ArrowException, OSError):
            raise WrongRows from None
        return {name: table[name] for name in wanted}

    def empty(self) -> Collection[str]:
        """By their statistics, of the whole file."""
        groups = [self._file.metadata.row_group(number) for number in range(self._file.metadata.num_row_groups)]
        columns = [(group.num_rows, group.column(at)) for group in groups for at in range(group.num_columns)]
        filled = {
            column.path_in_schema for rows, column in columns if column.statistics is None or column.statistics.null_count != rows
        }
        return {column.path_in_schema for _, column in columns} - filled


class _Writer:
    """zstd, typed, in row groups that other tools are quick with."""

    def __init__(self, sink: BinaryIO, schema: pa.Schema) -> None:
        self._writer = pq.ParquetWriter(pa.PythonFile(sink, "w"), schema, compression="zstd")
        self._waiting: list[pa.RecordBatch] = []
        self._rows = 0

    def write(self, batch: pa.RecordBatch) -> None:
        self._waiting.append(batch)
        self._rows += batch.num_rows
        if self._rows >= WRITER_ROWS:
            self._write_group()

    def _write_group(self) -> None:
        if self._waiting:
            self._writer.write_table(pa.Table.from_batches(self._waiting), row_group_size=self._rows)
        self._waiting, self._rows = [], 0

    def close(self) -> None:
        self._write_group()
        self._writer.close()


def _runs(file: pq.ParquetFile, may_hold: Callable[[int, int], bool] | None, most: int) -> Iterator[tuple[list[int], int]]:
    """Row groups that may hold rows of the times wanted, and are read together; each time with the place of the first row."""
    waiting: list[int] = []
    place = first = rows = 0
    for number in range(file.metadata.num_row_groups):
        group = file.metadata.row_group(number)
        wanted = may_hold is None or _is_within(group, may_hold)
        if waiting and (rows + group.num_rows > most or not wanted):
            yield waiting, first
            waiting = []
        if wanted:
            if not waiting:
                first, rows = place, 0
            waiting.append(number)
            rows += group.num_rows
        place += group.num_rows
    if waiting:
        yield waiting, first


def _is_within(group: Any, may_hold: Callable[[int, int], bool]) -> bool:
    """May a row group hold rows of the times wanted? By its statistics of `$Timestamp`."""
    for at in range(group.num_columns):
        column = group.column(at)
        if column.path_in_schema != names.TIMESTAMP:
            continue
        stats = column.statistics
        if stats is None or not stats.has_min_max:
            return True
        return may_hold(stats.min_raw * 1000, stats.max_raw * 1000)  # `min` needs a database of zones, for UTC too
    return True


def _encoded(columns: Sequence[Column], stored: Sequence[ParquetColumn], metadata: Mapping[str, str]) -> Encoded:
    kinds: dict[str, object] = {
        column.name: one.kinds for column, one in zip(columns, stored, strict=True) if one.kinds is not None
    }
    table = pa.Table.from_arrays([column.values for column in stored], names=[clean(column.name) for column in columns])
    about = {**metadata, FORMAT_KEY: VERSION}
    of_features = {name: kind for name, kind in kinds.items() if name not in names.OWN_COLUMNS}
    found = dict(zip([column.name for column in columns], map(known_name, stored), strict=True))
    of_files = {name: kind for name, kind in found.items() if kind and name not in names.OWN_COLUMNS}
    return Encoded(_written(table, about, kinds), sum(column.replaced for column in stored), of_features, of_files)


def _is_writable(column: ParquetColumn) -> bool:
    try:
        _written(pa.table([column.values], ["0"]), {}, {})
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):  # this is the question: the column then becomes JSON
        return False
    return True


def _in_utc(column: Column) -> Column:
    """Our own time is UTC in every format; here the type says so."""
    if column.name != names.TIMESTAMP or isinstance(column.values, list):
        return column
    return column._replace(values=column.values.cast(UTC))


def _written(table: pa.Table, about: Mapping[str, str], kinds: Mapping[str, Any]) -> bytes:
    """Without Arrow's own schema beside Parquet's: it would have Arrow read other types than everybody else."""
    about = {**about, KINDS_KEY: json.dumps(kinds, ensure_ascii=True)} if kinds else about
    sink = pa.BufferOutputStream()
    with pq.ParquetWriter(
        sink,
        table.schema.remove_metadata(),
        version="2.6",
        compression="zstd",
        use_dictionary=True,
        write_statistics=True,
        store_schema=False,
    ) as writer:
        writer.write_table(table.replace_schema_metadata(), ROW_GROUP)
        writer.add_key_value_metadata(about)
    content: bytes = sink.getvalue().to_pybytes()
    return content


FORMAT: FileFormat = Parquet()
