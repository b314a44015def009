"""A group of frames → the bytes its file gets, and the manifest line that says what they hold."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa

from modeldata import names
from modeldata.columns import Column, Undecodable, decode
from modeldata.encode import csv

if TYPE_CHECKING:
    from modeldata.ship.gather import Group, Taken


class Batch(NamedTuple):
    """One group, encoded. `head` bytes at the start of `data` are the header: sent only where a file begins."""

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


def encode_group(group: Group, *, excel_safe: bool) -> tuple[Batch | None, list[Spoilt]]:
    """The batch of a group, without the frames that can't be decoded; None where none is left."""
    columns, good, spoilt = _decode(group)
    if not good:
        return None, spoilt
    encoded = csv.encode([*_own_columns(good), *columns], header=True, excel_safe=excel_safe)
    head = len(csv.encode([*_own_columns([]), *(_nothing(column) for column in columns)], header=True).data)
    header = encoded.data[:head]
    manifest = _manifest(group, columns, good, encoded.replaced)
    return (
        Batch(
            group.folder,
            group.stream,
            _signature(group.stream, header, [column.type for column in columns]),
            _signature(group.stream, header, []),
            encoded.data,
            head,
            manifest,
        ),
        spoilt,
    )


def _decode(group: Group) -> tuple[list[Column], list[Taken], list[Spoilt]]:
    try:
        return _columns(group, group.frames), group.frames, []
    except Undecodable:
        pass  # one of them is bad: find out which
    good: list[Taken] = []
    spoilt: list[Spoilt] = []
    for taken in group.frames:
        try:
            _columns(group, [taken])
            good.append(taken)
        except Undecodable as error:
            spoilt.append(Spoilt(taken, str(error)))
    return (_columns(group, good) if good else []), good, spoilt


def _columns(group: Group, frames: list[Taken]) -> list[Column]:
    return decode(group.definition, [(taken.frame.head.rows, taken.frame.data) for taken in frames])


def _nothing(column: Column) -> Column:
    return Column(column.name, column.type, column.values[:0])


def _own_columns(frames: list[Taken]) -> list[Column]:
    """`$Timestamp`, `$CorrelationId` and `$RequestId`: one value a call, repeated for each of its rows."""
    rows = np.array([taken.frame.head.rows for taken in frames], dtype=np.int64)
    times = np.array([taken.frame.head.time_ns for taken in frames], dtype=np.int64) // 1000
    which = pa.array(np.repeat(np.arange(len(frames)), rows))
    correlation = pa.array([_text(taken.frame.correlation) for taken in frames], pa.string())
    request = pa.array([_text(taken.frame.request) or names.ZERO_GUID for taken in frames], pa.string())
    stamps = pa.array(np.repeat(times, rows)).cast(pa.timestamp("us"))
    return [
        Column(names.TIMESTAMP, "datetime64[us]", stamps),
        Column(names.CORRELATION, "str", correlation.take(which)),
        Column(names.REQUEST, "str", request.take(which)),
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


def _manifest(group: Group, columns: list[Column], frames: list[Taken], replaced: int) -> dict[str, object]:
    times = [taken.frame.head.time_ns for taken in frames]
    manifest: dict[str, object] = {
        "identity": group.identity,
        "rows": sum(taken.frame.head.rows for taken in frames),
        "first_ns": min(times),
        "last_ns": max(times),
        "columns": [column.name for column in columns],
        "types": [column.type for column in columns],
        "calls": _runs([taken.frame.head.rows for taken in frames]),
        "sequences": _sequences(frames),
    }
    if replaced:
        manifest["surrogates_replaced"] = replaced
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
