"""`modeldata ls`: what is in the archive."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from modeldata.cli.archive import say
from modeldata.cli.complete import complete_collector
from modeldata.cli.options import ArchiveOptions, JsonOption, named_collectors
from modeldata.cli.output import print_columns
from modeldata.cli.table import TableColumn, counted, lines, safe, table_width
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

    Exits with 1 where a manifest is not valid.
    """
    from modeldata.read.inventory import inventory

    reader = options.reader()
    held = inventory(reader.store, lambda catalog: _wanted(catalog, collector, reader.url))
    if as_json:
        print(json.dumps({"archive": mask(reader.url), "collectors": [_as_json(each) for each in held]}))
    else:
        print_columns(_fitting(held), "--json has all")
    if unknown := sum(each.files_without_manifest for each in held):
        have = counted(unknown, "file has", "files have")
        say(f"{have} no manifest (the 2017 original wrote none): rows there are not counted here")
    problems = [problem for each in held for problem in each.problems]
    for problem in problems:
        say(f"problem: {problem}")
    raise typer.Exit(1 if problems else 0)


def _wanted(catalog: Catalog, collector: str | None, archive: str) -> list[CollectorFolders]:
    from modeldata.catalog.select import choose

    return choose(catalog, {}, archive) if collector is None else named_collectors(collector, catalog, archive)


def _fitting(held: list[CollectorInventory]) -> list[TableColumn]:
    """Where a terminal has no room for all columns, and has for all but the first time and the last one's hour, without those."""
    columns, width = _columns(held), table_width()
    shorter = [column for column in _columns(held, last=10) if column.name != "first"]
    return shorter if lines(columns, width)[1] and not lines(shorter, width)[1] else columns


def _columns(held: list[CollectorInventory], last: int = 16) -> list[TableColumn]:
    """A column for the service, the account and the versions only where somebody gave any. last: letters of the last time."""
    columns = [TableColumn("collector", [safe(each.name) for each in held], widest=sys.maxsize)]  # names differ at their ends
    for part in ("service", "account"):
        if any(each.identity[part] != USUAL for each in held):
            columns.append(TableColumn(part, [safe(each.identity[part]) for each in held], widest=16))
    columns.append(TableColumn("rows", [_count(each) for each in held], True))
    columns.append(TableColumn("size", [size(each.total.bytes) for each in held], True))
    columns.append(TableColumn("first", [moment(each.total.first_ns)[:10] for each in held]))
    columns.append(TableColumn("last", [moment(each.total.last_ns)[:last] for each in held]))
    if any(set(each.versions) != {USUAL} for each in held):
        columns.append(TableColumn("versions", [safe(", ".join(sorted(each.versions))) for each in held], widest=16))
    return columns


def _count(held: CollectorInventory) -> str:
    return f"{held.total.rows:,}" if held.total.rows or not held.files_without_manifest else "?"


def _as_json(held: CollectorInventory) -> dict[str, object]:
    return {
        **held.identity,
        "collector": held.name,
        "view": held.view,
        **_numbers(held.total),
        "days": held.days,
        "files": held.files,
        "files_without_manifest": held.files_without_manifest,
        "versions": [{"model_version": version, **_numbers(total)} for version, total in sorted(held.versions.items())],
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
