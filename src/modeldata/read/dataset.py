"""A scan as DuckDB takes it: asked for the columns and the rows that a query needs, when it runs.

DuckDB asks an Arrow dataset for a scanner and hands it the columns and the filter of the query. Before anything is read, each
batch and each row group promises its times, and Arrow says which promises the filter rules out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.fs as pa_fs
import pyarrow.types as types

from modeldata.columns.python import python_values
from modeldata.format import names
from modeldata.read.duck import connected
from modeldata.read.leaves import with_types, with_values

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from modeldata.read.scan import Scan

STAMP = pa.timestamp("us")
"""Of `$Timestamp` here: UTC, without saying so. DuckDB's type with a zone needs an extension and depends on the session."""

INFINITY = 2**63 - 1
"""What DuckDB takes for a time without end, in any unit."""
_COARSE = {"s": 10**6, "ms": 10**3}
"""Units that DuckDB turns into microseconds, for which there may be no room."""


class ScanDataset(ds.Dataset):  # type: ignore[misc] # pyarrow has no types
    """Looks like an Arrow dataset to whoever asks for `schema` and `scanner`, which is all that DuckDB does."""

    def __init__(self, scan: Scan) -> None:
        self._scan = scan

    @property
    def schema(self) -> pa.Schema:
        return _plain(self._scan.schema)

    def scanner(self, columns: Sequence[str] | None = None, filter: pc.Expression | None = None, **options: Any) -> ds.Scanner:
        """A scanner over the rows that the filter leaves."""
        wanted = list(self.schema.names if columns is None else columns)
        narrow = self._scan
        if filter is not None:
            text = str(filter)  # has every name that the filter uses, and perhaps more
            asked = set(wanted)
            needed = [name for name in self.schema.names if name in asked or name in text]
            narrow = narrow.narrowed(needed, may_hold(filter, self.schema))
        elif wanted:
            narrow = narrow.narrowed(wanted)
        schema = _plain(narrow.schema)
        batches = (for_duckdb(batch, schema) for batch in narrow)
        return ds.Scanner.from_batches(batches, schema=schema, columns=wanted, filter=filter)


def _plain(schema: pa.Schema) -> pa.Schema:
    """Types that DuckDB takes whatever the values are: it counts times with a zone, and durations, in microseconds."""
    return pa.schema([field.with_type(_plain_type(field)) for field in schema])


def _plain_type(field: pa.Field) -> pa.DataType:
    return STAMP if field.name == names.TIMESTAMP else with_types(field.type, _plain_leaf)


def _plain_leaf(kind: pa.DataType) -> pa.DataType:
    if types.is_timestamp(kind) and kind.tz and kind.unit in _COARSE:
        return pa.timestamp("us", kind.tz)
    return pa.duration("us") if types.is_duration(kind) and kind.unit in _COARSE else kind


def for_duckdb(rows: pa.RecordBatch | pa.Table, schema: pa.Schema | None = None) -> pa.RecordBatch | pa.Table:
    """Rows as DuckDB takes them. Times beyond what it can count (some 292,000 years) are its `infinity`, or `-infinity`."""
    schema = schema or _plain(rows.schema)
    columns = [_within(column, field.type) for column, field in zip(rows.columns, schema, strict=True)]
    return type(rows).from_arrays(columns, schema=schema)


def _within(column: pa.Array | pa.ChunkedArray, kind: pa.DataType) -> pa.Array | pa.ChunkedArray:
    if types.is_map(column.type):
        column = _with_single_keys(column)
    if types.is_nested(kind):
        if not any(f"[{unit}" in str(column.type) for unit in _COARSE):
            return column.cast(kind)
        chunks = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
        inside = [with_values(chunk, kind, _within) for chunk in chunks]
        return pa.chunked_array(inside, kind) if isinstance(column, pa.ChunkedArray) else inside[0]
    unit = getattr(column.type, "unit", None) if types.is_timestamp(column.type) or types.is_duration(column.type) else None
    if unit not in _COARSE:
        return column.cast(kind)
    counts, most = column.cast(pa.int64()), INFINITY // _COARSE[unit]
    early, late = pc.less(counts, -most), pc.greater(counts, most)
    if not pc.any(pc.or_(early, late)).as_py():
        return column.cast(kind)
    step = 1 if kind.unit == unit else _COARSE[unit]
    inside = pc.multiply(pc.if_else(pc.or_(early, late), 0, counts), step)
    return pc.if_else(late, INFINITY, pc.if_else(early, -INFINITY, inside)).cast(kind)


def _with_single_keys(maps: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """DuckDB has no maps with a key twice: the last counts, as in a dict."""
    rows = python_values(maps)
    try:
        single = [None if row is None else list(dict(row).items()) for row in rows]
    except TypeError:  # keys that no dict takes: DuckDB compares them
        return maps
    return (
        maps
        if all(row is None or len(row) == len(given) for row, given in zip(single, rows, strict=True))
        else pa.array(single, maps.type)
    )


def may_hold(condition: pc.Expression, schema: pa.Schema) -> Callable[[int, int], bool]:
    """Can a row with a time of [low, high], in nanoseconds, fit the condition?"""
    form, disk, field = ds.ParquetFileFormat(), pa_fs.LocalFileSystem(), pc.field(names.TIMESTAMP)

    def test(low_ns: int, high_ns: int) -> bool:
        promise = (field >= _stamp(low_ns)) & (field <= _stamp(high_ns))
        fragment = form.make_fragment("rows", disk, promise)  # nothing is opened: only the promise counts
        return any(True for _ in ds.FileSystemDataset([fragment], schema, form, disk).get_fragments(condition))

    return test if names.TIMESTAMP in schema.names else lambda low_ns, high_ns: True


def _stamp(time_ns: int) -> pa.Scalar:
    return pa.scalar(time_ns // 1000, pa.int64()).cast(STAMP)


def relation(scan: Scan, connection: Any = None) -> Any:
    """A DuckDB relation over a scan."""
    return (connection or connected("make a DuckDB relation", external=True)).from_arrow(ScanDataset(scan))
