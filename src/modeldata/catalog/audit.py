"""Is every accepted row in the archive, once? Shown by its manifests, its heads, and the bytes of its files.

Each batch's manifest line says which sequence numbers of which writers it holds, where its bytes are and their checksum. A
writer's numbers for a collector begin at 0 and leave nothing out: a number that no batch has is a row that is missing, a number
that two have is a row that is doubled. Numbers that a line gives as lost, with the reason, are gaps that are explained.

Others work on while an audit runs: rows are there before their line, files go when they were compacted. So whatever looks
wrong is looked at again, some times and a little later, before it is called so.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from modeldata.catalog.audit_folder import FolderAuditor
from modeldata.catalog.batches import Catalog
from modeldata.catalog.belonging import home
from modeldata.catalog.evidence import Evidence
from modeldata.catalog.witness import Witness
from modeldata.format.paths import place_of
from modeldata.format.ranges import Ranges, merged
from modeldata.store import Unavailable
from modeldata.store.archive_id import NAME

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from modeldata.catalog.audit_folder import FolderAudit
    from modeldata.format.ranges import Range
    from modeldata.store import ReadStore

    Numbers = dict[tuple[str, str], list[tuple[int, int, str]]]

COMPLETE, EXPLAINED, BROKEN = "complete", "gaps, each with its reason", "broken"
NOTHING, UNPROVEN = "nothing found", "not all is proven"
VERDICTS = (BROKEN, NOTHING, UNPROVEN, EXPLAINED, COMPLETE)
"""The worst first."""

WAITS = (0.1, 0.3, 0.6, 1.0, 2.0, 4.0)
"""Seconds before each further look at what seems wrong: a busy host may need so long between rows and their line."""
WAITS_PARKED = "waits in its spool: its folder took nothing"
PERHAPS_UNREAD = "perhaps in a manifest that could not be read"


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
    """What an audit found. `verdict` is one of `VERDICTS`."""

    def __init__(self) -> None:
        self.rows = 0
        self.batches = 0
        self.refused: dict[str, int] = {}
        self.writers: list[WriterAudit] = []
        self.problems: list[str] = []
        self.unread: list[str] = []
        """What could not be read, and so is not proven: in an archive class, denied, damaged on its way."""
        self.unproven: list[str] = []
        """What else makes that not all is proven, though nothing is known to be wrong."""
        self.proven: list[str] = []
        self.not_known: list[str] = []
        """What this audit can't know, and how to know it."""
        self.unaccounted: list[str] = []
        """Data files that no manifest names: another tool's, or the 2017 original's. And, in words, copies that don't count."""
        self.still_there: list[str] = []
        """Files that compact, prune or erase did not remove yet: a run is at work or died, or another program holds them."""
        self.hints: list[str] = []
        """What to do next."""

    @property
    def verdict(self) -> str:
        missing = [gap for writer in self.writers for gap in writer.missing]
        if self.problems or any(writer.doubled for writer in self.writers) or any(gap.reason is None for gap in missing):
            return BROKEN
        if self.unread or self.unproven:
            return UNPROVEN
        if not self.writers and not self.batches and not self.refused:
            return NOTHING
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
            "unread": self.unread,
            "unproven": self.unproven,
            "proven": self.proven,
            "not_known": self.not_known,
            "unaccounted": self.unaccounted,
            "still_there": self.still_there,
            "hints": self.hints,
            "writers": len(self.writers),
        }


def audit(
    store: ReadStore,
    *,
    check_bytes: bool = True,
    witness: Witness | None = None,
    wait: Callable[[float], None] = time.sleep,
    now_ns: Callable[[], int] = time.time_ns,
) -> Audit:
    """Read every head and manifest of an archive and, with `check_bytes`, every byte of their batches. Raises `Unavailable` where
    the archive can't be listed at all; all else that can't be read is one of the things that it says.

    witness: what is known besides the archive. Batches that others replaced (see `modeldata.catalog.batches`) don't count, and
    their bytes may be gone.
    """
    evidence = Evidence.of(store, witness or Witness())
    auditor = FolderAuditor(store, evidence.ledger, check_bytes=check_bytes, now_ns=now_ns())
    catalog = Catalog.of(auditor.listed)
    folders = _looked_at(auditor, catalog)
    report = _summary(auditor, folders, evidence)
    for seconds in WAITS:
        doubtful = _doubtful(report, folders)
        too_early = report.verdict == NOTHING and (evidence.rows_wait or _is_begun(store))
        if not (doubtful or too_early or evidence.strangers or evidence.forged):
            break
        wait(seconds)
        if too_early:
            catalog = Catalog.of(auditor.listed)
            folders = _looked_at(auditor, catalog)
        for top in doubtful:
            folders = {path: seen for path, seen in folders.items() if _top_of(path) != top}
            catalog = catalog.listed_again(top)
            again = [listing for listing in catalog.listings.values() if _top_of(listing.path) == top]
            folders |= {listing.path: auditor.look(catalog, listing) for listing in again}
        evidence.look_again(store)
        report = _summary(auditor, folders, evidence)
    evidence.say(report, check_bytes=check_bytes)
    return report


def _is_begun(store: ReadStore) -> bool:
    """Did a shipper come as far as to note which archive this is? Then its first rows may be on their way."""
    try:
        return store.length(NAME) > 0
    except Unavailable:
        return False


def _looked_at(auditor: FolderAuditor, catalog: Catalog) -> dict[str, FolderAudit]:
    return {path: auditor.look(catalog, listing) for path, listing in catalog.listings.items()}


def _top_of(folder: str) -> str:
    """What is listed again for a folder: all days of its collector."""
    place = place_of(folder)
    return place.collector if place else folder


def _doubtful(report: Audit, folders: dict[str, FolderAudit]) -> set[str]:
    """Where there are doubts; and, for numbers that are missing or doubled, wherever their writer has any."""
    wrong = {
        (writer.collector, writer.writer)
        for writer in report.writers
        if writer.doubled or any(gap.reason is None for gap in writer.missing)
    }
    return {
        _top_of(path)
        for path, seen in folders.items()
        if seen.doubts or any((collector, writer) in wrong for collector, writer, *_ in seen.numbers)
    }


def _summary(auditor: FolderAuditor, folders: dict[str, FolderAudit], evidence: Evidence) -> Audit:
    report = Audit()
    evidence.judge(folders.values(), report, all_read=not auditor.listed.unread)
    numbers: Numbers = {key: [] for key in evidence.ends}
    for _, seen in sorted(folders.items()):
        report.rows += seen.rows
        report.batches += seen.batches
        report.problems += [*seen.problems, *seen.doubts]
        report.unread += seen.unread
        report.unaccounted += seen.unaccounted
        report.still_there += seen.still_there
        for reason, rows in seen.refused.items():
            report.refused[reason] = report.refused.get(reason, 0) + rows
        for collector, writer, first, last, reason in seen.numbers:
            numbers.setdefault((collector, writer), []).append((first, last, reason))
    counted = {batch for seen in folders.values() for batch in seen.counted}
    lonely = [line for seen in folders.values() for line in seen.misplaced if line.batch not in counted]
    report.problems += [f"{line.where}: batch {line.batch} is not where it belongs, in {home(line)}" for line in lonely]
    report.unread += auditor.listed.unread.values()
    for key, ranges in sorted(numbers.items()):
        unexplained = WAITS_PARKED if evidence.ledger.may_wait(*key) else PERHAPS_UNREAD if auditor.listed.unread else None
        report.writers.append(_judge(*key, ranges, evidence.ends.get(key, -1), unexplained))
    return report


def _judge(
    collector: str, writer: str, numbers: Iterable[tuple[int, int, str]], end: int, unexplained: str | None
) -> WriterAudit:
    """Numbers from 0 on, at least to `end`: what no range has is missing, what two have is doubled. unexplained: why, where no
    line says it."""
    numbers = sorted(numbers)
    seen, doubled = Ranges(), []
    for first, last, _ in numbers:
        doubled += seen.common(first, last)
        seen.add(first, last)
    missing = [Gap(first, last, unexplained) for first, last in seen.missing(0, max([end, *(last for _, last in seen)]))]
    missing += [Gap(first, last, why) for why, first, last in merged((why, first, last) for first, last, why in numbers) if why]
    rows = sum(last - first + 1 for first, last, why in numbers if not why)
    return WriterAudit(collector, writer, rows, sorted(missing, key=lambda gap: (gap.first, gap.last)), doubled)
