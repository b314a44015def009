"""A group of frames → the bytes its file gets, and the manifest line that says what they hold."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa

from modeldata import names
from modeldata.columns import Column, decode
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


class Encoded(NamedTuple):
    """Rows as bytes, without a header, and the frames that are in them, in this order."""

    rows: bytes
    replaced: int
    frames: list[Taken]
    spoilt: list[Spoilt]


def encode_group(group: Group, *, excel_safe: bool) -> tuple[Batch | None, list[Spoilt]]:
    """The batch of a group, without the frames that can't be decoded or encoded; None where none is left.

    Raises MemoryError where even one frame alone is too much.
    """
    encoded = _encode(group, group.frames, excel_safe)
    if not encoded.frames:
        return None, encoded.spoilt
    columns, types = _named(group.definition)
    header = csv.header_line([names.TIMESTAMP, names.CORRELATION, names.REQUEST, *columns])
    manifest = _manifest(group, columns, types, encoded)
    batch = Batch(
        group.folder,
        group.stream,
        _signature(group.stream, header, types),
        _signature(group.stream, header, []),
        header + encoded.rows,
        len(header),
        manifest,
    )
    return batch, encoded.spoilt


def _named(definition: dict[str, object]) -> tuple[list[str], list[str]]:
    columns, types = definition["columns"], definition["types"]
    assert isinstance(columns, list) and isinstance(types, list)  # else nothing of it was decoded
    return columns, types


def _encode(group: Group, frames: list[Taken], excel_safe: bool) -> Encoded:
    """All at once; where that fails, in halves down to the one frame that is to blame, which is set aside."""
    try:
        columns = decode(group.definition, [(taken.frame.head.rows, taken.frame.data) for taken in frames])
        encoded = csv.encode([*_own_columns(frames), *columns], header=False, excel_safe=excel_safe)
        return Encoded(encoded.data, encoded.replaced, frames, [])
    except MemoryError:
        if len(frames) == 1:
            raise
    except Exception as error:  # whatever a library says of bytes or values that it does not like: no other row may wait for it
        if len(frames) == 1:
            return Encoded(b"", 0, [], [Spoilt(frames[0], f"{type(error).__name__}: {error}")])
    half = len(frames) // 2
    first, second = _encode(group, frames[:half], excel_safe), _encode(group, frames[half:], excel_safe)
    return Encoded(
        first.rows + second.rows, first.replaced + second.replaced, first.frames + second.frames, first.spoilt + second.spoilt
    )


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


def _manifest(group: Group, columns: list[str], types: list[str], encoded: Encoded) -> dict[str, object]:
    frames = encoded.frames
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
