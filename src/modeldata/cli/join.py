"""`modeldata join`: inputs, predictions and labels side by side."""

from __future__ import annotations

import datetime as dt
import re
from typing import Annotated, Literal, cast

import typer
from rich.console import Console

from modeldata.cli.common import (
    ArchiveOption,
    ColumnsOption,
    EndOption,
    RowsJsonOption,
    ServiceOption,
    StartOption,
    VersionOption,
    question,
    reader_of,
)
from modeldata.errors import SettingsError

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def join(
    model: Annotated[str, typer.Argument(help="The model's name.")],
    identifiers: Annotated[list[str], typer.Argument(help="Two or more: inputs predictions labels. The first leads.")],
    on: Annotated[str, typer.Option("--on", help="What ties rows together: correlation or request (id).")] = "correlation",
    how: Annotated[str, typer.Option("--how", help="left: all rows of the first; inner: complete ones; outer: all.")] = "left",
    look_ahead: Annotated[str, typer.Option("--look-ahead", help="How much later others may come: 7d, 12h.")] = "1d",
    start: StartOption = None,
    end: EndOption = None,
    version: VersionOption = None,
    service: ServiceOption = None,
    columns: ColumnsOption = None,
    archive: ArchiveOption = None,
    as_json: RowsJsonOption = False,
) -> None:
    """Show each row of the first collector beside the rows of the others that belong to it; how complete they are, on stderr.

    Row by row inside a call: row 3 of the inputs beside row 3 of the predictions. Columns are IDENTIFIER.NAME.
    """
    from modeldata.cli.rows import show

    asked = question(start, end, version, service, columns)
    made = reader_of(archive).join(
        model,
        *identifiers,
        on=cast("Literal['correlation', 'request']", on),
        how=cast("Literal['left', 'inner', 'outer']", how),
        look_ahead=duration(look_ahead),
        **asked,
    )
    found = made.to_arrow()
    show(found.schema, found.to_batches(), as_json=as_json)
    Console(stderr=True, highlight=False).print(str(made.coverage), soft_wrap=True, markup=False)


def duration(text: str) -> dt.timedelta:
    """Such as 90s, 12h or 7d. Raises `SettingsError`."""
    found = re.fullmatch(r"(\d{1,6})([smhdw])", text.strip().lower())
    if found is None:
        raise SettingsError("join", cause=f"{text!r} is no length of time", hint="such as 12h or 7d")
    return dt.timedelta(**{_UNITS[found[2]]: int(found[1])})
