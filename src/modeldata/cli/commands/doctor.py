"""`modeldata doctor`: why is nothing there?"""

from __future__ import annotations

import importlib
import json
import os
import shutil
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

import typer

from modeldata.cli.archive import settings_of, store_of
from modeldata.cli.console import Out
from modeldata.cli.options import JsonOption, SpoolOptions
from modeldata.cli.table import counted
from modeldata.errors import ModelDataError, mask, mask_foreign
from modeldata.native import way
from modeldata.settings.table import SETTINGS
from modeldata.ship.former_spools import beyond_reach, former_spools, pending_rows
from modeldata.ship.status import existing_place, leader_note, status_of
from modeldata.spool.disk_kind import goes_with_container
from modeldata.spool.files import Files, make_folders
from modeldata.spool.folder import open_place
from modeldata.spool.location import locate_spool
from modeldata.spool.reader import Frame, OpenSegment
from modeldata.store import archive_id
from modeldata.store.local import LocalStore
from modeldata.store.remote import RemoteStore
from modeldata.urls import local_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from modeldata.settings import Settings
    from modeldata.store import Store

HOUR_NS = 3_600_000_000_000
OK, NOTE, BAD = "ok", "note", "bad"
NOT_YET = "not there yet: the first rows make it, or its name is another"


class Finding(NamedTuple):
    """One answer: how it is, and what to do where it is not well."""

    verdict: str
    topic: str
    text: str


def command(options: SpoolOptions, as_json: JsonOption = False) -> None:
    """Answer "why is nothing there?": settings and where they come from, spool, archive, who ships, what waits.

    Leaves nothing behind: missing folders are not made, and no right to delete is needed. Exits with 1 where something is
    wrong.
    """
    files = Files()
    findings: list[Finding] = []
    try:
        settings = settings_of(options.url, options.spool, warn=lambda text: findings.append(Finding(BAD, "settings", text)))
    except ModelDataError as error:
        findings.append(Finding(BAD, "settings", str(error)))
    else:
        findings.extend(examine(settings, files))
    if as_json:
        well = all(finding.verdict != BAD for finding in findings)
        print(json.dumps({"well": well, "findings": [finding._asdict() for finding in findings]}))
    else:
        _print(findings)
    raise typer.Exit(1 if any(finding.verdict == BAD for finding in findings) else 0)


def examine(settings: Settings, files: Files) -> Iterator[Finding]:
    """Every check, in the order in which one would look."""
    yield _enabled(settings)
    for field in SETTINGS.values():
        if settings.origin[field.name] != "default":
            value = mask(str(getattr(settings, field.name)))
            yield Finding(NOTE, "settings", f"{field.name} = {value} (from {settings.origin[field.name]})")
    yield Finding(NOTE, "native", way())
    yield from _libraries()
    yield _tried("spool", lambda: _look_at_spool(settings, files))
    yield from _where_rows_wait(settings, files)
    for url in settings.archives:
        yield _tried("archive", lambda url=url: _look_at_archive(settings.only(url), files))  # type: ignore[misc]
        yield from _as_far_as_it_goes(lambda url=url: _spark_calls(settings.only(url)))  # type: ignore[misc]
    yield from _as_far_as_it_goes(lambda: _shipping(settings, files))
    yield from _as_far_as_it_goes(lambda: _former(settings, files))


def _enabled(settings: Settings) -> Finding:
    origin = settings.origin["enabled"]
    if settings.enabled:
        return Finding(OK, "enabled", f"collecting is on (from {origin})")
    return Finding(BAD, "enabled", f"collecting is off (from {origin}): set MODELDATA_ENABLED=true")


def _tried(topic: str, check: Callable[[], tuple[str, str]]) -> Finding:
    try:
        verdict, text = check()
        return Finding(verdict, topic, text)
    except (ModelDataError, OSError, ValueError) as error:
        return Finding(BAD, topic, mask_foreign(str(error) or type(error).__name__))
    except Exception as error:  # a library that is broken may raise anything; a doctor must not die of the illness
        return Finding(BAD, topic, mask_foreign(f"{type(error).__name__}: {error}"))


def _as_far_as_it_goes(check: Callable[[], Iterable[Finding]]) -> list[Finding]:
    """What a check finds; nothing where it can't look, for a reason that an earlier check has said."""
    try:
        return list(check())
    except Exception:  # likewise
        return []


def _libraries() -> Iterator[Finding]:
    """Can what every shipper needs be loaded?"""
    for name in ("pyarrow", "numpy"):
        try:
            importlib.import_module(name)
        except Exception as error:  # likewise
            text = f"{name} can't be loaded, so nothing is archived: {type(error).__name__}: {error} (pip install {name})"
            yield Finding(BAD, "library", mask_foreign(text))


def _where_rows_wait(settings: Settings, files: Files) -> Iterator[Finding]:
    try:
        location = locate_spool(settings, files, os.environ)
    except ModelDataError:
        return  # said already
    if goes_with_container(location.folder, files):
        yield Finding(NOTE, "spool", "it is gone when this container is: give it a volume (MODELDATA_SPOOL)")
    if location.note:
        yield Finding(NOTE, "spool", location.note)
    unsafe = beyond_reach(settings, files)
    if unsafe:
        yield Finding(BAD, "spool", unsafe)


def _look_at_spool(settings: Settings, files: Files) -> tuple[str, str]:
    folder = locate_spool(settings, files, os.environ).folder
    if existing_place(settings, files) is not None:
        _probe_spool(folder, settings, files)
        return OK, f"can be written and read back: {folder}"
    with _scratch_near(folder, files) as scratch:
        _probe_spool(scratch, settings, files)
    return NOTE, f"{NOT_YET}; it can be made: {folder}"


def _probe_spool(folder: str, settings: Settings, files: Files) -> None:
    """Write a segment as a service would, read it back, remove it."""
    from modeldata.spool import frame
    from modeldata.spool.segment import Segment, new_salt

    now = time.time_ns()
    place = open_place(folder, files, os.urandom(16), now, allow_network=settings.allow_network_spool)
    probe = os.urandom(16)
    header = frame.SegmentHeader(place.spool_id, probe, 0, new_salt(probe, 0), now)
    path = place.segment(probe, 0)
    segment = Segment(files, path, header, 4096)
    try:
        segment.store(frame.pack_frame(segment.salt, frame.END, 0, now, 0, 0, b""))
        segment.sync()
        reading = OpenSegment(place, os.path.basename(path), files)
        try:
            if not any(isinstance(found, Frame) for found in reading.frames(0)):
                raise OSError(f"what was written to {path} can't be read back")
        finally:
            reading.close()
    finally:
        segment.abandon()
        files.unlink(path)


def _look_at_archive(settings: Settings, files: Files) -> tuple[str, str]:
    store, url = store_of(settings), mask(settings.archive)
    if isinstance(store, RemoteStore):
        known = store.check_rights()
        if store.length(archive_id.NAME):
            return OK, f"can be written and read back: {url}"
        return NOTE, f"{NOT_YET}; {'it can be made' if known else 'whether we may is seen then'}: {url}"
    folder = str(local_folder(settings.archive))
    if os.path.lexists(folder):
        _probe_folder(store)
        return OK, f"can be written and read back: {url}"
    with _scratch_near(folder, files) as scratch:
        _probe_folder(LocalStore(scratch, files))
    return NOTE, f"{NOT_YET}; it can be made: {url}"


def _probe_folder(store: Store) -> None:
    """Put a small file beside the data, read it back, remove it: who may make a file in a folder may remove it."""
    probe = os.urandom(16)
    path = f"_doctor-{probe.hex()}"
    store.put(path, probe)
    try:
        if store.read(path) != probe:
            raise OSError("what was written can't be read back")
    finally:
        store.remove(path)


@contextmanager
def _scratch_near(folder: str, files: Files) -> Iterator[str]:
    """A folder where `folder` would be made, or above it where that is not there either. It is gone at the end."""
    above = os.path.dirname(os.path.abspath(folder))
    while not os.path.lexists(above):
        above = os.path.dirname(above)
    scratch = os.path.join(above, f".modeldata-doctor-{os.urandom(8).hex()}")
    try:
        make_folders(files, scratch)
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _spark_calls(settings: Settings) -> Iterator[Finding]:
    """Calls of Spark that are under way, or were left by a driver that died."""
    from modeldata.spark.commit import ABANDONED_NS, uncommitted_calls
    from modeldata.store import open_for

    calls = uncommitted_calls(open_for(settings, Files()))
    if calls:
        days, hours = ABANDONED_NS // (24 * HOUR_NS), (time.time_ns() - calls[0].time_ns) / HOUR_NS
        text = f"{len(calls)} under way or left by a driver that died, the oldest for {hours:.1f} hours: no row of theirs is"
        yield Finding(
            NOTE, "spark calls", f"{text} in the archive; a later collect() of a frame clears those of over {days} days"
        )


def _shipping(settings: Settings, files: Files) -> Iterator[Finding]:
    place = existing_place(settings, files)
    if place is None:
        yield Finding(NOTE, "shipping", "nothing was ever collected here")
        return
    stats = status_of(settings, files, time.time_ns(), place)
    waits = f"{counted(stats.pending, 'row waits', 'rows wait')}, the oldest for {stats.lag_seconds:.1f} s; "
    waits += counted(stats.archived, "is archived", "are archived")
    late = stats.pending > 0 and stats.lag_seconds > 10 * settings.batch_seconds
    yield Finding(BAD if late else OK, "pending", waits)
    if stats.leader is not None:
        yield Finding(OK, "shipping", f"process {stats.leader['pid']} on {stats.leader['host']} ships")
    else:
        yield Finding(BAD if late else NOTE, "shipping", f"nobody ships just now (MODELDATA_SHIP={settings.ship})")
    note = leader_note(place, files) or {}
    if stats.last_error or (note.get("last_error") and stats.pending):
        yield Finding(BAD, "last error", str(stats.last_error or note.get("last_error")))
    if note.get("heads"):
        yield Finding(BAD, "heads", str(note["heads"]))
    if note.get("unremoved"):
        yield Finding(NOTE, "spool", str(note["unremoved"]))
    for reason, rows in stats.refused.items():
        yield Finding(NOTE, "refused", f"{counted(rows, 'row')}: {reason}")
    for name in ("quarantined", "damaged", "gaps", "torn"):
        if getattr(stats, name):
            yield Finding(NOTE, name, f"{getattr(stats, name):,}")


def _former(settings: Settings, files: Files) -> Iterator[Finding]:
    """Spools that nobody tends any more, since the archives were named in another way."""
    for former in former_spools(settings, locate_spool(settings, files, os.environ).folder, files, os.environ):
        rows = pending_rows(former, files)
        archives = [*(former.settings.archives if former.settings else ()), *former.missing]
        where = f"{counted(rows, 'row waits', 'rows wait')} in {former.place.folder} for " + ", ".join(map(mask, archives))
        text = where + (
            ": not found" if former.settings is None else ": the next shipper archives them, or modeldata ship --drain"
        )
        yield Finding(BAD if former.ours and rows else NOTE, "former spool", text)


def _print(findings: list[Finding]) -> None:
    out = Out()
    colours = {OK: "green", NOTE: "dim", BAD: "bold red"}
    for finding in findings:
        out.labelled(f"[{colours[finding.verdict]}]{finding.verdict:4}[/] [bold]{finding.topic}[/]: ", finding.text)
