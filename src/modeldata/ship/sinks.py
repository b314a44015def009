"""Which folder below `sinks/` keeps the checkpoint of an archive. It goes by the archive's id, not by how its URL is spelled.

Each has a note of the archive's id and of the URL under which it was last met. Older versions left no note; they named the
folder after the URL's text (`Settings.sink_key`), as the first folder of an archive still is.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, NamedTuple

from modeldata import urls
from modeldata.settings.archives import key_of
from modeldata.ship.checkpoint import Checkpoint
from modeldata.ship.parked import parked_rows
from modeldata.spool.files import make_folders, read_file, replace_file

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modeldata.settings import Settings
    from modeldata.ship.checkpoint import Progress
    from modeldata.spool.files import Files
    from modeldata.spool.folder import SpoolFolder
    from modeldata.store.archive_id import ArchiveId

NOTE = "archive.json"


class Sink(NamedTuple):
    """What is known of a folder: the archive's id and URL (empty where nobody noted them), how many commits it has seen."""

    id: str
    url: str
    generation: int


def sinks_of(place: SpoolFolder, files: Files) -> dict[str, Sink]:
    """The folders that were ever used, by name."""
    try:
        names = files.listdir(place.sinks)
    except FileNotFoundError:
        return {}
    sinks = {}
    for name in names:
        note, checkpoint = _noted(place, name, files), Checkpoint(place.sink(name), files)
        if note or checkpoint.was_begun():
            sinks[name] = Sink(str(note.get("id", "")), str(note.get("url", "")), checkpoint.generation())
    return sinks


def choose(sinks: Mapping[str, Sink], settings: Settings, archive: ArchiveId | None) -> str | None:
    """The folder of one archive; None where it has none yet. archive: None while its id is not known.

    One archive alone always goes on where its spool was: which rows wait does not depend on where they go.
    """
    key = settings.sink_key()
    urls_noted = {sink.url: name for name, sink in sinks.items() if sink.url}
    ids = {sink.id: name for name, sink in sinks.items() if sink.id and not _is_a_remote_copy(sink, settings)}
    if archive is not None and archive.id in ids:
        return ids[archive.id]
    if key in sinks and not sinks[key].url:
        return key  # of a version that left no note
    if settings.archive in urls_noted:
        return urls_noted[settings.archive]
    for former in archive.former if archive is not None else ():
        if former in ids:
            return ids[former]
    if sinks and not settings.others:
        return max(sinks, key=lambda name: sinks[name].generation)
    return None


def _is_a_remote_copy(sink: Sink, settings: Settings) -> bool:
    """A bucket that was copied has the id of the original: then the URL tells the two apart."""
    return sink.url in settings.others and bool(urls.scheme_of(sink.url))


def name_of(place: SpoolFolder, settings: Settings, files: Files, archive: ArchiveId | None = None) -> str:
    """The name of the folder for one archive, which need not be there yet."""
    sinks = sinks_of(place, files)
    chosen = choose(sinks, settings, archive)
    if chosen is not None:
        return chosen
    key = settings.sink_key()
    return f"{key}-{archive.id[:16]}" if key in sinks and archive is not None else key


def state_of(place: SpoolFolder, settings: Settings, files: Files) -> Progress:
    """What the checkpoint of one archive says now. Raises `SpoolError` where no slot of it can be read."""
    return _state_in(place.sink(name_of(place, settings, files)), files)


def state_under(place: SpoolFolder, url: str, files: Files) -> Progress:
    """The same for an archive that was last met under `url`."""
    noted = {sink.url: name for name, sink in sinks_of(place, files).items()}
    return _state_in(place.sink(noted.get(url, key_of(url))), files)


def _state_in(folder: str, files: Files) -> Progress:
    state = Checkpoint(folder, files).load()[1]
    state.parked = parked_rows(folder, files)  # after the checkpoint: what it says is archived was parked before
    return state


def is_sure(place: SpoolFolder, settings: Settings, files: Files) -> bool:
    """Is the folder known without the archive's id?"""
    sinks = sinks_of(place, files)
    unknown = [name for name, sink in sinks.items() if sink.url not in settings.others]
    return not unknown or choose(sinks, settings, None) is not None


def adopt(place: SpoolFolder, name: str, settings: Settings, files: Files, archive: ArchiveId | None) -> None:
    """Make the folder and note, durably, which archive it is for."""
    folder = place.sink(name)
    make_folders(files, folder)
    noted = _noted(place, name, files)
    wanted = {"id": archive.id if archive is not None else noted.get("id", ""), "url": settings.archive}
    if noted != wanted:
        replace_file(files, os.path.join(folder, NOTE), json.dumps(wanted).encode(), patient=True)


def _noted(place: SpoolFolder, name: str, files: Files) -> dict[str, object]:
    try:
        note = json.loads(read_file(files, os.path.join(place.sink(name), NOTE)))
    except (OSError, ValueError):
        return {}
    return note if isinstance(note, dict) else {}
