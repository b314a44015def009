"""Rows of one subject out of the files that have them. Text keeps its format and every other byte; Parquet is written again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple
from zlib import crc32

import numpy as np

from modeldata.catalog.lines import batch_of
from modeldata.encode import format_of
from modeldata.format.files import FORMATS
from modeldata.format.manifest import Entry
from modeldata.format.ranges import stretches
from modeldata.keep.compact import rewritten_entry
from modeldata.keep.lines import carried, kept_kinds
from modeldata.keep.rows import REWRITTEN, Rows, part_of, proven, read, rows_of
from modeldata.read.chunks import Chunk

if TYPE_CHECKING:
    from modeldata.catalog.lines import ArchivedBatch
    from modeldata.format.manifest import Lost
    from modeldata.keep.condition import Condition
    from modeldata.keep.folder import FolderView
    from modeldata.keep.rewrite import Draft, Staged
    from modeldata.store import ReadStore, Store

    Numbers = np.ndarray[Any, np.dtype[np.int64]]

ERASED = "erased"
MOST_BYTES = 128 * 1024 * 1024
"""Of a new file of text, about."""


class RowsToErase(NamedTuple):
    """What fits a condition in one folder: `rows` by live batch id, and the data files that have to go."""

    rows: dict[str, Numbers]
    files: set[str]
    originals: dict[str, int]
    """Rows in files of the 2017 original: they have no manifest, and stay."""

    def changes(self, look: FolderView) -> bool:
        """Is there anything to rewrite? Files without live batches only wait for their removal."""
        return bool(self.files & look.live_files)

    def columns_left(self, look: FolderView) -> set[str]:
        """The columns of batches of which some row stays."""
        left = [batch for batch in look.batches() if len(self.rows.get(str(batch.line.batch), ())) < batch.rows]
        return {name for batch in left for name in batch.columns}

    @property
    def total(self) -> int:
        return sum(map(len, self.rows.values()))


def find(look: FolderView, store: ReadStore, condition: Condition) -> RowsToErase:
    """Rows of live batches, and files that have such rows in batches that were replaced: their bytes are still there.

    Raises `Damaged`, `Gone`, `Unavailable`, `SettingsError`.
    """
    rows: dict[str, Numbers] = {}
    files: set[str] = set()
    live = {batch.line.batch for batch in look.batches()}
    there = set(look.contents.listing.data_files)
    for batch in _every_batch(look):
        if batch.path not in there and batch.line.batch not in live:
            continue  # replaced, and gone
        fitting = condition.rows(store, look.folder, batch)
        if len(fitting):
            files.add(batch.path)
            if batch.line.batch in live:
                rows[str(batch.line.batch)] = fitting
    originals = {path: condition.original_rows(store, look.folder, path) for path in look.contents.originals}
    return RowsToErase(rows, _with_neighbours(look, files), {path: count for path, count in originals.items() if count})


def _with_neighbours(look: FolderView, files: set[str]) -> set[str]:
    """Where the kinds in a manifest name keys of what was collected, it has to go, and with it all files that it names."""
    lines = [line for line in look.contents.lines if line.entry.file]
    going = set(files)
    while True:
        logs = {line.log for line in lines if f"{look.folder}/{line.entry.file}" in going and _names_keys(line.entry.kinds)}
        more = going | {f"{look.folder}/{line.entry.file}" for line in lines if line.log in logs}
        if more == going:
            return going
        going = more


def _names_keys(kinds: object) -> bool:
    """Do some kinds have those of a dict in them, with its keys?"""
    if isinstance(kinds, dict):
        return "dict" in kinds or any(map(_names_keys, kinds.values()))
    return isinstance(kinds, list) and any(map(_names_keys, kinds))


def _every_batch(look: FolderView) -> list[ArchivedBatch]:
    return [batch_of(line, look.folder) for line in look.contents.lines if line.entry.file and line.entry.rows]


def fill(draft: Draft, store: Store, erased: RowsToErase) -> None:
    """New files without the rows, and their lines. Raises `Damaged`, `Gone`, `Unavailable`."""
    writer = _Text(draft)
    lost: Lost = []
    for batch in draft.look.batches():
        if batch.path not in erased.files:
            continue
        going = erased.rows.get(str(batch.line.batch), np.empty(0, np.int64))
        if not FORMATS[batch.format].grows:
            rows = read(store, draft.look.folder, batch)
            _whole(draft, rows.taken(_others(going, batch.rows)))
        else:
            chunk = Chunk(draft.look.folder, (batch,))
            data = proven(store, chunk)
            rows = rows_of(chunk, part_of(store, chunk, data))
            writer.add(batch, data, rows, _others(going, batch.rows))
        lost += [(*numbers, ERASED) for numbers in rows.where.taken(going).sorted_ranges()]
    replaced = draft.look.lines_of(erased.files)
    draft.replace([str(line.batch) for line in replaced if line.batch], carried(replaced).with_lost(lost))


def _others(going: Numbers, rows: int) -> Numbers:
    return np.setdiff1d(np.arange(rows), going, assume_unique=True)


def _whole(draft: Draft, rows: Rows) -> None:
    if not len(rows.own):
        return
    made = rows.encode(draft.look.identity, f"generation-{draft.generation}")
    staged = draft.stage(REWRITTEN)
    staged.content.write(made.data)
    draft.add(rewritten_entry(draft, staged.name, made.data, made.kinds, rows))


class _Text:
    """New files of text, for one old file after the other."""

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self._of = ""
        self._file: Staged | None = None

    def add(self, batch: ArchivedBatch, data: memoryview, rows: Rows, kept: Numbers) -> None:
        """The rows `kept` of a batch, as the bytes that they are."""
        if not len(kept):
            return
        content, where = bytes(data), rows.where.taken(kept)
        ends = format_of(batch.format).bounds(content)
        assert ends is not None  # text has rows one after the other
        starts = np.concatenate([[0], ends[:-1]])
        times = rows.times_ns[kept]
        for start, stop in where.stretches():
            mine = kept[start:stop]
            body = b"".join(content[starts[first] : ends[last]] for first, last in _neighbours(mine))
            entry = self._place(batch, body)._replace(
                rows=len(mine),
                first_ns=int(times[start:stop].min()),
                last_ns=int(times[start:stop].max()),
                columns=batch.columns,
                types=batch.types,
                calls=where.calls(start, stop),
                sequences=where.taken(np.arange(start, stop)).ranges(),
                continues=int(where.places[start]),
                kinds=_kinds(batch, rows, mine),
                others=batch.line.entry.others,
            )
            self._draft.add(entry)

    def _place(self, batch: ArchivedBatch, body: bytes) -> Entry:
        """Write it behind what is there, or as a new file."""
        header = b""
        if self._file is None or self._of != batch.path or self._file.content.tell() >= MOST_BYTES:
            self._file, self._of = self._draft.stage(batch.format), batch.path
            form = format_of(batch.format)
            header = form.header([*form.own_columns, *batch.columns])
        offset = self._file.content.tell()
        self._file.content.write(header + body)
        size = len(header) + len(body)
        place = Entry(self._draft.look.identity, file=self._file.name, offset=offset, size=size)
        return place._replace(row_bytes=len(body), crc32=crc32(body))


def _neighbours(rows: Numbers) -> list[tuple[int, int]]:
    """[first, last] of rows that stand one after the other."""
    return [(int(rows[start]), int(rows[stop - 1])) for start, stop in stretches(np.diff(rows) != 1)]


def _kinds(batch: ArchivedBatch, rows: Rows, kept: Numbers) -> dict[str, Any]:
    kept_by_column = {}
    for column in rows.features:
        kinds = batch.kinds.get(column.name)
        if kinds is None:
            continue
        values = column.values if isinstance(column.values, list) else column.values.is_null().to_pylist()
        empty = np.array([value is None for value in values] if values is column.values else values, bool)
        kept_by_column[column.name] = kept_kinds(kinds, kept, batch.rows, empty)
    return {name: kind for name, kind in kept_by_column.items() if kind is not None}
