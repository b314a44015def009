"""What a spool's own files say about it, for `stats()` and `modeldata status`. Reads only, from any process."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from modeldata.errors import ModelDataError, SpoolError, mask
from modeldata.ship.former_spools import beyond_reach, pending_of_ours
from modeldata.ship.sinks import state_of
from modeldata.ship.watch import Pending, count
from modeldata.spool.files import read_file
from modeldata.spool.folder import SpoolFolder, open_place
from modeldata.spool.location import locate_spool
from modeldata.spool.lock import Leadership
from modeldata.spool.quota import used_bytes
from modeldata.stats import Status

if TYPE_CHECKING:
    from modeldata.settings import Settings
    from modeldata.ship.checkpoint import Progress
    from modeldata.spool.files import Files


def existing_place(settings: Settings, files: Files) -> SpoolFolder | None:
    """The spool of these settings; None where none was ever made. Raises `SpoolError` where it can't be used."""
    folder = locate_spool(settings, files, os.environ).folder
    note = os.path.join(folder, "spool.json")
    try:
        files.stat(note)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:  # a folder that we may not look into: there may be a spool
        raise SpoolError("look for the spool", note, cause=str(error), hint="set MODELDATA_SPOOL, or its mode") from error
    return open_place(folder, files, bytes(16), 0, allow_network=settings.allow_network_spool)


def status_of(settings: Settings, files: Files, now_ns: int, place: SpoolFolder | None = None) -> Status:
    """The counts of the spool of these settings (`place`, if it is open). Where something can't be read, `last_error` says so."""
    status = Status()
    fill(status, settings, place, files, now_ns)
    return status


def fill(stats: Status, settings: Settings, place: SpoolFolder | None, files: Files, now_ns: int) -> None:
    """Add to `stats` what is true of the whole spool. A part that can't be read is named in `last_error`."""
    try:
        place = place or existing_place(settings, files)
        if place is not None:
            _fill(stats, settings, place, files, now_ns)
        stats.pending += pending_of_ours(settings, place.folder if place else "", files, os.environ)
        stats.last_error = stats.last_error or beyond_reach(settings, files)
    except (ModelDataError, OSError, ValueError) as error:
        stats.last_error = str(error)


def _fill(stats: Status, settings: Settings, place: SpoolFolder, files: Files, now_ns: int) -> None:
    state, waiting = _slowest(settings, place, files, now_ns, stats)
    stats.archived = sum(state.archived.values()) - state.parked
    stats.refused = dict(state.drops)
    stats.torn, stats.damaged, stats.gaps, stats.quarantined = state.torn, state.damaged, state.gaps, state.quarantined
    stats.pending, stats.segments = waiting.rows, waiting.segments
    if waiting.oldest_ns is not None:
        stats.lag_seconds = max(0.0, (now_ns - waiting.oldest_ns) / 1e9)
    stats.bytes = used_bytes(place, files)
    note = leader_note(place, files)
    if note is not None:
        if Leadership.taken(place.leader_lock, files):
            stats.leader = {key: note[key] for key in ("pid", "host", "since_ns", "beat_ns") if key in note}
            stats.leader |= {key: note[key] for key in ("heads", "unremoved") if note.get(key)}
        error = note.get("last_error")
        stats.last_error = str(error) if error and waiting.rows else None  # nothing waits: whatever it was, it is over


def _slowest(settings: Settings, place: SpoolFolder, files: Files, now_ns: int, stats: Status) -> tuple[Progress, Pending]:
    """State and backlog of the archive for which most rows wait; with several, `stats.archives` tells of each."""
    states = []
    for url in settings.archives:
        state = load_state(settings.only(url), place, files)
        states.append((state, count(place, state, files)))
        if len(settings.archives) > 1:
            lag = 0.0 if states[-1][1].oldest_ns is None else max(0.0, (now_ns - states[-1][1].oldest_ns) / 1e9)
            archived = sum(state.archived.values()) - state.parked
            stats.archives[mask(url)] = {"archived": archived, "pending": states[-1][1].rows, "lag_seconds": lag}
    return max(states, key=lambda one: one[1].rows)


def load_state(settings: Settings, place: SpoolFolder, files: Files) -> Progress:
    """What the checkpoint of this archive says now. Raises `SpoolError` where no slot of it can be read."""
    return state_of(place, settings, files)


def leader_note(place: SpoolFolder, files: Files) -> dict[str, object] | None:
    """What the last leader wrote about itself; None where nobody led yet."""
    try:
        note = json.loads(read_file(files, place.leader_note))
    except (OSError, ValueError):
        return None
    return note if isinstance(note, dict) else None
