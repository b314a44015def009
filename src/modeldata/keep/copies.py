"""Rows that fit a condition outside of the archive: in the spools that its services have on this host.

A segment belongs to its writer and a round to its shipper, so nothing is taken out of them here. What is in them is searched as
an archive is, by the same code, and each file with such rows is named until it is gone.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple
from zlib import crc32

from modeldata.catalog.errors import Damaged, NotThere
from modeldata.encode import format_of
from modeldata.errors import ModelDataError, SettingsError, SpoolError
from modeldata.format.paths import data_file, manifest_path
from modeldata.keep.search import search
from modeldata.ship.batch import Batch, BatchFormat, encode_group
from modeldata.ship.checkpoint import DONE, Checkpoint, Progress
from modeldata.ship.definitions import ArchiveLayout
from modeldata.ship.former_spools import former_spools
from modeldata.ship.gather import Gatherer
from modeldata.ship.parked import outboxes
from modeldata.ship.sinks import sinks_of
from modeldata.ship.status import existing_place
from modeldata.ship.watch import count
from modeldata.spool.files import read_file
from modeldata.spool.location import locate_spool
from modeldata.spool.reader import OpenSegment, segment_names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from modeldata.format.manifest import Entry
    from modeldata.keep.expression import Expression
    from modeldata.keep.job import KeepJob
    from modeldata.settings import Settings
    from modeldata.ship.gathered import Gathered
    from modeldata.spool.files import Files
    from modeldata.spool.folder import SpoolFolder

SHOWN = "jsonl"
"""The format in which rows of a spool are searched: it has all their values."""
WAITING = "they wait to be archived: archive them (modeldata ship --drain), then erase again"
ARCHIVED = "they are archived, and stay in this file until it is full or the service that writes it ends"
LEFT = "they are archived, and the next shipper removes this file (modeldata ship --drain)"
ON_ITS_WAY = "a round that has not landed yet: erase again when `modeldata status` shows that nothing is pending"
ELSEWHERE = "rows of this spool go to this archive, too: erase them there as well"
SET_ASIDE = "set aside because it could not be read, so its rows are not known: look at it, and remove it"


class Copy(NamedTuple):
    """A file of a spool with rows that fit, or another archive of the spool. why: what keeps them there, and what to do.

    rows: None where they can't be counted; 0 for an archive, which was not looked into.
    """

    path: str
    rows: int | None
    why: str


class HeldRows:
    """Batches of a spool, in memory, as an archive that can be read."""

    appends = True

    def __init__(self) -> None:
        self._files: dict[str, bytes] = {}

    def add(self, folder: str, suffix: str, data: bytes, head: int, entry: Entry) -> None:
        """A batch with a header of `head` bytes."""
        number = len(self._files) // 2 + 1
        name, rows = data_file(suffix, "00000000", number), memoryview(data)[head:]
        self._files[f"{folder}/{name}"] = data
        entry = entry._replace(file=name, offset=0, size=len(data), row_bytes=len(rows), crc32=crc32(rows))
        self._files[manifest_path(folder, name)] = entry._replace(batch=str(number)).line()

    def walk(
        self, folder: str = "", wanted: Callable[[str], bool] | None = None, skip: Callable[[str], str] | None = None
    ) -> Iterator[str]:
        yield from (path for path in self._files if path.startswith(folder))

    def length(self, path: str) -> int:
        return len(self._files.get(path, b""))

    def read(self, path: str, start: int = 0, size: int | None = None) -> bytes:
        return self._files[path][start : None if size is None else start + size]

    def unfinished_puts(self, folder: str) -> dict[str, int]:
        return {}

    def claimed(self, path: str) -> bool:
        return True


def copies(job: KeepJob, expression: Expression, settings: Settings, files: Files, env: Mapping[str, str]) -> Iterator[Copy]:
    """Files of spools on this host with rows that fit, and those of which that is not known. Nothing is changed."""
    folder = locate_spool(settings, files, env).folder
    try:
        own = existing_place(settings, files)
    except SpoolError as error:
        yield Copy(folder, None, f"the spool can't be looked through: {error}")
        own = None
    former = (spool.place for spool in former_spools(settings, folder, files, env) if spool.ours)
    for place in [*([own] if own else []), *former]:
        yield from _of_segments(job, expression, settings, place, files)
        yield from _of_rounds(job, expression, place, files)
        yield from _set_aside(expression, place, files)
        urls = {sink.url for sink in sinks_of(place, files).values()} - {"", *settings.archives}
        yield from (Copy(url, 0, ELSEWHERE) for url in sorted(urls))


def _of_segments(job: KeepJob, expression: Expression, settings: Settings, place: SpoolFolder, files: Files) -> Iterator[Copy]:
    layout = ArchiveLayout(SHOWN, hour_folders=False, excel_safe=False)
    gatherer = Gatherer(place, files, layout=layout, spool_max_bytes=settings.spool_max_bytes, warn=lambda text: None)
    states = [Checkpoint(place.sink(name), files).load()[1] for name in sinks_of(place, files)]
    waits = not states or any(count(place, state, files).rows for state in states)
    for name in segment_names(place, files):
        path, state = os.path.join(place.segments, name), Progress()
        try:
            segment = OpenSegment(place, name, files)
            segment.close()
            fitting = [_fitting(job, expression, _held(gathered)) for gathered in gatherer.rest_of(name, state)]
        except FileNotFoundError:
            continue  # it was archived meanwhile
        except (OSError, ValueError) as error:
            yield Copy(path, None, f"it can't be read: {error}")
            continue
        rows = None if None in fitting else sum(each or 0 for each in fitting)
        if rows != 0:
            done = not waits or all(_is_behind(known, name, state) for known in states)
            yield Copy(path, rows, WAITING if not done else ARCHIVED if segment.alive else LEFT)


def _is_behind(known: Progress, name: str, state: Progress) -> bool:
    """Has an archive all of a segment?"""
    reached = known.offsets.get(name, 0)
    return reached == DONE or reached >= state.offsets[name] != DONE


def _held(gathered: Gathered) -> HeldRows | None:
    """The rows of a segment; None where some can't be read."""
    held = HeldRows()
    form = BatchFormat(format_of(SHOWN), excel_safe=False, most_bytes=1 << 62, origin="")
    for group in gathered.groups.values():
        for batch in encode_group(group, form):
            if not isinstance(batch, Batch):
                return None
            held.add(batch.folder, SHOWN, batch.head + batch.data, len(batch.head), batch.entry)
    return None if gathered.bad else held


def _of_rounds(job: KeepJob, expression: Expression, place: SpoolFolder, files: Files) -> Iterator[Copy]:
    """Rounds that are under way in each sink, and those that could not land."""
    for name in sinks_of(place, files):
        for outbox in outboxes(place.sink(name), files):
            held = HeldRows()
            try:
                intent = outbox.load()
                for item in intent.items if intent else ():
                    if item.path:
                        held.add(item.folder, item.path.rpartition(".")[2], outbox.read_all(item), item.head, item.entry)
            except (OSError, ValueError, SpoolError) as error:
                yield Copy(place.sink(name), None, f"a round can't be read: {error}")
                continue
            if rows := _fitting(job, expression, held):
                yield Copy(place.sink(name), rows, ON_ITS_WAY)


def _fitting(job: KeepJob, expression: Expression, held: HeldRows | None) -> int | None:
    """How many rows fit; None where that can't be known."""
    if held is None:
        return None
    try:
        findings = search(job._replace(store=held), expression, map)  # type: ignore[arg-type] # it is only read
    except NotThere:
        return 0
    except (SettingsError, Damaged):
        return None
    folders = [folder for collector in findings for folder in collector.folders]
    return None if any(folder.problem for folder in folders) else sum(folder.rows for folder in folders)


def _set_aside(expression: Expression, place: SpoolFolder, files: Files) -> Iterator[Copy]:
    """Files that nobody can decode. Texts of the condition are looked for in their bytes."""
    sinks = [place.sink(name) for name in sinks_of(place, files)]
    kept = [os.path.join(place.quarantine, name) for name in files.listdir(place.quarantine)]
    kept += [os.path.join(sink, name) for sink in sinks for name in files.listdir(sink) if name.endswith(".lost")]
    for path in kept:
        try:
            content = read_file(files, path)
        except (OSError, ModelDataError):
            content = b""
        texts = [text for text in expression.texts if text.encode("utf-8", "surrogatepass") in content]
        has = f"it has the text {texts[0]!r}; " if texts else ""
        yield Copy(path, None, has + SET_ASIDE)
