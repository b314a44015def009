"""One look at one folder of an archive: its lines, held against each other and against the bytes that are there."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from modeldata.catalog.batches import Vanished
from modeldata.catalog.content import content_of
from modeldata.catalog.forgiving import ForgivingStore
from modeldata.catalog.lines import batch_of
from modeldata.catalog.unfinished import unfinished_puts
from modeldata.errors import StoreError
from modeldata.format import names
from modeldata.format.head import entry_hash
from modeldata.format.paths import generation_of_data, generation_of_manifest

if TYPE_CHECKING:
    from modeldata.catalog.batches import Catalog, Contents, Listing
    from modeldata.catalog.ledger import Ledger
    from modeldata.catalog.lines import ManifestLine
    from modeldata.format.manifest import Entry
    from modeldata.store import ReadStore


class Uncovered(NamedTuple):
    """A live batch that no record of a log tells of: by the shipper of which spool (empty: by another), when, in which round."""

    id: str
    spool: str
    time_ns: int
    round: str
    rows: int


class FolderAudit:
    """What one look at a folder says.

    problems: what is wrong. doubts: what is wrong, or was on its way just then: only a later look tells. unread: what the store
    did not give. live, replaced: ids of batches that count, and of those that don't any more.
    counted: ids of batches that are where they belong, also if others replaced them. misplaced: lines of other folders.
    still_there: files of which all rows were replaced: they may go.
    numbers: (collector, writer, first, last, reason why they are lost; empty for rows that are there).
    """

    def __init__(self) -> None:
        self.rows = 0
        self.batches = 0
        self.refused: dict[str, int] = {}
        self.numbers: list[tuple[str, str, int, int, str]] = []
        self.live: set[str] = set()
        self.replaced: frozenset[str] = frozenset()
        self.uncovered: list[Uncovered] = []
        self.problems: list[str] = []
        self.doubts: list[str] = []
        self.unread: list[str] = []
        self.unaccounted: list[str] = []
        self.still_there: list[str] = []
        self.counted: set[str] = set()
        self.misplaced: list[ManifestLine] = []

    def count(self, entry: Entry) -> None:
        collector = names.stream(entry.identity)
        for reason, rows in entry.refused.items():
            self.refused[reason] = self.refused.get(reason, 0) + rows
        self.numbers += [(collector, writer, first, last, reason) for writer, first, last, reason in entry.lost]
        if entry.file:
            self.batches += 1
            self.rows += entry.rows
            self.numbers += [(collector, writer, first, last, "") for writer, first, last in entry.sequences]


class FolderAuditor:
    """Looks at folders of one archive, at each as often as it takes.

    It remembers which bytes were proven, so that a second look is cheap; and how long each file was at first: bytes that have no
    line yet are of a round under way, and get their line soon.
    """

    def __init__(self, store: ReadStore, ledger: Ledger, *, check_bytes: bool, now_ns: int) -> None:
        self._store = store
        self._now_ns = now_ns
        self._ledger = ledger
        self.listed = ForgivingStore(store)
        """What a catalog of the archive is to be made of."""
        self._check_bytes = check_bytes
        self._proven: set[tuple[object, ...]] = set()
        self._lengths: dict[str, int] = {}

    def look(self, catalog: Catalog, listing: Listing) -> FolderAudit:
        """Never raises for what is in the archive: parts that can't be read are named in `unread`."""
        report = FolderAudit()
        try:
            contents = catalog.read(listing)
            self._judge(contents, report)
            left = unfinished_puts(self._store, listing, self._now_ns).dead_rows
            report.unaccounted += [f"{path} (a put that has not come to its end)" for path in left]
        except Vanished as gone:
            report.doubts.append(f"{gone}: is gone, and was there a moment ago")
        except StoreError as error:
            report.unread.append(str(error))
        return report

    def _judge(self, contents: Contents, report: FolderAudit) -> None:
        report.problems += contents.problems
        report.unaccounted += contents.strays
        report.misplaced = contents.misplaced
        report.counted = {line.batch for line in contents.lines} | contents.replaced
        report.replaced = contents.replaced
        report.doubts += [f"{path}: its last line has no end" for path in contents.half]
        ends: dict[str, int] = {}
        kept: set[str] = set()
        for line in contents.lines:
            if line.problem:
                continue  # one of the folder's problems
            live = line.batch not in contents.replaced
            if live:
                report.count(line.entry)
                self._judge_record(line, report)
            if line.entry.file:
                self._judge_place(line, contents.listing.path, ends, report, live=live)
                kept |= {f"{contents.listing.path}/{line.entry.file}"} if live else set()
        not_counted = contents.known_files - ends.keys() - kept  # of lines that are copies, or belong elsewhere
        for path in sorted({*kept, *contents.listing.data_files} - not_counted):
            self._judge_file(path, ends.get(path), contents, report, live=path in kept)

    def _judge_record(self, line: ManifestLine, report: FolderAudit) -> None:
        """Does the line say what the record of its batch proves?"""
        if not line.batch:
            return
        report.live.add(line.batch)
        recorded = self._ledger.batches.get(line.batch)
        if recorded is None:
            shipped = generation_of_manifest(line.log) is None
            spool = line.entry.spool if shipped else ""
            report.uncovered.append(Uncovered(line.batch, spool, line.entry.archived_ns, _round_of(line.batch), line.entry.rows))
        elif recorded[1] != entry_hash(line.entry.as_dict()):
            report.problems.append(f"{line.where}: the line of batch {line.batch} is not what was archived, by its head")

    def _judge_place(self, line: ManifestLine, folder: str, ends: dict[str, int], report: FolderAudit, *, live: bool) -> None:
        """Do the bytes of a batch follow those of the batch before it, and are they what its line says?"""
        batch = batch_of(line, folder)
        end = ends.get(batch.path, 0)
        ends[batch.path] = max(end, batch.end)
        total = sum(last - first + 1 for _, first, last in batch.sequences)
        if live and total != batch.rows:
            report.problems.append(f"{line.where}: batch {line.batch} has {total:,} numbers and {batch.rows:,} rows")
        if batch.offset > end:
            report.problems.append(f"{batch.path}: bytes {end:,} to {batch.offset:,} belong to no batch")
        elif batch.offset < end:
            report.problems.append(f"{batch.path}: bytes {batch.offset:,} to {end:,} belong to two batches")
        elif live and self._check_bytes:
            self._judge_bytes(line, folder, report)

    def _judge_bytes(self, line: ManifestLine, folder: str, report: FolderAudit) -> None:
        batch = batch_of(line, folder)
        key = (batch.path, batch.offset, batch.size, batch.row_bytes, batch.crc, batch.rows)
        recorded = self._ledger.batches.get(line.batch, [""])[0]
        try:
            if key in self._proven or self._length(batch.path) < batch.end:
                return  # too short, or gone: said when the files are compared
            content = content_of(self._store, batch, digest=bool(recorded))
        except StoreError as error:
            report.unread.append(str(error))
            return
        what = f"{batch.path}: the bytes of batch {line.batch} (from {batch.offset:,})"
        if (content.size, content.crc32) != (batch.row_bytes, batch.crc):
            report.problems.append(f"{what} are not what was archived")
        elif content.sha256 != recorded:
            report.problems.append(
                f"{what} are not what was archived, by their head: a value was changed, and its checksum with it"
            )
        elif content.rows != batch.rows:
            rows = "no rows" if content.rows is None else f"{content.rows:,} rows"
            report.problems.append(f"{what} are {rows}, and its line says {batch.rows:,}")
        else:
            self._proven.add(key)

    def _judge_file(self, path: str, end: int | None, contents: Contents, report: FolderAudit, *, live: bool) -> None:
        """end: where the last line says that the file ends; None where no line tells of it. live: has it rows that count?"""
        try:
            length = self._length(path)
        except StoreError as error:
            report.unread.append(str(error))
            return
        first = self._lengths.setdefault(path, length)
        if end is None:
            self._judge_without_line(path, length, contents, report)
        elif not live:
            report.still_there += [path] if length else []
        elif not length:
            report.doubts.append(f"{path}: is gone, its manifest is there")
        elif length < end or end < first:
            report.doubts.append(f"{path}: {length:,} bytes where its manifest ends at {end:,}")

    def _judge_without_line(self, path: str, length: int, contents: Contents, report: FolderAudit) -> None:
        unfinished = generation_of_data(path) is not None
        if length and ((path in contents.originals and path not in contents.unproven) or unfinished):
            report.unaccounted.append(f"{path} (a rewrite that has not come to its end)" if unfinished else path)
        elif length and not any(log in self.listed.unread for log in contents.listing.manifests):
            report.doubts.append(f"{path}: is ours by its name, and no manifest tells of it")

    def _length(self, path: str) -> int:
        return self._store.length(path)


def _round_of(batch: str) -> str:
    """What the ids of all batches of a shipper's round begin with."""
    return "-".join(batch.split("-")[:2])
