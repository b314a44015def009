"""`modeldata join`: inputs, predictions and labels side by side."""

from __future__ import annotations

import datetime as dt
import json
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from modeldata.cli.archive import say
from modeldata.cli.complete import complete_identifier, complete_model
from modeldata.cli.options import FormOptions, ReadOptions, names_in, parsed
from modeldata.cli.output import TABLE, print_rows
from modeldata.cli.table import safe
from modeldata.format import names
from modeldata.parsing import duration_ns

if TYPE_CHECKING:
    from modeldata.read.join import Coverage


class JoinKey(StrEnum):
    """The id by which rows belong together."""

    correlation = "correlation"
    request = "request"


class JoinKind(StrEnum):
    """Which rows there are: those of the first, those that all have, or all."""

    left = "left"
    inner = "inner"
    outer = "outer"


def _duration(text: str, option: str) -> dt.timedelta:
    return dt.timedelta(microseconds=parsed(duration_ns, text, option) // 1000)


def command(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Such as churn.", autocompletion=complete_model)],
    identifiers: Annotated[
        list[str],
        typer.Argument(
            metavar="IDENTIFIER", help="Two or more; rows are those of the first.", autocompletion=complete_identifier
        ),
    ],
    *,
    on: Annotated[JoinKey, typer.Option("--on", help="The id that rows share.")] = JoinKey.correlation,
    how: Annotated[JoinKind, typer.Option("--how", help="Rows of the first, those that all have, or all.")] = JoinKind.left,
    look_ahead: Annotated[
        str, typer.Option("--look-ahead", metavar="TIME", help="How long after --end others are looked for: 30d.")
    ] = "1d",
    look_back: Annotated[
        str, typer.Option("--look-back", metavar="TIME", help="How long before --start others are looked for.")
    ] = "1h",
    match: Annotated[
        list[str] | None,
        typer.Option(
            "--match",
            metavar="[IDENTIFIER=]WHICH",
            help="Which call, where an id was used more than once: order (the first with the first), first, last, or asof"
            " (the newest at or before). Of one identifier, or of all.",
        ),
    ] = None,
    tolerance: Annotated[
        str | None, typer.Option("--tolerance", metavar="TIME", help="How much older it may be with --match asof: 5m.")
    ] = None,
    across: Annotated[
        list[str] | None,
        typer.Option(
            "--across",
            metavar="IDENTIFIER",
            help="Its rows belong to rows of every model version and service: labels.",
            autocompletion=complete_identifier,
        ),
    ] = None,
    coverage: Annotated[bool, typer.Option("--coverage", help="Print only how complete it is.")] = False,
    rows: Annotated[int | None, typer.Option("-n", "--rows", min=0, help="At most so many rows.")] = None,
    options: ReadOptions,
    output: FormOptions,
) -> None:
    """Print rows of several collectors side by side: what was asked, what was answered, what turned out to be true.

    Row 3 of a call of the inputs stands beside row 3 of the predictions with the same id, of the same model version and service;
    a call of one row stands beside every row of the other. Columns are <identifier>.<name>.
    How complete it is is said on stderr, or, with --coverage, on stdout (--json: as one object) and nothing else.
    """
    form, question = output.form, options.question()
    ahead, back = _duration(look_ahead, "--look-ahead"), _duration(look_back, "--look-back")
    if len(set(identifiers)) != len(identifiers) or len(identifiers) < 2:
        raise typer.BadParameter("two or more different identifiers, such as predictions inputs")
    reader = options.reader()
    joined = reader.join(
        model, *identifiers, on=on.value, how=how.value, look_ahead=ahead, look_back=back,
        match=_matches(match or [], identifiers[1:]), across=across or [],
        tolerance=_duration(tolerance, "--tolerance") if tolerance else None, **question,
    )  # fmt: skip
    if coverage:
        print(json.dumps(_as_json(joined.coverage)) if output.json else "\n".join(map(safe, str(joined.coverage).splitlines())))
        return
    there = joined.table.column_names
    wanted = names_in(options.columns)
    if wanted is not None and (missing := [name for name in wanted if not _fitting(name, there)]):
        raise _no_column(missing[0], {name for each in identifiers for name in reader.scan(model, each).schema.names})
    rows_shown = joined.table.select(_chosen(there, wanted, form))
    print_rows(rows_shown.to_batches(), rows_shown.schema, form, rows)
    say(str(joined.coverage))


def _matches(texts: list[str], others: list[str]) -> dict[str, Any]:
    """By identifier; what is said of one goes before what is said of all."""
    pairs = [text.rpartition("=") for text in texts]
    for_all = [which for name, _, which in pairs if not name]
    return {**dict.fromkeys(others, (for_all or ["order"])[-1]), **{name: which for name, _, which in pairs if name}}


def _as_json(coverage: Coverage) -> dict[str, object]:
    return {**coverage._asdict(), "others": [other._asdict() for other in coverage.others]}


def _chosen(available: list[str], wanted: list[str] | None, form: str) -> list[str]:
    """The id, and what was asked for, in that order. Else all; a table then has one time, and no places inside calls."""
    if wanted is None:
        times = [name for name in available if name.endswith(f".{names.TIMESTAMP}")]
        return [name for name in available if form != TABLE or (name != names.ROW and name not in times[1:])]
    return list(dict.fromkeys([available[0], *(one for name in wanted for one in _fitting(name, available))]))


def _fitting(name: str, available: list[str]) -> list[str]:
    """`age` is that of every collector that has one, `inputs.age` of one."""
    return [one for one in available if one == name or one.partition(".")[2] == name]


def _no_column(name: str, known: set[str]) -> Exception:
    from modeldata.catalog.errors import NotThere, near

    return NotThere("join", cause=f"no column {name!r}", hint=near(name, known))
