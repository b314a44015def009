"""What `compact`, `prune` and `erase` share: which folders they work on, and how the outcome is shown."""

from __future__ import annotations

import json
import os
import platform
import time
from functools import partial
from typing import TYPE_CHECKING

import typer

from modeldata.cli.archive import say, store_of
from modeldata.cli.options import ChoreOptions, Engine
from modeldata.cli.table import counted, safe
from modeldata.errors import mask

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from modeldata.keep.copies import Copy
    from modeldata.keep.job import Each, FolderResult, KeepJob
    from modeldata.settings import Settings


def run_on_each(
    options: ChoreOptions,
    work: Callable[[KeepJob, Each], Iterable[FolderResult]],
    verb: str,
    *,
    dry: bool,
    engine: Engine = Engine.here,
    copies: Callable[[KeepJob, Settings], Iterable[Copy]] | None = None,
    way: str = "--yes does it",
) -> None:
    """Do the work on each archive of the settings and show its outcome. Exits with 1 where some of it could not be done.

    way: how to have it done after a dry run. copies: finds rows outside of the archives. They are looked for first, so that a
    dry run finds the same.
    """
    from modeldata.keep.job import KeepJob
    from modeldata.keep.rewrite import RewriteRun
    from modeldata.ship.publish import publish
    from modeldata.ship.signing import signer_for
    from modeldata.spool.files import Files

    settings = options.settings()
    signer = signer_for(settings, Files())
    summaries, failed = [], False
    for url in settings.archives:
        second_place = partial(publish, settings.only(url), Files(), say)
        run = RewriteRun(os.urandom(16).hex(), platform.node(), time.time_ns(), signer, second_place)
        job = KeepJob(store_of(settings.only(url)), url, options.identity, run)
        elsewhere = list(copies(job, settings)) if copies else []
        failed |= not dry and any(copy.rows != 0 for copy in elsewhere)
        for copy in elsewhere:
            say(_told(copy))
        results = []
        for result in work(job, _each(engine, settings.only(url))):
            results.append(result)
            failed |= bool(result.problem)
            if not options.json:
                _show(result, verb, dry)
        shown = {"archive": mask(url), "dry_run": dry, **_sums(results), "folders": [result._asdict() for result in results]}
        summaries.append({**shown, "copies": [copy._asdict() for copy in elsewhere]} if copies else shown)
        if not options.json:
            _conclude(results, mask(url), f"{verb}; {way}", dry)
    if options.json:
        print(json.dumps(summaries[0] if len(summaries) == 1 else {"archives": summaries}))
    if failed:
        raise typer.Exit(1)


def _told(copy: Copy) -> str:
    if copy.rows == 0:
        return f"{copy.path}: {copy.why}"
    fit = "rows that fit may be" if copy.rows is None else counted(copy.rows, "row that fits is", "rows that fit are")
    return f"problem: {fit} in {copy.path}: {copy.why}"


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


def _sums(results: list[FolderResult]) -> dict[str, int]:
    return {
        "rows": sum(result.rows for result in results),
        "files": sum(result.files for result in results),
        "bytes": sum(result.bytes for result in results),
    }


def _show(result: FolderResult, verb: str, dry: bool) -> None:
    if result.rows or result.files:
        what = f"would be {verb}" if dry else verb
        sums = f"{counted(result.rows, 'row')} {what}, {counted(result.files, 'file')}, {counted(result.bytes, 'byte')}"
        print(safe(f"{result.collector} {result.day}: {sums}"))
    where = f"{result.collector} {result.day}".rstrip()
    if result.problem:
        say(f"problem: {where}: {result.problem}")
    if result.note:
        say(f"{where}: {result.note}")


def _conclude(results: list[FolderResult], archive: str, done: str, dry: bool) -> None:
    if not results:
        say(f"nothing to do: {archive}")
    elif dry:
        say(f"nothing was changed: {counted(_sums(results)['rows'], 'row')} would be {done}: {archive}")
