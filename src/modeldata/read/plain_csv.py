"""CSV without a manifest, as ten years may have left it: several headers in one file, other encodings, rows that are odd. Pure.

A file is read in *sections*. A section begins with a header: the first line, and each later one that begins with our three names:
two services wrote the file one after the other. Columns that have one name twice get `.1`, `.2`, as they do elsewhere.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from modeldata.columns.python import NO_VALUE
from modeldata.format import names
from modeldata.read.forms import TEXT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    Note = Callable[[int, str], None]
    """Is given the line of an odd row, and what is wrong with it."""

START = ",".join((names.TIMESTAMP, names.CORRELATION, names.REQUEST)).encode()
TIME = pa.timestamp("us")
_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))


class Section(NamedTuple):
    """Rows below one header. `line`: of the header, from 1."""

    names: list[str]
    rows: bytes
    line: int


def utf8(data: bytes) -> bytes:
    """The same text in UTF-8 without a mark. UTF-16 is known by its mark, or by the zero beside the first character."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            rest = data[len(mark) :]
            return rest if encoding == "utf-8" else _from_utf16(rest, encoding)
    if 0 in data[:2]:
        return _from_utf16(data, "utf-16-be" if data[0] == 0 else "utf-16-le")
    return data


def _from_utf16(data: bytes, encoding: str) -> bytes:
    """Half a character at the end, of a file that was cut, becomes U+FFFD."""
    return data.decode(encoding, "replace").encode("utf-8", "replace")


def sections(data: bytes) -> Iterator[Section]:
    """data: in UTF-8."""
    start, line = 0, 1
    while start < len(data):
        end = _next_header(data, start)
        part = data[start:end]
        head = _end_of_line(part)
        yield Section(_told_apart(next(csv.reader(io.StringIO(part[:head].decode("utf-8", "replace"))), [])), part[head:], line)
        start, line = end, line + part.count(b"\n")


def _next_header(data: bytes, start: int) -> int:
    """Where the next section begins: at a header that is not inside of a quoted cell."""
    at = start
    while (at := data.find(b"\n" + START, at)) >= 0:
        at += 1
        if data.count(b'"', start, at) % 2 == 0:
            return at
    return len(data)


def _end_of_line(part: bytes) -> int:
    at = 0
    while (at := part.find(b"\n", at)) >= 0:
        at += 1
        if part.count(b'"', 0, at) % 2 == 0:
            return at
    return len(part)


def _told_apart(header: Sequence[str]) -> list[str]:
    """Names that are there twice get `.1`, `.2`; a number that is taken is passed over."""
    columns: list[str] = []
    times: Counter[str] = Counter()
    for name in header:
        free = name
        while free in columns or (free != name and free in header):
            times[name] += 1
            free = f"{name}.{times[name]}"
        columns.append(free)
    return columns


def parsed(section: Section, types: Mapping[str, pa.DataType], note: Note) -> pa.Table:
    """The rows of a section. Columns that `types` leaves out are typed by their cells. Odd rows are noted, and left out.

    Raises `pa.ArrowInvalid`.
    """
    rows, lines = _decodable(section, note)
    odd: dict[int, str] = {}

    def leave_out(row: pa_csv.InvalidRow) -> str:
        odd[row.number] = f"has {row.actual_columns} cells where the header has {row.expected_columns}"
        return "skip"

    if not rows.strip():
        return pa.table({name: pa.nulls(0, types.get(name, pa.null())) for name in section.names})
    table = pa_csv.read_csv(
        pa.BufferReader(rows),
        read_options=pa_csv.ReadOptions(use_threads=False, block_size=len(rows) + 1, column_names=section.names),
        parse_options=pa_csv.ParseOptions(newlines_in_values=True, invalid_row_handler=leave_out),
        convert_options=pa_csv.ConvertOptions(
            column_types={**types, names.TIMESTAMP: TEXT},
            null_values=[""],
            true_values=["True", "true"],
            false_values=["False", "false"],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )
    begins = _lines(rows, lines) if odd else []
    for number, cause in odd.items():
        note(begins[number - 1], cause)
    return _with_times(table, lambda: [at for number, at in enumerate(_lines(rows, lines), 1) if number not in odd], note)


def _with_times(table: pa.Table, lines: Callable[[], list[int]], note: Note) -> pa.Table:
    """The same with times as times. Rows without a valid time are noted, and left out."""
    if names.TIMESTAMP not in table.column_names:
        return table
    at, texts = table.column_names.index(names.TIMESTAMP), table[names.TIMESTAMP]
    try:
        return table.set_column(at, names.TIMESTAMP, texts.cast(TIME))
    except pa.ArrowInvalid:
        times = [_time(text) for text in texts.to_pylist()]
    where = lines()
    for number, (text, time) in enumerate(zip(texts.to_pylist(), times, strict=True)):
        if time is None and text is not None:
            note(where[number], f"has no time, but {text!r:.60}")
    column = pa.array(times, TIME)
    return table.set_column(at, names.TIMESTAMP, column).filter(pc.or_(column.is_valid(), texts.is_null()))


def _time(text: str | None) -> pa.Scalar | None:
    try:
        return None if text is None else pa.scalar(text).cast(TIME)
    except NO_VALUE:
        return None


def _decodable(section: Section, note: Note) -> tuple[bytes, Sequence[int]]:
    """Its lines that are UTF-8, and their numbers. The others are noted."""
    numbers = range(section.line + 1, section.line + 2 + section.rows.count(b"\n"))
    try:
        section.rows.decode()
        return section.rows, numbers
    except UnicodeDecodeError:
        kept = []
    for number, line in zip(numbers, section.rows.split(b"\n"), strict=True):
        try:
            line.decode()
            kept.append((line, number))
        except UnicodeDecodeError as error:
            note(number, f"is not UTF-8: {error.reason} at byte {error.start}")
    return b"\n".join(line for line, _ in kept), [number for _, number in kept]


def _lines(rows: bytes, lines: Sequence[int]) -> list[int]:
    """The line in its file that each row begins on; rows with line breaks in their cells have several."""
    reader = csv.reader(io.StringIO(rows.decode(), newline=""))
    begins, before = [], 0
    for row in reader:
        if row:
            begins.append(lines[before])
        before = reader.line_num
    return begins
