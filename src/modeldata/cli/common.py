"""Options that several commands share."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from modeldata.settings import FIELDS, Settings
from modeldata.spool.files import Files
from modeldata.spool.place import noted_layout

ArchiveOption = Annotated[
    str | None, typer.Option("--archive", help="The archive's URL or path; else MODELDATA_ARCHIVE, else ./modeldata.")
]
SpoolOption = Annotated[
    str | None, typer.Option("--spool", help="The spool folder; else MODELDATA_SPOOL, else beside a local archive.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]


def settings_of(archive: str | None, spool: str | None) -> Settings:
    """Settings as a service with the same environment would build them.

    What the environment does not say about the archive's layout is taken from the service that used the spool last.
    """
    settings = Settings.build(os.environ, archive=archive, spool=spool)
    noted = noted_layout(settings.spool_folder(), Files())
    if not noted:
        return settings
    settings = Settings.build({**noted, **os.environ}, archive=archive, spool=spool)
    told = {
        field.name: "the service that used this spool"
        for field in FIELDS
        if noted.keys() & set(field.variables) - os.environ.keys()
    }
    return settings.with_origin(told)
