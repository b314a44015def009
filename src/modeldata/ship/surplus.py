"""Rows of ever new columns: beyond so many headers in one folder, each row is one JSON value in the column `$Json`.

Where callers choose the keys, every call could make a file, its manifest and an entry of the checkpoint. What is beyond the bound
shares one file. The values come back as what they were: the manifest's `kinds` say what is in the JSON.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from modeldata import names
from modeldata.columns import ABSENT, Column, decode
from modeldata.columns.listed import listed
from modeldata.ship.batch import Piece, batches, encode_group, encoded, header_of, payloads
from modeldata.ship.calls import Calls, taken_portions
from modeldata.ship.gather import Group

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from modeldata.ship.batch import Batch, Form, Spoilt
    from modeldata.ship.definitions import Layout
    from modeldata.ship.gather import Taken
    from modeldata.ship.targets import Targets

    Row = dict[str, object]

JSON = "json"
"""The declared type of the column: whatever JSON can hold."""


def encode_groups(
    groups: Iterable[Group], targets: Targets, form_of: Callable[[Layout], Form]
) -> Iterator[tuple[Group, Batch | Spoilt]]:
    """The batches of all groups of a round: of those for whose columns their folder has room, then of the others."""
    surplus: dict[tuple[str, str, Layout], list[Group]] = {}
    for group in groups:
        form = form_of(group.layout)
        if targets.has_room(group.folder, header_of(group, form)):
            for made in encode_group(group, form):
                yield group, made
            group.frames.clear()  # encoded and staged: the memory is needed
        else:
            surplus.setdefault((group.stream, group.folder, group.layout), []).append(group)
    for same in surplus.values():
        yield from _as_json(same, form_of(same[0].layout))


def _as_json(groups: list[Group], form: Form) -> Iterator[tuple[Group, Batch | Spoilt]]:
    """Groups of one collector, folder and layout: their rows together, in the order in which they were collected."""
    first = groups[0]
    shared = Group({"columns": [names.JSON], "types": [JSON]}, first.identity, first.folder, first.layout)
    most = form.encoder.portions[1]
    waiting: list[tuple[Taken, list[Row]]] = []
    size = 0
    for group in groups:
        for portion in taken_portions(group.frames, most):
            try:
                waiting += _with_rows(group, portion)
            except (MemoryError, ImportError):
                raise
            except Exception:  # one of them can't be decoded: found by the way that goes down to it
                yield from ((group, made) for made in encode_group(group_of(group, portion), form))
                continue
            size += sum(int(taken.run.sizes.sum()) for taken in portion)
            if size >= most:
                yield from ((shared, made) for made in _flushed(shared, waiting, form))
                waiting, size = [], 0
    if waiting:
        yield from ((shared, made) for made in _flushed(shared, waiting, form))


def group_of(group: Group, frames: list[Taken]) -> Group:
    """Some frames of a group, as a group of their own."""
    made = Group(group.definition, group.identity, group.folder, group.layout)
    made.frames = frames
    return made


def _with_rows(group: Group, portion: list[Taken]) -> list[tuple[Taken, list[Row]]]:
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


def _flushed(shared: Group, waiting: list[tuple[Taken, list[Row]]], form: Form) -> Iterator[Batch]:
    waiting.sort(key=lambda one: (one[0].writer_id, int(one[0].run.heads["sequence"][0])))
    calls = Calls.of([taken for taken, _ in waiting])
    values: list[object] = [row for _, rows in waiting for row in rows]
    made = encoded(shared, calls, form, [Column(names.JSON, JSON, values)], 0)
    return batches(shared, Piece(made, calls, len(values)), form)
