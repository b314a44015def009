"""What `compact`, `prune` and `erase` share: whose folders, and how their outcome is shown."""

from __future__ import annotations

import json
import os
import platform
import time
from typing import TYPE_CHECKING

import typer

from modeldata.cli.archive import say, store_of
from modeldata.cli.options import ChoreOptions, Engine
from modeldata.cli.table import counted, safe
from modeldata.errors import mask

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from modeldata.keep.jobs import Each, FolderResult, KeepJob
    from modeldata.settings import Settings


def run_on_each(
    options: ChoreOptions,
    work: Callable[[KeepJob, Each], Iterable[FolderResult]],
    verb: str,
    *,
    dry: bool,
    engine: Engine = Engine.here,
) -> Settings:
    """Do the work on each archive of the settings and show its outcome. Exits with 1 where some of it could not be done."""
    from modeldata.keep.jobs import KeepJob
    from modeldata.keep.rewrite import RewriteRun

    settings = options.settings()
    told, failed = [], False
    for url in settings.archives:
        run = RewriteRun(os.urandom(16).hex(), platform.node(), time.time_ns())
        found = []
        for one in work(KeepJob(store_of(settings.only(url)), url, options.identity, run), _each(engine, settings.only(url))):
            found.append(one)
            failed |= bool(one.problem)
            if not options.json:
                _show(one, verb, dry)
        told.append({"archive": mask(url), "dry_run": dry, **_sums(found), "folders": [one._asdict() for one in found]})
        if not options.json:
            _conclude(found, mask(url), verb, dry)
    if options.json:
        print(json.dumps(told[0] if len(told) == 1 else {"archives": told}))
    if failed:
        raise typer.Exit(1)
    return settings


def _each(engine: Engine, settings: Settings) -> Each:
    if engine is Engine.here:
        return map
    try:
        from pyspark.sql import SparkSession
    except ImportError:
        from modeldata.catalog.errors import need

        raise need("pyspark", "spark", "work on Spark") from None
    from modeldata.spark.rewriting import on_executors

    return on_executors(SparkSession.builder.getOrCreate(), settings)


def _sums(found: list[FolderResult]) -> dict[str, int]:
    return {
        "rows": sum(one.rows for one in found),
        "files": sum(one.files for one in found),
        "bytes": sum(one.bytes for one in found),
    }


def _show(one: FolderResult, verb: str, dry: bool) -> None:
    if one.rows or one.files:
        what = f"would be {verb}" if dry else verb
        sums = f"{counted(one.rows, 'row')} {what}, {counted(one.files, 'file')}, {counted(one.bytes, 'byte')}"
        print(safe(f"{one.collector} {one.day}: {sums}"))
    if one.problem:
        say(f"problem: {one.collector} {one.day}: {one.problem}")


def _conclude(found: list[FolderResult], archive: str, verb: str, dry: bool) -> None:
    if not found:
        say(f"nothing to do: {archive}")
    elif dry:
        say(f"nothing was changed: {counted(_sums(found)['rows'], 'row')} would be {verb}; --yes does it: {archive}")
