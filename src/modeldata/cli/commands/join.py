"""`modeldata join`: inputs, predictions and labels side by side."""

from __future__ import annotations

import datetime as dt
import json
import re
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from modeldata.cli.archive import ArchiveOption, ServiceOption, VersionOption, reader_of, say
from modeldata.cli.options import (
    ColumnsOption,
    CsvOption,
    DaysOption,
    EndOption,
    LinesOption,
    SkipOption,
    StartOption,
    TableOption,
    TextOption,
    TimeSpan,
    names_in,
    question_of,
)
from modeldata.cli.output import TABLE, form_of, print_rows
from modeldata.format import names

if TYPE_CHECKING:
    from modeldata.read.join import Coverage


class JoinKey(StrEnum):
    """The id by which rows belong together."""

    correlation = "correlation"
    request = "request"


class JoinKind(StrEnum):
    """Whose rows there are: of the first; those that all have; all."""

    left = "left"
    inner = "inner"
    outer = "outer"


UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def _time(text: str) -> dt.timedelta:
    found = re.fullmatch(r"(\d{1,6})([smhdw])", text.strip().lower())
    if found is None:
        raise typer.BadParameter("a time such as 30d, 12h or 15m")
    return dt.timedelta(seconds=int(found[1]) * UNITS[found[2]])


def join(
    model: Annotated[str, typer.Argument(metavar="MODEL")],
    identifiers: Annotated[list[str], typer.Argument(metavar="IDENTIFIER", help="Two or more; rows are those of the first.")],
    on: Annotated[JoinKey, typer.Option("--on", help="The id that rows share.")] = JoinKey.correlation,
    how: Annotated[JoinKind, typer.Option("--how", help="Rows of the first, those that all have, or all.")] = JoinKind.left,
    look_ahead: Annotated[
        str, typer.Option("--look-ahead", metavar="TIME", help="How long after --end others are looked for: 30d.")
    ] = "1d",
    look_back: Annotated[
        str, typer.Option("--look-back", metavar="TIME", help="How long before --start others are looked for.")
    ] = "1h",
    coverage: Annotated[bool, typer.Option("--coverage", help="Print only how complete it is.")] = False,
    rows: Annotated[int | None, typer.Option("-n", "--rows", min=0, help="At most so many rows.")] = None,
    start: StartOption = None,
    end: EndOption = None,
    days: DaysOption = None,
    columns: ColumnsOption = None,
    version: VersionOption = None,
    service: ServiceOption = None,
    table: TableOption = False,
    csv: CsvOption = False,
    as_json: LinesOption = False,
    text: TextOption = None,
    skip_damaged: SkipOption = False,
    archive: ArchiveOption = None,
) -> None:
    """Print rows of several collectors side by side: what was asked, what was answered, what turned out to be true.

    Row 3 of a call of the inputs stands beside row 3 of the predictions with the same id. Columns are <identifier>.<name>.
    How complete it is is said on stderr, or, with --coverage, on stdout (--json: as one object) and nothing else.
    """
    form = form_of(table, csv, as_json)
    ahead, back = _time(look_ahead), _time(look_back)
    question = question_of(TimeSpan(start, end, days), version, service, columns, text, skip_damaged)
    if len(set(identifiers)) != len(identifiers) or len(identifiers) < 2:
        raise typer.BadParameter("two or more different identifiers, such as predictions inputs")
    reader = reader_of(archive)
    made = reader.join(model, *identifiers, on=on.value, how=how.value, look_ahead=ahead, look_back=back, **question)
    if coverage:
        print(json.dumps(_told(made.coverage)) if as_json else made.coverage)
        return
    there = made.table.column_names
    wanted = names_in(columns)
    if wanted is not None and (missing := [name for name in wanted if not _fitting(name, there)]):
        raise _no_column(missing[0], {name for one in identifiers for name in reader.scan(model, one).schema.names})
    shown = made.table.select(_chosen(there, wanted, form))
    print_rows(shown.to_batches(), shown.schema, form, rows)
    say(str(made.coverage))


def _told(coverage: Coverage) -> dict[str, object]:
    others = [other._asdict() for other in coverage.others]
    return {"first": coverage.first, "rows": coverage.rows, "others": others, "without_id": coverage.without_id}


def _chosen(there: list[str], asked: list[str] | None, form: str) -> list[str]:
    """The id, and what was asked for, in that order. Else all; a table then has one time, and no places inside calls."""
    if asked is None:
        times = [name for name in there if name.endswith(f".{names.TIMESTAMP}")]
        return [name for name in there if form != TABLE or (name != names.ROW and name not in times[1:])]
    return list(dict.fromkeys([there[0], *(one for name in asked for one in _fitting(name, there))]))


def _fitting(name: str, there: list[str]) -> list[str]:
    """`age` is that of every collector that has one, `inputs.age` of one."""
    return [one for one in there if one == name or one.partition(".")[2] == name]


def _no_column(name: str, known: set[str]) -> Exception:
    from modeldata.catalog.errors import NotThere, near

    return NotThere("join", cause=f"no column {name!r}", hint=near(name, known))
