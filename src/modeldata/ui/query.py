"""SQL over an archive with a limit of rows, of memory and of time; its result for a table, or as a file."""

from __future__ import annotations

import tempfile
import time
from contextlib import contextmanager
from threading import Event, Thread
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from modeldata.encode import format_of
from modeldata.encode.lines import LineWriter
from modeldata.errors import ModelDataError, SettingsError, mask
from modeldata.read.duck import connected, failed, library, record_batches
from modeldata.read.sql import query as relation_of
from modeldata.read.sql import views
from modeldata.ui.values import columns, rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pyarrow as pa

    from modeldata.encode import RowWriter
    from modeldata.ui.source import Source

MOST_SHOWN, MOST_SAVED = 1000, 1_000_000
"""Rows of a result: on the page, in a file."""
SECONDS = 30.0
AGAIN_SECONDS = 0.05
"""An interruption that comes between two steps of DuckDB is lost, so it is repeated until the query has ended."""
LIMITS: dict[str, str | int] = {"memory_limit": "256MB", "threads": 2}
DOWNLOADS = {"csv": "text/csv; charset=utf-8", "parquet": "application/vnd.apache.parquet"}
IN_MEMORY = 8 * 1024 * 1024


def answer(source: Source, text: str, count: int, seconds: float = SECONDS) -> dict[str, Any]:
    """The first `count` rows of a query, and how long it took. Without a text: the views that there are."""
    if not text.strip():
        return {"archive": mask(source.archive), "views": views(source.store)}
    began = time.monotonic()
    count = max(1, min(count, MOST_SHOWN))
    with _run(source, text, seconds) as result:
        schema = result.schema
        shown: list[list[Any]] = []
        for batch in result:
            shown += rows(_table(batch.slice(0, count + 1 - len(shown))))
            if len(shown) > count:
                break
    return {
        "archive": mask(source.archive),
        "columns": columns(schema),
        "rows": shown[:count],
        "more": len(shown) > count,
        "seconds": round(time.monotonic() - began, 3),
    }


def saved(source: Source, text: str, form: str, seconds: float = SECONDS) -> BinaryIO:
    """The result as a file of that form, `MOST_SAVED` rows at most, in bounded memory. Cells of CSV that a spreadsheet would run
    have a `'` before them."""
    if form not in DOWNLOADS:
        raise SettingsError("save the result", cause=f"no format {form!r}", hint=f"one of {', '.join(DOWNLOADS)}")
    file = cast(BinaryIO, tempfile.SpooledTemporaryFile(IN_MEMORY))  # noqa: SIM115 - whoever sends it closes it
    left = MOST_SAVED
    with _run(source, text, seconds) as result:
        writer = _writer(form, file, result.schema)
        for batch in result:
            writer.write(batch.slice(0, left))
            left -= min(left, batch.num_rows)
            if not left:
                break
        writer.close()
    file.seek(0)
    return file


def _writer(form: str, file: BinaryIO, schema: pa.Schema) -> RowWriter:
    return (
        LineWriter(format_of(form), file, schema.names, excel_safe=True)
        if form == "csv"
        else format_of(form).writer(file, schema)
    )


def _table(batch: pa.RecordBatch) -> pa.Table:
    import pyarrow as pa

    return pa.Table.from_batches([batch])


@contextmanager
def _run(source: Source, text: str, seconds: float) -> Iterator[pa.RecordBatchReader]:
    """The rows of a query on a connection of its own that opens nothing else, and is interrupted when the time is over.

    Raises `ModelDataError`: what DuckDB says, and that the time or the memory was not enough.
    """
    duckdb = library("run SQL")
    over: list[bool] = []
    ducks: list[Any] = []
    done = Event()

    def connect(files: Sequence[int]) -> Any:
        ducks.append(connected("run SQL", limits=LIMITS, files=files))
        return ducks[0]

    def interrupt() -> None:
        if done.wait(seconds):
            return
        over.append(True)
        while not done.wait(AGAIN_SECONDS):
            for duck in list(ducks):
                duck.interrupt()

    clock = Thread(target=interrupt, daemon=True)
    clock.start()
    try:
        relation = relation_of(source.store, source.archive, text, connect=connect)
        if relation is None:
            raise ModelDataError("run the query", cause="it gives no rows", hint="write a SELECT")
        yield record_batches(relation)
    except ModelDataError:
        raise
    except Exception as error:
        if over:
            hint = "ask for fewer days, or run it with `modeldata query`, which has no clock"
            raise ModelDataError("run the query", cause=f"it took longer than {seconds:.0f} s", hint=hint) from None
        if isinstance(error, duckdb.OutOfMemoryException):
            hint = "ask for fewer columns or days, or run it with `modeldata query`"
            raise ModelDataError(
                "run the query", cause=f"it needs more than {LIMITS['memory_limit']} of memory", hint=hint
            ) from None
        raise failed("run the query", error) from None
    finally:
        done.set()
        clock.join()
        for duck in ducks:
            duck.close()
