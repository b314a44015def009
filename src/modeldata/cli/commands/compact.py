"""`modeldata compact`: many small files, and files of text, into few sorted Parquet files."""

from __future__ import annotations

from typing import Annotated

import typer

from modeldata.cli.keeping import run_on_each
from modeldata.cli.options import ChoreOptions, Engine, EngineOption, parsed
from modeldata.parsing import positive_size


def command(
    options: ChoreOptions,
    include_today: Annotated[
        bool, typer.Option("--include-today", help="Also days that are not over: files that can't grow any more.")
    ] = False,
    target: Annotated[str, typer.Option("--target", help="Size of the new files, about.")] = "128MiB",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be done.")] = False,
    engine: EngineOption = Engine.here,
) -> None:
    """Make few Parquet files, sorted by time, of a day's many files, beside services that go on.

    Rows, values and types stay; readers never see a row twice or not at all; the audit still proves that all are there. Killed at
    any point, the next run finishes. Days that are not over for an hour are left alone.

    Exits with 0: done, or nothing to do; 1: a folder could not be done (the reason is on stderr).
    """
    from modeldata.keep.compact import Sizes  # here: pandas comes with it, and other commands start without
    from modeldata.keep.jobs import compact

    sizes = Sizes(target=parsed(positive_size, target, "--target"))
    run_on_each(
        options,
        lambda job, each: compact(job, sizes, include_today=include_today, dry=dry_run, each=each),
        "compacted",
        dry=dry_run,
        engine=engine,
        way="without --dry-run they are",
    )
