"""Files without a manifest: `data.csv` of the 2017 original, and ours in a copy that left the manifests out.

Cells are what they look like, our columns are known by name. Rows of CSV have no writer, sequence or place in a call: these
columns are null. In the other formats they have. There, rows that are in two files, as compaction leaves them, are given once.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from modeldata.catalog.batches import Vanished
from modeldata.catalog.errors import SKIP_HINT, Damaged
from modeldata.catalog.store_file import StoreFile, read_bytes
from modeldata.columns.python import NO_VALUE, python_values
from modeldata.format import names
from modeldata.format.paths import identity_of, place_of
from modeldata.read.chunks import OWN_TYPES
from modeldata.read.convert import from_arrow, from_values
from modeldata.read.forms import TEXT, promote, value_type
from modeldata.read.part import Misfit
from modeldata.read.plain_csv import TIME, parsed, sections, utf8
from modeldata.store import Unreadable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from modeldata.read.plain_csv import Note
    from modeldata.store import ReadStore

SAMPLE_BYTES = 1024 * 1024
KEYS = (names.WRITER, names.SEQUENCE, names.ROW)
_FEATURE = "any"


class Original(NamedTuple):
    """One such file. `before`: files of its folder that may have some of its rows, too, and are read before it."""

    folder: str
    path: str
    before: tuple[str, ...] = ()

    @property
    def format(self) -> str:
        return self.path.rpartition(".")[2]

    @property
    def identity(self) -> Mapping[str, str]:
        """The collector of these rows, as its folder says."""
        place = place_of(self.folder)
        return (place and identity_of(place.collector)) or {}


def originals(folder: str, paths: Sequence[str]) -> Iterator[Original]:
    """The files of a folder, in their order."""
    keyed = [path for path in paths if not path.endswith(".csv")]
    for path in paths:
        yield Original(folder, path, tuple(keyed[: keyed.index(path)]) if path in keyed else ())


def columns(store: ReadStore, original: Original) -> dict[str, pa.DataType]:
    """The features of a file, with the types that its first rows have. Raises `Unavailable`."""
    features: dict[str, pa.DataType] = {}
    try:
        for table in _first_rows(store, original):
            for field in table.schema:
                if field.name not in OWN_TYPES:
                    known = features.get(field.name, field.type)
                    features[field.name] = promote(known, field.type)
    except (Vanished, Unreadable, pa.ArrowException, OSError, ValueError):
        pass  # found out when its rows are read
    return features


def _first_rows(store: ReadStore, original: Original) -> Iterator[pa.Table]:
    if original.format == "parquet":
        yield _parquet(store, original.path).schema_arrow.empty_table()
        return
    data = _read(store, original.path, SAMPLE_BYTES)
    if original.format == "jsonl":
        values = _by_name(_objects(data, _pass))
        yield pa.schema({name: value_type(column) for name, column in values.items()}).empty_table()
    else:
        for section in sections(data):
            yield parsed(section, dict.fromkeys(OWN_TYPES, TEXT), _pass)


def _pass(line: int, cause: str) -> None:
    """Odd rows are found out when all rows are read."""


def _read(store: ReadStore, path: str, most: int | None = None) -> bytes:
    """A file of text, or its first lines. An append blob that was only created is empty."""
    size = store.length(path)
    if not size:
        return b""
    cut = most is not None and size > most
    data = utf8(read_bytes(store, path, 0, most if cut and most else size))
    return data[: data.rfind(b"\n") + 1] if cut else data


def table(store: ReadStore, original: Original, schema: pa.Schema, damaged: Callable[[Damaged], None]) -> pa.Table:
    """The columns of `schema` that the file has, of these types, and its times. Odd rows go to `damaged`, one by one.

    A row is odd that has more or fewer cells than its header, has no time, or is not UTF-8.

    Raises `Misfit`, `Vanished`, `Unavailable`.
    """

    def note(line: int, cause: str) -> None:
        damaged(Damaged("read the archive", original.path, cause=f"line {line:,} {cause}", hint=SKIP_HINT))

    try:
        parts = [_fitted(part, schema) for part in _parts(store, original, schema, note)]
    except (pa.ArrowInvalid, OSError) as error:
        damaged(Damaged("read the archive", original.path, cause=str(error).partition("\n")[0], hint=SKIP_HINT))
        return schema.empty_table()
    return pa.concat_tables(parts, promote_options="default") if parts else schema.empty_table()


def _parts(store: ReadStore, original: Original, schema: pa.Schema, note: Note) -> Iterator[pa.Table]:
    features = {field.name: field.type for field in schema if field.name not in OWN_TYPES}
    if original.format == "csv":
        for section in sections(_read(store, original.path)):
            yield parsed(section, dict.fromkeys((*OWN_TYPES, *features), TEXT), note)
        return
    rows = _whole(store, original, features, note)
    given = {key for path in original.before for key in _keys(_whole(store, original._replace(path=path), {}, _pass))}
    yield rows.filter(pa.array([key not in given for key in _keys(rows)], pa.bool_())) if given else rows


def _whole(store: ReadStore, original: Original, features: Mapping[str, pa.DataType], note: Note) -> pa.Table:
    """Our columns and some features of a file that is no CSV."""
    if original.format == "parquet":
        file = _parquet(store, original.path)
        return file.read([name for name in (*OWN_TYPES, *features) if name in file.schema_arrow.names])
    types = {**OWN_TYPES, names.TIMESTAMP: TEXT, **features}
    values = _by_name(_objects(_read(store, original.path), note))
    return pa.table({name: _column(name, values[name], types[name]) for name in types if name in values})


def _objects(data: bytes, note: Note) -> list[dict[str, Any]]:
    """The rows of JSON lines. Lines that are none are noted, and left out."""
    rows = []
    for number, line in enumerate(data.splitlines(), 1):
        try:
            row = json.loads(line)
            rows.append({**row, names.TIMESTAMP: row[names.TIMESTAMP]})
        except (ValueError, LookupError, TypeError, RecursionError) as error:
            note(number, f"is no row: {type(error).__name__}: {error}")
    return rows


def _by_name(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    return {name: [row.get(name) for row in rows] for name in dict.fromkeys(name for row in rows for name in row)}


def _column(name: str, values: list[Any], target: pa.DataType) -> pa.Array:
    try:
        return from_values(values, target)
    except NO_VALUE as error:
        if name in OWN_TYPES:
            raise pa.ArrowInvalid(f"{name} has values that are none of ours: {error}") from None
        raise Misfit(name, value_type(values)) from None


def _parquet(store: ReadStore, path: str) -> pq.ParquetFile:
    """Raises `pa.ArrowInvalid` where it is none."""
    return pq.ParquetFile(StoreFile(store, path, store.length(path)))


def _keys(rows: pa.Table) -> list[tuple[Any, ...]]:
    return list(zip(*(rows[name].to_pylist() for name in KEYS), strict=True)) if set(KEYS) <= set(rows.column_names) else []


def _fitted(rows: pa.Table, schema: pa.Schema) -> pa.Table:
    """The columns of `schema` that are there, and the time, which every row has."""
    kinds = {**{field.name: field.type for field in schema}, names.TIMESTAMP: OWN_TYPES[names.TIMESTAMP]}
    fitted = {name: _typed(rows[name], name, kind) for name, kind in kinds.items() if name in rows.column_names}
    return pa.table(fitted or {names.SEQUENCE: pa.nulls(rows.num_rows, OWN_TYPES[names.SEQUENCE])})


def _typed(cells: pa.ChunkedArray, name: str, target: pa.DataType) -> pa.Array | pa.ChunkedArray:
    if name in OWN_TYPES:
        own = cells.cast(TIME).cast(target) if name == names.TIMESTAMP and pa.types.is_string(cells.type) else cells.cast(target)
        return pc.fill_null(own, "") if name in (names.CORRELATION, names.REQUEST) else own
    if cells.type.equals(target):
        return cells
    try:
        return from_arrow(cells, _FEATURE, "auto", target)
    except NO_VALUE:
        if target.equals(TEXT):
            return from_values(python_values(cells), TEXT)
        raise Misfit(name, TEXT) from None
