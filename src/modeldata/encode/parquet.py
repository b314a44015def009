"""Parquet: one whole file a batch, typed, zstd, with the columns that every reader takes alike (see `parquet_types`).

Row groups hold rows one after the other in time, so that readers can skip by the statistics of `$Timestamp`. The footer's
key-value metadata has what the caller gave, the kinds of values, and the version of this form.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from modeldata.encode import kinds as kinds_of
from modeldata.encode.parquet_types import arrow_column, json_column
from modeldata.encode.text import clean
from modeldata.format import names

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from modeldata.columns import Column
    from modeldata.encode.parquet_types import ParquetColumn

ROW_GROUP = 1 << 16
FORMAT_KEY, FORMAT = "modeldata.format", "1"
KINDS_KEY = "modeldata.kinds"


class EncodedParquet(NamedTuple):
    """`replaced`: cells in which lone surrogates became U+FFFD. `kinds`: see `modeldata.encode.kinds`."""

    data: bytes
    replaced: int
    kinds: dict[str, object]


def encode(columns: Sequence[Column], metadata: Mapping[str, str]) -> EncodedParquet:
    """A file with the rows of `columns`, all of one length."""
    columns = [_in_utc(column) for column in columns]
    made = [arrow_column(column) for column in columns]
    try:
        return _encoded(columns, made, metadata)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):  # a type that no file can have, such as a map with a missing key
        made = [one if _is_writable(one) else json_column(column) for column, one in zip(columns, made, strict=True)]
        return _encoded(columns, made, metadata)


def _encoded(columns: Sequence[Column], made: Sequence[ParquetColumn], metadata: Mapping[str, str]) -> EncodedParquet:
    kinds: dict[str, object] = {
        column.name: one.kinds for column, one in zip(columns, made, strict=True) if one.kinds is not None
    }
    table = pa.Table.from_arrays([one.values for one in made], names=[clean(column.name) for column in columns])
    about = {**metadata, FORMAT_KEY: FORMAT}
    return EncodedParquet(_written(table, about, kinds), sum(one.replaced for one in made), kinds)


def _is_writable(made: ParquetColumn) -> bool:
    try:
        _written(pa.table([made.values], ["0"]), {}, {})
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return False
    return True


def _in_utc(column: Column) -> Column:
    """Our own time is UTC in every format; here the type says so."""
    if column.name != names.TIMESTAMP or isinstance(column.values, list):
        return column
    return column._replace(values=column.values.cast(pa.timestamp("us", "UTC")))


def split(data: bytes, at: int) -> tuple[bytes, bytes]:
    """A file with its first `at` rows, and one with the others, each as `encode` would have made it."""
    file = pq.ParquetFile(pa.BufferReader(data))
    table = file.read(use_threads=False)
    about = {key.decode(): value.decode() for key, value in file.metadata.metadata.items()}
    kinds = json.loads(about.pop(KINDS_KEY, "{}"))
    left, right = kinds_of.split(kinds, at)
    return _written(table.slice(0, at), about, left), _written(table.slice(at), about, right)


def _written(table: pa.Table, about: Mapping[str, str], kinds: Mapping[str, Any]) -> bytes:
    """Without Arrow's own schema beside Parquet's: it would have Arrow read other types than everybody else."""
    told = {KINDS_KEY: json.dumps(kinds, ensure_ascii=True)} if kinds else {}
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
        writer.add_key_value_metadata({**about, **told})
    content: bytes = sink.getvalue().to_pybytes()
    return content
