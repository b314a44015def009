"""`modeldata audit`: is every accepted row in the archive, once?"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from modeldata.catalog.audit import BROKEN, COMPLETE, EXPLAINED, NOTHING, UNREAD, VERDICTS, Audit, audit
from modeldata.catalog.nearby import meant
from modeldata.cli.archive import store_of
from modeldata.cli.console import Out
from modeldata.cli.options import ArchiveArgument, JsonOption
from modeldata.cli.table import counted
from modeldata.errors import mask
from modeldata.spool.files import Files

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modeldata.settings import Settings

STATUS = {COMPLETE: 0, BROKEN: 1, NOTHING: 1, EXPLAINED: 3, UNREAD: 4}
COLOURS = {COMPLETE: "green", BROKEN: "red", NOTHING: "red", EXPLAINED: "yellow", UNREAD: "yellow"}


def command(
    options: ArchiveArgument,
    fast: Annotated[bool, typer.Option("--fast", help="Trust the manifests: do not read the data.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Prove from the archive alone that every row is there once, or name each gap and its reason.

    Exits with 0: complete; 1: rows are missing or doubled, bytes are not what was archived, or there is nothing of ours; 3: rows
    are missing, each with a reason that was recorded; 4: a part could not be read, and the rest is as it should be. Rows that
    are still in a spool are not in question: see `modeldata status`.
    """
    settings = options.settings()
    audits = {url: _audited(settings.only(url), fast) for url in settings.archives}
    if as_json:
        reports = [{"archive": mask(url), **result.as_dict()} for url, result in audits.items()]
        print(json.dumps(reports[0] if len(reports) == 1 else {"archives": reports}))
    else:
        for url, result in audits.items():
            _print(result, mask(url))
    worst = min((result.verdict for result in audits.values()), key=VERDICTS.index)
    raise typer.Exit(STATUS[worst])


def _audited(settings: Settings, fast: bool) -> Audit:
    result = audit(store_of(settings), check_bytes=not fast)
    if result.verdict == NOTHING:
        result.hints += meant(settings.archive, Files())
    return result


def _print(result: Audit, archive: str) -> None:
    out = Out()
    out.labelled(f"[bold {COLOURS[result.verdict]}]{result.verdict}[/]: ", archive)
    for line in _lines(result):
        out.labelled("", line)


def _lines(result: Audit) -> Iterator[str]:
    collectors = counted(len({writer.collector for writer in result.writers}), "collector")
    rows, batches = counted(result.rows, "row"), counted(result.batches, "batch", "batches")
    yield f"{rows} in {batches} of {collectors}, {counted(len(result.writers), 'writer')}"
    for writer in result.writers:
        for gap in writer.missing:
            why = gap.reason or "no reason recorded"
            yield f"missing: {writer.collector} rows {gap.first:,} to {gap.last:,} of {writer.writer}: {why}"
        for first, last in writer.doubled:
            yield f"doubled: {writer.collector} rows {first:,} to {last:,} of {writer.writer}"
    yield from (f"problem: {problem}" for problem in result.problems)
    yield from (f"could not be read: {what}" for what in result.unread)
    yield from (f"not ours: {path}" for path in result.unaccounted)
    yield from (f"refused by the service: {counted(rows, 'row')} ({reason})" for reason, rows in result.refused.items())
    yield from result.hints
