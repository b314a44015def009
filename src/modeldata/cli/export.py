"""`modeldata export`: rows of a collector as one file of any format."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from typing import IO, TYPE_CHECKING, Annotated, Any, Protocol

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

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
from modeldata.errors import ModelDataError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pyarrow as pa

    from modeldata.read.scan import Scan

ENDINGS = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet", ".arrow": "arrow", ".feather": "arrow"}
FORMATS = ("csv", "jsonl", "parquet", "arrow")


def export(
    collector: CollectorArgument,
    to: Annotated[str, typer.Argument(help="The new file, such as rows.parquet; - for stdout.")],
    file_format: Annotated[
        str | None, typer.Option("--format", help="csv, jsonl, parquet or arrow; else what the file's ending says.")
    ] = None,
    start: StartOption = None,
    end: EndOption = None,
    version: VersionOption = None,
    service: ServiceOption = None,
    columns: ColumnsOption = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it is there.")] = False,
    archive: ArchiveOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write rows of a collector to one file, in bounded memory. The file has its name once it is whole, and not before."""
    form = _format_of(to, file_format)
    if to != "-" and not force and os.path.exists(to):
        raise ModelDataError("export", to, cause="it is there already", hint="take another name, or --force")
    reader = reader_of(archive)
    scan = reader.scan(*collector_of(reader, collector), **question(start, end, version, service, columns))
    rows, size = _to_stdout(scan, form) if to == "-" else _to_file(scan, form, to)
    if to == "-":
        return
    if as_json:
        print(json.dumps({"path": to, "format": form, "rows": rows, "bytes": size}))
    else:
        Console(stderr=True, highlight=False).print(f"{rows:,} rows, {size:,} bytes: {to}", soft_wrap=True, markup=False)


def _format_of(to: str, named: str | None) -> str:
    found = named or ENDINGS.get(os.path.splitext(to)[1].lower(), "")
    if found not in FORMATS:
        raise SettingsError("export", to, cause="the format is not known", hint=f"--format, one of {', '.join(FORMATS)}")
    return found


def _to_file(scan: Scan, form: str, to: str) -> tuple[int, int]:
    """Under a hidden name first; the old file, if any, stays until the new one is whole and durable."""
    folder, name = os.path.split(os.path.abspath(to))
    hidden = os.path.join(folder, f".{name}.{os.getpid()}.part")
    try:
        with open(hidden, "wb") as out:
            rows = _write(scan, form, out)
            out.flush()
            os.fsync(out.fileno())
            size = out.tell()
        os.replace(hidden, to)
    except OSError as error:
        raise ModelDataError("export", to, cause=error.strerror or str(error)) from error
    finally:
        with contextlib.suppress(OSError):
            os.unlink(hidden)
    return rows, size


def _to_stdout(scan: Scan, form: str) -> tuple[int, int]:
    """What is sent can't be taken back: where a column becomes wider on the way, `DoesNotFit` says so."""
    if sys.stdout.isatty() and form in ("parquet", "arrow"):
        raise SettingsError("export", cause=f"{form} is nothing for a terminal", hint="name a file, or send it through a pipe")
    out = sys.stdout.buffer
    with _writer(form, out, scan.schema) as writer:
        rows = _copy(writer, iter(scan), lambda count: None)
    out.flush()
    return rows, 0


def _write(scan: Scan, form: str, out: IO[bytes]) -> int:
    from modeldata.read.scan import StartOver

    err = Console(stderr=True)
    bar = (TextColumn("export"), BarColumn(), MofNCompleteColumn(), TextColumn("rows"), TimeRemainingColumn())
    with Progress(*bar, console=err, transient=True, disable=not err.is_terminal) as progress:
        while True:
            task = progress.add_task("rows", total=scan.most_rows)
            try:
                with _writer(form, out, scan.schema) as writer:
                    return _copy(writer, scan.restartable(), lambda count, task=task: progress.advance(task, count))  # type: ignore[misc]
            except StartOver:
                progress.remove_task(task)
                out.seek(0)
                out.truncate()


def _copy(writer: Writer, batches: Iterator[pa.RecordBatch], tell: Callable[[int], None]) -> int:
    rows = 0
    for batch in batches:
        writer.write_batch(batch)
        rows += len(batch)
        tell(len(batch))
    return rows


class Writer(Protocol):
    """Takes batches; what is behind the last is written when it is closed."""

    def write_batch(self, batch: pa.RecordBatch) -> None: ...
    def __enter__(self) -> Writer: ...
    def __exit__(self, *error: object) -> Any: ...


class _TextWriter:
    def __init__(self, form: str, out: IO[bytes], names: list[str]) -> None:
        from modeldata.encode import encoder

        self._form = form
        self._out = out
        out.write(encoder(form).header(names))

    def write_batch(self, batch: pa.RecordBatch) -> None:
        from modeldata.cli.rows import encoded

        self._out.write(encoded(batch, self._form))

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, *error: object) -> None:
        return


def _writer(form: str, out: IO[bytes], schema: pa.Schema) -> Writer:
    import pyarrow as pa
    import pyarrow.parquet as pq

    if form == "parquet":
        made: Writer = pq.ParquetWriter(out, schema, compression="zstd")
        return made
    if form == "arrow":
        files: Writer = pa.ipc.new_file(out, schema)
        return files
    return _TextWriter(form, out, schema.names)
