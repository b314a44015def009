"""Folders of the user this process runs as, for a spool and for notes."""

from __future__ import annotations

import os
import sys

from modeldata import windows
from modeldata.errors import SpoolError
from modeldata.format.names import component

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

SPOOL_PREFIX = ".modeldata-spool-"
"""Begins the name of a spool that lies beside a local archive. A leading dot is what Spark and Hive skip."""


def state_folder(env: Mapping[str, str]) -> str:
    """Where the platform wants a user's state to be; below the temporary directory where no home can be written.

    Raises `SpoolError` where that can't be written, either.
    """
    for folder in state_folders(env):
        return folder
    raise SpoolError(
        "find a folder for the spool",
        cause="neither a home nor a temporary directory can be written",
        hint="set MODELDATA_SPOOL to a folder that this user can write and that outlives a restart",
    )


def state_folder_if_any(env: Mapping[str, str]) -> str | None:
    """`state_folder`; None where nothing can be written."""
    try:
        return state_folder(env)
    except SpoolError:
        return None


def state_folders(env: Mapping[str, str]) -> list[str]:
    """Where a user's state may be, the best place first."""
    return [folder for folder in (_home_state(env), temporary_state(env)) if folder is not None]


def _home_state(env: Mapping[str, str]) -> str | None:
    """The folder for our state in the user's home; None where it can't be written."""
    home = os.path.expanduser("~")
    if windows.HERE:
        base = windows.state_base(env, home)
    elif sys.platform == "darwin":
        base = os.path.join(home, "Library", "Application Support")
    else:
        base = env.get("XDG_STATE_HOME", "")
        base = base if os.path.isabs(base) else os.path.join(home, ".local", "state")
    if os.path.isabs(base) and os.access(_existing(base), os.W_OK):
        return os.path.join(base, "modeldata")
    return None


def temporary_state(env: Mapping[str, str]) -> str | None:
    """A user's folder below the temporary directory. That one is as `tempfile` finds it, but never the working directory,
    without writing a file, and without its cost to import."""
    named = [env.get(name, "") for name in ("TMPDIR", "TEMP", "TMP")]
    for folder in [*named, "/tmp", "/var/tmp"]:
        if os.path.isabs(folder) and os.path.isdir(folder) and os.access(folder, os.W_OK):
            return os.path.join(folder, f"modeldata-{user_name(env)}")
    return None


def _existing(path: str) -> str:
    while not os.path.exists(path) and os.path.dirname(path) != path:
        path = os.path.dirname(path)
    return path


def user_name(env: Mapping[str, str]) -> str:
    """A name for the user this process runs as now, fit for a path."""
    return str(os.getuid()) if hasattr(os, "getuid") else component(env.get("USERNAME", "user"))
