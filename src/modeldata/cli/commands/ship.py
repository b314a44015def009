"""`modeldata ship`: archive what waits in a spool."""

from __future__ import annotations

import json
import os
import random
import sys
import time
from typing import TYPE_CHECKING, Annotated

import typer

from modeldata.cli.archive import say
from modeldata.cli.options import JsonOption, SpoolOptions, parsed
from modeldata.cli.progress import working
from modeldata.cli.table import counted, safe
from modeldata.errors import ModelDataError, SpoolError, mask
from modeldata.parsing import seconds
from modeldata.ship.checkpoint import Checkpoint, Progress
from modeldata.ship.former_spools import beyond_reach, former_spools, is_quiet, pending_of_ours, pending_rows
from modeldata.ship.outbox import Outbox
from modeldata.ship.sinks import name_of
from modeldata.ship.status import existing_place, leader_note, load_state
from modeldata.ship.watch import count
from modeldata.spool.files import Files
from modeldata.spool.folder import SpoolFolder, open_place
from modeldata.spool.location import locate_spool
from modeldata.spool.lock import Leadership

if TYPE_CHECKING:
    from collections.abc import Callable

    from modeldata.settings import Settings
    from modeldata.ship.stop import StopRequest

LOOK_SECONDS = 2.0


def command(
    options: SpoolOptions,
    drain: Annotated[bool, typer.Option("--drain", help="Ship what is there now and leave.")] = False,
    timeout: Annotated[str, typer.Option("--timeout", metavar="TIME", help="How long --drain may take.")] = "5min",
    accept_duplicates: Annotated[
        bool,
        typer.Option("--accept-duplicates", help="Where checkpoint or round is damaged: go on without; rows may be there twice."),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Archive what waits in the spool, until stopped (SIGTERM, Ctrl-C); with --drain until nothing waits.

    --drain exits with 0 when nothing is pending any more, else with 1 and the reason.
    """
    from modeldata.ship.child import stop_on_signals, warn  # here: pyarrow comes with it, and other commands start without
    from modeldata.ship.leader import lead_and_ship

    files = Files()
    settings = options.settings()
    leave = stop_on_signals()
    if accept_duplicates:
        _go_on_without_what_is_damaged(settings, files, warn)
    if drain:
        patience = parsed(seconds, timeout, "--timeout")
        with working(f"archiving what waits, in {mask(settings.archive)}") as now:
            status = _drain(settings, files, leave, patience, as_json, now)
        raise typer.Exit(status)
    folder = locate_spool(settings, files, os.environ).folder
    place = open_place(folder, files, os.urandom(16), time.time_ns(), allow_network=settings.allow_network_spool)
    before = _archived(settings, place, files)
    if sys.stderr.isatty():
        say(f"shipping {place.folder} to {settings.archive}; Ctrl-C ends it")
    while not leave.is_set():
        led = lead_and_ship(
            place, settings, files=files, warn=warn, monotonic=time.monotonic, wall_ns=time.time_ns,
            wait=leave.wait, dice=random.random, leave_when_idle=False,
        )  # fmt: skip
        if not led:
            warn(f"{_leader(place, files)} ships this spool: {place.folder}; waiting")
            while not leave.wait(LOOK_SECONDS) and Leadership.taken(place.leader_lock, files):
                continue
    if as_json:
        _report(True, 0, _archived(settings, place, files) - before, _pending(settings, place, files), "stopped")


def _go_on_without_what_is_damaged(settings: Settings, files: Files, warn: Callable[[str], None]) -> None:
    """Only where what was archived can't be known; a checkpoint or a round that can be read is never thrown away."""
    place = existing_place(settings, files)
    if place is None:
        return
    folders = [place.sink(name_of(place, settings.only(url), files)) for url in settings.archives]
    for folder in folders:
        checkpoint = Checkpoint(folder, files)
        try:
            checkpoint.load()
        except SpoolError:
            checkpoint.forget()
    lead = Leadership.take(place.leader_lock, files)
    if lead is None:
        warn(f"{_leader(place, files)} ships this spool: stop it first, if its round is damaged")
        return
    try:
        for folder in folders:
            _make_again(folder, place, files, warn)
    finally:
        lead.release()


def _make_again(folder: str, place: SpoolFolder, files: Files, warn: Callable[[str], None]) -> None:
    """A round that can't be sent is made again, from the frames after the checkpoint: they stay until it is committed."""
    from modeldata.ship.pipeline import COPIES  # here: pyarrow comes with it

    round_under_way = Outbox(folder, files, copies=COPIES)
    if round_under_way.is_whole():
        return
    waiting = count(place, Checkpoint(folder, files).load()[1], files).rows
    round_under_way.set_aside()
    warn(f"possible duplicates: a damaged round is made again; of {counted(waiting, 'row')} some may be archived twice: {folder}")


def _drain(
    settings: Settings, files: Files, leave: StopRequest, timeout: float, as_json: bool, now: Callable[[str], None]
) -> int:
    """Also spools of these archives that nobody tends any more. now: is given what is done now."""
    more, elsewhere = _drain_formers(settings, files, leave)
    unsafe = beyond_reach(settings, files)
    elsewhere = elsewhere or unsafe
    place = existing_place(settings, files)
    if place is None and not more and elsewhere is None:
        return _report(
            as_json, 0, 0, 0, f"there is no spool at {locate_spool(settings, files, os.environ).folder}: nothing is pending"
        )
    before = _archived(settings, place, files) if place else 0
    deadline = time.monotonic() + timeout
    while True:
        reason = _try(settings, place, files, leave) if place else None
        pending = _pending(settings, place, files) if place else 0
        shipped = more + (_archived(settings, place, files) - before if place else 0)
        ended = leave.is_set() or time.monotonic() >= deadline
        if not pending or ended:
            pending += pending_of_ours(settings, locate_spool(settings, files, os.environ).folder, files, os.environ)
        if not pending and unsafe is None:
            text = f"archived {counted(shipped, 'row')} in {mask(settings.archive)}; nothing is pending"
            return _report(as_json, 0, shipped, 0, text)
        if ended or (elsewhere is not None and reason is None):
            why = reason or elsewhere or "rows are written faster than they are archived, or this was stopped"
            text = f"archived {counted(shipped, 'row')}, {counted(pending, 'is pending', 'are pending')}: {why}"
            return _report(as_json, 1, shipped, pending, text)
        if reason is not None:
            now(f"{counted(pending, 'row waits', 'rows wait')}; trying again: {mask(reason)}")
            leave.wait(0.5)


def _drain_formers(settings: Settings, files: Files, leave: StopRequest) -> tuple[int, str | None]:
    """(rows archived, what stands in the way of others of our archives)."""
    from modeldata.ship.child import warn
    from modeldata.ship.drain import drain_former
    from modeldata.ship.leader import Surroundings

    around = Surroundings(files, warn, time.monotonic, time.time_ns, leave.wait, random.random)
    rows, reason = 0, None
    for former in former_spools(settings, locate_spool(settings, files, os.environ).folder, files, os.environ):
        if not is_quiet(former, files, time.time_ns()):
            continue
        waiting = pending_rows(former, files)
        why = drain_former(former, around)
        rows += waiting - pending_rows(former, files)
        if why is not None:
            warn(why)
            reason = why if former.ours else reason
    return rows, reason


def _try(settings: Settings, place: SpoolFolder, files: Files, leave: StopRequest) -> str | None:
    """One go at shipping everything; why it did not succeed, None where it did."""
    from modeldata.ship.child import warn
    from modeldata.ship.failure_report import failure_text
    from modeldata.ship.leader import Surroundings, make_fleet

    leadership = Leadership.take(place.leader_lock, files)
    if leadership is None:
        os.close(os.open(place.flush_request, os.O_WRONLY | os.O_CREAT, 0o600))
        os.utime(place.flush_request)
        note = leader_note(place, files) or {}
        error = note.get("last_error")
        return f"{_leader(place, files)} ships this spool" + (f": {error}" if error else "")
    try:
        around = Surroundings(files, warn, time.monotonic, time.time_ns, leave.wait, random.random)
        reason = None
        for worker in make_fleet(place, settings, leadership, around):
            try:
                worker.drain()
            except (ModelDataError, OSError) as error:
                reason = failure_text(error)
        return reason
    except (ModelDataError, OSError) as error:
        return failure_text(error)
    finally:
        leadership.release()


def _archived(settings: Settings, place: SpoolFolder, files: Files) -> int:
    return min(sum(state.archived.values()) - state.parked for state in _states(settings, place, files))


def _pending(settings: Settings, place: SpoolFolder, files: Files) -> int:
    return max(count(place, state, files).rows for state in _states(settings, place, files))


def _states(settings: Settings, place: SpoolFolder, files: Files) -> list[Progress]:
    return [load_state(settings.only(url), place, files) for url in settings.archives]


def _leader(place: SpoolFolder, files: Files) -> str:
    note = leader_note(place, files)
    if note is None:
        return "another process"
    since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(int(str(note.get("since_ns", 0))) / 1e9))
    return f"process {note.get('pid')} on {note.get('host')} (since {since})"


def _report(as_json: bool, status: int, archived: int, pending: int, text: str) -> int:
    if as_json:
        print(json.dumps({"archived": archived, "pending": pending, "message": text}))
    else:
        print(safe(text), file=sys.stdout if status == 0 else sys.stderr)
    return status
