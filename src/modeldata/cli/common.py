"""Options that several commands share."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from modeldata.errors import mask
from modeldata.settings import FIELDS, Settings
from modeldata.spool.files import Files
from modeldata.spool.place import noted_layout

if TYPE_CHECKING:
    from modeldata.read.question import Question
    from modeldata.read.reader import Reader

ArchiveOption = Annotated[
    str | None, typer.Option("--archive", help="The archive's URL or path; else MODELDATA_ARCHIVE, else ./modeldata.")
]
SpoolOption = Annotated[
    str | None, typer.Option("--spool", help="The spool folder; else MODELDATA_SPOOL, else beside a local archive.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]
RowsJsonOption = Annotated[bool, typer.Option("--json", help="Print each row as a JSON object on a line of its own.")]
CollectorArgument = Annotated[str, typer.Argument(help="MODEL/IDENTIFIER, such as churn/inputs; MODEL alone if it has only one.")]
StartOption = Annotated[str | None, typer.Option("--start", help="From this moment on: 2026-11-01, or 2026-11-01T12:00 (UTC).")]
EndOption = Annotated[str | None, typer.Option("--end", help="Before this moment.")]
VersionOption = Annotated[str | None, typer.Option("--version", help="Only this model version.")]
ServiceOption = Annotated[str | None, typer.Option("--service", help="Only this service.")]
ColumnsOption = Annotated[str | None, typer.Option("--columns", help="Only these columns, with commas between them.")]


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


def warn(text: str) -> None:
    """A line on stderr."""
    print(f"modeldata: {mask(text)}", file=sys.stderr)


def reader_of(archive: str | None) -> Reader:
    """A reader of the archive; of several, the first. Raises `NotThere` where there is none."""
    from modeldata.read.reader import Reader

    return Reader.of(settings_of(archive, None), warn)


def collector_of(reader: Reader, text: str) -> tuple[str, str]:
    """(model name, identifier) that an argument means. Raises `NotThere`, with the names that may have been meant."""
    from modeldata.read.catalog import Catalog
    from modeldata.read.choose import choose
    from modeldata.read.errors import NotThere

    catalog = Catalog.of(reader.store)
    for model, _, identifier in ((text, "", ""), text.rpartition("/")):
        try:
            found = choose(catalog, {"model_name": model, "identifier": identifier or None}, reader.url)
        except NotThere:
            if (model, identifier) == (text, "") and "/" in text:
                continue  # a model's name may have a slash in it: tried first
            raise
        known = sorted({one.identity["identifier"] for one in found})
        if len(known) == 1:
            return model, known[0]
        names = ", ".join(f"{model}/{one}" for one in known)
        raise NotThere("read the archive", reader.url, cause=f"model {model!r} has several identifiers", hint=f"one of {names}")
    raise AssertionError("the second try raises")


def question(start: str | None, end: str | None, version: str | None, service: str | None, columns: str | None) -> Question:
    """The options that readers share, as `Archive.read` takes them."""
    return {
        "start": start,
        "end": end,
        "version": version,
        "service": service,
        "columns": None if columns is None else [name.strip() for name in columns.split(",") if name.strip()],
    }
