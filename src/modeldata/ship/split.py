"""A batch that its store refused for what it holds: in halves, down to the one row that is to blame, which is set aside.

Only after a definite refusal of every attempt (`store.Refused`): no late request can bring the whole once the halves are there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from zlib import crc32

from modeldata.encode import format_of
from modeldata.encode.kinds import split as split_kinds
from modeldata.format import names
from modeldata.format.manifest import Entry
from modeldata.format.paths import manifest_of
from modeldata.spool.frame import checksum

if TYPE_CHECKING:
    from collections.abc import Callable

    from modeldata.ship.outbox import Intent, Outbox, OutboxItem
    from modeldata.ship.placement import Placements

QUARANTINED = "quarantined"


def split_item(
    intent: Intent, index: int, placements: Placements, outbox: Outbox, set_aside: Callable[[OutboxItem], None]
) -> None:
    """Replace item `index` by its two halves, or a single row by the note that it is lost. The caller makes it durable."""
    item = intent.items[index]
    if item.rows == 1:
        set_aside(item)
        _give_up(intent, index, placements)
        return
    data = outbox.read_all(item)
    header, at = data[: item.head], item.rows // 2
    halves = format_of(item.path.rpartition(".")[2]).split(data[item.head :], item.rows, at)
    pieces = [header + half for half in halves]
    staged = outbox.stage_more(pieces)
    entries = item.entry.split(at, split_kinds)
    place = 0
    items = []
    for number, (half, piece, entry) in enumerate(zip(halves, pieces, entries, strict=True), 1):
        entry = entry._replace(batch=f"{item.entry.batch}.{number}")
        part = item._replace(at=place, size=len(piece), entry=entry, staged=staged)
        items.append(part._replace(crc=crc32(half), check=checksum(piece, 0)))
        place += len(piece)
    if item.whole:
        path = placements.part_of(item)
        items[1] = items[1]._replace(path=path, log=manifest_of(path))
    intent.items[index : index + 1] = items
    placements.relay(intent, index)


def _give_up(intent: Intent, index: int, placements: Placements) -> None:
    """The row of item `index` goes nowhere; what follows it in its file moves up. Noted last: its place in the log is the end."""
    item = intent.items[index]
    ((writer, first, last),) = item.entry.sequences
    identity = item.entry.identity
    note = Entry(identity, batch=item.entry.batch, lost=[(writer, first, last, QUARANTINED)])
    stream = names.stream(identity)
    placed = placements.place_note(item.folder, note)  # first: where its folder takes nothing, all stays as it is
    intent.after.quarantined += 1
    intent.after.archived[stream] = intent.after.archived.get(stream, 0) - 1
    placements.skip(intent, index)
    del intent.items[index]
    intent.items.insert(len(intent.items) - bool(intent.items and intent.items[-1].record), placed)  # the record stays the last
