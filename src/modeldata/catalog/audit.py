"""Is every accepted row in the archive, once? Told from the archive alone, by its manifests.

Each batch's manifest line says which sequence numbers of which writers it holds, where its bytes are and their checksum. A
writer's numbers for a collector begin at 0 and leave nothing out: a number that no batch has is a row that is missing, a number
that two have is a row that is doubled. Numbers that a line tells to be lost, with the reason, are gaps that are explained.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple
from zlib import crc32

from modeldata.catalog.batches import Catalog
from modeldata.format import names

if TYPE_CHECKING:
    from modeldata.catalog.batches import Contents
    from modeldata.store import ReadStore

COMPLETE, EXPLAINED, BROKEN = "complete", "gaps, each with its reason", "broken"
READ_BYTES = 8 * 1024 * 1024


class Range(NamedTuple):
    """Sequence numbers [first, last]; `reason` None where the rows are in the archive."""

    first: int
    last: int
    reason: str | None


class WriterAudit(NamedTuple):
    """One writer's rows of one collector."""

    collector: str
    writer: str
    rows: int
    missing: list[Range]
    doubled: list[tuple[int, int]]


class Audit:
    """What an audit found. `verdict` is one of COMPLETE, EXPLAINED, BROKEN."""

    def __init__(self) -> None:
        self.rows = 0
        self.batches = 0
        self.refused: dict[str, int] = {}
        self.writers: list[WriterAudit] = []
        self.problems: list[str] = []
        self.unaccounted: list[str] = []
        """Data files that no manifest tells of: another tool's, or the 2017 original's."""

    @property
    def verdict(self) -> str:
        missing = [gap for writer in self.writers for gap in writer.missing]
        doubled = [pair for writer in self.writers for pair in writer.doubled]
        if self.problems or doubled or any(gap.reason is None for gap in missing):
            return BROKEN
        return EXPLAINED if missing else COMPLETE

    def as_dict(self) -> dict[str, object]:
        return {
            "verdict": self.verdict,
            "rows": self.rows,
            "batches": self.batches,
            "refused": self.refused,
            "missing": [
                {
                    "collector": writer.collector,
                    "writer": writer.writer,
                    "first": gap.first,
                    "last": gap.last,
                    "reason": gap.reason,
                }
                for writer in self.writers
                for gap in writer.missing
            ],
            "doubled": [
                {"collector": writer.collector, "writer": writer.writer, "first": first, "last": last}
                for writer in self.writers
                for first, last in writer.doubled
            ],
            "problems": self.problems,
            "unaccounted": self.unaccounted,
            "writers": len(self.writers),
        }


def audit(store: ReadStore, *, check_bytes: bool = True) -> Audit:
    """Read every manifest of an archive and, with `check_bytes`, every byte that they tell of. Raises `Unavailable`.

    Batches that others replaced (see `modeldata.catalog.batches`) don't count, and their bytes may be gone.
    """
    found = Audit()
    ranges: dict[tuple[str, str], list[Range]] = defaultdict(list)
    catalog = Catalog.of(store)
    for listing in catalog.listings.values():
        contents = catalog.read(listing)
        found.problems += contents.problems
        found.problems += [f"{path}: its last line has no end" for path in contents.half]
        _audit_folder(contents, ranges, found, store, check_bytes)
    for (collector, writer), told in sorted(ranges.items()):
        found.writers.append(_judge(collector, writer, told))
    return found


def _audit_folder(
    contents: Contents, ranges: dict[tuple[str, str], list[Range]], found: Audit, store: ReadStore, check_bytes: bool
) -> None:
    folder = contents.listing.path
    ends: dict[str, int] = {}
    kept: set[str] = set()
    for line in contents.lines:
        live = line.batch not in contents.replaced
        try:
            if live:
                _take(line.told, folder, ranges, found)
            if "file" in line.told:
                path = f"{folder}/{line.told['file']}"
                kept |= {path} if live else set()
                _check_file(line.told, path, ends, found, store if check_bytes and live else None)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            found.problems.append(f"{folder}: a manifest line can't be understood: {type(error).__name__}: {error}")
    found.unaccounted += [path for path in (*contents.originals, *contents.uncommitted) if store.length(path)]
    _compare_files(store, contents.listing.data_files, ends, kept, found)


def _take(line: dict[str, Any], folder: str, ranges: dict[tuple[str, str], list[Range]], found: Audit) -> None:
    collector = names.stream(line["identity"])
    for reason, rows in dict(line.get("refused", {})).items():
        found.refused[reason] = found.refused.get(reason, 0) + int(rows)
    for writer, first, last, reason in line.get("lost", ()):
        ranges[collector, writer].append(Range(int(first), int(last), str(reason)))
    if "file" not in line:
        return
    found.batches += 1
    found.rows += int(line["rows"])
    told = 0
    for writer, first, last in line["sequences"]:
        ranges[collector, writer].append(Range(int(first), int(last), None))
        told += int(last) - int(first) + 1
    if told != line["rows"]:
        found.problems.append(f"{folder}: batch {line.get('batch')} tells of {told} numbers and {line['rows']} rows")


def _check_file(line: dict[str, Any], path: str, ends: dict[str, int], found: Audit, store: ReadStore | None) -> None:
    offset, size = int(line["offset"]), int(line["bytes"])
    if offset != ends.get(path, 0):
        found.problems.append(f"{path}: bytes {ends.get(path, 0):,} to {offset:,} belong to no batch")
    ends[path] = offset + size
    if store is None or store.length(path) < offset + size:
        return  # shorter than told, or gone: said when the files are compared
    rest = int(line["row_bytes"])
    at, crc = offset + size - rest, 0
    while rest:
        piece = store.read(path, at, min(rest, READ_BYTES))
        if not piece:
            break
        crc, at, rest = crc32(piece, crc), at + len(piece), rest - len(piece)
    if rest or crc != line["crc32"]:
        found.problems.append(f"{path}: the bytes of batch {line.get('batch')} (from {offset:,}) are not what was archived")


def _compare_files(store: ReadStore, data_files: list[str], ends: dict[str, int], kept: set[str], found: Audit) -> None:
    """kept: files that live batches are in. The others may go, or be gone."""
    for path in data_files:
        if path in ends and store.length(path) != ends[path] and path in kept:
            found.problems.append(f"{path}: {store.length(path):,} bytes where its manifest ends at {ends[path]:,}")
    for path in sorted(kept - set(data_files)):
        found.problems.append(f"{path}: is gone, its manifest is there")


def _judge(collector: str, writer: str, told: list[Range]) -> WriterAudit:
    """Numbers from 0 on: what no range has is missing, what two have is doubled."""
    told.sort(key=lambda one: (one.first, one.last))
    missing: list[Range] = []
    doubled: list[tuple[int, int]] = []
    rows = 0
    upto = 0
    for one in told:
        if one.first > upto:
            missing.append(Range(upto, one.first - 1, None))
        if one.first < upto:
            doubled.append((one.first, min(one.last, upto - 1)))
        if one.reason is not None:
            last = missing[-1] if missing else None
            if last is not None and (last.reason, last.last + 1) == (one.reason, one.first):
                missing[-1] = last._replace(last=one.last)
            else:
                missing.append(one)
        else:
            rows += one.last - one.first + 1
        upto = max(upto, one.last + 1)
    return WriterAudit(collector, writer, rows, missing, doubled)
