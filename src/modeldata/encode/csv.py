"""CSV as RFC 4180 has it, with "\\n" between rows: UTF-8, a header, quotes only where a reader needs them.

A cell is quoted when it holds a comma, a quote, a line break or a NUL, begins or ends with white space, begins with `#`, or is
empty text (an empty cell without quotes is a missing value). Quotes inside are doubled.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from modeldata.columns.listed import listed
from modeldata.encode.kinds import PLAIN, of_type, simplest, told
from modeldata.encode.lines import content, slices
from modeldata.encode.quotes import quoted
from modeldata.encode.restore import LOOKALIKE
from modeldata.encode.text import LONG_BITS, TEXT, Text, clean, column_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modeldata.columns import Column
    from modeldata.encode.kinds import Kind, Told

EMPTY: dict[str, Any] = {"null_handling": "replace", "null_replacement": ""}
NATURAL = frozenset(("str", "null"))
"""Kinds that text tells."""


class EncodedCsv(NamedTuple):
    """`replaced`: cells in which lone surrogates became U+FFFD, because UTF-8 can't hold them."""

    data: bytes
    replaced: int


def encode(columns: Sequence[Column], *, header: bool, excel_safe: bool = False) -> EncodedCsv:
    """The rows of `columns` (all of one length), after a line with their names if `header`.

    `excel_safe`: text that a spreadsheet would run as a formula begins with `'`. Numbers never do.
    """
    head = header_line([column.name for column in columns]) if header else b""
    made: list[bytes | memoryview] = [head]
    replaced = 0
    for part in slices([column.values for column in columns]):
        texts = [column_text(values, excel_safe=excel_safe) for values in part]
        replaced += sum(text.replaced for text in texts)
        cells = [_quoted(text) for text in texts]
        cells[-1] = pc.binary_join_element_wise(cells[-1], pa.scalar("", TEXT), pa.scalar("\n", TEXT), **EMPTY)
        made.append(content(pc.binary_join_element_wise(*cells, pa.scalar(",", TEXT), **EMPTY)))
    return EncodedCsv(b"".join(made), replaced)


def header_line(names: Sequence[str]) -> bytes:
    """The names of the columns as the first line of a file."""
    cells = pc.fill_null(_quoted(Text(pa.array([clean(name) for name in names], TEXT), free=True)), "")
    return ",".join(cells.to_pylist()).encode("utf-8") + b"\n"


def column_kinds(columns: Sequence[Column]) -> dict[str, object]:
    """What the manifest has to say of the values of each column (see `modeldata.encode.kinds`)."""
    return {column.name: kind for column in columns if (kind := _column_kind(column)) is not None}


def _column_kind(column: Column) -> Told | None:
    values = column.values
    if not isinstance(values, list):
        kind = of_type(values.type)
        if kind is not None:
            return told(kind, column.type, NATURAL)
        values = listed(values)
    kinds = simplest(values, _self_told)
    return told("json" if kinds == PLAIN else kinds, column.type, NATURAL)


def _self_told(value: object, kind: Kind | None) -> Kind | None:
    """Cells that tell by themselves what they are need no word of their own."""
    if isinstance(value, int) and value.bit_length() >= LONG_BITS:
        return kind
    if kind == "str":
        return kind if LOOKALIKE.fullmatch(str(value)) else "auto"
    return "auto" if kind in ("int", "float", "bool", PLAIN) else kind


def _quoted(text: Text) -> pa.Array:
    return quoted(text.values) if text.free else text.values
