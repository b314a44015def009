"""Is a spool ours alone? Who can write into it could forge rows; who can write into a folder above it could carry it away."""

from __future__ import annotations

import os
import stat

from modeldata.errors import SpoolError
from modeldata.spool.accounts import local_accounts
from modeldata.spool.disk_kind import on_volume_of_container

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from modeldata.spool.files import Files

OTHERS = stat.S_IWGRP | stat.S_IWOTH
DIRECTORY = getattr(os, "O_DIRECTORY", 0)
MOST_LINKS = 40
"""On the way to a folder; the kernel follows no more."""


def check_private(folder: str, files: Files) -> None:
    """Raises `SpoolError` unless `folder` is a real folder of this user that nobody else can write, rename or replace.

    A folder of ours with too wide a mode gets its own mode back: Kubernetes widens it at each mount of a volume (`fsGroup`).
    """
    seen = check_own(folder, files)
    if files.user() is None:
        return
    if seen.st_mode & OTHERS:
        _narrow(folder, files)
    _check_way(folder, files)


def owner_of(folder: str, files: Files) -> int | None:
    """The user id that owns it. None where it is not there yet, nobody can look, or the system has no user ids."""
    try:
        return files.stat(folder).st_uid if files.user() is not None else None
    except OSError:
        return None


def danger_above(folder: str, files: Files) -> SpoolError | None:
    """Why others could carry away a spool at `folder`, which need not be there yet. None too where nobody can look."""
    try:
        if files.user() is not None:
            _check_way(folder, files)
    except SpoolError as error:
        return error
    except OSError:
        return None
    return None


def _check_way(folder: str, files: Files) -> None:
    for path in _above(os.path.abspath(folder), files):
        try:
            _check_above(path, folder, files)
        except FileNotFoundError:
            continue  # made by us when it is needed, as nobody else's


def check_own(folder: str, files: Files) -> os.stat_result:
    """Raises `SpoolError` unless `folder` is a real folder of this user."""
    seen = files.stat(folder)
    if not stat.S_ISDIR(seen.st_mode):
        raise SpoolError("open the spool", folder, cause="it is a link or a file", hint="use a real folder")
    user = files.user()
    if user not in (None, seen.st_uid):
        raise SpoolError(
            "open the spool",
            folder,
            cause=f"it belongs to user id {seen.st_uid} with mode {stat.S_IMODE(seen.st_mode):04o}",
            hint=f"this process runs as user id {user}: set MODELDATA_SPOOL to a folder of its own",
        )
    return seen


def _narrow(folder: str, files: Files) -> None:
    """Take from all others what they may do in `folder`. By its descriptor, so that no link put in its place is followed."""
    fd = files.open(folder, os.O_RDONLY | DIRECTORY)
    try:
        if files.fstat(fd).st_uid == files.user():
            files.set_mode(fd, 0o700)
        left = files.fstat(fd).st_mode
    finally:
        files.close(fd)
    if left & OTHERS:
        raise SpoolError(
            "open the spool",
            folder,
            cause=f"its mode {stat.S_IMODE(left):04o} lets others write, and this file system does not change it",
            hint="set MODELDATA_SPOOL to a folder on a disk that keeps modes",
        )


def _above(path: str, files: Files) -> Iterator[str]:
    """Each folder and link that a look-up of `path` meets before its end, also on the way of the links."""
    waiting, seen = [path], set()
    while waiting and len(waiting) <= MOST_LINKS:
        path = waiting.pop()
        above = os.path.dirname(path)
        while above not in seen:
            seen.add(above)
            yield above
            if _is_link(above, files):
                target = os.path.join(os.path.realpath(os.path.dirname(above)), files.link_target(above))
                waiting.append(os.path.join(os.path.normpath(target), "."))
            above = os.path.dirname(above)


def _is_link(path: str, files: Files) -> bool:
    try:
        return stat.S_ISLNK(files.stat(path).st_mode)
    except FileNotFoundError:
        return False


def _check_above(path: str, folder: str, files: Files) -> None:
    seen, user = files.stat(path), files.user()
    who = f"user id {seen.st_uid} owns it, its mode is {stat.S_IMODE(seen.st_mode):04o}"
    if seen.st_uid not in (0, user, files.stat(os.path.abspath(os.sep)).st_uid):
        cause, hint = f"{path} belongs to another user, who could carry the spool away ({who})", ""
    elif stat.S_ISDIR(seen.st_mode) and _open_to_others(seen, user):
        cause, hint = f"{path} can be written by others, who could carry the spool away ({who})", f"chmod go-w {path}, or "
    else:
        return
    if not on_volume_of_container(path, files):
        hint += "set MODELDATA_SPOOL to a folder below folders that only this user and root can write"
        raise SpoolError("open the spool", folder, cause=cause, hint=hint)


def _open_to_others(seen: os.stat_result, user: int | None) -> bool:
    """Can another user rename what is in this folder? Where it is sticky, only what is his own."""
    if not seen.st_mode & OTHERS or seen.st_mode & stat.S_ISVTX:
        return False
    if seen.st_mode & stat.S_IWOTH:
        return True
    accounts = local_accounts(user)
    return seen.st_gid != 0 and (accounts is None or not accounts.only_ours(seen.st_gid))
