"""A line of a manifest: what one batch holds and where its bytes are, or a note about rows that are in no batch. Pure.

The one place where lines are made and read. What each field means is in docs/data-layout.md. A later version may add fields: they
are kept in `others` wherever a line is written again.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

from modeldata.format import ranges
from modeldata.format.names import OWN_COLUMNS
from modeldata.format.paths import file_format

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    Kinds = dict[str, Any]

Sequences = list[tuple[str, int, int]]
"""(writer, first, last) of sequence numbers, in the order of the rows."""
Lost = list[tuple[str, int, int, str]]
"""(writer, first, last, reason)."""
Calls = list[list[int]]
"""[[rows of a call, how many such calls], ...] in the order of the rows."""
MOST = 2**63 - 1
"""The highest number that a line can have."""


class Entry(NamedTuple):
    """What a line says. A field that says nothing is not written.

    `file` to `crc32` say where the bytes are, `first_ns` to `sequences` are written of rows only. `kinds` is as in
    `modeldata.encode.kinds`. `archived_ns`, `host`, `spool`: when the line was made, where, and by the shipper of which spool.
    `replaces`: ids of batches that count no more; None but in the first line of a generation.
    """

    identity: dict[str, str]
    rows: int = 0
    batch: str = ""
    file: str = ""
    offset: int = 0
    size: int = 0
    row_bytes: int = 0
    crc32: int = 0
    first_ns: int = 0
    last_ns: int = 0
    columns: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    calls: Calls = []  # noqa: RUF012 - never changed
    sequences: Sequences = []  # noqa: RUF012 - never changed
    continues: int = 0
    kinds: Kinds = {}  # noqa: RUF012 - never changed
    replaces: list[str] | None = None
    refused: dict[str, int] = {}  # noqa: RUF012 - never changed
    lost: Lost = []  # noqa: RUF012 - never changed
    surrogates_replaced: int = 0
    given_up: bool = False
    archived_ns: int = 0
    spool: str = ""
    host: str = ""
    others: dict[str, Any] = {}  # noqa: RUF012 - never changed

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> Entry:
        """What a line says, of its JSON object. Raises ValueError where a field is missing or is not what it must be."""
        try:
            return _entry(content)
        except (LookupError, TypeError, ValueError, ArithmeticError, AttributeError) as error:
            raise ValueError(f"{type(error).__name__}: {error}") from error

    def as_dict(self) -> dict[str, Any]:
        content: dict[str, Any] = {"batch": self.batch} if self.batch else {}
        content["identity"] = self.identity
        if self.file:
            content |= {"file": self.file, **{name: getattr(self, field) for name, field in _PLACE.items()}}
        content["rows"] = self.rows
        if self.sequences:
            content |= {name: getattr(self, name) for name in _OF_ROWS}
        content |= {name: value for name in _OPTIONAL if (value := getattr(self, name))}
        if self.replaces is not None:
            content["replaces"] = self.replaces
        return {**content, **{name: value for name in _NOTES if (value := getattr(self, name))}, **self.others}

    def line(self, *, ordered: bool = True) -> bytes:
        """As it is in a manifest: always the same bytes. ordered: fields by name, as shippers write them."""
        return json.dumps(self.as_dict(), separators=(",", ":"), sort_keys=ordered).encode() + b"\n"

    @property
    def impossible(self) -> str:
        """Why no batch can be so; empty where it can. Lines are read from an archive that anybody may have written to."""
        ends = [(first, last) for _, first, last in self.sequences] + [(first, last) for _, first, last, _ in self.lost]
        numbers = [self.rows, self.offset, self.size, self.row_bytes, self.crc32, self.continues, *self.refused.values()]
        if any(not 0 <= number <= MOST for number in (*numbers, *(number for pair in ends for number in pair))):
            return "a number in it is negative or too large"
        if self.row_bytes > self.size or any(first > last for first, last in ends):
            return "an end in it comes before its start"
        if (
            len(set(self.columns)) != len(self.columns)
            or len(self.columns) != len(self.types)
            or set(OWN_COLUMNS) & set(self.columns)
        ):
            return "its columns are not named and typed once each"
        if not self.file:
            return ""
        if not file_format(self.file):
            return "its file has no name of a data file"
        runs = [kinds for kinds in self.kinds.values() if isinstance(kinds, list)]
        if any(not _is_run(run) for kinds in runs for run in kinds) or any(
            sum(run[1] for run in kinds) != self.rows for kinds in runs
        ):
            return "its kinds are not those of its rows"
        return ""

    @property
    def is_miscounted(self) -> bool:
        """Of a file that grows: a reader counts by these, so it must not be made to count beyond the rows that there are."""
        numbered = sum(last - first + 1 for _, first, last in self.sequences)
        called = sum(rows * times for rows, times in self.calls)
        few = self.rows > self.row_bytes or any(min(call) < 1 for call in self.calls)
        return few or not self.rows == numbered == called

    def split(self, at: int, split_kinds: Callable[[Kinds, int], tuple[Kinds, Kinds]]) -> tuple[Entry, Entry]:
        """What to say of the first `at` rows, and of the rest. What is counted once stays with the first."""
        sequences = ranges.split(self.sequences, at)
        calls, begun = _split_calls(self.calls, at, self.continues)
        kinds = split_kinds(self.kinds, at)
        left = self._replace(rows=at, sequences=sequences[0], calls=calls[0], kinds=kinds[0])
        right = self._replace(rows=self.rows - at, sequences=sequences[1], calls=calls[1], kinds=kinds[1], continues=begun)
        return left, right._replace(refused={}, surrogates_replaced=0)


_PLACE = {"offset": "offset", "bytes": "size", "row_bytes": "row_bytes", "crc32": "crc32"}
_OF_ROWS = ("first_ns", "last_ns", "columns", "types", "calls", "sequences")
_OPTIONAL = ("continues", "kinds")
_NOTES = ("refused", "lost", "surrogates_replaced", "given_up", "archived_ns", "spool", "host")
_KNOWN = frozenset((*Entry._fields, "bytes")) - {"others", "size"}


def _is_run(run: object) -> bool:
    return isinstance(run, list) and len(run) == 2 and isinstance(run[1], int) and run[1] >= 0


def _entry(content: Mapping[str, Any]) -> Entry:
    entry = Entry(
        dict(content["identity"]),
        int(content["rows"]),
        str(content.get("batch", "")),
        continues=int(content.get("continues", 0)),
        kinds=dict(content.get("kinds", {})),
        replaces=[str(batch) for batch in content["replaces"]] if "replaces" in content else None,
        refused={str(reason): int(rows) for reason, rows in content.get("refused", {}).items()},
        lost=[(str(writer), int(first), int(last), str(reason)) for writer, first, last, reason in content.get("lost", ())],
        surrogates_replaced=int(content.get("surrogates_replaced", 0)),
        given_up=bool(content.get("given_up", False)),
        archived_ns=int(content.get("archived_ns", 0)),
        spool=str(content.get("spool", "")),
        host=str(content.get("host", "")),
        others={name: value for name, value in content.items() if name not in _KNOWN},
    )
    if "file" in content:
        place: dict[str, Any] = {field: int(content[name]) for name, field in _PLACE.items()}
        entry = entry._replace(file=str(content["file"]), **place)
    if "file" not in content and "sequences" not in content:
        return entry
    return entry._replace(
        first_ns=int(content["first_ns"]),
        last_ns=int(content["last_ns"]),
        columns=tuple(sys.intern(str(name)) for name in content["columns"]),
        types=tuple(sys.intern(str(kind)) for kind in content["types"]),
        calls=[[int(rows), int(times)] for rows, times in content["calls"]],
        sequences=[(str(writer), int(first), int(last)) for writer, first, last in content["sequences"]],
    )


def _split_calls(calls: Calls, at: int, continues: int) -> tuple[tuple[Calls, Calls], int]:
    """Calls at a row; and how many rows of a call that is cut came before, on the left or earlier."""
    left: Calls = []
    right: Calls = []
    begun = 0
    for rows, times in calls:
        whole = min(times, at // rows)
        if whole:
            left.append([rows, whole])
        at -= whole * rows
        rest = times - whole
        if rest and 0 < at < rows:
            left.append([at, 1])
            right.append([rows - at, 1])
            begun = at + (continues if not left[:-1] else 0)
            rest -= 1
            at = 0
        if rest:
            right.append([rows, rest])
    return (left, right), begun


def joined(lost: Iterable[tuple[str, int, int, str]]) -> Lost:
    """The same numbers in order and in fewer entries."""
    made = ranges.merged([((writer, reason), first, last) for writer, first, last, reason in sorted(lost)])
    return [(writer, first, last, reason) for (writer, reason), first, last in made]
