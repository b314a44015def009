"""A look at a spool without reading it: is anything waiting, is anybody writing? Cheap enough for ten times a second."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from modeldata.ship.checkpoint import DONE
from modeldata.spool import frame
from modeldata.spool.reader import Damage, OpenSegment, segment_names

if TYPE_CHECKING:
    from modeldata.ship.checkpoint import Progress
    from modeldata.spool.files import Files
    from modeldata.spool.folder import SpoolFolder


class SpoolView(NamedTuple):
    """`pending_bytes` is what surely waits, at least 1 where anything does. `alive`: segments that a writer holds; `writers`: ids
    (hex) of those writers."""

    pending_bytes: int
    alive: int
    segments: int
    writers: frozenset[str]


class Pending(NamedTuple):
    """What waits in a spool, counted by reading it. `oldest_ns` is the time of its first call, None where nothing waits."""

    rows: int
    oldest_ns: int | None
    segments: int


def look(place: SpoolFolder, state: Progress, files: Files) -> SpoolView:
    """What a shipper needs to know to decide about a round."""
    present = segment_names(place, files)
    pending = alive = 0
    writers = set()
    for index, name in enumerate(present):
        offset = state.offsets.get(name, 0)
        if offset == DONE:
            continue
        try:
            segment = OpenSegment(place, name, files)
        except (OSError, ValueError):
            continue  # gone, or not for us: the gatherer says which
        try:
            at = max(offset, frame.FIRST_FRAME)
            alive += segment.alive
            if segment.alive:
                writers.add(segment.writer_id.hex())
            rolled = index + 1 < len(present) and present[index + 1][:32] == name[:32]
            if rolled:
                pending += max(1, segment.size - at)
            elif not segment.alive or any(segment.read(frame.ALIGN, at)):
                pending += 1  # a dead writer's segment waits to be finished, whatever is in it
        finally:
            segment.close()
    return SpoolView(pending, alive, len(present), frozenset(writers))


def count(place: SpoolFolder, state: Progress, files: Files) -> Pending:
    """How many rows wait, in segments or parked, and since when. Reads what waits."""
    rows = state.parked
    oldest: int | None = None
    segments = 0
    for name in segment_names(place, files):
        offset = state.offsets.get(name, 0)
        if offset == DONE:
            continue
        try:
            segment = OpenSegment(place, name, files)
        except (OSError, ValueError):
            continue
        segments += 1
        try:
            for found in segment.frames(offset):
                if not isinstance(found, Damage) and found.head.kind == frame.DATA:
                    rows += found.head.rows
                    oldest = found.head.time_ns if oldest is None else min(oldest, found.head.time_ns)
        finally:
            segment.close()
    return Pending(rows, oldest, segments)


def sync_writers(place: SpoolFolder, state: Progress, files: Files, settled: set[str]) -> int:
    """Make durable what writers stored; the number of segments for which the disk refused.

    settled: segments that nobody will add to and that are durable. They are left out, and added to.
    """
    failures = 0
    present = segment_names(place, files)
    settled.intersection_update(present)
    for name in present:
        if state.offsets.get(name) == DONE or name in settled:
            continue
        try:
            segment = OpenSegment(place, name, files)
        except (OSError, ValueError):
            continue
        try:
            segment.sync()  # also a dead writer's: its last second came after the last look
            if not segment.alive:
                settled.add(name)
        except OSError:
            failures += 1
        finally:
            segment.close()
    try:
        files.sync_folder(place.segments)
    except OSError:
        failures += 1
    return failures
