"""The columns of a collector, counted day by day; what is counted once is kept until a manifest of that day changes."""

from __future__ import annotations

from hashlib import sha256
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa

from modeldata.format import names
from modeldata.format.paths import HOUR_NS
from modeldata.ui.scales import Counted, Scale, counted, plain, scale_of
from modeldata.ui.source import features
from modeldata.ui.values import day_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from modeldata.ui.facts import FolderFacts
    from modeldata.ui.scales import Plain
    from modeldata.ui.source import Clock, Look, Source

REFERENCE_DAYS = 7
SAMPLE = 50_000
"""Rows of the reference that its bins are made from. The counts themselves are of all rows."""
_one_at_a_time = Lock()
"""Two questions would count the same days twice."""


class Basis(NamedTuple):
    """Where the bins come from. days: the reference of each column. sampled: rows that were looked at, of `rows`.

    name: the same for the same folders and columns, whatever they hold.
    """

    name: str
    scales: dict[str, Scale]
    days: dict[str, list[str]]
    rows: int
    sampled: int


class Day(NamedTuple):
    """A day's columns, counted. rows: that were read."""

    day: str
    rows: int
    columns: dict[str, Counted]


class Days(NamedTuple):
    """left: days that there was no time for. Each question counts one more at least."""

    basis: Basis
    days: list[Day]
    left: int


def days_of(source: Source, look: Look, folders: Sequence[FolderFacts], reference: Sequence[str], clock: Clock) -> Days:
    """The days of some folders of one collector. reference: the days of which the values make the bins; without, the first."""
    with _one_at_a_time:
        chosen = _reference(folders, reference)
        basis = _basis(source, look, chosen)
        wanted = list(dict.fromkeys(day_of(each.start_ns) for each in folders if each.rows))
        days: list[Day] = []
        new = 0
        for day in wanted:
            parts = [each for each in folders if each.rows and day_of(each.start_ns) == day]
            if any(_kept(source, part, basis) is None for part in parts):
                if clock.is_over and new:
                    continue
                new += 1
            days.append(_day(source, look, day, parts, basis))
        return Days(basis, days, len(wanted) - len(days))


# The bins


def _reference(folders: Sequence[FolderFacts], days: Sequence[str]) -> dict[str, list[FolderFacts]]:
    """The folders of each column's reference: of the days that were named (the first ones), else of its own first day."""
    there = list(dict.fromkeys(day_of(each.start_ns) for each in folders if each.rows))
    named = set(days or there[:REFERENCE_DAYS])
    columns = dict.fromkeys(name for each in folders for name in features(each.columns))
    chosen: dict[str, list[FolderFacts]] = {}
    for name in columns:
        having = [each for each in folders if name in each.columns and each.rows]
        inside = [each for each in having if day_of(each.start_ns) in named]
        first = [each for each in having if day_of(each.start_ns) == day_of(having[0].start_ns)] if having else []
        chosen[name] = inside or first
    return chosen


def _basis(source: Source, look: Look, chosen: Mapping[str, Sequence[FolderFacts]]) -> Basis:
    folders = list({each.path: each for parts in chosen.values() for each in parts}.values())
    stamp = _mark(*(f"{each.path} {each.stamp}" for each in folders), *chosen)
    name = _mark(*(each.path for each in folders), *chosen)
    days = {column: sorted({day_of(each.start_ns) for each in parts}) for column, parts in chosen.items()}
    rows = sum(each.rows for each in folders)
    held = source.cache.get(f"basis {name}", stamp)
    if held is None:
        scales, sampled = _scales(source, look, folders, chosen, rows)
        held = {"scales": {column: list(scale) for column, scale in scales.items()}, "sampled": sampled}
        source.cache.put(f"basis {name}", stamp, held)
    return Basis(
        name, {column: Scale(*_restored(values)) for column, values in held["scales"].items()}, days, rows, held["sampled"]
    )


def _restored(values: Sequence[Any]) -> list[Any]:
    """Fields as they were before JSON held them."""
    return [tuple(value) if isinstance(value, list) else value for value in values]


def _scales(
    source: Source, look: Look, folders: Sequence[FolderFacts], chosen: Mapping[str, Sequence[FolderFacts]], rows: int
) -> tuple[dict[str, Scale], int]:
    """The bins of each column, and how many rows they were made from: all, or a sample that is the same each time."""
    values: dict[str, list[Plain]] = {name: [] for name in chosen}
    share, sampled = min(1.0, SAMPLE / max(rows, 1)), 0
    for folder in folders:
        wanted = [name for name, parts in chosen.items() if folder in parts]
        dice = np.random.default_rng(int(_mark(folder.path)[:8], 16))
        for batch in source.scan(look, folder, columns=[names.SEQUENCE, *wanted]):
            part = batch if share == 1.0 else batch.filter(pa.array(dice.random(batch.num_rows) < share))
            sampled += part.num_rows
            for name in wanted:
                values[name].append(plain(part[name]))
    return {name: scale_of(sample) for name, sample in values.items()}, sampled


# The days


def _day(source: Source, look: Look, day: str, parts: Sequence[FolderFacts], basis: Basis) -> Day:
    rows, columns = 0, dict[str, Counted]()
    for part in parts:
        held = _kept(source, part, basis)
        if held is None:
            held = _count(source, look, part, basis)
            source.cache.put(_day_key(part, basis), _day_stamp(part, basis), held)
        rows += held["rows"]
        for name, values in held["columns"].items():
            columns[name] = columns.get(name, Counted()) + Counted(*_restored(values))
    return Day(day, rows, columns)


def _kept(source: Source, part: FolderFacts, basis: Basis) -> dict[str, Any] | None:
    held: dict[str, Any] | None = source.cache.get(_day_key(part, basis), _day_stamp(part, basis))
    return held


def _day_key(part: FolderFacts, basis: Basis) -> str:
    return f"day {part.path} {basis.name}"


def _day_stamp(part: FolderFacts, basis: Basis) -> str:
    return _mark(part.stamp, *(f"{name} {basis.scales[name]}" for name in features(part.columns)))


def _count(source: Source, look: Look, part: FolderFacts, basis: Basis) -> dict[str, Any]:
    """In bounded memory: batch by batch."""
    wanted = features(part.columns)
    columns: dict[str, Counted] = {}
    rows = 0
    for batch in source.scan(look, part, columns=[names.SEQUENCE, *wanted]):
        rows += batch.num_rows
        for name in wanted:
            columns[name] = columns.get(name, Counted()) + counted(plain(batch[name]), basis.scales[name])
    return {"rows": rows, "columns": {name: list(each) for name, each in columns.items()}}


def hours_of(source: Source, look: Look, part: FolderFacts) -> dict[int, int]:
    """Rows by the hour, read from the times of the rows, of a folder with batches that lie across hours."""
    held = source.cache.get(f"hours {part.path}", part.stamp)
    if held is None:
        counts: dict[str, int] = {}
        for batch in source.scan(look, part, columns=[names.TIMESTAMP]):
            times = np.asarray(batch[names.TIMESTAMP].drop_null().cast(pa.int64())) * 1000 // HOUR_NS
            for hour, rows in zip(*np.unique(times, return_counts=True), strict=True):
                counts[str(hour)] = counts.get(str(hour), 0) + int(rows)
        held = counts
        source.cache.put(f"hours {part.path}", part.stamp, held)
    return {int(hour): rows for hour, rows in held.items()}


def known_hours(source: Source, part: FolderFacts) -> dict[int, int] | None:
    """The same, where it is known without reading rows."""
    if not part.spread:
        return part.hours
    held = source.cache.get(f"hours {part.path}", part.stamp)
    return None if held is None else {int(hour): rows for hour, rows in held.items()}


def _mark(*parts: str) -> str:
    return sha256("\n".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:24]
