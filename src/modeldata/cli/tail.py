"""`modeldata tail`: the newest rows of a collector, and with -f those that come."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Annotated

import typer

from modeldata.cli.common import (
    ArchiveOption,
    CollectorArgument,
    ColumnsOption,
    RowsJsonOption,
    ServiceOption,
    VersionOption,
    collector_of,
    question,
    reader_of,
    warn,
)
from modeldata.cli.head import RowsOption
from modeldata.store import Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa

    from modeldata.cli.follow import Follower


def tail(
    collector: CollectorArgument,
    rows: RowsOption = 10,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on with rows as they are archived, until Ctrl-C.")] = False,
    interval: Annotated[float, typer.Option("--interval", min=0.05, help="Seconds between two looks.")] = 1.0,
    version: VersionOption = None,
    service: ServiceOption = None,
    columns: ColumnsOption = None,
    archive: ArchiveOption = None,
    as_json: RowsJsonOption = False,
) -> None:
    """Show the newest rows of a collector. With -f, each row that is archived from then on, once; never half a row.

    Rows reach the archive a batch at a time: every second into a folder, every 5 s into a cloud (MODELDATA_BATCH_SECONDS).
    """
    from modeldata.cli.follow import Follower
    from modeldata.cli.rows import show
    from modeldata.read.question import request_of

    reader = reader_of(archive)
    request = request_of(*collector_of(reader, collector), question(None, None, version, service, columns))
    follower = Follower(reader, request)
    found = follower.last(rows)
    if not follow:
        show(found.schema, found.to_batches(), as_json=as_json)
        return
    write = _writer(found.schema, as_json=as_json)
    write(found)
    try:
        _follow(follower, write, interval)
    except KeyboardInterrupt:
        return


def _follow(follower: Follower, write: Callable[[pa.Table], None], interval: float) -> None:
    trouble = ""
    while True:
        time.sleep(interval)
        try:
            write(follower.new(time.time_ns()))
            trouble = ""
        except Unavailable as error:
            if str(error) != trouble:
                trouble = str(error)
                warn(f"{error}; trying again")


def _writer(schema: pa.Schema, *, as_json: bool) -> Callable[[pa.Table], None]:
    """How rows are written: always the same columns, so that what reads them needs one header."""
    from modeldata.cli.rows import Lines, encoded
    from modeldata.encode import encoder

    if not as_json and sys.stdout.isatty():
        return Lines().write
    form = "jsonl" if as_json else "csv"
    sys.stdout.buffer.write(encoder(form).header(schema.names))
    sys.stdout.buffer.flush()

    def write(table: pa.Table) -> None:
        import pyarrow as pa

        if form == "csv":
            there = [table[name] if name in table.column_names else pa.nulls(len(table)) for name in schema.names]
            table = pa.table(there, names=schema.names)
        for batch in table.to_batches():
            sys.stdout.buffer.write(encoded(batch, form))
        sys.stdout.buffer.flush()

    return write
