"""`modeldata ls`: what is in the archive."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from modeldata.cli.archive import say
from modeldata.cli.complete import complete_collector
from modeldata.cli.options import ArchiveOptions, JsonOption
from modeldata.cli.output import binary_stdout
from modeldata.cli.table import TableColumn, lines, safe, terminal_width
from modeldata.errors import mask

if TYPE_CHECKING:
    from modeldata.catalog.batches import Catalog
    from modeldata.catalog.select import CollectorFolders
    from modeldata.read.inventory import CollectorInventory, Totals

UNITS = ("B", "KiB", "MiB", "GiB", "TiB")
USUAL = "unknown"
"""What parts of an identity are that nobody gave."""


def command(
    collector: Annotated[
        str | None,
        typer.Argument(
            metavar="COLLECTOR", help="Only MODEL, or MODEL/IDENTIFIER; all, without.", autocompletion=complete_collector
        ),
    ] = None,
    *,
    options: ArchiveOptions,
    as_json: JsonOption = False,
) -> None:
    """List the collectors of an archive: rows, bytes, first and last row, versions.

    Only manifests are read. Times are UTC. Sizes are those of the files, rows that were replaced or erased not counted.

    Exits with 1 where a manifest can't be understood.
    """
    from modeldata.read.inventory import inventory

    reader = options.reader()
    held = inventory(reader.store, lambda catalog: _wanted(catalog, collector, reader.url))
    if as_json:
        print(json.dumps({"archive": mask(reader.url), "collectors": [_told(one) for one in held]}))
    else:
        with binary_stdout() as sink:
            rows, _ = lines(_columns(held), terminal_width())
            sink.write("".join(f"{row}\n" for row in rows).encode("utf-8", "replace"))
    if untold := sum(one.files_without_manifest for one in held):
        say(f"{untold} files have no manifest (the 2017 original wrote none): their rows are not counted here")
    problems = [problem for one in held for problem in one.problems]
    for problem in problems:
        say(f"problem: {problem}")
    raise typer.Exit(1 if problems else 0)


def _wanted(catalog: Catalog, collector: str | None, archive: str) -> list[CollectorFolders]:
    from modeldata.catalog.select import choose, collectors
    from modeldata.cli.options import named_collector

    if collector is None:
        return choose(catalog, {}, archive)
    if any(one.identity["model_name"] == collector for one in collectors(catalog)):
        return choose(catalog, {"model_name": collector}, archive)
    model, identifier = named_collector(collector, catalog, archive)
    return choose(catalog, {"model_name": model, "identifier": identifier}, archive)


def _columns(held: list[CollectorInventory]) -> list[TableColumn]:
    """A column for the service, the account and the versions only where somebody gave any."""
    made = [TableColumn("collector", [safe(one.name) for one in held])]
    for part in ("service", "account"):
        if any(one.identity[part] != USUAL for one in held):
            made.append(TableColumn(part, [safe(one.identity[part]) for one in held], widest=16))
    made.append(TableColumn("rows", [_count(one) for one in held], True))
    made.append(TableColumn("size", [size(one.total.bytes) for one in held], True))
    made.append(TableColumn("first", [moment(one.total.first_ns)[:10] for one in held]))
    made.append(TableColumn("last", [moment(one.total.last_ns)[:16] for one in held]))
    if any(set(one.versions) != {USUAL} for one in held):
        made.append(TableColumn("versions", [safe(", ".join(sorted(one.versions))) for one in held], widest=16))
    return made


def _count(one: CollectorInventory) -> str:
    return f"{one.total.rows:,}" if one.total.rows or not one.files_without_manifest else "?"


def _told(one: CollectorInventory) -> dict[str, object]:
    return {
        **one.identity,
        "collector": one.name,
        "view": one.view,
        **_numbers(one.total),
        "days": one.days,
        "files": one.files,
        "files_without_manifest": one.files_without_manifest,
        "versions": [{"model_version": version, **_numbers(total)} for version, total in sorted(one.versions.items())],
    }


def _numbers(total: Totals) -> dict[str, object]:
    return {
        "rows": total.rows,
        "bytes": total.bytes,
        "first": moment(total.first_ns).replace(" ", "T") or None,
        "last": moment(total.last_ns).replace(" ", "T") or None,
    }


def moment(time_ns: int | None) -> str:
    """`2026-11-23 07:26:04.593551`, UTC; empty for none."""
    import datetime as dt

    if time_ns is None:
        return ""
    when = dt.datetime(1970, 1, 1) + dt.timedelta(microseconds=time_ns // 1000)
    return when.isoformat(" ", "microseconds")


def size(count: int) -> str:
    """`1.5 MiB`."""
    value = float(count)
    for unit in UNITS:
        if value < 1024 or unit == UNITS[-1]:
            break
        value /= 1024
    return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
