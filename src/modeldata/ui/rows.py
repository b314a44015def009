"""Rows as a page shows them: the newest first, from as few days as hold them; and all rows of one correlation id."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from modeldata.catalog.moments import FIRST_NS, LAST_NS, nanoseconds
from modeldata.errors import SettingsError, mask
from modeldata.format import names
from modeldata.read.newest import KEYS
from modeldata.ui.filters import Filter, as_text
from modeldata.ui.values import cell, columns, day_of, moment, rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modeldata.ui.facts import FolderFacts
    from modeldata.ui.source import Clock, Look, Source

MOST = 500
"""Rows of a page, at most."""
ORDER = [(name, "descending") for name in (*KEYS, names.ROW)]
MOST_OF_A_CASE = 200
"""Rows of one id in one collector that are shown."""


class Place(NamedTuple):
    """Where the next page begins: at the rows of one time, of which so many were shown."""

    time_us: int
    shown: int

    @classmethod
    def of(cls, text: str) -> Place:
        """Raises `SettingsError`."""
        time, _, shown = text.partition(".")
        try:
            return cls(int(time), int(shown))
        except ValueError:
            raise SettingsError("show rows", cause=f"{text!r:.100} is no place", hint="give `next` of the page before") from None

    def __str__(self) -> str:
        return f"{self.time_us}.{self.shown}"


def page(
    source: Source,
    view: str,
    clock: Clock,
    *,
    version: str | None = None,
    filters: Sequence[Filter] = (),
    count: int = 50,
    start: str | None = None,
    end: str | None = None,
    after: str = "",
) -> dict[str, Any]:
    """The newest rows that fit, `count` at most. after: `next` of the page before.

    Days are read from the newest on, until there are enough rows; where the clock ends before, `next` goes on from there.
    Raises `NotThere`, `SettingsError`, `StoreError`.
    """
    look = source.look()
    folders = look.of(view, source.archive, version)
    count = max(1, min(count, MOST))
    place = Place.of(after) if after else None
    start_ns, end_ns = nanoseconds(start, FIRST_NS), nanoseconds(end, LAST_NS)
    if place is not None:
        end_ns = min(end_ns, (place.time_us + 1) * 1000)
    skipped = place.shown if place else 0
    newest, searched_ns = _newest(source, look, folders, filters, (start_ns, end_ns), count + skipped + 1, clock)
    table = newest.slice(skipped, count)
    more = newest.num_rows > skipped + count
    return {
        "archive": mask(source.archive),
        "view": folders[0].view,
        "versions": list(dict.fromkeys(each.version for each in folders)),
        "columns": columns(table.schema),
        "rows": rows(table),
        "next": str(_following(newest, skipped + count))
        if more
        else None
        if searched_ns is None
        else str(Place(searched_ns // 1000 - 1, 0)),
        "searched_to": moment(searched_ns),
    }


def _newest(
    source: Source,
    look: Look,
    folders: Sequence[FolderFacts],
    filters: Sequence[Filter],
    span: tuple[int, int],
    count: int,
    clock: Clock,
) -> tuple[pa.Table, int | None]:
    """The last `count` rows that fit, newest first; and down to which time was searched, where the clock ended before the end."""
    kept = pa.table({})
    wanted = [each for each in folders if each.start_ns < span[1] and each.end_ns > span[0] and (each.rows or each.originals)]
    searched: int | None = None
    for each in sorted(wanted, key=lambda each: -each.end_ns):
        oldest = kept[names.TIMESTAMP][-1].value * 1000 if kept.num_rows >= count else FIRST_NS
        if each.end_ns <= oldest:
            break
        if searched is not None and clock.is_over and each.end_ns <= searched:
            return _since(kept, searched), searched
        for batch in source.scan(look, each, *span):
            kept = _merged(kept, _fitting(batch, filters), count)
        searched = each.start_ns if searched is None else min(searched, each.start_ns)
    return kept, None


def _since(table: pa.Table, time_ns: int) -> pa.Table:
    """Rows of days that were read to their end."""
    if not table.num_rows:
        return table
    return table.filter(pc.greater_equal(table[names.TIMESTAMP].cast(pa.int64()), time_ns // 1000))


def _fitting(batch: pa.RecordBatch, filters: Sequence[Filter]) -> pa.Table:
    for each in filters:
        batch = batch.filter(each.mask(batch))
    return pa.Table.from_batches([batch])


def _merged(kept: pa.Table, more: pa.Table, count: int) -> pa.Table:
    if not more.num_rows:
        return kept if kept.num_columns else more
    try:
        both = pa.concat_tables([kept, more], promote_options="permissive") if kept.num_columns else more
    except pa.ArrowException:  # a column is of types that have none in common: as text
        both = pa.concat_tables([_as_text(kept), _as_text(more)], promote_options="permissive")
    return both.sort_by(ORDER).slice(0, count)


def _as_text(table: pa.Table) -> pa.Table:
    fields = [field for field in table.schema if field.name not in names.OWN_COLUMNS]
    for field in fields:
        at = table.schema.get_field_index(field.name)
        table = table.set_column(at, field.name, as_text(table.column(at).combine_chunks()))
    return table


def _following(table: pa.Table, shown: int) -> Place:
    """Behind the first `shown` rows."""
    times = table[names.TIMESTAMP].cast(pa.int64()).slice(0, shown)
    last = times[-1].as_py()
    return Place(last, pc.sum(pc.equal(times, last)).as_py())


def case(source: Source, correlation: str, clock: Clock, *, at: str | None = None, model: str | None = None) -> dict[str, Any]:
    """All rows of one correlation id, of each collector, in the order of time; and how long after the first each came.

    at: a time near it, from where days are read outwards; without, from the newest. `days_left`: days that there was no time for.
    """
    if not correlation:
        raise SettingsError("show a case", cause="no correlation id", hint="give the id that rows were collected with")
    look = source.look()
    near_ns = nanoseconds(at, LAST_NS)
    chosen = [each for each in look.facts if model in (None, "", each.identity["model_name"])]
    order = sorted(chosen, key=lambda each: (max(each.start_ns - near_ns, near_ns - each.end_ns, 0), each.path))
    only = [Filter(names.CORRELATION, "=", correlation)]
    parts: dict[str, pa.Table] = {}
    left: set[str] = set()
    for each in order:
        if clock.is_over and parts:
            left.add(day_of(each.start_ns))
            continue
        parts[each.path] = _of_case(source, look, each, only)
    members = [(each, parts[each.path]) for each in chosen if each.path in parts and parts[each.path].num_rows]
    firsts = [pc.min(table[names.TIMESTAMP]).value for _, table in members]
    return {
        "archive": mask(source.archive),
        "id": cell(correlation),
        "collectors": [_member(each, table, min(firsts)) for each, table in sorted(members, key=lambda pair: _first(pair[1]))],
        "days_left": sorted(left),
    }


def _first(table: pa.Table) -> int:
    time: int = pc.min(table[names.TIMESTAMP]).value
    return time


def _of_case(source: Source, look: Look, folder: FolderFacts, only: Sequence[Filter]) -> pa.Table:
    """First the ids alone, which costs less; then the rows, where there are any."""
    ids = source.scan(look, folder, columns=[names.CORRELATION])
    fitting = pa.table({})
    if any(_fitting(batch, only).num_rows for batch in ids):
        for batch in source.scan(look, folder):
            fitting = _merged(fitting, _fitting(batch, only), MOST_OF_A_CASE)
    return fitting


def _member(folder: FolderFacts, table: pa.Table, first_us: int) -> dict[str, Any]:
    ordered = table.sort_by([(name, "ascending") for name, _ in ORDER])
    return {
        "view": folder.view,
        "name": f"{folder.identity['model_name']}/{folder.identity['identifier']}",
        "version": folder.version,
        "day": day_of(folder.start_ns),
        "first": moment(_first(table) * 1000),
        "after_ms": (_first(table) - first_us) / 1000,
        "columns": columns(ordered.schema),
        "rows": rows(ordered),
    }
