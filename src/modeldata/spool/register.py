"""Which archives a spool is for, and which spools a user has: notes by which rows that wait are found after a change of settings.

Nothing depends on them being there: on a full disk, or without a home, rows are archived as ever.
"""

from __future__ import annotations

import os

from modeldata import urls
from modeldata.interrupts import spare
from modeldata.spool.files import make_folders, read_file, replace_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from modeldata.spool.files import Files
    from modeldata.spool.folder import SpoolFolder

NOTE = "archives.json"
REGISTER = "spools"
MOST = 64
"""Spools that are remembered for a user: the latest ones."""


def note_archives(place: SpoolFolder, archives: Sequence[str]) -> None:
    """Leave in the spool which archives its rows are for; a local one also by its inode, so that it is known after a move."""
    import json

    files = place.files
    before = dict(noted_archives(place.folder, files))
    after = {url: inode_of(url, files) or before.get(url) for url in archives}
    if after == before:
        return
    try:
        replace_file(files, os.path.join(place.folder, NOTE), json.dumps(after).encode(), durable=False)
    except OSError as error:
        spare(error)  # a full disk: the row is what matters


def noted_archives(folder: str, files: Files) -> list[tuple[str, int | None]]:
    """(URL, inode of a local one) of each archive that a spool is for; nothing where nobody said."""
    import json

    try:
        note = json.loads(read_file(files, os.path.join(folder, NOTE)))
    except (OSError, ValueError) as error:
        spare(error)
        return []
    if not isinstance(note, dict):
        return []
    return [(url, inode if isinstance(inode, int) else None) for url, inode in note.items()]


def inode_of(url: str, files: Files) -> int | None:
    """Of a local archive that is there; None for every other."""
    folder = None if urls.scheme_of(url) else urls.local_folder(url)
    try:
        return files.stat(os.path.realpath(folder)).st_ino if folder else None
    except OSError as error:
        spare(error)
        return None


def remember(state: str, folder: str, files: Files) -> None:
    """Add a spool to those that this user has."""
    known = remembered(state, files)
    if folder in known:
        return
    try:
        make_folders(files, state)
        kept = [path for path in known if os.path.isdir(path)][1 - MOST :]
        lines = "".join(f"{path}\n" for path in [*kept, folder] if "\n" not in path)
        replace_file(files, os.path.join(state, REGISTER), os.fsencode(lines), durable=False)
    except OSError as error:
        spare(error)  # no home that can be written


def remembered(state: str, files: Files) -> list[str]:
    """The spools that this user had, the latest last. Each must still prove to be one, and this user's."""
    try:
        return os.fsdecode(read_file(files, os.path.join(state, REGISTER))).splitlines()
    except OSError as error:
        spare(error)
        return []
