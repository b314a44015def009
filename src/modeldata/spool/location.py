"""Where the spool of some settings is: the first of its places that others can't carry away."""

from __future__ import annotations

import os

from modeldata.errors import SpoolError
from modeldata.settings.folders import temporary_state
from modeldata.spool.private import danger_above, owner_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from modeldata.settings import Settings
    from modeldata.spool.files import Files


class Location:
    """The folder in which rows wait. `note`: what an operator should know of it; empty for the usual place.

    unsafe: the better place, which others could carry away or which is another user's; empty where there is none.
    """

    __slots__ = ("folder", "note", "unsafe")

    def __init__(self, folder: str, note: str = "", unsafe: str = "") -> None:
        self.folder = folder
        self.note = note
        self.unsafe = unsafe


def locate_spool(settings: Settings, files: Files, env: Mapping[str, str]) -> Location:
    """Where rows wait, the same for services, shippers and commands. A spool that was named stays under its root: where another
    user has the folder of these archives, this user has one beside it.

    Raises `SpoolError` where there is no place at all. A place that is not safe either is refused by `open_place`.
    """
    places = settings.spool_folders(env)
    if settings.spool is not None:
        usual, own = places
        return _under_root(usual, own, files)
    refused = None
    for folder in places:
        danger = danger_above(folder, files)
        if danger is None:
            return Location(folder, _note(folder, refused, env), places[0] if refused else "")
        refused = refused or danger
    return Location(places[0])


def _under_root(usual: str, own: str, files: Files) -> Location:
    owner = owner_of(usual, files)
    if owner is None or owner == files.user():
        return Location(usual)
    return Location(own, f"{usual} belongs to user id {owner}, so rows of user id {files.user()} wait in {own}", usual)


def _note(folder: str, refused: SpoolError | None, env: Mapping[str, str]) -> str:
    temporary = os.path.dirname(folder) == temporary_state(env)
    if refused is None and not temporary:
        return ""
    why, hint = (refused.cause, refused.hint) if refused else ("no home can be written", "set MODELDATA_SPOOL")
    return f"{why}, so rows wait in {folder}{', which a restart may empty' if temporary else ''}; {hint}"


def spool_folder_if_any(settings: Settings, files: Files, env: Mapping[str, str]) -> str:
    """Where the spool would be; empty where there is no place at all."""
    try:
        return locate_spool(settings, files, env).folder
    except SpoolError:
        return ""
