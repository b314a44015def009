"""`modeldata head`: the first rows of a collector."""

from __future__ import annotations

from typing import Annotated

import typer

from modeldata.cli.archive import ArchiveOption, ServiceOption, VersionOption
from modeldata.cli.options import (
    CollectorArgument,
    ColumnsOption,
    CsvOption,
    DaysOption,
    EndOption,
    LinesOption,
    SkipOption,
    StartOption,
    TableOption,
    TextOption,
    TimeSpan,
    ask,
)
from modeldata.cli.output import TABLE, first, form_of, print_rows, without_quiet


def head(
    collector: CollectorArgument,
    rows: Annotated[int, typer.Option("-n", "--rows", min=0, help="How many.")] = 10,
    start: StartOption = None,
    end: EndOption = None,
    days: DaysOption = None,
    columns: ColumnsOption = None,
    version: VersionOption = None,
    service: ServiceOption = None,
    table: TableOption = False,
    csv: CsvOption = False,
    as_json: LinesOption = False,
    text: TextOption = None,
    skip_damaged: SkipOption = False,
    archive: ArchiveOption = None,
) -> None:
    """Print the first rows of a collector, in the types that were collected.

    Days come in their order, rows of a day as they were archived. A table leaves out $RequestId, $Writer, $Sequence and $Row
    unless --columns names them.
    """
    form = form_of(table, csv, as_json)
    scan = ask(collector, archive, TimeSpan(start, end, days), version, service, columns, text, skip_damaged).scan()
    if form == TABLE and columns is None:
        scan = scan.narrowed(without_quiet(scan.schema))
    found = scan.consume(lambda batches: list(first(batches, rows)))
    print_rows(found, scan.schema, form, rows)
