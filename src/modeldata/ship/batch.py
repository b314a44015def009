"""A group of frames → the bytes its file gets, and the manifest line that says what they hold."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from modeldata.columns import Column, Payloads, decode, decode_some
from modeldata.columns.texts import text_array
from modeldata.encode.csv import Csv
from modeldata.encode.kinds import split as split_kinds
from modeldata.format import names, wire
from modeldata.format.declared import parse
from modeldata.format.manifest import Entry
from modeldata.format.ranges import stretches
from modeldata.ship.calls import Calls, portions

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from modeldata.columns.typed import Array, Values
    from modeldata.encode import Encoded, FileFormat
    from modeldata.ship.gathered import FrameGroup


ALL = slice(None)
PARTS = 8
"""A call that does not fit into memory is encoded in about so many parts."""
FAIR, FAIR_TIMES = 64 << 20, 32
"""Bytes of memory that one row may ask for: so many, and so many times its own."""
MOST_TYPES = 4096
"""Columns of a collector with types that are remembered: the checkpoint holds them, and callers may choose the names."""


class Batch(NamedTuple):
    """One group, or a part of it, encoded. `head` is the header, which is sent only where a file begins; `data` has the rows."""

    format: str
    folder: str
    stream: str
    signature: str
    header: str
    head: bytes
    data: bytes
    entry: Entry


class UndecodableCall(NamedTuple):
    """One call that can't be encoded, from row `start` on (before `stop`), set aside so that it stops nobody else."""

    calls: Calls
    why: str
    start: int = 0
    stop: int | None = None

    @property
    def rows(self) -> int:
        return (int(self.calls.rows[0]) if self.stop is None else self.stop) - self.start

    @property
    def ranges(self) -> list[tuple[bytes, int, int]]:
        ((writer, first, _),) = self.calls.ranges()
        return [(writer, first + self.start, first + self.start + self.rows - 1)]


class BatchFormat(NamedTuple):
    """How batches are made: the format, its options, how large one may be, and what its files say of where they come from."""

    encoder: FileFormat
    excel_safe: bool
    most_bytes: int
    origin: str


class EncodedCalls(NamedTuple):
    """Rows as bytes, without a header, and the calls in them, in this order; of one large call, `rows` from `start` on."""

    encoded: Encoded
    calls: Calls
    rows: int
    start: int = 0


def encode_group(group: FrameGroup, form: BatchFormat) -> Iterator[Batch | UndecodableCall]:
    """The batches of a group, one after the other, and between them the frames that can't be decoded or encoded.

    Raises MemoryError where the host has none for a single row.
    """
    most = _portion_bytes(group, form.encoder.portions)
    for calls in portions(group.frames, most):
        large = len(calls) == 1 and int(calls.sizes[0]) > most
        for made in _some_rows(group, calls, form, most) if large else _encode(group, calls, form):
            if isinstance(made, UndecodableCall):
                yield made
            else:
                yield from batches(group, made, form)


def _portion_bytes(group: FrameGroup, limits: tuple[int, int]) -> int:
    """How many bytes of frames may be decoded at once: values that come one by one take many times their bytes."""
    extra = group.definition.get("extra")
    typed = group.definition.get("layout") != wire.ROWS and not (isinstance(extra, dict) and extra.get("objects"))
    return limits[0] if typed else limits[1]


def batches(group: FrameGroup, piece: EncodedCalls, form: BatchFormat) -> Iterator[Batch]:
    """One, or where that would be larger than the store takes at once, several: cut between rows."""
    columns, types = _named(group.definition)
    header = form.encoder.header([*form.encoder.own_columns, *columns], excel_safe=form.excel_safe)
    signature, plain = _signature(group, form, types), header_of(group, form)
    entry = _entry(group, columns, types, piece)
    for data, mine in _cut(piece.encoded.data, entry, form):
        yield Batch(form.encoder.suffix, group.folder, group.stream, signature, plain, header, data, mine)


def _cut(data: bytes, entry: Entry, form: BatchFormat) -> Iterator[tuple[bytes, Entry]]:
    fits = _rows_that_fit(data, entry.rows, form)
    if fits >= entry.rows:
        yield data, entry
        return
    for half, mine in zip(form.encoder.split(data, entry.rows, fits), entry.split(fits, split_kinds), strict=True):
        yield from _cut(half, mine, form)


def _rows_that_fit(data: bytes, rows: int, form: BatchFormat) -> int:
    """How many rows a batch may have; at least one, however large it is."""
    if len(data) <= form.most_bytes or rows == 1:
        return rows
    bounds = form.encoder.bounds(data)
    if bounds is None:  # only the whole can be cut, and its parts have sizes of their own
        return max(1, rows * form.most_bytes // len(data))
    return max(1, int(np.searchsorted(bounds, form.most_bytes, side="right")))


def _named(definition: dict[str, object]) -> tuple[list[str], list[str]]:
    columns, types = definition["columns"], definition["types"]
    assert isinstance(columns, list) and isinstance(types, list)  # else nothing of it was decoded
    return columns, types


def _encode(group: FrameGroup, calls: Calls, form: BatchFormat) -> Iterator[EncodedCalls | UndecodableCall]:
    """All at once; where that fails, in halves down to the one frame that is to blame, which is set aside."""
    try:
        columns = decode(group.definition, payloads(calls))
        rows = encoded(group, calls, form, columns, 0)
    except ImportError:
        raise  # of ours, in a process that is short of something
    except MemoryError as error:
        if len(calls) == 1:
            yield from _short_of_memory(group, calls, form, error)
            return
    except Exception as error:  # whatever a library says of bytes or values that it does not like: no other row may wait for it
        if len(calls) == 1:
            yield UndecodableCall(calls, f"{type(error).__name__}: {error}")
            return
    else:
        yield EncodedCalls(rows, calls, int(calls.rows.sum()))
        return
    half = len(calls) // 2
    yield from _encode(group, calls.part(slice(half)), form)
    yield from _encode(group, calls.part(slice(half, None)), form)


def _some_rows(group: FrameGroup, calls: Calls, form: BatchFormat, most: int) -> Iterator[EncodedCalls | UndecodableCall]:
    """One call, some rows at a time: about `most` bytes of them."""
    rows, start = int(calls.rows[0]), 0
    if rows == 1:
        yield from _encode(group, calls, form)
        return
    try:
        for columns in decode_some(group.definition, payloads(calls), max(1, rows * most // int(calls.sizes[0]))):
            count = len(columns[0].values)
            yield EncodedCalls(encoded(group, calls, form, columns, start), calls, count, start)
            start += count
    except (MemoryError, ImportError):
        raise
    except Exception as error:  # as in `_encode`; rows that are on their way already are not set aside
        yield UndecodableCall(calls, f"{type(error).__name__}: {error}", start)


def _short_of_memory(
    group: FrameGroup, calls: Calls, form: BatchFormat, error: MemoryError
) -> Iterator[EncodedCalls | UndecodableCall]:
    """One call that does not fit into memory: fewer rows at a time. One row that asks for more than it should is to blame itself;
    else it is the host that has no memory, and the row waits. Raises `error`."""
    size = int(calls.sizes[0])
    if int(calls.rows[0]) > 1:
        yield from _some_rows(group, calls, form, max(1, size // PARTS))
        return
    try:
        bytearray(FAIR + FAIR_TIMES * size)
    except MemoryError:
        raise error from None
    yield UndecodableCall(calls, f"one row of {size:,} bytes needs more than {(FAIR + FAIR_TIMES * size) >> 20} MiB of memory")


def payloads(calls: Calls) -> Payloads:
    return Payloads(calls.content, calls.starts, calls.sizes, calls.rows)


def encoded(group: FrameGroup, calls: Calls, form: BatchFormat, columns: list[Column], start: int) -> Encoded:
    """Rows from `start` on, with our own columns before them."""
    own = own_columns(calls, form.encoder.own_columns, slice(start, start + len(columns[0].values)))
    rows = form.encoder.encode([*own, *columns], excel_safe=form.excel_safe, metadata=_metadata(group, form), types=group.types)
    for name, kind in rows.types.items():
        if name in group.types or len(group.types) < MOST_TYPES:
            group.types[name] = kind
    return rows


def _metadata(group: FrameGroup, form: BatchFormat) -> dict[str, str]:
    """What a file that has room for it says about itself."""
    columns, types = _named(group.definition)
    return {
        "modeldata.identity": json.dumps(group.identity, sort_keys=True),
        "modeldata.origin": form.origin,
        "modeldata.schema": json.dumps({"columns": columns, "types": types}),
    }


def own_columns(calls: Calls, wanted: Sequence[str], some: slice = ALL) -> list[Column]:
    """`$Timestamp`, `$CorrelationId` and `$RequestId`: one value a call, repeated for each of its rows. And, where the format has
    them, `$Writer`, `$Sequence` and `$Row`: which row of which call this is. some: of all rows, those that are wanted."""
    rows = calls.rows
    single = bool((rows == 1).all())
    which = None if single else np.repeat(np.arange(len(calls)), rows)[some]
    times = calls.heads["time_ns"] // 1000
    columns = [
        Column(names.TIMESTAMP, "datetime64[us]", _each(pa.array(times).view(pa.timestamp("us")), which)),
        Column(names.CORRELATION, "str", _each(_ids(calls.content, *calls.correlations), which)),
        Column(names.REQUEST, "str", _each(_requests(calls), which)),
    ]
    if names.WRITER not in wanted:
        return columns
    writer = pa.array([one.hex() for one in calls.writers], pa.string()).take(pa.array(calls.writer))
    first = pa.array(calls.heads["sequence"].astype(np.uint64)).cast(pa.int64())
    place = np.zeros(len(calls), np.int64) if which is None else np.arange(rows.sum())[some] - (np.cumsum(rows) - rows)[which]
    return [
        *columns,
        Column(names.WRITER, "str", _each(writer, which)),
        Column(names.SEQUENCE, "int64", pc.add(_each(first, which), pa.array(place))),
        Column(names.ROW, "int64", pa.array(place)),
    ]


def _each(values: pa.Array, which: Array | None) -> pa.Array:
    """The value of each row's call; `which` is None where each call is one row."""
    return values if which is None else values.take(pa.array(which))


def _requests(calls: Calls) -> pa.Array:
    zero = pa.scalar(names.ZERO_GUID)
    starts, sizes = calls.requests
    if not sizes.any():
        return pa.repeat(zero, len(calls))
    return pc.if_else(pa.array(sizes == 0), zero, _ids(calls.content, starts, sizes))


def _ids(content: bytes, starts: Array, sizes: Array) -> pa.Array:
    made: Values = text_array(content, starts, sizes, None)
    if not isinstance(made, list):
        return made
    bounds = zip(starts.tolist(), (starts + sizes).tolist(), strict=True)
    return pa.array([content[start:stop].decode("utf-8", "replace") for start, stop in bounds], pa.string())


def header_of(group: FrameGroup, form: BatchFormat) -> str:
    """What is common to the files that may hold rows of these columns, whatever their kinds of values."""
    return _signature(group, form, [])


def _signature(group: FrameGroup, form: BatchFormat, types: list[str]) -> str:
    """What a file is for: rows of another collector, with other columns or other kinds of values, go to another file."""
    header = Csv().header([*form.encoder.own_columns, *_named(group.definition)[0]])
    kinds = ",".join(parse(declared).family for declared in types)
    return sha256("\0".join((group.stream, header.decode("utf-8"), kinds)).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _entry(group: FrameGroup, columns: list[str], types: list[str], piece: EncodedCalls) -> Entry:
    calls, encoded = piece.calls, piece.encoded
    times = calls.heads["time_ns"]
    entry = Entry(
        group.identity,
        piece.rows,
        first_ns=int(times.min()),
        last_ns=int(times.max()),
        columns=tuple(columns),
        types=tuple(types),
        calls=_runs(calls.rows),
        sequences=[(writer.hex(), first, last) for writer, first, last in calls.ranges()],
        continues=piece.start,
        kinds=encoded.kinds,
        surrogates_replaced=encoded.replaced,
    )
    if piece.rows == int(calls.rows.sum()):
        return entry
    ((writer, first, _),) = entry.sequences
    begins = first + piece.start
    return entry._replace(calls=[[piece.rows, 1]], sequences=[(writer, begins, begins + piece.rows - 1)])


def _runs(rows: Array) -> list[list[int]]:
    """[[rows per call, calls], ...] in the order of the file."""
    return [[int(rows[start]), stop - start] for start, stop in stretches(rows[1:] != rows[:-1])]
