"""Lines of a new generation: what they tell of rows, and what they carry on from the lines that they replace. Pure."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa

from modeldata.encode import kinds as kinds_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from modeldata.catalog.batches import ManifestLine

    Numbers = np.ndarray[Any, np.dtype[np.int64]]

Ranges = list[tuple[str, int, int]]


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

    def ranges(self) -> Ranges:
        """(writer, first, last) of rows whose numbers follow each other, in the order of the file."""
        return [
            (self.writers[int(start)].as_py(), int(self.sequences[start]), int(self.sequences[stop - 1]))
            for start, stop in _runs(self._begins())
        ]

    def sorted_ranges(self) -> Ranges:
        """The fewest ranges that have the same numbers."""
        by = pa.table({"w": self.writers, "s": self.sequences}).sort_by([("w", "ascending"), ("s", "ascending")])
        return RowKeys(by["w"].combine_chunks(), np.asarray(by["s"], np.int64), np.zeros(len(by), np.int64)).ranges()

    def _begins(self) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Which rows do not follow the one before?"""
        codes = np.asarray(self.writers.dictionary_encode().indices)
        begins = np.ones(len(codes), bool)
        begins[1:] = (codes[1:] != codes[:-1]) | (self.sequences[1:] != self.sequences[:-1] + 1)
        return begins

    def stretches(self) -> list[tuple[int, int]]:
        """[start, stop) of rows that one line can tell of: only the first call of a line may begin before it."""
        if not len(self.sequences):
            return []
        follows = ~self._begins()
        follows[1:] &= self.places[1:] == self.places[:-1] + 1
        begins = ~follows & (self.places != 0)
        begins[0] = True
        return _runs(begins)

    def calls(self, start: int, stop: int) -> list[list[int]]:
        """`[[rows of a call, how many calls], ...]` of a stretch."""
        begins = self.places[start:stop] == 0
        begins[0] = True
        sizes = [last - first for first, last in _runs(begins)]
        made: list[list[int]] = []
        for size in sizes:
            if made and made[-1][0] == size:
                made[-1][1] += 1
            else:
                made.append([size, 1])
        return made


def _runs(begins: np.ndarray[Any, np.dtype[np.bool_]]) -> list[tuple[int, int]]:
    starts = np.flatnonzero(begins).tolist()
    if not starts:
        return []
    return list(zip(starts, [*starts[1:], len(begins)], strict=True))


def carried(lines: Iterable[ManifestLine]) -> dict[str, Any]:
    """What is still true of lines when their rows are told of elsewhere: who was refused, and what is lost."""
    refused: Counter[str] = Counter()
    lost: list[Any] = []
    surrogates = 0
    for line in lines:
        refused.update({str(reason): int(rows) for reason, rows in dict(line.told.get("refused", {})).items()})
        lost += line.told.get("lost", [])
        surrogates += int(line.told.get("surrogates_replaced", 0))
    told = {"refused": dict(refused), "lost": joined(lost), "surrogates_replaced": surrogates}
    return {name: value for name, value in told.items() if value}


def joined(lost: Iterable[Sequence[Any]]) -> list[list[Any]]:
    """Ranges (writer, first, last, reason) in order, those that touch each other as one."""
    made: list[list[Any]] = []
    for writer, first, last, reason in sorted(map(tuple, lost)):
        if made and made[-1][0] == writer and made[-1][3] == reason and made[-1][2] + 1 == first:
            made[-1][2] = last
        else:
            made.append([writer, first, last, reason])
    return made


def kept_kinds(told: Any, rows: Numbers, total: int, empty: np.ndarray[Any, np.dtype[np.bool_]]) -> Any:
    """What to tell of the kinds of some rows of a column; None where nothing has to be told.

    empty: which of all `total` rows have no value. They have no kind of their own, and keep none that names what was elsewhere.
    """
    every = kinds_of.each(told, total)
    return kinds_of.runs([None if empty[row] else every[row] for row in rows.tolist()])


def encoded(lines: Iterable[dict[str, Any]]) -> bytes:
    """A manifest."""
    return b"".join(json.dumps(line, separators=(",", ":"), ensure_ascii=True).encode() + b"\n" for line in lines)
