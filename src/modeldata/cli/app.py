"""The commands, put together."""

from __future__ import annotations

from typing import Annotated

import typer

from modeldata.cli.audit import audit_command
from modeldata.cli.compact import compact_command
from modeldata.cli.demo import demo
from modeldata.cli.doctor import doctor
from modeldata.cli.erase import erase_command
from modeldata.cli.export import export
from modeldata.cli.head import head
from modeldata.cli.join import join
from modeldata.cli.ls import ls
from modeldata.cli.prune import prune_command
from modeldata.cli.query import query
from modeldata.cli.ship import ship
from modeldata.cli.stats import stats
from modeldata.cli.status import status
from modeldata.cli.tail import tail

HELP = """Archive what models were asked and what they answered, and read it back.

Rows and results go to stdout, all else to stderr. Exit status: 0 done, 1 not (the reason is on stderr), 2 wrong arguments,
3 audit: rows are missing, each with its reason; 130 Ctrl-C.
"""
app = typer.Typer(help=HELP, no_args_is_help=True, pretty_exceptions_enable=False)


@app.callback()
def _modeldata(
    version: Annotated[bool, typer.Option("--version", is_eager=True, help="Print the version and leave.")] = False,
) -> None:
    if version:
        from modeldata import __version__

        print(__version__)
        raise typer.Exit


app.command()(demo)
app.command()(ship)
app.command()(status)
app.command("audit")(audit_command)
app.command()(doctor)
app.command()(ls)
app.command()(head)
app.command()(tail)
app.command()(query)
app.command()(join)
app.command()(export)
app.command()(stats)
app.command("compact")(compact_command)
app.command("prune")(prune_command)
app.command("erase")(erase_command)
