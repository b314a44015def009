"""`modeldata head`: the first rows of a collector."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from modeldata.cli.common import (
    ArchiveOption,
    CollectorArgument,
    ColumnsOption,
    EndOption,
    RowsJsonOption,
    ServiceOption,
    StartOption,
    VersionOption,
    collector_of,
    question,
    reader_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import pyarrow as pa

RowsOption = Annotated[int, typer.Option("-n", "--rows", min=0, help="How many rows.")]


def head(
    collector: CollectorArgument,
    rows: RowsOption = 10,
    start: StartOption = None,
    end: EndOption = None,
    version: VersionOption = None,
    service: ServiceOption = None,
    columns: ColumnsOption = None,
    archive: ArchiveOption = None,
    as_json: RowsJsonOption = False,
) -> None:
    """Show the first rows of a collector: a table in a terminal, CSV in a pipe.

    Reads no more of the archive than it needs for them.
    """
    from modeldata.cli.rows import show

    reader = reader_of(archive)
    scan = reader.scan(*collector_of(reader, collector), **question(start, end, version, service, columns))
    show(scan.schema, first(scan, rows), as_json=as_json)


def first(batches: Iterable[pa.RecordBatch], rows: int) -> Iterator[pa.RecordBatch]:
    """No more than so many rows; nothing is asked for that is not needed."""
    left = rows
    for batch in batches if rows else ():
        yield batch.slice(0, left)
        left -= len(batch)
        if left <= 0:
            return
