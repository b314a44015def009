"""`modeldata erase`: the rows of one subject out of every file."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

from modeldata.cli.keeping import run_on_each
from modeldata.cli.options import Engine, EngineOption, EraseOptions, YesOption
from modeldata.spool.files import Files

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modeldata.keep.copies import Copy
    from modeldata.keep.job import KeepJob
    from modeldata.settings import Settings


def command(
    where: Annotated[str, typer.Option("--where", help="A condition in SQL (DuckDB), such as: customer_id = 17")],
    options: EraseOptions,
    yes: YesOption = False,
    engine: EngineOption = Engine.here,
) -> None:
    """Erase the rows that fit a condition, in every format and store. Without --yes, only count them.

    All collectors are asked before the first file changes. Files that have such rows are written again without them; CSV stays
    CSV. Nothing of their values stays in any file or manifest; their numbers stay, so that the audit explains the gap
    ("erased"). Collectors without a column that the condition names are left alone. Rows that fit and are still in a spool on
    this host stay there; the command says in which file, and what to do.

    Exits with 0: done, shown, or nothing to do; 1: some rows could not be erased, or are in a spool (stderr says where).
    """
    from modeldata.keep.copies import copies
    from modeldata.keep.expression import Expression
    from modeldata.keep.jobs import erase

    def elsewhere(job: KeepJob, settings: Settings) -> Iterator[Copy]:
        return copies(job, Expression(where), settings, Files(), os.environ)

    run_on_each(
        options,
        lambda job, each: erase(job, where, dry=not yes, each=each),
        "erased",
        dry=not yes,
        engine=engine,
        copies=elsewhere,
    )
