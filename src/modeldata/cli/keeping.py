"""What `compact`, `prune` and `erase` share: whose folders, and how their outcome is shown."""

from __future__ import annotations

import json
import os
import platform
import time
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from modeldata.cli.archive import say, settings_of, store_of
from modeldata.errors import mask

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from modeldata.keep.jobs import Each, FolderResult, KeepJob
    from modeldata.settings import Settings

ArchiveArgument = Annotated[str | None, typer.Argument(help="The archive's URL or path; else MODELDATA_ARCHIVE.")]
ModelOption = Annotated[str | None, typer.Option("--model", help="Only this model; all, without.")]
IdentifierOption = Annotated[str | None, typer.Option("--identifier", help="Only this identifier, such as inputs.")]
HERE, SPARK = ENGINES = ("here", "spark")
EngineOption = Annotated[str, typer.Option("--engine", help="Who works: here, or spark (its executors, a folder each).")]
YesOption = Annotated[bool, typer.Option("--yes", help="Do it. Without, only what would be done is shown.")]


def wanted(model: str | None, identifier: str | None, version: str | None, service: str | None) -> dict[str, str | None]:
    """Parts of the identity; None for any."""
    return {"model_name": model, "identifier": identifier, "model_version": version, "service": service}


def run_on_each(
    archive: str | None,
    whose: dict[str, str | None],
    work: Callable[[KeepJob, Each], Iterable[FolderResult]],
    verb: str,
    *,
    dry: bool,
    as_json: bool,
    engine: str = HERE,
) -> Settings:
    """Do the work on each archive of the settings and show its outcome. Exits with 1 where some of it could not be done."""
    from modeldata.keep.jobs import KeepJob
    from modeldata.keep.rewrite import RewriteRun

    settings = settings_of(archive, None)
    if engine not in ENGINES:
        raise typer.BadParameter(f"--engine is one of {', '.join(ENGINES)}")
    told, failed = [], False
    for url in settings.archives:
        run = RewriteRun(os.urandom(16).hex(), platform.node(), time.time_ns())
        found = []
        for one in work(KeepJob(store_of(settings.only(url)), url, whose, run), _each(engine, settings.only(url))):
            found.append(one)
            failed |= bool(one.problem)
            if not as_json:
                _show(one, verb, dry)
        told.append({"archive": mask(url), "dry_run": dry, **_sums(found), "folders": [one._asdict() for one in found]})
        if not as_json:
            _conclude(found, mask(url), verb, dry)
    if as_json:
        print(json.dumps(told[0] if len(told) == 1 else {"archives": told}))
    if failed:
        raise typer.Exit(1)
    return settings


def _each(engine: str, settings: Settings) -> Each:
    if engine == HERE:
        return map
    try:
        from pyspark.sql import SparkSession
    except ImportError:
        from modeldata.catalog.errors import need

        raise need("pyspark", "spark", "work on Spark") from None
    from modeldata.spark.chores import each_on

    return each_on(SparkSession.builder.getOrCreate(), settings)


def _sums(found: list[FolderResult]) -> dict[str, int]:
    return {
        "rows": sum(one.rows for one in found),
        "files": sum(one.files for one in found),
        "bytes": sum(one.bytes for one in found),
    }


def _show(one: FolderResult, verb: str, dry: bool) -> None:
    if one.rows or one.files:
        what = f"would be {verb}" if dry else verb
        Console(highlight=False).print(
            f"{one.collector} {one.day}: {one.rows:,} rows {what}, {one.files:,} files, {one.bytes:,} bytes", soft_wrap=True
        )
    if one.problem:
        say(f"problem: {one.collector} {one.day}: {one.problem}")


def _conclude(found: list[FolderResult], archive: str, verb: str, dry: bool) -> None:
    err = Console(highlight=False, stderr=True)
    if not found:
        err.print(f"nothing to do: {archive}", soft_wrap=True)
    elif dry:
        rows = _sums(found)["rows"]
        err.print(f"nothing was changed: {rows:,} rows would be {verb}; --yes does it: {archive}", soft_wrap=True)
