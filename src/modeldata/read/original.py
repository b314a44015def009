"""The `data.csv` of the 2017 original, which has no manifest: cells are what they look like, our three columns are known by name.

Its rows have no writer, sequence or place in a call: `$Writer`, `$Sequence` and `$Row` are null.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from modeldata.catalog.batches import Vanished
from modeldata.catalog.errors import SKIP_HINT, Damaged
from modeldata.catalog.store_file import read_bytes
from modeldata.columns.python import NO_VALUE
from modeldata.format import names
from modeldata.format.paths import identity_of, place_of
from modeldata.read.chunks import OWN_TYPES
from modeldata.read.convert import from_arrow
from modeldata.read.forms import TEXT
from modeldata.read.part import Misfit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from modeldata.store import ReadStore

SAMPLE_BYTES = 1024 * 1024
KNOWN = {names.TIMESTAMP: pa.timestamp("us"), names.CORRELATION: TEXT, names.REQUEST: TEXT}
_FEATURE = "any"


class Original(NamedTuple):
    """One such file."""

    folder: str
    path: str

    @property
    def identity(self) -> Mapping[str, str]:
        """Whose rows these are, as its folder says."""
        place = place_of(self.folder)
        return (place and identity_of(place.collector)) or {}


def columns(store: ReadStore, original: Original) -> dict[str, pa.DataType]:
    """The features of a file, with the types that its first rows have. Raises `Unavailable`."""
    try:
        data = read_bytes(store, original.path, 0, SAMPLE_BYTES)
        if len(data) == SAMPLE_BYTES:
            data = data[: data.rfind(b"\n") + 1]
        found = _parsed(data, None, lambda row: "skip")
    except (Vanished, pa.ArrowInvalid):
        return {}  # found out when its rows are read
    return {field.name: field.type for field in found.schema if field.name not in OWN_TYPES}


def table(store: ReadStore, original: Original, schema: pa.Schema, damaged: Callable[[Damaged], None]) -> pa.Table:
    """The columns of `schema` that the file has, of these types. Rows with more or fewer cells than the header go to `damaged`.

    Raises `Misfit`, `Vanished`, `Unavailable`.
    """
    data = read_bytes(store, original.path, 0, store.length(original.path))
    odd: list[pa_csv.InvalidRow] = []

    def note(row: pa_csv.InvalidRow) -> str:
        odd.append(row)
        return "skip"

    try:
        parsed = _parsed(data, schema, note)
    except pa.ArrowInvalid as error:
        damaged(Damaged("read the archive", original.path, cause=str(error).partition("\n")[0], hint=SKIP_HINT))
        return schema.empty_table()
    for row in odd:
        line = _line_of(data, row)
        cause = f"line {line:,} has {row.actual_columns} cells where the header has {row.expected_columns}"
        damaged(Damaged("read the archive", original.path, cause=cause, hint=SKIP_HINT))
    return pa.table(
        {name: _typed(parsed[name], name, schema.field(name).type) for name in schema.names if name in parsed.schema.names}
    )


def _line_of(data: bytes, row: pa_csv.InvalidRow) -> int:
    """Arrow counts rows only where it reads with one thread, as here; the header is one."""
    return int(row.number) if row.number is not None else data[: data.find(row.text.encode())].count(b"\n") + 1


def _parsed(data: bytes, schema: pa.Schema | None, note: Callable[[pa_csv.InvalidRow], str]) -> pa.Table:
    """Without a schema: typed by the cells. With one: features as text, so that none of them stops the others."""
    features = {} if schema is None else {name: TEXT for name in schema.names if name not in OWN_TYPES}
    return pa_csv.read_csv(
        pa.BufferReader(data),
        read_options=pa_csv.ReadOptions(use_threads=False, block_size=max(len(data), 1) + 1),
        parse_options=pa_csv.ParseOptions(newlines_in_values=True, invalid_row_handler=note),
        convert_options=pa_csv.ConvertOptions(
            column_types={**KNOWN, **features},
            null_values=[""],
            true_values=["True", "true"],
            false_values=["False", "false"],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )


def _typed(cells: pa.ChunkedArray, name: str, target: pa.DataType) -> pa.Array | pa.ChunkedArray:
    if name in OWN_TYPES:
        made = cells.cast(target)
        return made if name == names.TIMESTAMP else pc.fill_null(made, "")
    try:
        return from_arrow(cells, _FEATURE, "auto", target)
    except NO_VALUE:
        raise Misfit(name, TEXT) from None
