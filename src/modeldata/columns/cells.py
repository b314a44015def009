"""msgpack's plain values (numbers, text, bool, nil) out of many frames at once: one step a column instead of one a cell.

Each frame has a cursor; a step reads, for all frames, the tag under it, the value behind the tag, and moves on. What is not
plain (extensions, lists and maps in cells, bytes) or not as `collect()` packs it is left to `unpacker`, with the whole portion.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from modeldata.columns.payloads import every
from modeldata.columns.texts import text_array
from modeldata.columns.typed import from_values

if TYPE_CHECKING:
    from typing import Any

    from modeldata.columns.payloads import Array, Payloads
    from modeldata.columns.typed import Values

OTHER, NIL, BOOL, INT, FLOAT, TEXT = range(6)
"""Families of tags."""
FALSE, TRUE, DOUBLE, SHORT_TEXT = 0xC2, 0xC3, 0xCB, 0xA0
NUMBERS = {
    0xCB: ">f8", 0xCC: ">u1", 0xCD: ">u2", 0xCE: ">u4", 0xCF: ">u8", 0xD0: ">i1", 0xD1: ">i2", 0xD2: ">i4", 0xD3: ">i8",
}  # fmt: skip
"""What follows a tag that stands for a number."""
LENGTHS = {0xD9: ">u1", 0xDA: ">u2", 0xDB: ">u4"}
"""What follows a tag that stands for text, before the text."""
WIDE_ARRAYS = {0xDC: ">u2", 0xDD: ">u4"}
FEW = 16
"""Lists up to 15 long have their length in the tag."""


def _families() -> Array:
    families = np.zeros(256, np.uint8)
    families[0xC0] = NIL
    families[[FALSE, TRUE]] = BOOL
    families[0x00:0x80] = families[0xE0:0x100] = INT
    families[[tag for tag in NUMBERS if tag != DOUBLE]] = INT
    families[DOUBLE] = FLOAT
    families[SHORT_TEXT : SHORT_TEXT + 32] = families[list(LENGTHS)] = TEXT
    return families


def _steps() -> Array:
    """Bytes from a tag to the next, without text of which the tag does not tell the length."""
    made = np.ones(256, np.int64)
    for tag, form in (NUMBERS | LENGTHS).items():
        made[tag] += np.dtype(form).itemsize
    made[SHORT_TEXT : SHORT_TEXT + 32] += np.arange(32)
    return made


_FAMILIES, _STEPS = _families(), _steps()


class Cells:
    """One column: where in `content` the tag of each cell is, the tags, and the sizes of texts (0 for other cells)."""

    __slots__ = ("content", "families", "places", "sizes", "tags")

    def __init__(self, content: bytes | memoryview, places: Array, tags: Array, families: Array, sizes: Array) -> None:
        self.content = content
        self.places = places
        self.tags = tags
        self.families = families
        self.sizes = sizes

    def values(self, declared: str) -> Values:
        """As `from_values` gives them for the list of these cells."""
        present = [family for family in range(NIL, TEXT + 1) if (self.families == family).any()]
        plain = [family for family in present if family != NIL]
        if declared != "any":
            return from_values(self._listed(present), declared)
        if not plain:
            return pa.nulls(len(self.places))
        found = self._of(plain[0]) if len(plain) == 1 else None
        return self._listed(present) if found is None else found

    def _of(self, family: int) -> Values | None:
        """All cells, which are of this family or nil; None where there is no one type for them."""
        null = self.families == NIL if family != TEXT and (self.families == NIL).any() else None
        if family == BOOL:
            return pa.array(self.tags == TRUE, mask=null)
        if family == TEXT:
            return self._texts(self.families == NIL)
        values = self._numbers(np.dtype("f8" if family == FLOAT else "i8"))
        return None if values is None else pa.array(values, mask=null)

    def _listed(self, present: list[int]) -> list[object]:
        """Python's values, of any families."""
        values = np.full(len(self.places), None, object)
        for family in present:
            which = self.families == family
            if family == NIL:
                continue
            mine = Cells(self.content, *(one[which] for one in (self.places, self.tags, self.families, self.sizes)))
            found = mine._of(family)
            if found is None:
                found = mine._large()
            values[which] = np.fromiter(found if isinstance(found, list) else found.to_pylist(), object, int(which.sum()))
        listed: list[object] = values.tolist()
        return listed

    def _numbers(self, dtype: np.dtype[Any]) -> Array | None:
        """What numbers there are, 0 elsewhere; None where one is beyond the type."""
        numbers = np.zeros(len(self.places), dtype)
        if dtype.kind == "i":
            small = (self.tags < 0x80) | (self.tags >= 0xE0)
            numbers[small] = self.tags[small].astype(np.int8)
        for tag, form in NUMBERS.items():
            which = self.tags == tag
            if (np.dtype(form).kind == "f") != (dtype.kind == "f") or not which.any():
                continue
            every_one = bool(which.all())
            values: Array = every(self.content, np.dtype(form))[(self.places if every_one else self.places[which]) + 1]
            if form == ">u8" and (values >= 1 << 63).any():
                return None
            if every_one:
                return values.astype(dtype)
            numbers[which] = values
        return numbers

    def _large(self) -> list[object]:
        """Whole numbers, some beyond 63 bit."""
        return [self._one_number(place) for place in self.places.tolist()]

    def _one_number(self, place: int) -> object:
        tag = self.content[place]
        form = NUMBERS.get(tag)
        if form is None:
            return tag if tag < 0x80 else tag - 0x100
        return np.frombuffer(self.content, form, 1, place + 1)[0].item()

    def _texts(self, missing: Array) -> Values:
        heads = _STEPS[self.tags] - np.where((self.tags & 0xE0) == SHORT_TEXT, self.tags & 0x1F, 0)
        return text_array(self.content, self.places + heads, self.sizes, missing)


def read_cells(payloads: Payloads, width: int, *, single: bool) -> list[Cells] | None:
    """The columns of frames of one row each, `width` wide; None where they are something else, or something is not plain."""
    if not len(payloads) or not (payloads.rows == 1).all():
        return None
    try:
        at = payloads.starts if single else _open(payloads.content, payloads.starts, 1)
        at = None if at is None else _open(payloads.content, at, width)
        columns: list[Cells] = []
        while at is not None and len(columns) < width:
            column, at = _step(payloads.content, at)
            columns.append(column)
    except IndexError:  # beyond the last frame's end
        return None
    return columns if at is not None and (at == payloads.starts + payloads.sizes).all() else None


def _open(content: bytes | memoryview, at: Array, length: int) -> Array | None:
    """The cursors behind the tag of a list of this length; None where one is something else."""
    tags = np.frombuffer(content, np.uint8)[at]
    if length < FEW:
        return at + 1 if (tags == 0x90 + length).all() else None
    form = WIDE_ARRAYS.get(int(tags[0]))
    if form is None or (tags != tags[0]).any() or (every(content, np.dtype(form))[at + 1] != length).any():
        return None
    return at + 1 + np.dtype(form).itemsize


def _step(content: bytes | memoryview, at: Array) -> tuple[Cells, Array | None]:
    """The cells under the cursors, and the cursors behind them; None where a cell is not plain."""
    tags = np.frombuffer(content, np.uint8)[at]
    families = _FAMILIES[tags]
    steps = _STEPS[tags]
    sizes = np.where((tags & 0xE0) == SHORT_TEXT, tags & 0x1F, 0).astype(np.int64)
    for tag, form in LENGTHS.items():
        which = np.flatnonzero(tags == tag)
        if len(which):
            sizes[which] = every(content, np.dtype(form))[at[which] + 1]
            steps[which] += sizes[which]
    return Cells(content, at, tags, families, sizes), None if (families == OTHER).any() else at + steps
