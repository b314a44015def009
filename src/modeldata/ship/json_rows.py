"""Rows of ever new columns: beyond so many headers in one folder, each row is one JSON value in the column `$Json`.

Where callers choose the keys, every call could make a file, its manifest and an entry of the checkpoint. What is beyond the bound
shares one file. The values come back as what they were: the manifest's `kinds` say what is in the JSON.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from modeldata.columns import ABSENT, Column, decode, decode_some
from modeldata.columns.listed import listed
from modeldata.format import names
from modeldata.ship.batch import EncodedCalls, batches, encode_group, encoded, header_of, payloads
from modeldata.ship.calls import Calls, taken_portions
from modeldata.ship.encoding_job import EncodingJob
from modeldata.ship.gathered import FrameGroup

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from modeldata.ship.batch import Batch, BatchFormat, UndecodableCall
    from modeldata.ship.calls import WriterFrames
    from modeldata.ship.definitions import ArchiveLayout
    from modeldata.ship.isolation import IsolatedEncoder
    from modeldata.ship.placement import Placements

    Row = dict[str, object]

JSON = "json"
"""The declared type of the column: whatever JSON can hold."""


def encode_groups(
    groups: Iterable[FrameGroup],
    placements: Placements,
    form_of: Callable[[ArchiveLayout], BatchFormat],
    isolated: IsolatedEncoder,
) -> Iterator[tuple[FrameGroup, Batch | UndecodableCall]]:
    """The batches of all groups of a round: first where the folder has room for their columns, then of the others."""
    roomy: dict[ArchiveLayout, list[FrameGroup]] = {}
    surplus: dict[tuple[str, str, ArchiveLayout], list[FrameGroup]] = {}
    for group in groups:
        if placements.has_room(group.folder, header_of(group, form_of(group.layout))):
            roomy.setdefault(group.layout, []).append(group)
        else:
            surplus.setdefault((group.stream, group.folder, group.layout), []).append(group)
    for layout, same in roomy.items():
        yield from isolated.encode(EncodingJob([group for group in same if isolated.wanted(group)]))
        yield from _encode_here([group for group in same if not isolated.wanted(group)], form_of(layout))
    for same in surplus.values():
        yield from (
            isolated.encode(EncodingJob(same, as_json=True))
            if isolated.wanted(same[0])
            else as_json(same, form_of(same[0].layout))
        )


def _encode_here(groups: list[FrameGroup], form: BatchFormat) -> Iterator[tuple[FrameGroup, Batch | UndecodableCall]]:
    for group in groups:
        for made in encode_group(group, form):
            yield group, made
        group.frames.clear()  # encoded and staged: the memory is needed


def as_json(groups: list[FrameGroup], form: BatchFormat) -> Iterator[tuple[FrameGroup, Batch | UndecodableCall]]:
    """Groups of one collector, folder and layout: their rows together, in the order in which they were collected."""
    shared = _shared(groups[0])
    most = form.encoder.portions[1]
    waiting: list[tuple[WriterFrames, list[Row]]] = []
    size = 0
    for group in groups:
        for portion in taken_portions(group.frames, most):
            try:
                waiting += _with_rows(group, portion)
            except (MemoryError, ImportError):
                raise
            except Exception:  # one of them can't be decoded: found by the way that goes down to it
                yield from ((group, outcome) for outcome in encode_group(group.with_frames(portion), form))
                continue
            size += sum(int(taken.run.sizes.sum()) for taken in portion)
            if size >= most:
                yield from ((shared, outcome) for outcome in _flushed(shared, waiting, form))
                waiting, size = [], 0
    if waiting:
        yield from ((shared, outcome) for outcome in _flushed(shared, waiting, form))


def encode_rows(
    group: FrameGroup, start: int, most: int, form: BatchFormat, *, json: bool
) -> Iterator[tuple[FrameGroup, Batch | UndecodableCall]]:
    """Rows [start, start + most) of the one call of a group; `start` is a multiple of `most`. Raises what its data raises."""
    calls = Calls.of(group.frames)
    columns = next(islice(decode_some(group.definition, payloads(calls), most), start // most, None))
    shared = _shared(group) if json else group
    if json:
        columns = [Column(names.JSON, JSON, list(_rows(columns)))]
    piece = EncodedCalls(encoded(shared, calls, form, columns, start), calls, len(columns[0].values), start)
    yield from ((shared, made) for made in batches(shared, piece, form))


def _shared(group: FrameGroup) -> FrameGroup:
    return FrameGroup({"columns": [names.JSON], "types": [JSON]}, group.identity, group.folder, group.layout)


def _with_rows(group: FrameGroup, portion: list[WriterFrames]) -> list[tuple[WriterFrames, list[Row]]]:
    columns = decode(group.definition, payloads(Calls.of(portion)))
    rows = _rows(columns)
    made, start = [], 0
    for taken in portion:
        made.append((taken, rows[start : start + taken.run.rows]))
        start += taken.run.rows
    return made


def _rows(columns: list[Column]) -> list[Row]:
    labels = [column.name for column in columns]
    values = [column.values if isinstance(column.values, list) else listed(column.values) for column in columns]
    cells = (zip(labels, row, strict=True) for row in zip(*values, strict=True))
    return [{label: value for label, value in row if value is not ABSENT} for row in cells]


def _flushed(shared: FrameGroup, waiting: list[tuple[WriterFrames, list[Row]]], form: BatchFormat) -> Iterator[Batch]:
    waiting.sort(key=lambda one: (one[0].writer_id, int(one[0].run.heads["sequence"][0])))
    calls = Calls.of([taken for taken, _ in waiting])
    values: list[object] = [row for _, rows in waiting for row in rows]
    made = encoded(shared, calls, form, [Column(names.JSON, JSON, values)], 0)
    return batches(shared, EncodedCalls(made, calls, len(values)), form)
