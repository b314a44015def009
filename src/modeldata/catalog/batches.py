"""What is in an archive: its folders, their manifests, and the batches that count. Readers, audit and housekeeping start here.

A batch is *committed* when its line is in a manifest, with its line break. It is *live* when no committed line of the same folder
replaces it: a line may have `"replaces": [batch ids]` (compaction and erasure write such lines), and it is the one atomic switch.
Lines, counts and sequences of a replaced batch count for nobody any more, even while its files are still there, and also after
the batch that replaced it was replaced itself. A replacing batch carries on what is still true of them (`refused`, `lost`).

Whoever removes files after a switch takes the data file first and its manifest afterwards: a `data.csv` that no manifest names
would be read as one of the 2017 original. A manifest stays while any of its batches is live.

To which collector a line belongs, and whether it counts, is in `belonging`: a line that was copied counts once or not at all.

Data files that no manifest names:
    under a name of ours     not committed, and not read
    `data.csv`, not claimed  of the 2017 original: read, typed by what its cells look like
    all files of a folder    where it has files of ours and no folder of manifests: a copy by a tool that skips names with an
                             underscore. Read as the original's are, and called unproven
    any other file           foreign: not read, named in a warning; but for what file managers and Hadoop leave everywhere
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from modeldata.catalog.belonging import count_once, described, is_own, name_of, sort_lines
from modeldata.catalog.lines import batch_of, parse
from modeldata.format import names
from modeldata.format.paths import DataFolder, file_format, identity_of, is_litter, is_of_a_call, moment, owner_note, place_of
from modeldata.store import Unavailable, Unreadable
from modeldata.store.archive_id import NAME as ARCHIVE_NOTE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from modeldata.catalog.lines import ArchivedBatch, ManifestLine
    from modeldata.store import ReadStore

DAY_NS = 86_400_000_000_000
LEVELS = 3
"""Slashes in the path of a collector with an account of a single name: nothing can be in front of it."""
TAIL = 64 * 1024
READERS = 8
"""Manifests that are asked for at once: where each batch has its own, the way there takes longer than the reading."""
ORIGINAL = "data.csv"


class Vanished(Exception):
    """A file that was listed, or that a manifest names, is not there any more: compaction or a clean-up took it. Look again."""


class Contents:
    """What one folder holds, by its manifests; fixed once it is made.

    lines: every committed line that belongs here, once, those of a file in the order of its bytes. live: those that count.
    replaced: ids that do not. copies: lines that only repeat others.
    problems: lines that are not valid, unless they were replaced. half: manifests with a last line that is still on its way.
    strays: what is here and counts for nobody, or for a twin, in words; `misplaced` has the lines of it.
    identity: the collector of these rows, as a line says, else as the path does.
    known_files, originals, uncommitted: its data files (as paths) that a line names, that are read without a manifest, and under
    a name of ours that no line names (yet). unproven: those of `originals` that are ours.
    """

    def __init__(
        self,
        listing: Listing,
        lines: list[ManifestLine],
        problems: list[str],
        half: list[str],
        has_day: Callable[[DataFolder, int], bool],
    ) -> None:
        self.listing = listing
        known = sort_lines(lines, listing.place, has_day)
        self.lines = sorted(known.counted, key=_order)
        self.copies, self.misplaced, self.twins = known.copies, known.misplaced, known.twins
        self.half = half
        self.identity = _identity(self.lines, listing.place)
        self.replaced = frozenset(batch for line in lines for batch in line.entry.replaces or ())
        committed = [line for line in self.lines if line.batch not in self.replaced]
        self.live = [line for line in committed if not line.problem]
        problems = problems + [f"{line.where} is not valid: {line.problem}" for line in committed if line.problem]
        self.problems = problems + known.problems
        self.strays = described(known.misplaced, listing.path)
        self.strays += [f"{listing.path}: rows of {name_of(twin)} lie here, too: read them by this name" for twin in known.twins]
        self.known_files = {f"{listing.path}/{line.entry.file}" for line in lines if line.entry.file}
        others = [path for path in listing.data_files if path not in self.known_files]
        self.unproven = others if listing.is_bare and set(others) - {f"{listing.path}/{ORIGINAL}"} else []
        ours = owner_note(ORIGINAL) in listing.notes
        self.originals = self.unproven or [path for path in others if path == f"{listing.path}/{ORIGINAL}" and not ours]
        self.uncommitted = [path for path in others if path not in self.originals]

    def take_back(self, claimed: Sequence[str]) -> None:
        """Files that look like those of the original, and are ours: their first line is on its way."""
        self.originals = [path for path in self.originals if path not in claimed]
        self.unproven = [path for path in self.unproven if path not in claimed]
        self.uncommitted += claimed

    def leave_out(self, elsewhere: Sequence[ManifestLine], torn: Sequence[ManifestLine], originals: Sequence[str]) -> None:
        """What another folder accounts for as well: batches as a whole, some of their rows, files without a manifest."""
        gone = {line.where for line in elsewhere}
        self.lines = [line for line in self.lines if line.where not in gone]
        self.live = [line for line in self.live if line.where not in gone]
        self.originals = [path for path in self.originals if path not in originals]
        self.unproven = [path for path in self.unproven if path not in originals]
        if elsewhere or originals:
            count = len(elsewhere) + len(originals)
            self.strays.append(f"{self.listing.path}: a copy: {count} batches or files are in another folder of the archive, too")
        self.problems += [f"{line.where}: some rows of batch {line.batch} are in another folder, too" for line in torn]

    def batches(self) -> list[ArchivedBatch]:
        """The live batches that have rows, and are this collector's own."""
        place = self.listing.place if self.twins else None
        return [
            batch_of(line, self.listing.path)
            for line in self.live
            if line.entry.file and line.entry.rows and (place is None or is_own(line, place))
        ]


def may_hold_rows(folder: str) -> bool:
    """False for what Spark and Hive skip, too: heads, attempts, checkpoints, files on their way."""
    return not any(part.startswith((".", "_")) for part in folder.split("/") if part != names.MANIFEST)


class Listing:
    """The files of one folder, by their names. `place` is None where the folder is no day or hour of a collector."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.place: DataFolder | None = place_of(path)
        self.data_files: list[str] = []
        self.manifests: list[str] = []
        self.notes: set[str] = set()
        """What else is in the folder of manifests, as `_manifest/<name>`."""
        self.foreign: list[str] = []

    @property
    def is_bare(self) -> bool:
        """Is there no folder of manifests?"""
        return not self.manifests and not self.notes

    def of_twin(self, collector: str) -> Listing:
        """The same files, to be read for another collector that shares the folder."""
        twin = Listing(self.path)
        twin.__dict__ |= self.__dict__
        twin.place = self.place._replace(collector=collector) if self.place else None
        return twin


def start_of(listing: Listing) -> int:
    """When the day or hour of a folder begins."""
    return listing.place.start_ns if listing.place else 0


class Catalog:
    """An archive as it was listed: `listings` by folder. Reading a folder's manifests is asked for folder by folder."""

    def __init__(self, store: ReadStore, paths: Iterable[str]) -> None:
        self._store = store
        self.listings: dict[str, Listing] = {}
        self._is_there: dict[str, bool] = {}
        self._days: dict[tuple[str, ...], list[Listing]] = {}
        """Folders of one day, by the last names of their collectors: those that may hold the same batches."""
        self._paths = dict.fromkeys(paths)  # a store may list a name twice
        for path in self._paths:
            self._sort(path)

    @classmethod
    def of(cls, store: ReadStore) -> Catalog:
        """List an archive. Raises `Unavailable`."""
        return cls(store, store.walk(wanted=may_hold_rows))

    def listed_again(self, folder: str) -> Catalog:
        """The same, with one folder as it is now. Raises `Unavailable`."""
        others = (path for path in self._paths if not path.startswith(f"{folder}/"))
        return Catalog(self._store, [*others, *self._store.walk(folder)])

    def _sort(self, path: str) -> None:
        folder, _, name = path.rpartition("/")
        if name.startswith((".", "_")) or not may_hold_rows(folder):
            return
        above, _, last = folder.rpartition("/")
        if last == names.MANIFEST:
            listing = self.listing(above)
            if name.endswith(".jsonl"):
                listing.manifests.append(path)
            else:
                listing.notes.add(f"{last}/{name}")
        elif file_format(name):
            self.listing(folder).data_files.append(path)
        elif not is_litter(name):
            self.listing(folder).foreign.append(path)

    def listing(self, folder: str) -> Listing:
        if folder not in self.listings:
            listing = self.listings[folder] = Listing(folder)
            self._days.setdefault(_day(listing), []).append(listing)
        return self.listings[folder]

    @property
    def collectors(self) -> dict[str, list[Listing]]:
        """The folder of each collector → its days and hours that hold anything, in the order of time."""
        folders: dict[str, list[Listing]] = {}
        for listing in sorted(self.listings.values(), key=start_of):
            if listing.place is not None and (listing.data_files or listing.manifests):
                folders.setdefault(listing.place.collector, []).append(listing)
        return folders

    def read(self, listing: Listing) -> Contents:
        """What the manifests of a folder say now. Raises `Unavailable`; `Vanished` where one is gone since it was listed."""
        return self.read_all([listing])[0]

    def read_all(self, listings: Sequence[Listing]) -> list[Contents]:
        """`read` for several folders, with several requests at once."""
        groups = [self._rivals(listing) for listing in listings]
        paths = list(dict.fromkeys(path for group in groups for listing in group for path in listing.manifests))
        manifests = dict(zip(paths, self._read_each(paths), strict=True))
        return [self._contents(group, manifests) for group in groups]

    def _rivals(self, listing: Listing) -> list[Listing]:
        """The folders that decide first what counts in this one, which is the last: the archive's own before copies in it."""
        place = listing.place
        if place is None:
            return [listing]
        others = self._days.get(_day(listing), [])
        before = [other for other in others if other.place is not None and _may_share(other.place, place)]
        before = [other for other in before if _rank(other) < _rank(listing)]
        return [*sorted(before, key=_rank), listing]

    def _contents(self, group: Sequence[Listing], manifests: Mapping[str, bytes | Unreadable]) -> Contents:
        each = [_contents(listing, manifests, self._has_day) for listing in group]
        for contents in each:
            contents.take_back(self._on_their_way(contents))
        if len(each) > 1:
            count_once(each, self._same_originals(each))
        return each[-1]

    def _has_day(self, place: DataFolder, time_ns: int) -> bool:
        """Asked of the store, and only for rows that lie on another day: a catalog may be of a single folder."""
        try:
            day = f"{place.collector}/{moment(time_ns, False)}"
        except (OverflowError, ValueError):
            return True  # no day that could be missing
        if day not in self._is_there:
            self._is_there[day] = next(iter(self._store.walk(day)), None) is not None
        return self._is_there[day]

    def _on_their_way(self, contents: Contents) -> list[str]:
        """Files without a manifest: their line comes next, or never: a shipper or a call of Spark is at it."""
        if contents.unproven and not self._store.length(ARCHIVE_NOTE):
            return []  # the copying tool left out all that begins with an underscore
        return [path for path in contents.originals if is_of_a_call(path) or self._store.claimed(path)]

    def _same_originals(self, each: Sequence[Contents]) -> list[str]:
        """Files of the last folder, without a manifest, that are in one before as well."""
        last, before = each[-1], [path for contents in each[:-1] for path in contents.originals]
        return [path for path in last.originals if any(self._is_same_file(path, other) for other in before)]

    def _is_same_file(self, path: str, other: str) -> bool:
        """Rows have their time in microseconds, so two files of one length that end alike are copies."""
        size = self._store.length(path)
        if path.rpartition("/")[2] != other.rpartition("/")[2] or size != self._store.length(other):
            return False
        start = max(0, size - TAIL)
        return self._store.read(path, start, size - start) == self._store.read(other, start, size - start)

    def _read_each(self, paths: list[str]) -> list[bytes | Unreadable]:
        if len(paths) < READERS:
            return [self._read(path) for path in paths]
        with ThreadPoolExecutor(READERS) as pool:
            return list(pool.map(self._read, paths))

    def _read(self, path: str) -> bytes | Unreadable:
        try:
            return self._store.read(path)
        except Unreadable as error:
            return error
        except Unavailable:
            if self._store.length(path):
                raise
            raise Vanished(path) from None


def _day(listing: Listing) -> tuple[str, ...]:
    place = listing.place
    if place is None:
        return ()
    return (*place.collector.rsplit("/", 3)[-3:], str(place.start_ns // DAY_NS))


def _may_share(first: DataFolder, second: DataFolder) -> bool:
    """May two folders hold rows of one collector and time? Not where their whole paths say that they are two collectors."""
    if first.start_ns >= second.end_ns or first.end_ns <= second.start_ns:
        return False
    return first.collector == second.collector or {first.collector.count("/"), second.collector.count("/")} != {LEVELS}


def _rank(listing: Listing) -> tuple[int, str]:
    assert listing.place is not None
    return len(listing.place.collector), listing.path


def _contents(
    listing: Listing, manifests: Mapping[str, bytes | Unreadable], has_day: Callable[[DataFolder, int], bool]
) -> Contents:
    lines: list[ManifestLine] = []
    problems: list[str] = []
    half: list[str] = []
    for path, content in ((path, manifests[path]) for path in listing.manifests):
        if isinstance(content, Unreadable):
            problems.append(f"{path} can't be read: {content.cause}{f' ({content.hint})' if content.hint else ''}")
            continue
        committed, _, rest = content.rpartition(b"\n")
        parse(path, committed, lines, problems)
        if rest:
            half.append(path)
    contents = Contents(listing, lines, problems, half, has_day)
    if any(isinstance(content, Unreadable) for content in map(manifests.get, listing.manifests)):
        contents.take_back(contents.originals)  # a line that nobody can read may name them
    return contents


def _order(line: ManifestLine) -> tuple[str, int, str, int]:
    return line.entry.file, line.entry.offset, line.log, line.number


def _identity(lines: Iterable[ManifestLine], place: DataFolder | None) -> dict[str, str] | None:
    for line in lines:
        if not line.problem and (place is None or is_own(line, place)):
            return {part: str(line.entry.identity[part]) for part in names.IDENTITY}
    return identity_of(place.collector) if place else None
