"""Columns → rows of CSV, by compiled code (`native/shipper.c`) where there is some, else by Arrow: the same bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from modeldata.encode.lines import SLICE, content, one_piece, slices
from modeldata.encode.quotes import quoted
from modeldata.encode.text import TEXT, Text, column_text
from modeldata.native import find

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import TypeAlias

    from modeldata.columns.typed import Values

    Rows: TypeAlias = "tuple[bytes | memoryview, int]"
    """Some rows, and in how many of their cells lone surrogates were replaced."""

COMPILED_SLICE = 1 << 16
"""Rows that compiled code makes at once: it makes no text of a column first."""
EMPTY: dict[str, Any] = {"null_handling": "replace", "null_replacement": ""}
LEAST_POWER, MOST_POWER = -292, 324
KINDS = {
    pa.bool_(): "b", pa.int8(): "c", pa.uint8(): "C", pa.int16(): "s", pa.uint16(): "S", pa.int32(): "i", pa.uint32(): "I",
    pa.int64(): "l", pa.uint64(): "L", pa.float32(): "f", pa.float64(): "g", pa.string(): "u", pa.large_string(): "U",
    pa.timestamp("s"): "0", pa.timestamp("ms"): "3", pa.timestamp("us"): "6", pa.timestamp("ns"): "9",
}  # fmt: skip
"""What compiled code calls the types that it knows."""
FREE_TEXT, SURE_TEXT = "uU", "t"
"""A user's own text, and text that never needs quotes."""


def csv_rows(columns: Sequence[Values], *, excel_safe: bool) -> Iterator[Rows]:
    """The rows of columns of one length, some at a time."""
    whole = [one_piece(values) for values in columns]
    make = _joined if compiled is None else _compiled
    at_once = compiled is not None and all(_kind(values, excel_safe) for values in whole)
    for part in slices(whole, COMPILED_SLICE if at_once else SLICE):
        yield make(part, excel_safe)


def quoted_text(text: Text) -> pa.Array:
    """With quotes where a reader needs them."""
    return quoted(text.values) if text.free else text.values


def _joined(part: list[Any], excel_safe: bool) -> Rows:
    texts = [column_text(values, excel_safe=excel_safe) for values in part]
    cells = [quoted_text(text) for text in texts]
    cells[-1] = pc.binary_join_element_wise(cells[-1], pa.scalar("", TEXT), pa.scalar("\n", TEXT), **EMPTY)
    lines = content(pc.binary_join_element_wise(*cells, pa.scalar(",", TEXT), **EMPTY))
    return lines, sum(text.replaced for text in texts)


def _compiled(part: list[Any], excel_safe: bool) -> Rows:
    """What compiled code does not know comes to it as text."""
    replaced = 0
    lent = []
    for values in part:
        kind = _kind(values, excel_safe)
        if not kind:
            text = column_text(values, excel_safe=excel_safe)
            values, kind = text.values, KINDS[TEXT] if text.free else SURE_TEXT
            replaced += text.replaced
        lent.append(_lent(values, kind))
    return compiled.csv_rows(tuple(lent), len(part[0])), replaced


def _kind(values: pa.Array | list[object], excel_safe: bool) -> str:
    """What compiled code calls the type of a column; nothing where it is not known, or its text must be changed."""
    kind = "" if isinstance(values, list) else KINDS.get(values.type, "")
    return "" if excel_safe and kind in FREE_TEXT else kind


def _lent(values: pa.Array, kind: str) -> tuple[object, ...]:
    """(kind, offset, which are there, values or where texts begin, texts). A buffer that Arrow did without has no bytes."""
    valid, first, text = (*values.buffers(), None)[:3]
    return kind, values.offset, valid if values.null_count else None, first or b"", text or b""


def _powers_of_ten() -> bytes:
    """Of each from 10^-292 to 10^324 the first 128 bits, rounded up: what the shortest text of floats is found with."""
    return b"".join(_first_bits(power).to_bytes(16, "little") for power in range(LEAST_POWER, MOST_POWER + 1))


def _first_bits(power: int) -> int:
    ten: int = 10 ** abs(power)
    length = ten.bit_length()
    if power < 0:
        return -(-(1 << (127 + length)) // ten)
    return ten << (128 - length) if length <= 128 else -(-ten >> (length - 128))


compiled: Any = find("shipper")[0]
if compiled is not None:
    compiled.know_powers(_powers_of_ten())
