"""What runs on an executor: one attempt of one partition, as files of the archive's format. Nothing here needs Spark's JVM.

Promise: when `write_partition` has ended, its files are durable in the store, with all rows; they are not in the archive.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING
from zlib import crc32

import numpy as np
import pyarrow as pa

from modeldata.columns import Column
from modeldata.encode import format_of
from modeldata.errors import ModelDataError
from modeldata.format import names
from modeldata.format.manifest import Entry
from modeldata.settings import Settings
from modeldata.ship.heads import row_hash
from modeldata.ship.policy import retry_after
from modeldata.spark.call import PARTITION_BITS, AttemptFile
from modeldata.spark.errors import NOT_THERE, SHARE, NotArchived, not_archived
from modeldata.spool.files import Files
from modeldata.store import Unavailable, open_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import TypeVar

    from modeldata.spark.call import Call
    from modeldata.store import Store

    T = TypeVar("T")

FILE_BYTES = 64 * 1024 * 1024
"""Arrow data of a file: what a worker holds at once, beside its encoded form."""
TRIES = 5
"""Of one request, seconds in all: Spark tries a failed task again, at once and elsewhere, some times more."""


def write_partition(
    call: Call, batches: Iterable[pa.RecordBatch], partition: int, attempt: int, store: Store | None = None
) -> Iterator[AttemptFile]:
    """Write all rows of a partition under names of this attempt. Gives each file, in order; none without rows.

    Raises `NotArchived` where the store can't be used from here, or is not the one that the driver sees.
    """
    settings = Settings.build(call.settings)
    try:
        store = store or open_for(settings, Files())
        _look_for_marker(call, store)
        first = 0
        for number, table in enumerate(_tables(batches), 1):
            file, data = _encoded(call, table, partition, first, settings)
            path = call.attempt(partition, attempt, number)
            with_retries(lambda path=path, data=data: store.put(path, data))  # type: ignore[misc] # bound at once
            first += table.num_rows
            yield file._replace(path=path)
    except NotArchived:
        raise
    except ModelDataError as error:
        raise not_archived(error) from None


def with_retries(work: Callable[[], T]) -> T:
    """The answer of a store that may be busy: asked a few times, no sooner than it wants. Raises the last `Unavailable`."""
    for failures in range(1, TRIES):
        try:
            return work()
        except Unavailable as error:
            time.sleep(min(error.retry_after or retry_after(failures, 0.5), 10.0))
    return work()


def _look_for_marker(call: Call, store: Store) -> None:
    """Raises `NotArchived` where this is not the driver's archive: a local folder that machines do not share."""
    if with_retries(lambda: store.length(call.marker)):
        return
    import socket

    raise NotArchived(
        "find the driver's archive",
        Settings.build(call.settings).archive,
        cause=f"the executor on {socket.gethostname()} does not see what the driver wrote there",
        hint=f"{SHARE}; {NOT_THERE}",
    )


def _tables(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """Rows of a file, one after the other."""
    waiting: list[pa.RecordBatch] = []
    size = 0
    for batch in batches:
        if batch.num_rows:
            waiting.append(batch)
            size += batch.nbytes
        if size >= FILE_BYTES:
            yield pa.Table.from_batches(waiting)
            waiting, size = [], 0
    if waiting:
        yield pa.Table.from_batches(waiting)


def _encoded(call: Call, table: pa.Table, partition: int, first: int, settings: Settings) -> tuple[AttemptFile, bytes]:
    form = format_of(settings.format)
    types = [f"arrow:{field.type}" for field in table.schema]
    features = [Column(name, kind, table.column(at)) for at, (name, kind) in enumerate(zip(call.columns, types, strict=True))]
    own = _own_columns(call, partition, first, table.num_rows, form.own_columns)
    encoded = form.encode([*own, *features], excel_safe=settings.excel_safe, metadata=_metadata(call, types))
    header = form.header([*form.own_columns, *call.columns], excel_safe=settings.excel_safe)
    entry = _entry(call, partition, first, table.num_rows, types)
    entry = entry._replace(surrogates_replaced=encoded.replaced, kinds=encoded.kinds)
    data = header + encoded.data if header else encoded.data
    return AttemptFile("", len(data), len(header), crc32(encoded.data), row_hash(encoded.data), entry), data


def _own_columns(call: Call, partition: int, first: int, rows: int, wanted: Sequence[str]) -> list[Column]:
    """As the shipper makes them (`ship.batch`), of one call: `$Sequence` counts in the partition, `$Row` in the whole call."""
    place = np.arange(first, first + rows, dtype=np.int64)
    stamp = pa.scalar(call.time_ns // 1000, pa.int64()).cast(pa.timestamp("us"))
    columns = {
        names.TIMESTAMP: Column(names.TIMESTAMP, "datetime64[us]", pa.repeat(stamp, rows)),
        names.CORRELATION: Column(names.CORRELATION, "str", pa.repeat(pa.scalar(call.correlation, pa.string()), rows)),
        names.REQUEST: Column(names.REQUEST, "str", pa.repeat(pa.scalar(call.request, pa.string()), rows)),
        names.WRITER: Column(names.WRITER, "str", pa.repeat(pa.scalar(call.writer(partition), pa.string()), rows)),
        names.SEQUENCE: Column(names.SEQUENCE, "int64", pa.array(place)),
        names.ROW: Column(names.ROW, "int64", pa.array(place + (partition << PARTITION_BITS))),
    }
    return [columns[name] for name in wanted]


def _metadata(call: Call, types: Sequence[str]) -> dict[str, str]:
    return {
        "modeldata.identity": json.dumps(call.identity, sort_keys=True),
        "modeldata.origin": call.id,
        "modeldata.schema": json.dumps({"columns": call.columns, "types": types}),
    }


def _entry(call: Call, partition: int, first: int, rows: int, types: Sequence[str]) -> Entry:
    """What a batch's line says; its file and its place are known when the call is committed."""
    return Entry(
        call.identity,
        rows,
        first_ns=call.time_ns,
        last_ns=call.time_ns,
        columns=call.columns,
        types=tuple(types),
        calls=[[rows, 1]],
        sequences=[(call.writer(partition), first, first + rows - 1)],
        continues=(partition << PARTITION_BITS) + first,
    )
