"""A group of frames → the bytes its file gets, and the manifest line that says what they hold."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple, cast

import numpy as np
import pyarrow as pa

from modeldata import names
from modeldata.columns import Column, decode
from modeldata.encode.csv import header_line as csv_line
from modeldata.ship.cut import split_manifest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from modeldata.encode import Encoded, Encoder
    from modeldata.ship.gather import Group, Taken


class Batch(NamedTuple):
    """One group, or a part of it, encoded. `head` bytes at the start of `data` are the header: sent only where a file begins."""

    folder: str
    stream: str
    signature: str
    header: str
    data: bytes
    head: int
    manifest: dict[str, object]


class Spoilt(NamedTuple):
    """A frame that can't be decoded, set aside so that it stops nobody else."""

    taken: Taken
    why: str


class Form(NamedTuple):
    """How batches are made: the format, its options, how large one may be, and what its files say of where they come from."""

    encoder: Encoder
    excel_safe: bool
    most_bytes: int
    origin: str


class Piece(NamedTuple):
    """Rows as bytes, without a header, and the frames that are in them, in this order."""

    encoded: Encoded
    frames: list[Taken]


def encode_group(group: Group, form: Form) -> Iterator[Batch | Spoilt]:
    """The batches of a group, one after the other, and between them the frames that can't be decoded or encoded.

    Raises MemoryError where even one frame alone is too much.
    """
    for frames in _portions(group, form.encoder.portions):
        for made in _encode(group, frames, form):
            if isinstance(made, Spoilt):
                yield made
            else:
                yield from _batches(group, made, form)


def _portions(group: Group, limits: tuple[int, int]) -> Iterator[list[Taken]]:
    """As many frames as may be decoded at once: values that come one by one take many times their bytes."""
    extra = group.definition.get("extra")
    typed = group.definition.get("layout") != "rows" and not (isinstance(extra, dict) and extra.get("objects"))
    most = limits[0] if typed else limits[1]
    portion: list[Taken] = []
    size = 0
    for taken in group.frames:
        portion.append(taken)
        size += taken.frame.head.size
        if size >= most:
            yield portion
            portion, size = [], 0
    if portion:
        yield portion


def _batches(group: Group, piece: Piece, form: Form) -> Iterator[Batch]:
    """One, or where that would be larger than the store takes at once, several: cut between rows."""
    columns, types = _named(group.definition)
    own = form.encoder.own_columns
    header = form.encoder.header([*own, *columns])
    names_of_all = csv_line([*own, *columns])
    signature, plain = _signature(group.stream, names_of_all, types), _signature(group.stream, names_of_all, [])
    manifest = _manifest(group, columns, types, piece)
    for data, mine in _cut(piece.encoded.data, manifest, form):
        yield Batch(group.folder, group.stream, signature, plain, header + data, len(header), mine)


def _cut(data: bytes, manifest: dict[str, object], form: Form) -> Iterator[tuple[bytes, dict[str, object]]]:
    rows = cast("int", manifest["rows"])
    fits = _rows_that_fit(data, rows, form)
    if fits >= rows:
        yield data, manifest
        return
    for half, told in zip(form.encoder.split(data, rows, fits), split_manifest(manifest, fits), strict=True):
        yield from _cut(half, told, form)


def _rows_that_fit(data: bytes, rows: int, form: Form) -> int:
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


def _encode(group: Group, frames: list[Taken], form: Form) -> Iterator[Piece | Spoilt]:
    """All at once; where that fails, in halves down to the one frame that is to blame, which is set aside."""
    try:
        columns = decode(group.definition, [(taken.frame.head.rows, taken.frame.data) for taken in frames])
        own = _own_columns(frames, form.encoder.own_columns)
        encoded = form.encoder.encode([*own, *columns], excel_safe=form.excel_safe, metadata=_metadata(group, form))
    except ImportError:
        raise  # of ours, in a process that is short of something
    except MemoryError:
        if len(frames) == 1:
            raise
    except Exception as error:  # whatever a library says of bytes or values that it does not like: no other row may wait for it
        if len(frames) == 1:
            yield Spoilt(frames[0], f"{type(error).__name__}: {error}")
            return
    else:
        yield Piece(encoded, frames)
        return
    half = len(frames) // 2
    yield from _encode(group, frames[:half], form)
    yield from _encode(group, frames[half:], form)


def _metadata(group: Group, form: Form) -> dict[str, str]:
    """What a file that has room for it says about itself."""
    columns, types = _named(group.definition)
    return {
        "modeldata.identity": json.dumps(group.identity, sort_keys=True),
        "modeldata.origin": form.origin,
        "modeldata.schema": json.dumps({"columns": columns, "types": types}),
    }


def _own_columns(frames: list[Taken], wanted: Sequence[str]) -> list[Column]:
    """`$Timestamp`, `$CorrelationId` and `$RequestId`: one value a call, repeated for each of its rows. And, where the format has
    them, `$Writer`, `$Sequence` and `$Row`: which row of which call this is."""
    rows = np.array([taken.frame.head.rows for taken in frames], dtype=np.int64)
    times = np.array([taken.frame.head.time_ns for taken in frames], dtype=np.int64) // 1000
    calls = np.repeat(np.arange(len(frames)), rows)
    which = pa.array(calls)
    correlation = pa.array([_text(taken.frame.correlation) for taken in frames], pa.string())
    request = pa.array([_text(taken.frame.request) or names.ZERO_GUID for taken in frames], pa.string())
    stamps = pa.array(times[calls]).cast(pa.timestamp("us"))
    made = [
        Column(names.TIMESTAMP, "datetime64[us]", stamps),
        Column(names.CORRELATION, "str", correlation.take(which)),
        Column(names.REQUEST, "str", request.take(which)),
    ]
    if names.WRITER not in wanted:
        return made
    first = np.array([taken.frame.head.sequence for taken in frames], dtype=np.int64)
    place = np.arange(len(calls)) - (np.cumsum(rows) - rows)[calls]
    writer = pa.array([taken.writer_id.hex() for taken in frames], pa.string())
    return [
        *made,
        Column(names.WRITER, "str", writer.take(which)),
        Column(names.SEQUENCE, "int64", pa.array(first[calls] + place)),
        Column(names.ROW, "int64", pa.array(place)),
    ]


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def _signature(stream: str, header: bytes, types: list[str]) -> str:
    """What a file is for: rows of another collector, with other columns or other kinds of values, go to another file."""
    kinds = ",".join(_kind(declared) for declared in types)
    return sha256("\0".join((stream, header.decode("utf-8"), kinds)).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _kind(declared: str) -> str:
    """Declared types that one CSV column may hold side by side. A whole number beside a fraction is no change of type."""
    name = declared.removeprefix("arrow:").lower()
    for kind, starts in _KINDS:
        if name.startswith(starts):
            return kind
    return "other"


_KINDS = (
    ("any", ("any",)),
    ("bool", ("bool",)),
    ("number", ("int", "uint", "float", "double", "half", "decimal")),
    ("time", ("datetime", "timestamp", "date", "time", "duration", "period")),
    ("text", ("str", "large_str", "string", "category", "dictionary", "object", "utf8", "bytes")),
)


def _manifest(group: Group, columns: list[str], types: list[str], piece: Piece) -> dict[str, object]:
    frames, encoded = piece.frames, piece.encoded
    times = [taken.frame.head.time_ns for taken in frames]
    manifest: dict[str, object] = {
        "identity": group.identity,
        "rows": sum(taken.frame.head.rows for taken in frames),
        "first_ns": min(times),
        "last_ns": max(times),
        "columns": columns,
        "types": types,
        "calls": _runs([taken.frame.head.rows for taken in frames]),
        "sequences": _sequences(frames),
    }
    if encoded.replaced:
        manifest["surrogates_replaced"] = encoded.replaced
    if encoded.kinds:
        manifest["kinds"] = encoded.kinds
    return manifest


def _runs(rows: list[int]) -> list[list[int]]:
    """[[rows per call, calls], ...] in the order of the file."""
    runs: list[list[int]] = []
    for count in rows:
        if runs and runs[-1][0] == count:
            runs[-1][1] += 1
        else:
            runs.append([count, 1])
    return runs


def _sequences(frames: list[Taken]) -> list[list[object]]:
    """[[writer, first, last], ...] in the order of the file, last included."""
    runs: list[tuple[str, int, int]] = []
    for taken in frames:
        first = taken.frame.head.sequence
        last = first + taken.frame.head.rows - 1
        writer = taken.writer_id.hex()
        if runs and runs[-1][0] == writer and runs[-1][2] + 1 == first:
            runs[-1] = (writer, runs[-1][1], last)
        else:
            runs.append((writer, first, last))
    return [list(run) for run in runs]
