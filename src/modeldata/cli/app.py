"""The commands, put together."""

from __future__ import annotations

import typer

from modeldata.cli.audit import audit_command
from modeldata.cli.compact import compact_command
from modeldata.cli.demo import demo
from modeldata.cli.doctor import doctor
from modeldata.cli.erase import erase_command
from modeldata.cli.prune import prune_command
from modeldata.cli.ship import ship
from modeldata.cli.status import status

app = typer.Typer(
    help="Archive what models were asked and what they answered.", no_args_is_help=True, pretty_exceptions_enable=False
)

app.command()(demo)
app.command()(ship)
app.command()(status)
app.command("audit")(audit_command)
app.command()(doctor)
app.command("compact")(compact_command)
app.command("prune")(prune_command)
app.command("erase")(erase_command)
