"""Options that several commands take, each declared once.

A group of options is a dataclass. A command has one parameter for a group and gets one value of it.
"""

from __future__ import annotations

import csv
import datetime as dt
import inspect
import sys
from dataclasses import dataclass, fields, is_dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, get_type_hints

import typer

from modeldata.cli.archive import say, settings_of
from modeldata.cli.complete import (
    complete_collector,
    complete_columns,
    complete_identifier,
    complete_model,
    complete_service,
    complete_version,
)
from modeldata.cli.output import CSV, JSONL, TABLE
from modeldata.format import names

if TYPE_CHECKING:
    from collections.abc import Callable

    from modeldata.catalog.batches import Catalog
    from modeldata.catalog.select import CollectorFolders
    from modeldata.read.query import ReadQuery
    from modeldata.read.question import Question
    from modeldata.read.reader import Reader
    from modeldata.settings import Settings

Value = TypeVar("Value")

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]
VersionOption = Annotated[
    str | None, typer.Option("--model-version", help="Only this model version.", autocompletion=complete_version)
]
ServiceOption = Annotated[str | None, typer.Option("--service", help="Only this service.", autocompletion=complete_service)]
SkipOption = Annotated[bool, typer.Option("--skip-damaged", help="Leave out what is damaged, and say so, instead of ending.")]
TextOption = Annotated[
    str | None,
    typer.Option(
        "--text", metavar="A,B", help="Read these columns as text, where values are of several types.",
        autocompletion=complete_columns,
    ),
]  # fmt: skip
YesOption = Annotated[bool, typer.Option("--yes", help="Do it. Without, only what would be done is shown.")]
CollectorArgument = Annotated[
    str,
    typer.Argument(
        metavar="COLLECTOR",
        help="MODEL/IDENTIFIER, such as churn/inputs; MODEL alone where it has only one.",
        autocompletion=complete_collector,
    ),
]


@dataclass(frozen=True)
class ArchiveOptions:
    """Which archive."""

    archive: Annotated[
        str | None,
        typer.Option("--archive", help="The archive's URL or path; else MODELDATA_ARCHIVE, modeldata.toml, ./modeldata."),
    ] = None

    @property
    def url(self) -> str | None:
        return self.archive

    def settings(self) -> Settings:
        return settings_of(self.url, None)

    def reader(self) -> Reader:
        """The archive to read from. Raises `NotThere`, `SettingsError`."""
        from modeldata.read.reader import Reader

        return Reader.of(self.settings(), say)


@dataclass(frozen=True)
class ArchiveArgument(ArchiveOptions):
    """Which archive, also by position: for commands that take nothing else there."""

    place: Annotated[str | None, typer.Argument(metavar="ARCHIVE", help="The same as --archive.", show_default=False)] = None

    @property
    def url(self) -> str | None:
        if self.place and self.archive and self.place != self.archive:
            raise typer.BadParameter("give one archive, either as ARCHIVE or as --archive")
        return self.place or self.archive


SpoolOption = Annotated[
    str | None, typer.Option("--spool", help="The spool folder; else MODELDATA_SPOOL, else beside a local archive.")
]


@dataclass(frozen=True)
class SpoolOptions(ArchiveArgument):
    """Which archive and spool, for commands about shipping."""

    spool: SpoolOption = None

    def settings(self) -> Settings:
        return settings_of(self.url, self.spool)


@dataclass(frozen=True)
class ReadOptions(ArchiveOptions):
    """Rows of when, of whom, which columns."""

    start: Annotated[
        str | None,
        typer.Option(
            "--start", metavar="TIME", help="From here on, UTC: 2026-11-23, 2026-11-23T12:00, 2026-11, yesterday or 7d (ago)."
        ),
    ] = None
    end: Annotated[str | None, typer.Option("--end", metavar="TIME", help="Before this.")] = None
    days: Annotated[int | None, typer.Option("--days", metavar="N", min=1, help="The last N days, today included (UTC).")] = None
    columns: Annotated[
        str | None,
        typer.Option("--columns", metavar="A,B", help="Only these columns, in this order.", autocompletion=complete_columns),
    ] = None
    version: VersionOption = None
    service: ServiceOption = None
    text: TextOption = None
    skip_damaged: SkipOption = False

    def question(self) -> Question:
        """What the reader is asked. Raises `typer.BadParameter`."""
        start, end = self._bounds(dt.datetime.now(dt.UTC).date())
        columns = names_in(self.columns)
        question: Question = {
            "start": start, "end": end, "version": self.version, "service": self.service, "columns": columns,
        }  # fmt: skip
        if self.text:
            question["types"] = as_text(self.text)
        if self.skip_damaged:
            question["errors"] = "skip"
        return question

    def query(self, collector: str) -> ReadQuery:
        """Raises `NotThere` for a collector that is not there, with near names; `typer.BadParameter` for wrong options."""
        from modeldata.catalog.batches import Catalog
        from modeldata.read.query import ReadQuery
        from modeldata.read.question import request_of

        question, reader = self.question(), self.reader()
        catalog = Catalog.of(reader.store)
        request = request_of(*named_collector(collector, catalog, reader.url), question)
        return ReadQuery(reader.store, reader.url, request, catalog)

    def _bounds(self, today: dt.date) -> tuple[str | None, str | None]:
        """(start, end) for the reader. `--days 2` is today and yesterday, in UTC."""
        if self.days is None:
            return self.start, self.end
        if self.start or self.end:
            raise typer.BadParameter("--days says both already: leave out --start and --end")
        try:
            return (today - dt.timedelta(days=self.days - 1)).isoformat(), None
        except OverflowError:
            raise typer.BadParameter(f"{self.days} days ago is before the calendar begins", param_hint="--days") from None


@dataclass(frozen=True)
class FormOptions:
    """In which form rows are printed."""

    table: Annotated[bool, typer.Option("--table", help="As a table for eyes; the default at a terminal.")] = False
    csv: Annotated[bool, typer.Option("--csv", help="As CSV; the default where stdout is no terminal.")] = False
    json: Annotated[bool, typer.Option("--json", help="As JSON lines: one object a row.")] = False

    @property
    def form(self) -> str:
        """Without an option, a table for a terminal and CSV for a program. Raises `typer.BadParameter` for several."""
        forms = [form for form, chosen in ((TABLE, self.table), (CSV, self.csv), (JSONL, self.json)) if chosen]
        if len(forms) > 1:
            raise typer.BadParameter("one of --table, --csv and --json")
        return forms[0] if forms else TABLE if sys.stdout.isatty() else CSV


class Engine(StrEnum):
    """Who works."""

    here = "here"
    spark = "spark"


EngineOption = Annotated[Engine, typer.Option("--engine", help="Who works: here, or spark (its executors, a folder each).")]


@dataclass(frozen=True)
class ChoreOptions(ArchiveArgument):
    """Which folders of the archive a chore works on, and how it says what it did."""

    model: Annotated[
        str | None, typer.Option("--model", help="Only this model; all, without.", autocompletion=complete_model)
    ] = None
    identifier: Annotated[
        str | None, typer.Option("--identifier", help="Only this identifier, such as inputs.", autocompletion=complete_identifier)
    ] = None
    version: VersionOption = None
    service: ServiceOption = None
    json: JsonOption = False

    @property
    def identity(self) -> dict[str, str | None]:
        """Parts of the identity; None for any."""
        return {
            "model_name": self.model, "identifier": self.identifier, "model_version": self.version, "service": self.service,
        }  # fmt: skip


@dataclass(frozen=True)
class EraseOptions(ChoreOptions):
    """Which folders, and the spool that may hold the same rows."""

    spool: SpoolOption = None

    def settings(self) -> Settings:
        return settings_of(self.url, self.spool)


def as_text(columns: str | None) -> dict[str, str]:
    """Types for the reader: text for these columns."""
    return dict.fromkeys(names_in(columns) or (), "string")


def names_in(text: str | None) -> list[str] | None:
    """`a,b` → both, and `"a,b",c` as CSV has it, for names with a comma."""
    if text is None:
        return None
    return [name for name in next(csv.reader([text], skipinitialspace=True), []) if name]


def named_collector(collector: str, catalog: Catalog, archive: str) -> tuple[str, str]:
    """(model, identifier). Of a model alone, its only identifier. Raises `NotThere`, which names those that there are."""
    from modeldata.catalog.errors import NotThere

    meant = _named_pairs(collector, catalog, archive)
    if len(meant) > 1:
        spelled = [_short(pair) if len(_named_pairs(_short(pair), catalog, archive)) == 1 else _escaped(pair) for pair in meant]
        cause = f"{collector!r} may be any of {len(meant)} collectors"
        raise NotThere("choose a collector", archive, cause=cause, hint=f"say {' or '.join(spelled)}")
    return meant[0]


def _named_pairs(collector: str, catalog: Catalog, archive: str) -> list[tuple[str, str]]:
    return sorted({_pair(each) for each in named_collectors(collector, catalog, archive)})


def named_collectors(collector: str, catalog: Catalog, archive: str) -> list[CollectorFolders]:
    """All that a text may name, a model only where no collector is called so. Raises `NotThere`, with near names.

    Names may have a `/`, so the text is compared with the names that there are, and not taken apart.
    """
    from modeldata.catalog.errors import NotThere, near
    from modeldata.catalog.select import choose

    everyone = choose(catalog, {}, archive)
    meant = [each for each in everyone if collector in (_short(_pair(each)), _escaped(_pair(each)))]
    meant = meant or [each for each in everyone if collector == each.identity["model_name"]]
    if not meant:
        known = {_short(_pair(each)) if "/" in collector else each.identity["model_name"] for each in everyone}
        raise NotThere("choose a collector", archive, cause=f"no collector {collector!r}", hint=near(collector, known))
    return meant


def _pair(collector: CollectorFolders) -> tuple[str, str]:
    return collector.identity["model_name"], collector.identity["identifier"]


def _short(pair: tuple[str, str]) -> str:
    return "/".join(pair)


def _escaped(pair: tuple[str, str]) -> str:
    """With names as their folders have them, where a `/` is `~2F`: two collectors never share one."""
    return "/".join(map(names.component, pair))


def parsed(parse: Callable[[str], Value], text: str, option: str) -> Value:
    """The value of an option. Raises `typer.BadParameter`, which names what is allowed."""
    try:
        return parse(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is not {error}", param_hint=option) from None


def expanded(command: Callable[..., None]) -> Callable[..., None]:
    """The command with the options of its groups as parameters, which is what typer reads: it has no groups itself."""
    parameters = inspect.signature(command, eval_str=True).parameters
    groups: dict[str, Any] = {name: each.annotation for name, each in parameters.items() if is_dataclass(each.annotation)}

    def run(**typed: Any) -> None:
        values = {name: group(**{field.name: typed.pop(field.name) for field in fields(group)}) for name, group in groups.items()}
        command(**values, **typed)

    flat = [one for name, each in parameters.items() for one in (_options(groups[name]) if name in groups else [each])]
    run.__name__, run.__doc__ = command.__name__, command.__doc__
    run.__signature__ = inspect.Signature(  # type: ignore[attr-defined] # where `inspect` looks first
        [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in flat]
    )
    return run


def _options(group: Any) -> list[inspect.Parameter]:
    hints = get_type_hints(group, include_extras=True)
    return [
        inspect.Parameter(field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=hints[field.name])
        for field in fields(group)
    ]
