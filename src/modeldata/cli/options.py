"""Whose rows, of when, which columns: the arguments that every command for rows takes, and what they ask of the reader."""

from __future__ import annotations

import csv
import datetime as dt
import os
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from modeldata.cli.archive import reader_of

if TYPE_CHECKING:
    from modeldata.catalog.batches import Catalog
    from modeldata.read.query import ReadQuery
    from modeldata.read.question import Question


class TimeSpan(NamedTuple):
    """What `--start`, `--end` and `--days` say, as they were typed."""

    start: str | None
    end: str | None
    days: int | None

    def bounds(self, today: dt.date) -> tuple[str | None, str | None]:
        """(start, end) for the reader. `--days 2` is today and yesterday, in UTC. Raises `typer.BadParameter`."""
        if self.days is None:
            return self.start, self.end
        if self.start or self.end:
            raise typer.BadParameter("--days says both already: leave out --start and --end")
        return (today - dt.timedelta(days=self.days - 1)).isoformat(), None


def ask(
    collector: str,
    archive: str | None,
    span: TimeSpan,
    version: str | None = None,
    service: str | None = None,
    columns: str | None = None,
    text: str | None = None,
    skip_damaged: bool = False,
) -> ReadQuery:
    """Raises `NotThere` for a collector that is none, with near names; `typer.BadParameter` for what can't be meant."""
    from modeldata.catalog.batches import Catalog
    from modeldata.read.query import ReadQuery
    from modeldata.read.question import request_of

    question = question_of(span, version, service, columns, text, skip_damaged)
    reader = reader_of(archive)
    catalog = Catalog.of(reader.store)
    model, identifier = found(collector, catalog, reader.url)
    return ReadQuery(reader.store, reader.url, request_of(model, identifier, question), catalog)


def question_of(
    span: TimeSpan, version: str | None, service: str | None, columns: str | None, text: str | None, skip_damaged: bool
) -> Question:
    """The keywords of the reader."""
    start, end = span.bounds(dt.datetime.now(dt.UTC).date())
    made: Question = {"start": start, "end": end, "version": version, "service": service, "columns": names_in(columns)}
    if text:
        from modeldata.read.forms import TEXT

        made["types"] = dict.fromkeys(names_in(text) or (), TEXT)
    if skip_damaged:
        made["errors"] = "skip"
    return made


def names_in(text: str | None) -> list[str] | None:
    """`a,b` → both, and `"a,b",c` as CSV has it, for names with a comma."""
    if text is None:
        return None
    return [name for name in next(csv.reader([text], skipinitialspace=True), []) if name]


def found(collector: str, catalog: Catalog, archive: str) -> tuple[str, str]:
    """(model, identifier). Of a model alone, its only identifier. Raises `NotThere`, which names those that there are."""
    from modeldata.catalog.errors import NotThere
    from modeldata.catalog.select import choose, collectors

    everyone = collectors(catalog)
    models = {one.identity["model_name"] for one in everyone}
    model, slash, identifier = collector.rpartition("/")
    if slash and collector not in models:
        choose(catalog, {"model_name": model, "identifier": identifier}, archive)
        return model, identifier
    identifiers = {one.identity["identifier"] for one in choose(catalog, {"model_name": collector}, archive)}
    if len(identifiers) > 1:
        which = " or ".join(f"{collector}/{one}" for one in sorted(identifiers))
        raise NotThere("tell which collector", archive, cause=f"model {collector!r} has several", hint=f"say {which}")
    return collector, identifiers.pop()


def complete_collector(context: typer.Context, incomplete: str) -> list[str]:
    """For the shell's TAB. Of local archives only: a cloud would be asked at each key, perhaps for long."""
    from modeldata.catalog.batches import Catalog
    from modeldata.catalog.select import collectors
    from modeldata.errors import ModelDataError
    from modeldata.urls import local_folder

    try:
        reader = reader_of(context.params.get("archive") or os.environ.get("MODELDATA_ARCHIVE"))
        if local_folder(reader.url) is None:
            return []
        found = {f"{one.identity['model_name']}/{one.identity['identifier']}" for one in collectors(Catalog.of(reader.store))}
    except (ModelDataError, OSError):
        return []  # a shell has no place for it
    return [name for name in sorted(found) if name.startswith(incomplete)]


CollectorArgument = Annotated[
    str,
    typer.Argument(
        metavar="COLLECTOR",
        help="MODEL/IDENTIFIER, such as churn/inputs; MODEL alone where it has only one.",
        autocompletion=complete_collector,
    ),
]
StartOption = Annotated[
    str | None, typer.Option("--start", metavar="TIME", help="From here on: 2026-11-23 or 2026-11-23T12:00, UTC.")
]
EndOption = Annotated[str | None, typer.Option("--end", metavar="TIME", help="Before this.")]
DaysOption = Annotated[int | None, typer.Option("--days", metavar="N", min=1, help="The last N days, today included (UTC).")]
ColumnsOption = Annotated[str | None, typer.Option("--columns", metavar="A,B", help="Only these columns, in this order.")]
TextOption = Annotated[
    str | None, typer.Option("--text", metavar="A,B", help="Read these columns as text, where values are of several types.")
]
SkipOption = Annotated[bool, typer.Option("--skip-damaged", help="Leave out what is damaged, and say so, instead of ending.")]
TableOption = Annotated[bool, typer.Option("--table", help="As a table for eyes; the default at a terminal.")]
CsvOption = Annotated[bool, typer.Option("--csv", help="As CSV; the default where stdout is no terminal.")]
LinesOption = Annotated[bool, typer.Option("--json", help="As JSON lines: one object a row.")]
