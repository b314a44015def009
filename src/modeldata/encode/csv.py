"""CSV as RFC 4180 has it, with "\\n" between rows: UTF-8, a header, quotes only where a reader needs them.

A cell is quoted when it holds a comma, a quote, a line break or a NUL, begins or ends with white space, begins with `#`, or is
empty text (an empty cell without quotes is a missing value). Quotes inside are doubled.
"""

from __future__ import annotations

import csv
import io
from functools import lru_cache
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from modeldata.columns.listed import listed
from modeldata.encode import ALL_ROWS, NO_TYPES, Encoded
from modeldata.encode.csv_rows import csv_rows, quoted_text
from modeldata.encode.kinds import PLAIN, needed_kinds, of_features, of_type, simplest
from modeldata.encode.lines import PORTIONS, LineWriter, RowCounter, block_size, csv_bounds, split_at
from modeldata.encode.restore import LOOKALIKE
from modeldata.encode.text import LONG_BITS, clean, column_text
from modeldata.format import names

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from typing import BinaryIO

    from modeldata.columns import Column
    from modeldata.encode import Bounds, Cells, FileFormat, Part, RowWriter, Source
    from modeldata.encode.kinds import ColumnKinds, Kind

NATURAL = frozenset(("str", "null"))
"""Kinds that text tells."""


class Csv:
    """Files as the 2017 original wrote them: three columns of the archive, then the features."""

    suffix = "csv"
    own_columns: tuple[str, ...] = (names.TIMESTAMP, names.CORRELATION, names.REQUEST)
    portions = PORTIONS

    def header(self, columns: Sequence[str], *, excel_safe: bool = False) -> bytes:
        return _header(tuple(columns), excel_safe)

    def encode(
        self, columns: Sequence[Column], *, excel_safe: bool, metadata: Mapping[str, str], types: Mapping[str, str] = NO_TYPES
    ) -> Encoded:
        """excel_safe: text that a spreadsheet would run as a formula begins with `'`. Numbers never do."""
        pieces = list(csv_rows([column.values for column in columns], excel_safe=excel_safe))
        replaced = sum(replaced for _, replaced in pieces)
        return Encoded(b"".join([lines for lines, _ in pieces]), replaced, of_features(columns, _column_kind))

    def split(self, data: bytes, rows: int, at: int) -> tuple[bytes, bytes]:
        return split_at(data, self.bounds(data), at)

    def bounds(self, data: bytes) -> Bounds:
        return csv_bounds(data)

    def counter(self) -> RowCounter:
        return RowCounter(quotes=True)

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
        yield _CsvPart(source, [*self.own_columns, *columns], rows)

    def writer(self, sink: BinaryIO, schema: pa.Schema) -> RowWriter:
        return LineWriter(self, sink, schema.names)

    def odd_line(self, data: bytes, columns: int) -> int | None:
        rows = csv.reader(io.StringIO(data.decode("utf-8", "replace"), newline=""))
        wanted = columns + len(self.own_columns)
        try:
            return next((rows.line_num for row in rows if len(row) != wanted), None)
        except csv.Error:
            return int(rows.line_num)


class _CsvPart:
    first = 0
    typed = False

    def __init__(self, data: memoryview, header: list[str], rows: int) -> None:
        self._data = data
        self._labels = {name: str(at) for at, name in enumerate(header)}
        self.rows = rows

    def columns(self, kinds: Mapping[str, pa.DataType]) -> Mapping[str, Cells]:
        if not kinds:
            return {}
        try:
            return self._parsed(kinds)
        except pa.ArrowInvalid:
            own = Csv.own_columns
            return self._parsed({name: kind if name in own else pa.string() for name, kind in kinds.items()})

    def cells(self, wanted: Sequence[str]) -> Mapping[str, list[object]]:
        """The text of every cell; None where it is empty and not quoted."""
        if not wanted:
            return {}
        return {name: values.to_pylist() for name, values in self._parsed(dict.fromkeys(wanted, pa.string())).items()}

    def types(self) -> Mapping[str, pa.DataType]:
        return {}

    def empty(self) -> Collection[str]:
        return ()

    def _parsed(self, kinds: Mapping[str, pa.DataType]) -> dict[str, Cells]:
        data = bytes(self._data)
        one_line_each = data.count(b"\n") == self.rows
        table = pa_csv.read_csv(
            pa.BufferReader(pa.py_buffer(self._data)),
            read_options=pa_csv.ReadOptions(
                column_names=list(self._labels.values()), block_size=block_size(data) if one_line_each else len(data) + 1
            ),
            parse_options=pa_csv.ParseOptions(newlines_in_values=not one_line_each, ignore_empty_lines=False),
            convert_options=pa_csv.ConvertOptions(
                column_types={self._labels[name]: kind for name, kind in kinds.items()},
                include_columns=[self._labels[name] for name in kinds],
                null_values=[""],
                true_values=["True"],
                false_values=["False"],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
        )
        return {name: table.column(self._labels[name]) for name in kinds}


def _column_kind(column: Column) -> ColumnKinds | None:
    values = column.values
    if not isinstance(values, list):
        kind = of_type(values.type)
        if kind is not None:
            return needed_kinds(kind, column.type, NATURAL)
        values = listed(values)
    kinds = simplest(values, _self_told)
    return needed_kinds("json" if kinds == PLAIN else kinds, column.type, NATURAL)


def _self_told(value: object, kind: Kind | None) -> Kind | None:
    """Cells that tell by themselves what they are need no word of their own."""
    if isinstance(value, int) and value.bit_length() >= LONG_BITS:
        return kind
    if kind == "str":
        return kind if LOOKALIKE.fullmatch(str(value)) else "auto"
    return "auto" if kind in ("int", "float", "bool", PLAIN) else kind


@lru_cache(64)
def _header(columns: tuple[str, ...], excel_safe: bool) -> bytes:
    """Asked for several times in each round of each collector, and always the same."""
    texts = column_text([clean(name) for name in columns], excel_safe=excel_safe)
    cells = pc.fill_null(quoted_text(texts), "")
    return ",".join(cells.to_pylist()).encode("utf-8") + b"\n"


FORMAT: FileFormat = Csv()
