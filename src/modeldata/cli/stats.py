"""`modeldata stats`: what is in the columns of a collector."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from modeldata.cli.common import (
    ArchiveOption,
    CollectorArgument,
    ColumnsOption,
    EndOption,
    JsonOption,
    ServiceOption,
    StartOption,
    VersionOption,
    collector_of,
    question,
    reader_of,
)


def stats(
    collector: CollectorArgument,
    start: StartOption = None,
    end: EndOption = None,
    version: VersionOption = None,
    service: ServiceOption = None,
    columns: ColumnsOption = None,
    top: Annotated[int, typer.Option("--top", min=0, help="How many of the most frequent values of a text column.")] = 3,
    archive: ArchiveOption = None,
    as_json: JsonOption = False,
) -> None:
    """Describe each column: type, missing values, range, mean, quantiles, the most frequent values, a small histogram.

    Reads the rows twice, in bounded memory. Quantiles, counts of different values and frequent values are close, not exact.
    """
    from modeldata.cli.describe import describe
    from modeldata.cli.describe_show import show

    reader = reader_of(archive)
    model, identifier = collector_of(reader, collector)
    scan = reader.scan(model, identifier, **question(start, end, version, service, columns))
    rows, found = describe(scan, top)
    if as_json:
        told = {"collector": f"{model}/{identifier}", "rows": rows, "columns": [one.as_dict() for one in found]}
        print(json.dumps(told, default=str))
    else:
        show(f"{model}/{identifier}", rows, found)
