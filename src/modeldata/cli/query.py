"""`modeldata query`: SQL over an archive."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer
from rich.console import Console

from modeldata.cli.common import ArchiveOption, RowsJsonOption, reader_of
from modeldata.errors import ModelDataError


def query(
    sql: Annotated[str | None, typer.Argument(help="SELECT ... (DuckDB); - for stdin; without it, the views are listed.")] = None,
    archive: ArchiveOption = None,
    as_json: RowsJsonOption = False,
) -> None:
    """Run SQL over the archive: each collector is a view, <model>_<identifier>, such as churn_inputs.

    Only the columns, days and row groups that the query needs are read. A table in a terminal, CSV in a pipe.
    """
    reader = reader_of(archive)
    if sql is None:
        from modeldata.read.sql import views

        for name, collector in views(reader.store).items():
            plain = name if sys.stdout.isatty() else f"{name}\t{collector}"
            print(json.dumps({"view": name, "collector": collector}) if as_json else plain)
        return
    from modeldata.cli.rows import show
    from modeldata.read.errors import need

    try:
        import duckdb
    except ImportError:
        raise need("duckdb", "sql", "run SQL") from None
    try:
        relation = reader.sql(sys.stdin.read() if sql == "-" else sql)
        if relation is None:
            Console(stderr=True).print("done: it has no rows to show")
            return
        found = relation.fetch_record_batch()
        show(found.schema, found, as_json=as_json)
    except duckdb.Error as error:
        raise ModelDataError("run SQL", cause=str(error).strip(), hint="`modeldata query` alone lists the views") from None
