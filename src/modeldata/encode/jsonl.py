"""JSON lines: one strict JSON object (RFC 8259) a row, UTF-8, "\\n" after each; keys in the order of the columns.

None is `null`, a missing key is left out, NaN and infinities are the texts "NaN", "Infinity", "-Infinity". Whole numbers are
numbers while they fit into 64 bit, signed or unsigned; beyond that they are text, with all others of a column that has nothing
but whole numbers: pandas refuses a file with larger ones, Arrow and DuckDB round them without a word.
"""

from __future__ import annotations

import json
import math
from functools import cached_property
from io import BytesIO
from json.encoder import encode_basestring
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pa_json
import pyarrow.types as types

from modeldata.columns import ABSENT
from modeldata.columns.listed import listed
from modeldata.encode import ALL_ROWS, NO_TYPES, Encoded, WrongRows
from modeldata.encode.kinds import INT64, PLAIN, needed_kinds, of_features, of_type, simplest, within_json
from modeldata.encode.lines import PORTIONS, LineWriter, RowCounter, content, line_bounds, slices, split_at
from modeldata.encode.nested import dumped
from modeldata.encode.text import TEXT, clean, column_text, int_text, key_text, text_array, value_text
from modeldata.format import names

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from typing import BinaryIO

    from modeldata.columns import Column
    from modeldata.columns.typed import Values
    from modeldata.encode import Bounds, Cells, FileFormat, Part, RowWriter, Source

NEEDS_ESCAPE = r'["\\\x00-\x1f]'
NATURAL = frozenset(("str", "bool", "null", PLAIN))
"""Kinds that JSON itself tells."""
BLOCK = 1 << 20


class JsonLines:
    """One object a row, with all six columns of the archive."""

    suffix = "jsonl"
    own_columns: tuple[str, ...] = names.OWN_COLUMNS
    portions = PORTIONS

    def header(self, columns: Sequence[str], *, excel_safe: bool = False) -> bytes:
        return b""

    def encode(
        self, columns: Sequence[Column], *, excel_safe: bool, metadata: Mapping[str, str], types: Mapping[str, str] = NO_TYPES
    ) -> Encoded:
        whole = [_prepared(column.values) for column in columns]
        keys = [json_text(clean(column.name)) for column in columns]
        sink = BytesIO()
        replaced = 0
        for part in slices(whole):
            cells = [_cells(values) for values in part]
            replaced += sum(column.replaced for column in cells)
            sink.write(content(_lines(keys, cells)))
        return Encoded(sink.getvalue(), replaced, of_features(columns, _column_kind))

    def split(self, data: bytes, rows: int, at: int) -> tuple[bytes, bytes]:
        return split_at(data, self.bounds(data), at)

    def bounds(self, data: bytes) -> Bounds:
        return line_bounds(data)

    def counter(self) -> RowCounter:
        return RowCounter(quotes=False)

    def parts(
        self,
        source: Source,
        columns: Sequence[str],
        rows: int,
        *,
        may_hold: Callable[[int, int], bool] | None = None,
        most: int = ALL_ROWS,
    ) -> Iterator[Part]:
        assert isinstance(source, memoryview)  # rows of a file that grows
        yield _JsonPart(source, rows)

    def writer(self, sink: BinaryIO, schema: pa.Schema) -> RowWriter:
        return LineWriter(self, sink)

    def odd_line(self, data: bytes, columns: int) -> int | None:
        return None


class _JsonPart:
    first = 0
    typed = False

    def __init__(self, data: memoryview, rows: int) -> None:
        self._data = data
        self.rows = rows

    def columns(self, kinds: Mapping[str, pa.DataType]) -> Mapping[str, Cells]:
        """Arrow refuses "NaN" among numbers, nested values, and several kinds in one column."""
        wanted = {name: kind if name in names.OWN_COLUMNS or _is_json_type(kind) else pa.string() for name, kind in kinds.items()}
        table = pa_json.read_json(
            pa.BufferReader(pa.py_buffer(self._data)),
            read_options=pa_json.ReadOptions(block_size=BLOCK),
            parse_options=pa_json.ParseOptions(explicit_schema=pa.schema(wanted), unexpected_field_behavior="ignore"),
        )
        return {name: table[name] for name in kinds}

    def cells(self, wanted: Sequence[str]) -> Mapping[str, list[object]]:
        return {name: [row.get(name, ABSENT) for row in self._objects] for name in wanted}

    def types(self) -> Mapping[str, pa.DataType]:
        return {}

    def empty(self) -> Collection[str]:
        return ()

    @cached_property
    def _objects(self) -> list[dict[str, Any]]:
        try:
            return [json.loads(line) for line in bytes(self._data).split(b"\n")[:-1]]
        except ValueError:
            raise WrongRows from None


def _is_json_type(kind: pa.DataType) -> bool:
    return bool(types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind))


class JsonCells(NamedTuple):
    """Cells of a column as JSON. Null: there is none (only where `gaps`)."""

    values: pa.Array
    replaced: int = 0
    gaps: bool = False


def _column_kind(column: Column) -> object | None:
    """What the manifest has to say of a column."""
    values = column.values
    if not isinstance(values, list):
        kind = of_type(values.type)
        if kind is not None:
            return needed_kinds(kind, column.type, NATURAL | {"int", "float"} if _finite(values) else NATURAL | {"int"})
        values = listed(values)
    return needed_kinds(simplest(values, within_json), column.type, NATURAL)


def _finite(values: pa.Array | pa.ChunkedArray) -> bool:
    """Are these floats, all of which JSON has numbers for?"""
    return bool(types.is_float64(values.type)) and pc.all(pc.is_finite(values)).as_py() is not False


def _prepared(values: Values) -> Values:
    """Whole numbers as text where one is too large for a number: readers want one JSON type in a column."""
    if isinstance(values, list) and any(type(one) is int and one not in INT64 for one in values):
        others = {type(one) for one in values} - {int, type(None), type(ABSENT)}
        return values if others else [int_text(one) if type(one) is int else one for one in values]
    return values


def _lines(keys: list[str], cells: list[JsonCells]) -> pa.Array:
    """Keys and values joined, row by row, in one go."""
    parts: list[pa.Array | pa.Scalar] = []
    before = "{"
    for key, column in zip(keys, cells, strict=True):
        if column.gaps:
            parts += [pa.scalar(before, TEXT), _joined(f",{key}:", column.values)]
            before = ""
        else:
            parts += [pa.scalar(f"{before}{',' if parts else ''}{key}:", TEXT), column.values]
            before = ""
    parts += [pa.scalar("}\n", TEXT), pa.scalar("", TEXT)]
    lines = pc.binary_join_element_wise(*parts, null_handling="replace", null_replacement="")
    return pc.replace_substring_regex(lines, r"\A\{,", "{") if cells[0].gaps else lines


def _joined(before: str, values: pa.Array) -> pa.Array:
    """Null stays null."""
    return pc.binary_join_element_wise(pa.scalar(before, TEXT), values, pa.scalar("", TEXT))


def _cells(values: pa.Array | list[object]) -> JsonCells:
    if isinstance(values, list):
        return _mixed(values)
    try:
        return _typed(values)
    except MemoryError:
        raise
    except Exception:  # what Arrow can't do for a type or a value: each value has a form of its own
        return _mixed(listed(values))


def _typed(values: pa.Array) -> JsonCells:
    kind = values.type
    if isinstance(values, pa.ExtensionArray):
        return _typed(values.storage)
    if types.is_dictionary(kind):
        inner = _typed(values.dictionary)
        return inner._replace(values=_filled(inner.values.take(values.indices)))
    if types.is_run_end_encoded(kind):
        return _typed(pc.run_end_decode(values))
    if types.is_boolean(kind):
        return JsonCells(_filled(pc.if_else(values, pa.scalar("true", TEXT), pa.scalar("false", TEXT))))
    if types.is_integer(kind):
        return JsonCells(_filled(values.cast(TEXT)))
    if types.is_floating(kind):
        return JsonCells(_filled(_floats(values)))
    if types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind):
        return JsonCells(_filled(_texts(values.cast(TEXT))))
    if types.is_temporal(kind) and not types.is_interval(kind) and not types.is_date64(kind):
        return JsonCells(_filled(_quoted(column_text(values, excel_safe=False).values)))
    return _mixed(listed(values))


def _filled(values: pa.Array) -> pa.Array:
    return pc.fill_null(values, "null") if values.null_count else values


def _floats(values: pa.Array) -> pa.Array:
    text = column_text(values, excel_safe=False).values
    if pc.all(pc.is_finite(values.cast(pa.float32()) if types.is_float16(values.type) else values)).as_py() is not False:
        return text
    for word, form in (("NaN", '"NaN"'), ("Inf", '"Infinity"'), ("-Inf", '"-Infinity"')):
        text = pc.if_else(pc.equal(text, word), pa.scalar(form, TEXT), text)
    return text


def _quoted(text: pa.Array) -> pa.Array:
    quote = pa.scalar('"', TEXT)
    return pc.binary_join_element_wise(quote, text, quote, pa.scalar("", TEXT))


def _texts(text: pa.Array) -> pa.Array:
    needs = pc.fill_null(pc.match_substring_regex(text, NEEDS_ESCAPE), False)
    if not pc.any(needs).as_py():
        return _quoted(text)
    escaped = pa.array([encode_basestring(one) for one in text.filter(needs).to_pylist()], TEXT)
    return pc.replace_with_mask(_quoted(text), needs, escaped)


def _mixed(values: list[object]) -> JsonCells:
    texts = [None if value is ABSENT else json_text(value) for value in values]
    return JsonCells(*text_array(texts), gaps=None in texts)


def json_text(value: object) -> str:
    """One value as strict JSON."""
    if type(value) is str:
        return encode_basestring(value)
    return dumped(value, json_value, key_text)


def json_value(value: object) -> object:
    """What JSON has a form for as it is, the rest as text in the form of a CSV cell."""
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, np.timedelta64):  # numpy has it among its whole numbers
        return value_text(value)
    if isinstance(value, (int, np.integer)):
        return int(value) if int(value) in INT64 else int_text(int(value))
    if isinstance(value, (float, np.floating)):
        return _float(value)
    if isinstance(value, np.ndarray):
        return json_value(value.tolist())
    if isinstance(value, (list, tuple)):
        return [json_value(one) for one in value]
    if isinstance(value, dict):
        return {key_text(key): json_value(one) for key, one in value.items()}
    return None if value is ABSENT else bool(value) if isinstance(value, np.bool_) else value_text(value)


def _float(value: float | np.floating) -> object:
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, np.floating) and value.dtype.itemsize > 8:
        return str(value)
    return float(str(value)) if isinstance(value, np.floating) else float(value)


FORMAT: FileFormat = JsonLines()
