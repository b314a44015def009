"""A batch that its store refused for what it holds: in halves, down to the one row that is to blame, which is set aside.

Only after a definite refusal of every attempt (`store.Refused`): no late request can bring the whole once the halves are there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast
from zlib import crc32

from modeldata.encode import encoder
from modeldata.encode.kinds import split as split_kinds
from modeldata.format import names
from modeldata.format.paths import manifest_of
from modeldata.spool.frame import checksum

if TYPE_CHECKING:
    from collections.abc import Callable

    from modeldata.ship.outbox import Intent, Outbox, OutboxItem
    from modeldata.ship.placement import Placements

    Ranges = list[list[object]]
    Calls = list[list[int]]

QUARANTINED = "quarantined"


def cut(intent: Intent, index: int, targets: Placements, freezer: Outbox, set_aside: Callable[[OutboxItem], None]) -> None:
    """Replace item `index` by its two halves, or a single row by the note that it is lost. The caller makes it durable."""
    item = intent.items[index]
    if item.rows == 1:
        set_aside(item)
        _give_up(intent, index, targets)
        return
    data = freezer.read_all(item)
    header, at = data[: item.head], item.rows // 2
    halves = encoder(item.path.rpartition(".")[2]).split(data[item.head :], item.rows, at)
    pieces = [header + half for half in halves]
    staged = freezer.stage_more(pieces)
    manifests = split_manifest(item.manifest, at)
    place = 0
    made = []
    for number, (half, piece, manifest) in enumerate(zip(halves, pieces, manifests, strict=True), 1):
        manifest = {**manifest, "batch": f"{item.manifest['batch']}.{number}"}
        part = item._replace(at=place, size=len(piece), manifest=manifest, staged=staged)
        made.append(part._replace(crc=crc32(half), check=checksum(piece, 0)))
        place += len(piece)
    if item.whole:
        path = targets.part_of(item)
        made[1] = made[1]._replace(path=path, log=manifest_of(path))
    intent.items[index : index + 1] = made
    targets.relay(intent, index)


def _give_up(intent: Intent, index: int, targets: Placements) -> None:
    """The row of item `index` goes nowhere; what follows it in its file moves up. Told last: its place in that log is the end."""
    item = intent.items[index]
    ((writer, first, last),) = cast("Ranges", item.manifest["sequences"])
    note = {
        "batch": item.manifest["batch"],
        "identity": item.manifest["identity"],
        "rows": 0,
        "lost": [[writer, first, last, QUARANTINED]],
    }
    stream = names.stream(cast("dict[str, str]", item.manifest["identity"]))
    told = targets.told(item.folder, note)  # first: where its folder takes nothing, all stays as it is
    intent.after.quarantined += 1
    intent.after.archived[stream] = intent.after.archived.get(stream, 0) - 1
    targets.skip(intent, index)
    del intent.items[index]
    intent.items.append(told)


def split_manifest(manifest: dict[str, object], at: int) -> tuple[dict[str, object], dict[str, object]]:
    """What a batch's manifest says of its first `at` rows, and of the rest.

    `continues`: how many rows of the first call came in a batch before.
    """
    sequences = _split_ranges(cast("Ranges", manifest["sequences"]), at)
    calls, begun = _split_calls(cast("Calls", manifest["calls"]), at, cast("int", manifest.get("continues", 0)))
    kinds = split_kinds(cast("dict[str, Any]", manifest.get("kinds", {})), at)
    rows = cast("int", manifest["rows"])
    once = ("refused", "surrogates_replaced")  # told by the first half alone: each is told once
    left = {**manifest, "rows": at, "sequences": sequences[0], "calls": calls[0]}
    right = {name: value for name, value in manifest.items() if name not in (*once, "continues")}
    right |= {"rows": rows - at, "sequences": sequences[1], "calls": calls[1]}
    if begun:
        right["continues"] = begun
    if kinds[0]:
        left["kinds"], right["kinds"] = kinds
    return left, right


def _split_ranges(ranges: Ranges, at: int) -> tuple[Ranges, Ranges]:
    left: Ranges = []
    right: Ranges = []
    for writer, first, last in ranges:
        assert isinstance(first, int) and isinstance(last, int)
        here = min(at, last - first + 1)
        if here:
            left.append([writer, first, first + here - 1])
        if first + here <= last:
            right.append([writer, first + here, last])
        at -= here
    return left, right


def _split_calls(calls: Calls, at: int, continues: int) -> tuple[tuple[Calls, Calls], int]:
    """`[[rows, how many], ...]` at a row; and how many rows of a call that is cut came before, on the left or earlier."""
    left: Calls = []
    right: Calls = []
    begun = 0
    for rows, times in calls:
        whole = min(times, at // rows)
        if whole:
            left.append([rows, whole])
        at -= whole * rows
        rest = times - whole
        if rest and 0 < at < rows:
            left.append([at, 1])
            right.append([rows - at, 1])
            begun = at + (continues if not left[:-1] else 0)
            rest -= 1
            at = 0
        if rest:
            right.append([rows, rest])
    return (left, right), begun
