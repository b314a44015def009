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

from modeldata import names
from modeldata.read.errors import need

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from modeldata.read.scan import Scan

STAMP = pa.timestamp("us")
"""Of `$Timestamp` here: UTC, without saying so. DuckDB's type with a zone needs an extension and depends on the session."""


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
            needed = [name for name in self.schema.names if name in wanted or name in text]
            narrow = narrow.narrowed(needed, may_hold(filter, self.schema))
        elif wanted:
            narrow = narrow.narrowed(wanted)
        schema = _plain(narrow.schema)
        batches = (batch.cast(schema) for batch in narrow)
        return ds.Scanner.from_batches(batches, schema=schema, columns=wanted, filter=filter)


def _plain(schema: pa.Schema) -> pa.Schema:
    at = schema.get_field_index(names.TIMESTAMP)
    return schema if at < 0 else schema.set(at, pa.field(names.TIMESTAMP, STAMP))


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
    try:
        import duckdb
    except ImportError:
        raise need("duckdb", "sql", "make a DuckDB relation") from None
    return (connection or duckdb.connect()).from_arrow(ScanDataset(scan))
