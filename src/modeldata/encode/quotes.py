"""Which cells of a CSV column need quotes: seen from its bytes as they lie, without a look at each cell."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from typing import Any

    Array = np.ndarray[Any, np.dtype[Any]]


def _table(members: bytes) -> Array:
    table = np.zeros(256, bool)
    table[list(members)] = True
    return table


ANYWHERE = _table(b',"\r\n\0')
WHITE = b"\t\n\f\r "
FIRST, LAST = _table(WHITE + b"#"), _table(WHITE)


SAMPLE, FEW = 512, 128
"""A column with so few texts in its first cells is likely to repeat them: then each text is looked at once."""


def quoted(values: pa.Array) -> pa.Array:
    """The same large_string array, with quotes around the cells that need them, and quotes inside doubled."""
    if len(values) < SAMPLE or len(values[:SAMPLE].unique()) > FEW:
        return _quoted(values)
    repeated = values.dictionary_encode()
    texts = _quoted(repeated.dictionary)
    return values if texts is repeated.dictionary else texts.take(repeated.indices)


def _quoted(values: pa.Array) -> pa.Array:
    needs = needing(values)
    if not needs.any():
        return values
    mask = pa.array(needs)
    doubled = pc.replace_substring(values.filter(mask), '"', '""')
    quote, nothing = pa.scalar('"', values.type), pa.scalar("", values.type)
    return pc.replace_with_mask(values, mask, pc.binary_join_element_wise(quote, doubled, quote, nothing))


def needing(values: pa.Array) -> Array:
    """True for a cell that holds a comma, a quote, a line break or a NUL, begins or ends with white space, begins with `#`, or is
    empty text. A null is no cell."""
    _, offsets, data = values.buffers()
    bounds = np.frombuffer(offsets, "<i8")[values.offset : values.offset + len(values) + 1]
    content = np.frombuffer(data or b"", np.uint8)[bounds[0] : bounds[-1]]
    starts, stops = bounds[:-1] - bounds[0], bounds[1:] - bounds[0]
    needs: Array = starts == stops
    filled = np.flatnonzero(~needs)
    needs[filled] = FIRST[content[starts[filled]]] | LAST[content[stops[filled] - 1]]
    special = np.flatnonzero(ANYWHERE[content])
    needs[np.searchsorted(stops, special, side="right")] = True
    if values.null_count:
        needs &= np.asarray(values.is_valid())
    return needs
