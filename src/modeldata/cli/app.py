"""The commands, put together."""

from __future__ import annotations

from typing import Annotated

import typer

from modeldata.cli.commands.audit import audit_command
from modeldata.cli.commands.compact import compact_command
from modeldata.cli.commands.demo import demo
from modeldata.cli.commands.doctor import doctor
from modeldata.cli.commands.erase import erase_command
from modeldata.cli.commands.export import export
from modeldata.cli.commands.head import head
from modeldata.cli.commands.join import join
from modeldata.cli.commands.ls import ls
from modeldata.cli.commands.prune import prune_command
from modeldata.cli.commands.query import query
from modeldata.cli.commands.ship import ship
from modeldata.cli.commands.stats import stats
from modeldata.cli.commands.status import status
from modeldata.cli.commands.tail import tail
from modeldata.cli.output import PipeSafeGroup

HELP = """Archive what models were asked and what they answered, and read it back.

Rows and results go to stdout, all else to stderr. Exit status: 0 done, 1 not (the reason is on stderr), 2 wrong arguments,
3 audit: rows are missing, each with its reason; 130 Ctrl-C.
"""
app = typer.Typer(cls=PipeSafeGroup, no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None)
"""Without markup, help is there in half the time, its paragraphs are wrapped, and `[sql]` is what it says."""


def _print_version(wanted: bool) -> None:
    if wanted:
        from modeldata import __version__

        print(__version__)
        raise typer.Exit


@app.callback(help=HELP)
def _modeldata(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and leave.")
    ] = False,
) -> None:
    """The group itself does nothing; its words for `--help` are `HELP`."""


app.command(short_help="A real model service, archived before your eyes.")(demo)
app.command(short_help="Archive what waits in a spool.")(ship)
app.command(short_help="What waits, who ships, what was refused and why.")(status)
app.command("audit", short_help="Is every row in the archive, once?")(audit_command)
app.command(short_help="Why is nothing there?")(doctor)
app.command(short_help="Which collectors there are: rows, bytes, times.")(ls)
app.command(short_help="The first rows of a collector.")(head)
app.command(short_help="The newest rows; with -f those that arrive.")(tail)
app.command(short_help="SQL over the collectors.")(query)
app.command(short_help="Inputs, predictions and labels side by side.")(join)
app.command(short_help="Rows as CSV, JSON lines, Parquet or Arrow.")(export)
app.command(short_help="What each column holds.")(stats)
app.command("compact", short_help="A day's many files into few of Parquet.")(compact_command)
app.command("prune", short_help="Old days out of the archive.")(prune_command)
app.command("erase", short_help="The rows of one subject out of every file.")(erase_command)
