"""`modeldata export`: rows of a collector as one file."""

from __future__ import annotations

import json
import os
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from modeldata.cli.archive import say
from modeldata.cli.files import STDOUT, FormatOption, OverwriteOption, form_of, whole_file
from modeldata.cli.options import CollectorArgument, ReadOptions
from modeldata.cli.output import binary_stdout
from modeldata.cli.progress import watched
from modeldata.cli.table import counted
from modeldata.cli.where import WhereOption, expression_of, rows_of
from modeldata.errors import ModelDataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import pyarrow as pa

    from modeldata.cli.where import FittingRows
    from modeldata.encode import RowWriter
    from modeldata.read.scan import Scan

    Maker = Callable[[str, BinaryIO, pa.Schema], RowWriter]


def command(
    collector: CollectorArgument,
    *,
    output: Annotated[str, typer.Option("-o", "--output", metavar="FILE", help="Where to; - is stdout.")] = STDOUT,
    file_format: FormatOption = None,
    overwrite: OverwriteOption = False,
    excel_safe: Annotated[
        bool, typer.Option("--excel-safe", help="CSV that no spreadsheet runs: a ' before what looks like a formula.")
    ] = False,
    plain: Annotated[
        bool, typer.Option("--plain-names", help="Names of columns without $ and other signs: letters, digits and _ only.")
    ] = False,
    where: WhereOption = None,
    options: ReadOptions,
    as_json: Annotated[bool, typer.Option("--json", help="With FILE: print what was written as one JSON object.")] = False,
) -> None:
    """Write the rows of a collector as one file: CSV, JSON lines, Parquet or Arrow. In bounded memory, of any size.

    FILE is whole or not there: rows go to a hidden file beside it, which gets the name at the end. On stdout, Arrow is a
    stream; in a file, it is what is also known as Feather. CSV and JSON lines have the same forms as in the archive.
    MODELDATA_EXCEL_SAFE=true is the same as --excel-safe.
    """
    form = form_of(output, file_format)
    if as_json and output == STDOUT:
        raise typer.BadParameter("--json describes a file: it needs --output; rows as JSON are --format jsonl")
    query, condition = options.query(collector), expression_of(where)
    make = _maker(excel_safe or options.settings().excel_safe, plain)
    if output == STDOUT:
        with binary_stdout() as sink:  # what is sent can't be taken back: a column that needs a wider type is an error
            rows = rows_of(query, condition)
            _write(rows, rows, sink, "arrows" if form == "arrow" else form, make)
        return
    with whole_file(Path(output), overwrite) as sink:
        count = _whole(rows_of(query, condition), sink, form, make)
    bytes_ = os.path.getsize(output)
    if as_json:
        print(json.dumps({"file": output, "format": form, "rows": count, "bytes": bytes_}))
    else:
        say(f"{counted(count, 'row')}, {counted(bytes_, 'byte')}: {output}")


def _maker(excel_safe: bool, plain: bool) -> Maker:
    from modeldata.cli.formats import plainly_named_writer, writer_of

    return partial(plainly_named_writer if plain else writer_of, excel_safe=excel_safe)


def _whole(scan: Scan | FittingRows, sink: BinaryIO, form: str, make: Maker) -> int:
    """All rows into a file, from its beginning again where a column needs a wider type. How many."""

    def write(batches: Iterator[pa.RecordBatch]) -> int:
        sink.seek(0)
        sink.truncate()
        return _write(batches, scan, sink, form, make)

    return scan.consume(write)


def _write(batches: Iterable[pa.RecordBatch], scan: Scan | FittingRows, sink: BinaryIO, form: str, make: Maker) -> int:
    from pyarrow import ArrowException

    rows = 0
    try:
        with closing(make(form, sink, scan.schema)) as writer:  # also where it fails: later, the sink has other rows
            for batch in watched(batches, scan.most_rows):
                writer.write(batch)
                rows += batch.num_rows
    except ArrowException as error:
        raise ModelDataError("export", cause=f"{form} can't hold a value: {error}", hint="--text reads columns as text") from None
    return rows
