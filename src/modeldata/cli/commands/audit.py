"""`modeldata audit`: is every accepted row in the archive, once?"""

from __future__ import annotations

import json
import os
from socket import gethostname
from typing import TYPE_CHECKING, Annotated

import typer

from modeldata.catalog.audit import BROKEN, COMPLETE, EXPLAINED, NOTHING, UNPROVEN, VERDICTS, Audit, audit
from modeldata.catalog.nearby import meant
from modeldata.catalog.witness import Witness, heads_at, key_of, spool_looker
from modeldata.cli.archive import store_of
from modeldata.cli.console import Out
from modeldata.cli.options import ArchiveArgument, JsonOption
from modeldata.cli.table import counted
from modeldata.errors import mask
from modeldata.spool.files import Files
from modeldata.spool.location import spool_folder_if_any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modeldata.settings import Settings

STATUS = {COMPLETE: 0, BROKEN: 1, NOTHING: 1, EXPLAINED: 3, UNPROVEN: 4}
REMOVES = "`modeldata compact` or `erase` removes it, unless another program holds it"
COLOURS = {COMPLETE: "green", BROKEN: "red", NOTHING: "red", EXPLAINED: "yellow", UNPROVEN: "yellow"}


def command(
    options: ArchiveArgument,
    fast: Annotated[bool, typer.Option("--fast", help="Trust the manifests: do not read the data.")] = False,
    heads: Annotated[
        str | None,
        typer.Option("--heads", metavar="PLACE", help="Heads kept elsewhere: a file, a folder, a log or a URL."),
    ] = None,
    key: Annotated[
        str | None,
        typer.Option("--key", metavar="KEY", help="The public key of the signer: name+id+key, PEM, or a file."),
    ] = None,
    spool: Annotated[
        str | None, typer.Option("--spool", metavar="FOLDER", help="A spool that brought rows here; else those on this host.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Prove that every row is there once and as it was archived, or name each gap and its reason.

    From the archive alone: by the numbers of its rows, their checksums, and the heads in it. With a head that was kept elsewhere:
    that nothing up to it was cut, changed or put back. With a spool: that all it brought is here. It says what it can't know.

    Exits with 0: complete; 1: rows are missing or doubled, something is not what was archived, or nothing of ours is there; 3:
    rows are missing, each with a reason that was recorded; 4: nothing is known to be wrong, and not all is proven: a part could
    not be read, or a spool of this host is gone.
    """
    settings = options.settings()
    audits = {url: _audited(settings.only(url), fast, heads, key, spool) for url in settings.archives}
    if as_json:
        reports = [{"archive": mask(url), **result.as_dict()} for url, result in audits.items()]
        print(json.dumps(reports[0] if len(reports) == 1 else {"archives": reports}))
    else:
        for url, result in audits.items():
            _print(result, mask(url))
    worst = min((result.verdict for result in audits.values()), key=VERDICTS.index)
    raise typer.Exit(STATUS[worst])


def _audited(settings: Settings, fast: bool, heads: str | None, key: str | None, spool: str | None) -> Audit:
    files, store = Files(), store_of(settings)
    witness = Witness(
        heads_at(heads, lambda place: store_of(settings.only(place)), files) if heads else [],
        key_of(key, files) if key else None,
        spool_looker(
            settings.archive,
            store,
            files,
            gethostname(),
            [spool] if spool else [],
            spool_folder_if_any(settings, files, os.environ),
        ),
    )
    result = audit(store, check_bytes=not fast, witness=witness)
    if result.verdict == NOTHING:
        result.hints += meant(settings.archive, files)
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
    yield from (f"not proven: {what}" for what in result.unproven)
    yield from (f"proven: {what}" for what in result.proven if result.verdict not in (BROKEN, NOTHING))
    yield from (f"not known: {what}" for what in result.not_known)
    yield from (f"not ours: {path}" for path in result.unaccounted)
    yield from (f"still there: {path}: its rows were replaced; {REMOVES}" for path in result.still_there)
    yield from (f"refused by the service: {counted(rows, 'row')} ({reason})" for reason, rows in result.refused.items())
    yield from result.hints
