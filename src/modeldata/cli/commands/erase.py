"""`modeldata erase`: the rows of one subject out of every file."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Annotated

import typer

from modeldata.cli.archive import say
from modeldata.cli.keeping import run_on_each
from modeldata.cli.options import ChoreOptions, Engine, EngineOption, YesOption
from modeldata.cli.table import counted
from modeldata.ship.status import status_of
from modeldata.spool.files import Files
from modeldata.spool.location import locate_spool

if TYPE_CHECKING:
    from modeldata.settings import Settings


def command(
    where: Annotated[str, typer.Option("--where", help="A condition in SQL (DuckDB), such as: customer_id = 17")],
    options: ChoreOptions,
    yes: YesOption = False,
    engine: EngineOption = Engine.here,
) -> None:
    """Erase the rows that fit a condition, in every format and store. Without --yes, only count them.

    Files that have such rows are written again without them; CSV stays CSV. Nothing of their values stays in any file or
    manifest; their numbers stay, so that the audit explains the gap ("erased"). Rows that still wait in a spool are not
    touched: archive them first.

    Exits with 0: done, shown, or nothing to do; 1: some rows could not be erased (the reason is on stderr).
    """
    from modeldata.keep.jobs import erase

    _warn_of_waiting(options.settings())
    run_on_each(
        options,
        lambda job, each: erase(job, where, dry=not yes, each=each),
        "erased",
        dry=not yes,
        engine=engine,
    )


def _warn_of_waiting(settings: Settings) -> None:
    if pending := status_of(settings, Files(), time.time_ns()).pending:
        spool = locate_spool(settings, Files(), os.environ).folder
        waits = counted(pending, "row waits", "rows wait")
        say(f"{waits} in the spool {spool}, not touched by this: archive first (modeldata ship), then erase")
