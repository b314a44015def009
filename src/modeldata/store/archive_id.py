"""An archive has an id of its own, kept in it. How it is spelled, mounted or linked never matters, nor that it was renamed.

The id is in a small JSON file below the archive's root. Whoever ships first makes it, once. A copy of an archive takes an id of
its own: for a local folder the file also says where it was and which inode it had, so that a copy differs from a move.
"""

from __future__ import annotations

import json
import os
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

from modeldata.errors import StoreError
from modeldata.format import names
from modeldata.spool.files import make_folders, replace_file
from modeldata.store.local import FOLDER_MODE, LocalStore
from modeldata.store.port import Conflict, Unavailable

if TYPE_CHECKING:
    from modeldata.spool.files import Files
    from modeldata.store.port import Store

NAME = f"{names.OWN_FOLDER}/{names.MANIFEST}/archive.json"
"""In a folder that readers of rows skip."""
VERSION = 1
MOST_FORMER = 16
"""Ids that a copy of a copy of a copy remembers."""


class ArchiveId(NamedTuple):
    """`former`: ids of the archives that it is a copy of, the latest first."""

    id: str
    former: tuple[str, ...] = ()


def identify(store: Store, files: Files, fresh: str) -> ArchiveId:
    """The id of an archive, made (`fresh`) where it has none yet. Raises `Unavailable`, `StoreError` where it can't be known."""
    if isinstance(store, LocalStore):
        return _identify_local(store, files, fresh)
    return _id_in(_read_note(store) or _make_note(store, {"version": VERSION, "id": fresh}))


def id_of_folder(folder: str, files: Files) -> str | None:
    """The id of a local archive as it is noted; None where it has none or can't be read."""
    try:
        note = _read_note(LocalStore(folder, files))
    except StoreError:
        return None
    return str(note["id"]) if note else None


def _identify_local(store: LocalStore, files: Files, fresh: str) -> ArchiveId:
    here = os.path.realpath(store.root)
    note = _read_note(store)
    if not note:
        try:
            make_folders(files, here, FOLDER_MODE)
            first = {"version": VERSION, "id": fresh, "where": here, "inode": files.stat(here).st_ino}
            if note is not None:  # it was damaged: the checkpoint is found by the archive's URL, and notes the new id
                replace_file(files, os.path.join(here, NAME), json.dumps(first).encode())
        except OSError as error:
            raise _no_id(store.root, error.strerror or str(error)) from error
        note = _make_note(store, first)
    return _id_in(_note_of_today(store, files, here, note))


def _note_of_today(store: LocalStore, files: Files, here: str, note: dict[str, object]) -> dict[str, object]:
    """The note of an archive that may have been moved or copied since it was written."""
    inode = _inode(files, here)
    where = str(note.get("where", here))
    if note.get("inode") == inode and where == here:
        return note
    fresh = {**note, "where": here, "inode": inode}
    if note.get("inode") != inode and where != here and _inode(files, where) == note.get("inode"):
        former = [_id_in(note).id, *_id_in(note).former]
        fresh |= {"id": sha256(f"{former[0]} {inode}".encode()).hexdigest()[:32], "copy_of": former[:MOST_FORMER]}
    try:
        replace_file(files, os.path.join(here, NAME), json.dumps(fresh).encode())
    except OSError:
        pass  # read-only to us: every process that looks comes to the same answer
    return fresh


def _inode(files: Files, folder: str) -> int | None:
    try:
        return files.stat(folder).st_ino
    except OSError:
        return None


def _read_note(store: Store, *, again: bool = True) -> dict[str, object] | None:
    """What the file says, nothing where it is damaged; None where it is not there."""
    try:
        note = json.loads(store.read(NAME))
    except ValueError:
        return {}
    except Unavailable:
        there = _is_there(store)
        if there and again:
            return _read_note(store, again=False)  # somebody made it between the two looks
        if there is not False:
            raise
        return None
    return note if isinstance(note, dict) and isinstance(note.get("id"), str) else {}


def _is_there(store: Store) -> bool | None:
    """None where the store is down: then the read that failed before says why."""
    try:
        return store.length(NAME) > 0
    except Unavailable:
        return None


def _make_note(store: Store, note: dict[str, object]) -> dict[str, object]:
    """What the one who was first wrote."""
    try:
        store.put(NAME, json.dumps(note).encode())
    except Conflict:
        return _read_note(store) or {}
    return note


def _id_in(note: dict[str, object]) -> ArchiveId:
    former = note.get("copy_of")
    if "id" not in note:
        raise _no_id(NAME, "the file is damaged")
    return ArchiveId(str(note["id"]), tuple(map(str, former)) if isinstance(former, list) else ())


def _no_id(where: str, cause: str) -> StoreError:
    return StoreError("learn which archive this is", where, cause=cause, hint=f"restore or remove the file {NAME} below its root")
