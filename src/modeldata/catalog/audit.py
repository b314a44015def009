"""Is every accepted row in the archive, once? Shown from the archive alone, by its manifests.

Each batch's manifest line says which sequence numbers of which writers it holds, where its bytes are and their checksum. A
writer's numbers for a collector begin at 0 and leave nothing out: a number that no batch has is a row that is missing, a number
that two have is a row that is doubled. Numbers that a line gives as lost, with the reason, are gaps that are explained.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple
from zlib import crc32

from modeldata.catalog.batches import Catalog
from modeldata.format import names
from modeldata.format.ranges import Ranges, merged

if TYPE_CHECKING:
    from modeldata.catalog.batches import Contents
    from modeldata.format.manifest import Entry
    from modeldata.format.ranges import Range
    from modeldata.store import ReadStore

    Numbers = dict[tuple[str, str], list[tuple[int, int, str]]]

COMPLETE, EXPLAINED, BROKEN = "complete", "gaps, each with its reason", "broken"
READ_BYTES = 8 * 1024 * 1024


class Gap(NamedTuple):
    """Sequence numbers [first, last] that are not in the archive; `reason` None where nobody says why."""

    first: int
    last: int
    reason: str | None


class WriterAudit(NamedTuple):
    """One writer's rows of one collector."""

    collector: str
    writer: str
    rows: int
    missing: list[Gap]
    doubled: list[Range]


class Audit:
    """What an audit found. `verdict` is one of COMPLETE, EXPLAINED, BROKEN."""

    def __init__(self) -> None:
        self.rows = 0
        self.batches = 0
        self.refused: dict[str, int] = {}
        self.writers: list[WriterAudit] = []
        self.problems: list[str] = []
        self.unaccounted: list[str] = []
        """Data files that no manifest names: another tool's, or the 2017 original's."""

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
    """Read every manifest of an archive and, with `check_bytes`, every byte of their batches. Raises `Unavailable`.

    Batches that others replaced (see `modeldata.catalog.batches`) don't count, and their bytes may be gone.
    """
    report = Audit()
    numbers: Numbers = defaultdict(list)
    catalog = Catalog.of(store)
    for listing in catalog.listings.values():
        contents = catalog.read(listing)
        report.problems += contents.problems
        report.problems += [f"{path}: its last line has no end" for path in contents.half]
        _audit_folder(contents, numbers, report, store, check_bytes)
    for (collector, writer), ranges in sorted(numbers.items()):
        report.writers.append(_judge(collector, writer, ranges))
    return report


def _audit_folder(contents: Contents, numbers: Numbers, report: Audit, store: ReadStore, check_bytes: bool) -> None:
    folder = contents.listing.path
    ends: dict[str, int] = {}
    kept: set[str] = set()
    for line in contents.lines:
        live, entry = line.batch not in contents.replaced, line.entry
        if line.problem:
            continue  # one of the folder's problems
        if live:
            _count(entry, folder, numbers, report)
        if entry.file:
            path = f"{folder}/{entry.file}"
            kept |= {path} if live else set()
            _check_file(entry, path, ends, report, store if check_bytes and live else None)
    report.unaccounted += [path for path in (*contents.originals, *contents.uncommitted) if store.length(path)]
    _compare_files(store, contents.listing.data_files, ends, kept, report)


def _count(entry: Entry, folder: str, numbers: Numbers, report: Audit) -> None:
    collector = names.stream(entry.identity)
    for reason, rows in entry.refused.items():
        report.refused[reason] = report.refused.get(reason, 0) + rows
    for writer, first, last, reason in entry.lost:
        numbers[collector, writer].append((first, last, reason))
    if not entry.file:
        return
    report.batches += 1
    report.rows += entry.rows
    for writer, first, last in entry.sequences:
        numbers[collector, writer].append((first, last, ""))
    total = sum(last - first + 1 for _, first, last in entry.sequences)
    if total != entry.rows:
        report.problems.append(f"{folder}: batch {entry.batch} has {total} numbers and {entry.rows} rows")


def _check_file(entry: Entry, path: str, ends: dict[str, int], report: Audit, store: ReadStore | None) -> None:
    offset, size = entry.offset, entry.size
    if offset != ends.get(path, 0):
        report.problems.append(f"{path}: bytes {ends.get(path, 0):,} to {offset:,} belong to no batch")
    ends[path] = offset + size
    if store is None or store.length(path) < offset + size:
        return  # too short, or gone: said when the files are compared
    rest, crc = entry.row_bytes, 0
    while rest and (piece := store.read(path, offset + size - rest, min(rest, READ_BYTES))):
        crc, rest = crc32(piece, crc), rest - len(piece)
    if rest or crc != entry.crc32:
        report.problems.append(f"{path}: the bytes of batch {entry.batch} (from {offset:,}) are not what was archived")


def _compare_files(store: ReadStore, data_files: list[str], ends: dict[str, int], kept: set[str], report: Audit) -> None:
    """kept: files that live batches are in. The others may go, or be gone."""
    for path in data_files:
        if path in ends and store.length(path) != ends[path] and path in kept:
            report.problems.append(f"{path}: {store.length(path):,} bytes where its manifest ends at {ends[path]:,}")
    for path in sorted(kept - set(data_files)):
        report.problems.append(f"{path}: is gone, its manifest is there")


def _judge(collector: str, writer: str, numbers: list[tuple[int, int, str]]) -> WriterAudit:
    """Numbers from 0 on: what no range has is missing, what two have is doubled."""
    numbers.sort()
    seen, doubled = Ranges(), []
    for first, last, _ in numbers:
        doubled += seen.common(first, last)
        seen.add(first, last)
    missing = [Gap(first, last, None) for first, last in seen.missing(0, max(last for _, last in seen))]
    missing += [Gap(first, last, why) for why, first, last in merged((why, first, last) for first, last, why in numbers) if why]
    rows = sum(last - first + 1 for first, last, why in numbers if not why)
    return WriterAudit(collector, writer, rows, sorted(missing, key=lambda gap: (gap.first, gap.last)), doubled)
