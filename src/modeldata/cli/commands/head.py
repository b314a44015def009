"""`modeldata head`: the first rows of a collector."""

from __future__ import annotations

from typing import Annotated

import typer

from modeldata.cli.options import CollectorArgument, FormOptions, ReadOptions
from modeldata.cli.output import TABLE, first, print_rows, without_quiet
from modeldata.cli.where import WhereOption, expression_of, rows_of


def command(
    collector: CollectorArgument,
    *,
    rows: Annotated[int, typer.Option("-n", "--rows", min=0, help="How many.")] = 10,
    where: WhereOption = None,
    options: ReadOptions,
    output: FormOptions,
) -> None:
    """Print the first rows of a collector, in the types that were collected.

    Days come in their order, rows of a day as they were archived. A table leaves out $RequestId, $Writer, $Sequence and $Row
    unless --columns names them.
    """
    form = output.form
    scan = rows_of(options.query(collector), expression_of(where))
    if form == TABLE and options.columns is None:
        scan = scan.narrowed(without_quiet(scan.schema))
    head = scan.consume(lambda batches: list(first(batches, rows)))
    print_rows(head, scan.schema, form, rows)
