"""`modeldata prune`: old days out of the archive."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from modeldata.cli.keeping import run_on_each
from modeldata.cli.options import ChoreOptions, YesOption, parsed
from modeldata.parsing import duration_ns


def command(
    older_than: Annotated[str, typer.Option("--older-than", help="Days that ended so long ago, such as 90d, 12h or 4w.")],
    options: ChoreOptions,
    yes: YesOption = False,
) -> None:
    """Remove whole days (or hours) that are older than an age. Without --yes, only show what would go.

    A line stays in each folder that names the rows which were there, so that the audit explains the gap ("pruned").

    Exits with 0: done, shown, or nothing to do; 1: a folder could not be done (the reason is on stderr).
    """
    from modeldata.keep.jobs import prune

    before_ns = time.time_ns() - parsed(duration_ns, older_than, "--older-than")
    run_on_each(options, lambda job, _: prune(job, before_ns, dry=not yes), "pruned", dry=not yes)
