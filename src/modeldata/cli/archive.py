"""The archive that a command means, and where what is no result goes."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from modeldata.cli.table import text_lines
from modeldata.errors import SpoolError, mask
from modeldata.settings import Settings
from modeldata.settings.misspelt import misspelt, warning
from modeldata.settings.table import SETTINGS
from modeldata.spool.files import Files
from modeldata.spool.folder import noted_layout
from modeldata.spool.location import locate_spool

if TYPE_CHECKING:
    from collections.abc import Callable

    from modeldata.store import Store


def settings_of(archive: str | None, spool: str | None, *, warn: Callable[[str], None] | None = None) -> Settings:
    """Settings as a service with the same environment would build them.

    What nobody says here about the archive's layout is taken from the service that used the spool last.
    warn: is given what looks wrong in the environment; else it goes to stderr.
    """
    for variable, meant in misspelt(os.environ).items():
        (warn or say)(warning(variable, meant))
    settings = Settings.here(os.environ, archive=archive, spool=spool)
    try:
        noted = noted_layout(locate_spool(settings, Files(), os.environ).folder, Files())
    except SpoolError:
        return settings  # who reads an archive needs no spool; who needs one says so
    unsaid = [
        name for name, origin in settings.origin.items() if origin == "default" and noted.keys() & {*SETTINGS[name].variables}
    ]
    if not unsaid:
        return settings
    env = {**os.environ, **{name: text for field in unsaid for name in SETTINGS[field].variables if (text := noted.get(name))}}
    settings = Settings.here(env, archive=archive, spool=spool)
    return settings.with_origin(dict.fromkeys(unsaid, "the service that used this spool"))


def store_of(settings: Settings) -> Store:
    """The store of settings with one archive. Raises `SettingsError` where its library can't be loaded."""
    from modeldata.store import open_for

    return open_for(settings, Files(), say)


def say(text: str) -> None:
    """What is no result goes to stderr, one line, with no secret in it and nothing that a terminal would obey."""
    print("\n".join(text_lines(f"modeldata: {mask(text)}", sys.stderr)), file=sys.stderr)
