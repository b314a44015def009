"""`modeldata prune`: old days out of the archive."""

from __future__ import annotations

import re
import time
from typing import Annotated

import typer

from modeldata.cli.archive import ArchiveOption, JsonOption, ServiceOption, VersionOption
from modeldata.cli.keeping import (
    ArchiveArgument,
    IdentifierOption,
    ModelOption,
    YesOption,
    run_on_each,
    wanted,
)

UNITS_NS = {"h": 3_600_000_000_000, "d": 86_400_000_000_000, "w": 604_800_000_000_000}


def _age_ns(text: str) -> int:
    found = re.fullmatch(r"(\d{1,6})([hdw])", text.strip().lower())
    if found is None:
        raise typer.BadParameter("an age such as 90d, 12h or 4w")
    return int(found[1]) * UNITS_NS[found[2]]


def prune_command(
    older_than: Annotated[str, typer.Option("--older-than", help="Days that ended so long ago, such as 90d, 12h or 4w.")],
    archive: ArchiveArgument = None,
    named: ArchiveOption = None,
    model: ModelOption = None,
    identifier: IdentifierOption = None,
    version: VersionOption = None,
    service: ServiceOption = None,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Remove whole days (or hours) that are older than an age. Without --yes, only show what would go.

    A line stays in each folder that names the rows which were there, so that the audit explains the gap ("pruned").

    Exits with 0: done, shown, or nothing to do; 1: a folder could not be done (the reason is on stderr).
    """
    from modeldata.keep.jobs import prune

    before_ns = time.time_ns() - _age_ns(older_than)
    whose = wanted(model, identifier, version, service)
    run_on_each(
        archive or named, whose, lambda job, _: prune(job, before_ns, dry=not yes), "pruned", dry=not yes, as_json=as_json
    )
