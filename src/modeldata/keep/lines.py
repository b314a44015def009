"""Lines of a new generation: what they say of rows, and what they carry on from the lines that they replace. Pure."""

from __future__ import annotations

import itertools
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa

from modeldata.encode import kinds as kinds_of
from modeldata.format.manifest import joined
from modeldata.format.ranges import breaks, stretches

if TYPE_CHECKING:
    from collections.abc import Iterable

    from modeldata.catalog.lines import ManifestLine
    from modeldata.format.manifest import Calls, Entry, Lost, Sequences

    Numbers = np.ndarray[Any, np.dtype[np.int64]]


class Carried(NamedTuple):
    """What is still true of lines when their rows are in other lines: who was refused, and what is lost."""

    refused: dict[str, int]
    lost: Lost
    surrogates_replaced: int

    def with_lost(self, more: Lost) -> Carried:
        return self._replace(lost=joined([*self.lost, *more]))


class RowKeys(NamedTuple):
    """`$Writer`, `$Sequence` and `$Row` of rows, in the order of their file."""

    writers: pa.Array
    sequences: Numbers
    places: Numbers

    @classmethod
    def of(cls, table: pa.Table) -> RowKeys:
        writers, sequences, places = (table[name].combine_chunks() for name in ("$Writer", "$Sequence", "$Row"))
        return cls(writers, np.asarray(sequences, np.int64), np.asarray(places, np.int64))

    def taken(self, rows: Numbers) -> RowKeys:
        return RowKeys(self.writers.take(pa.array(rows)), self.sequences[rows], self.places[rows])

    def ranges(self) -> Sequences:
        """(writer, first, last) of rows with numbers that follow each other, in the order of the file."""
        if not len(self.sequences):
            return []
        return [
            (self.writers[start].as_py(), int(self.sequences[start]), int(self.sequences[stop - 1]))
            for start, stop in stretches(self._breaks())
        ]

    def sorted_ranges(self) -> Sequences:
        """The fewest ranges that have the same numbers."""
        by = pa.table({"w": self.writers, "s": self.sequences}).sort_by([("w", "ascending"), ("s", "ascending")])
        return RowKeys(by["w"].combine_chunks(), np.asarray(by["s"], np.int64), np.zeros(len(by), np.int64)).ranges()

    def _breaks(self) -> np.ndarray[Any, np.dtype[np.bool_]]:
        return breaks(np.asarray(self.writers.dictionary_encode().indices), self.sequences)

    def stretches(self) -> list[tuple[int, int]]:
        """[start, stop) of rows that fit into one line: only the first call of a line may begin before it."""
        if not len(self.sequences):
            return []
        other_calls = self._breaks() | (self.places[1:] != self.places[:-1] + 1)
        return stretches(other_calls & (self.places[1:] != 0))

    def calls(self, start: int, stop: int) -> Calls:
        """`[[rows of a call, how many calls], ...]` of a stretch."""
        sizes = [after - begin for begin, after in stretches(self.places[start + 1 : stop] == 0)]
        return [[size, len(list(same))] for size, same in itertools.groupby(sizes)]


def carried(lines: Iterable[ManifestLine]) -> Carried:
    entries = [line.entry for line in lines]
    refused: Counter[str] = Counter()
    for entry in entries:
        refused.update(entry.refused)
    lost = joined(gap for entry in entries for gap in entry.lost)
    return Carried(dict(refused), lost, sum(entry.surrogates_replaced for entry in entries))


def kept_kinds(kinds: Any, rows: Numbers, total: int, empty: np.ndarray[Any, np.dtype[np.bool_]]) -> Any:
    """The kinds of some rows of a column, as a manifest has them; None where it needs none.

    empty: which of all `total` rows have no value. They have no kind of their own, and keep none that names what was elsewhere.
    """
    every = kinds_of.each(kinds, total)
    return kinds_of.runs([None if empty[row] else every[row] for row in rows.tolist()])


def encoded(lines: Iterable[Entry]) -> bytes:
    """A manifest."""
    return b"".join(line.line(ordered=False) for line in lines)
