"""A line of a manifest, and the batch of rows that it names."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from modeldata.format import names
from modeldata.format.manifest import Entry

if TYPE_CHECKING:
    from modeldata.format.manifest import Calls, Sequences


class ManifestLine(NamedTuple):
    """A committed line of a manifest: `number` counts from 1 in the file `log`. problem: why it is not valid; empty if it is."""

    log: str
    number: int
    entry: Entry
    problem: str = ""

    @property
    def batch(self) -> str:
        """Its id, empty for a note without one."""
        return self.entry.batch

    @property
    def where(self) -> str:
        return f"{self.log}, line {self.number}"


class ArchivedBatch(NamedTuple):
    """A batch of rows: bytes [offset, offset + size) of `path`, the last `row_bytes` of them rows. All else as in `Entry`."""

    line: ManifestLine
    path: str
    offset: int
    size: int
    row_bytes: int
    crc: int
    rows: int
    first_ns: int
    last_ns: int
    columns: tuple[str, ...]
    types: tuple[str, ...]
    kinds: dict[str, Any]
    calls: Calls
    sequences: Sequences
    continues: int

    @property
    def format(self) -> str:
        return self.path.rpartition(".")[2]

    @property
    def start(self) -> int:
        """Where its rows begin, after a header."""
        return self.offset + self.size - self.row_bytes

    @property
    def end(self) -> int:
        return self.offset + self.size


def batch_of(line: ManifestLine, folder: str) -> ArchivedBatch:
    """The batch of a valid line with a file."""
    entry = line.entry
    return ArchivedBatch(
        line, f"{folder}/{entry.file}", entry.offset, entry.size, entry.row_bytes, entry.crc32, entry.rows, entry.first_ns,
        entry.last_ns, entry.columns, entry.types, entry.kinds, entry.calls, entry.sequences, entry.continues,
    )  # fmt: skip


def parse(path: str, data: bytes, lines: list[ManifestLine], problems: list[str]) -> None:
    """Add each committed line of a manifest to `lines`, and to `problems` those that are no object."""
    for number, text in enumerate(data.split(b"\n") if data else (), 1):
        try:
            content = json.loads(text)
        except (ValueError, RecursionError):  # no JSON, or nested too deep
            content = None
        if isinstance(content, dict):
            lines.append(_line(path, number, content))
        else:
            problems.append(f"{path}: line {number} is not a JSON object")


def _line(path: str, number: int, content: dict[str, Any]) -> ManifestLine:
    """Of a line that is not valid, what it replaces and the file that it names still hold."""
    try:
        entry = Entry.of(content)
        if entry.impossible:
            raise ValueError(entry.impossible)
        if not set(names.IDENTITY) <= set(entry.identity):
            raise ValueError("its identity has parts missing")
        return ManifestLine(path, number, entry)
    except ValueError as error:
        ids, file = content.get("replaces"), str(content.get("file", ""))
        replaces = [str(batch) for batch in ids] if isinstance(ids, list) else None
        entry = Entry({}, batch=str(content.get("batch", "")), file=file, replaces=replaces)
        return ManifestLine(path, number, entry, str(error))
