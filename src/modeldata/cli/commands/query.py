"""`modeldata query`: SQL over the archive."""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from modeldata.cli.archive import say
from modeldata.cli.files import OverwriteOption, form_of, whole_file
from modeldata.cli.options import ArchiveOptions, FormOptions, SkipOption, TextOption, as_text
from modeldata.cli.output import JSONL, first, print_rows
from modeldata.cli.progress import watched
from modeldata.cli.table import counted
from modeldata.read.duck import failed, record_batches

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import pyarrow as pa

    from modeldata.read.reader import Reader

HINT = "--text reads columns as text, --skip-damaged leaves out what is damaged"


def command(
    sql: Annotated[
        str | None,
        typer.Argument(metavar="SQL", help='A query, such as "SELECT …"; - reads it from stdin. Without: list the views.'),
    ] = None,
    rows: Annotated[int | None, typer.Option("-n", "--rows", min=0, help="At most so many rows.")] = None,
    *,
    file: Annotated[
        str | None,
        typer.Option("-o", "--output", metavar="FILE", help="Write the rows there: .csv, .jsonl, .parquet or .arrow."),
    ] = None,
    overwrite: OverwriteOption = False,
    allow_files: Annotated[
        bool, typer.Option("--allow-files", help="Let the query open other files and the network, too.")
    ] = False,
    skip_damaged: SkipOption = False,
    text: TextOption = None,
    options: ArchiveOptions,
    output: FormOptions,
) -> None:
    """Run SQL (DuckDB) over the collectors and print its rows.

    There is a view for each collector, <model>_<identifier> in lower case: churn_inputs. Only the days and columns that the
    query needs are read, and no other file. Needs modeldata[sql].
    """
    form = output.form if file is None else form_of(file)
    reader = options.reader()
    if sql is None:
        _list_views(reader, form, rows)
        return
    how = {"external": allow_files, "errors": "skip" if skip_damaged else "raise", "types": as_text(text)}
    batches = _ask(reader, sys.stdin.read() if sql == "-" else sql, **how)
    if batches is None:
        say("no rows: it is not a query")
        return
    fetched = _fetched(batches)
    if file is not None:
        count = _write(first(fetched, rows), batches.schema, file, overwrite)
        say(f"{counted(count, 'row')}: {file}")
        return
    print_rows(_whole_numbers(fetched) if form == JSONL else fetched, batches.schema, form, rows)


def _write(batches: Iterable[pa.RecordBatch], schema: pa.Schema, file: str, overwrite: bool) -> int:
    """A whole file of a query's rows, or none. How many."""
    from modeldata.cli.formats import writer_of

    count = 0
    with whole_file(Path(file), overwrite) as sink, closing(writer_of(form_of(file), sink, schema)) as writer:
        for batch in watched(batches, None):
            writer.write(batch)
            count += batch.num_rows
    return count


def _list_views(reader: Reader, form: str, rows: int | None) -> None:
    import pyarrow as pa

    from modeldata.read.sql import views

    names_by_view = views(reader.store)
    table = pa.table(
        {"view": pa.array(names_by_view.keys(), pa.string()), "collector": pa.array(names_by_view.values(), pa.string())}
    )
    print_rows(table.to_batches(), table.schema, form, rows)


def _ask(reader: Reader, sql: str, **how: Any) -> pa.RecordBatchReader | None:
    """The rows of a query, as they are asked for. Raises `NotThere`, `MissingExtra`, and what DuckDB says as `ModelDataError`."""
    from modeldata.catalog.errors import need

    try:
        import duckdb
    except ImportError:
        raise need("duckdb", "sql", "run SQL") from None
    try:
        relation = reader.sql(sql, **how)
        return None if relation is None else record_batches(relation)
    except duckdb.Error as error:
        raise failed("run the query", error, HINT) from None


def _fetched(batches: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
    """The rows. What fails after the first ones is Arrow's error with DuckDB's text in it, so any error is said in our words."""
    try:
        yield from batches
    except Exception as error:
        raise failed("run the query", error, HINT) from None


def _whole_numbers(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """sum() of whole numbers is of 128 bit: a number in JSON where 64 are enough, as everybody expects."""
    import pyarrow as pa
    import pyarrow.types as types

    for batch in batches:
        columns = []
        for values in batch.columns:
            if types.is_decimal(values.type) and values.type.scale == 0:
                try:
                    values = values.cast(pa.int64())
                except pa.ArrowInvalid:
                    pass  # it takes more
            columns.append(values)
        yield pa.RecordBatch.from_arrays(columns, names=batch.schema.names)
