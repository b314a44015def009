"""`modeldata erase`: the rows of one subject out of every file."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from modeldata.cli.archive import ArchiveOption, JsonOption, ServiceOption, VersionOption, settings_of
from modeldata.cli.keeping import (
    HERE,
    ArchiveArgument,
    EngineOption,
    IdentifierOption,
    ModelOption,
    YesOption,
    run_on_each,
    wanted,
)
from modeldata.ship.status import status_of
from modeldata.spool.files import Files
from modeldata.spool.location import locate_spool

if TYPE_CHECKING:
    from modeldata.settings import Settings


def erase_command(
    where: Annotated[str, typer.Option("--where", help="A condition in SQL (DuckDB), such as: customer_id = 17")],
    archive: ArchiveArgument = None,
    named: ArchiveOption = None,
    model: ModelOption = None,
    identifier: IdentifierOption = None,
    version: VersionOption = None,
    service: ServiceOption = None,
    yes: YesOption = False,
    engine: EngineOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Erase the rows that fit a condition, in every format and store. Without --yes, only count them.

    Files that have such rows are written again without them; CSV stays CSV. Nothing of their values stays in any file or
    manifest; their numbers stay, so that the audit explains the gap ("erased"). Rows that still wait in a spool are not
    touched: archive them first.

    Exits with 0: done, shown, or nothing to do; 1: some rows could not be erased (the reason is on stderr).
    """
    from modeldata.keep.jobs import erase

    _warn_of_waiting(settings_of(archive or named, None))
    whose = wanted(model, identifier, version, service)
    run_on_each(
        archive or named,
        whose,
        lambda job, each: erase(job, where, dry=not yes, each=each),
        "erased",
        dry=not yes,
        as_json=as_json,
        engine=engine,
    )


def _warn_of_waiting(settings: Settings) -> None:
    if pending := status_of(settings, Files(), time.time_ns()).pending:
        Console(highlight=False, stderr=True).print(
            f"{pending:,} rows wait in the spool {locate_spool(settings, Files(), os.environ).folder} and are not touched: "
            "archive them first (modeldata ship), then erase",
            soft_wrap=True,
        )
