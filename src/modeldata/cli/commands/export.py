"""`modeldata export`: rows of a collector as one file."""

from __future__ import annotations

import json
import os
import secrets
import sys
from contextlib import closing, contextmanager
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from modeldata.cli.archive import say
from modeldata.cli.options import CollectorArgument, ReadOptions
from modeldata.cli.output import binary_stdout
from modeldata.cli.table import counted
from modeldata.errors import ModelDataError
from modeldata.format.files import FORMATS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import pyarrow as pa

    from modeldata.encode import RowWriter
    from modeldata.read.scan import Scan

    Maker = Callable[[str, BinaryIO, pa.Schema], RowWriter]

STDOUT = "-"


FORMS = (*FORMATS, "arrow")
"""As the ending of a file's name says it."""
if TYPE_CHECKING:
    Form = str
else:
    Form = StrEnum("Form", [(name, name) for name in FORMS])


def command(
    collector: CollectorArgument,
    *,
    output: Annotated[str, typer.Option("-o", "--output", metavar="FILE", help="Where to; - is stdout.")] = STDOUT,
    file_format: Annotated[Form | None, typer.Option("--format", help="Else as FILE ends; csv for stdout.")] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace FILE if it is there. Never a device, a pipe or a folder.")
    ] = False,
    excel_safe: Annotated[
        bool, typer.Option("--excel-safe", help="CSV that no spreadsheet runs: a ' before what looks like a formula.")
    ] = False,
    plain: Annotated[
        bool, typer.Option("--plain-names", help="Names of columns without $ and other signs: letters, digits and _ only.")
    ] = False,
    options: ReadOptions,
    as_json: Annotated[bool, typer.Option("--json", help="With FILE: print what was written as one JSON object.")] = False,
) -> None:
    """Write the rows of a collector as one file: CSV, JSON lines, Parquet or Arrow. In bounded memory, of any size.

    FILE is whole or not there: rows go to a hidden file beside it, which gets the name at the end. On stdout, Arrow is a
    stream; in a file, it is what is also known as Feather. CSV and JSON lines have the same forms as in the archive.
    MODELDATA_EXCEL_SAFE=true is the same as --excel-safe.
    """
    form = _format(output, file_format)
    if as_json and output == STDOUT:
        raise typer.BadParameter("--json describes a file: it needs --output; rows as JSON are --format jsonl")
    query = options.query(collector)
    make = _maker(excel_safe or options.settings().excel_safe, plain)
    if output == STDOUT:
        with binary_stdout() as sink:  # what is sent can't be taken back: a column that needs a wider type is an error
            scan = query.scan()
            _write(scan, scan, sink, "arrows" if form == "arrow" else form, make)
        return
    with whole_file(Path(output), overwrite) as sink:
        rows = _whole(query.scan(), sink, form, make)
    bytes_ = os.path.getsize(output)
    if as_json:
        print(json.dumps({"file": output, "format": form, "rows": rows, "bytes": bytes_}))
    else:
        say(f"{counted(rows, 'row')}, {counted(bytes_, 'byte')}: {output}")


def _format(output: str, file_format: str | None) -> str:
    if file_format is not None:
        return str(file_format)
    if output == STDOUT:
        return "csv"
    ending = Path(output).suffix.removeprefix(".").lower()
    if ending not in FORMS:
        raise typer.BadParameter(f"{output} does not end in {', '.join('.' + one for one in FORMS)}: say --format")
    return ending


def _maker(excel_safe: bool, plain: bool) -> Maker:
    from modeldata.cli.formats import plainly_named_writer, writer_of

    return partial(plainly_named_writer if plain else writer_of, excel_safe=excel_safe)


def _whole(scan: Scan, sink: BinaryIO, form: str, make: Maker) -> int:
    """All rows into a file, from its beginning again where a column needs a wider type. How many."""

    def write(batches: Iterator[pa.RecordBatch]) -> int:
        sink.seek(0)
        sink.truncate()
        return _write(batches, scan, sink, form, make)

    return scan.consume(write)


def _write(batches: Iterable[pa.RecordBatch], scan: Scan, sink: BinaryIO, form: str, make: Maker) -> int:
    from pyarrow import ArrowException

    rows = 0
    try:
        with closing(make(form, sink, scan.schema)) as writer:  # also where it fails: later, the sink has other rows
            for batch in _watched(batches, scan.most_rows):
                writer.write(batch)
                rows += batch.num_rows
    except ArrowException as error:
        raise ModelDataError("export", cause=f"{form} can't hold a value: {error}", hint="--text reads columns as text") from None
    return rows


def _watched(batches: Iterable[pa.RecordBatch], most: int | None) -> Iterator[pa.RecordBatch]:
    """The same, with a bar on stderr where that is a terminal."""
    if not sys.stderr.isatty():
        yield from batches
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    shown = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*shown, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("rows", total=most)
        for batch in batches:
            yield batch
            progress.advance(task, batch.num_rows)


@contextmanager
def whole_file(path: Path, overwrite: bool) -> Iterator[BinaryIO]:
    """A file that gets its name when the block has ended well, and else is gone. Raises `ModelDataError`.

    Only a regular file is ever replaced. A link stays, and the file that it leads to is replaced.
    """
    if os.path.lexists(path) and not path.is_file():
        raise ModelDataError("export", str(path), cause="it is not a regular file", hint="-o - writes to stdout")
    if path.exists() and not overwrite:
        raise ModelDataError("export", str(path), cause="it is there already", hint="--overwrite replaces it")
    path = Path(os.path.realpath(path))
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with part.open("xb") as sink:
            yield sink
            sink.flush()
            os.fsync(sink.fileno())
        part.replace(path)
    except OSError as error:
        raise ModelDataError("export", str(path), cause=error.strerror or str(error)) from error
    finally:
        part.unlink(missing_ok=True)
