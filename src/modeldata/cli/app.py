"""The commands, put together."""

from __future__ import annotations

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

app = typer.Typer(
    help="Archive what models were asked and what they answered.", no_args_is_help=True, pretty_exceptions_enable=False
)

READ, RUN, KEEP = "Read an archive", "Run and check", "Keep it in order"

app.command(rich_help_panel=READ)(ls)
app.command(rich_help_panel=READ)(head)
app.command(rich_help_panel=READ)(tail)
app.command(rich_help_panel=READ)(stats)
app.command(rich_help_panel=READ)(query)
app.command(rich_help_panel=READ)(join)
app.command(rich_help_panel=READ)(export)
app.command(rich_help_panel=RUN)(demo)
app.command(rich_help_panel=RUN)(status)
app.command(rich_help_panel=RUN)(doctor)
app.command("audit", rich_help_panel=RUN)(audit_command)
app.command(rich_help_panel=RUN)(ship)
app.command("compact", rich_help_panel=KEEP)(compact_command)
app.command("prune", rich_help_panel=KEEP)(prune_command)
app.command("erase", rich_help_panel=KEEP)(erase_command)
