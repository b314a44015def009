"""What is in an archive: its folders, their manifests, and the batches that count. Readers, audit and housekeeping start here.

A batch is *committed* when its line is in a manifest, with its line break. It is *live* when no committed line of the same folder
replaces it: a line may have `"replaces": [batch ids]` (compaction and erasure write such lines), and it is the one atomic switch.
Lines, counts and sequences of a replaced batch count for nobody any more, even while its files are still there, and also after
the batch that replaced it was replaced itself. A replacing batch carries on what is still true of them (`refused`, `lost`).

Whoever removes files after a switch takes the data file first and its manifest afterwards: a `data.csv` that no manifest names
would be read as one of the 2017 original. A manifest stays while any of its batches is live.

Data files that no manifest names:
    under a name of ours     not committed, and not read
    `data.csv`, not claimed  of the 2017 original: read, typed by what its cells look like
    any other file           foreign: not read, named in a warning
"""

from __future__ import annotations

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple

from modeldata.format import names
from modeldata.format.manifest import Entry
from modeldata.format.paths import DataFolder, file_format, identity_of, owner_note, place_of
from modeldata.store import Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from modeldata.format.manifest import Calls, Sequences
    from modeldata.store import ReadStore

READERS = 8
"""Manifests that are asked for at once: where each batch has its own, the way there takes longer than the reading."""
ORIGINAL = "data.csv"


class Vanished(Exception):
    """A file that was listed, or that a manifest names, is not there any more: compaction or a clean-up took it. Look again."""


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


class Contents:
    """What one folder holds, by its manifests; fixed once it is made.

    lines: every committed line, those of a file in the order of its bytes. live: those that count. replaced: ids that do not.
    problems: lines that are not valid, unless they were replaced. half: manifests whose last line is still on its way.
    known_files, originals, uncommitted: its data files (as paths) that a line names, that are of the 2017 original, and under a
    name of ours that no line names (yet).
    """

    def __init__(self, listing: Listing, lines: list[ManifestLine], problems: list[str], half: list[str]) -> None:
        self.listing = listing
        self.lines = sorted(lines, key=_order)
        self.half = half
        self.replaced = frozenset(batch for line in lines for batch in line.entry.replaces or ())
        committed = [line for line in self.lines if line.batch not in self.replaced]
        self.live = [line for line in committed if not line.problem]
        self.problems = problems + [f"{line.where} is not valid: {line.problem}" for line in committed if line.problem]
        self.known_files = {f"{listing.path}/{line.entry.file}" for line in lines if line.entry.file}
        others = [path for path in listing.data_files if path not in self.known_files]
        ours = owner_note(ORIGINAL) in listing.notes
        self.originals = [path for path in others if path == f"{listing.path}/{ORIGINAL}" and not ours]
        self.uncommitted = [path for path in others if path not in self.originals]

    def take_back(self, claimed: Sequence[str]) -> None:
        """Files that look like those of the original, and are ours: their first line is on its way."""
        self.originals = [path for path in self.originals if path not in claimed]
        self.uncommitted += claimed

    def batches(self) -> list[ArchivedBatch]:
        """The live batches that have rows."""
        return [batch_of(line, self.listing.path) for line in self.live if line.entry.file and line.entry.rows]

    @property
    def identity(self) -> dict[str, str] | None:
        """Whose rows these are: as a manifest says, else as the path does."""
        for line in self.lines:
            if set(names.IDENTITY) <= set(line.entry.identity):
                return {part: str(line.entry.identity[part]) for part in names.IDENTITY}
        return identity_of(self.listing.place.collector) if self.listing.place else None


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


def start_of(listing: Listing) -> int:
    """When the day or hour of a folder begins."""
    return listing.place.start_ns if listing.place else 0


class Catalog:
    """An archive as it was listed: `listings` by folder. Reading a folder's manifests is asked for folder by folder."""

    def __init__(self, store: ReadStore, paths: Iterable[str]) -> None:
        self._store = store
        self.listings: dict[str, Listing] = {}
        for path in paths:
            self._sort(path)

    @classmethod
    def of(cls, store: ReadStore) -> Catalog:
        """List an archive. Raises `Unavailable`."""
        return cls(store, store.walk())

    def _sort(self, path: str) -> None:
        folder, _, name = path.rpartition("/")
        if name.startswith(".") or any(part.startswith((".", "_")) for part in folder.split("/") if part != names.MANIFEST):
            return  # what Spark and Hive skip, too: attempts, checkpoints, files on their way
        above, _, last = folder.rpartition("/")
        if last == names.MANIFEST:
            listing = self.listing(above)
            if name.endswith(".jsonl"):
                listing.manifests.append(path)
            else:
                listing.notes.add(f"{last}/{name}")
        elif file_format(name):
            self.listing(folder).data_files.append(path)
        else:
            self.listing(folder).foreign.append(path)

    def listing(self, folder: str) -> Listing:
        if folder not in self.listings:
            self.listings[folder] = Listing(folder)
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
        paths = [path for listing in listings for path in listing.manifests]
        manifests = dict(zip(paths, self._read_each(paths), strict=True))
        each = [_contents(listing, manifests) for listing in listings]
        for contents in each:
            contents.take_back([path for path in contents.originals if self._store.claimed(path)])
        return each

    def _read_each(self, paths: list[str]) -> list[bytes]:
        if len(paths) < READERS:
            return [self._read(path) for path in paths]
        with ThreadPoolExecutor(READERS) as pool:
            return list(pool.map(self._read, paths))

    def _read(self, path: str) -> bytes:
        try:
            return self._store.read(path)
        except Unavailable:
            if self._store.length(path):
                raise
            raise Vanished(path) from None


def _contents(listing: Listing, manifests: Mapping[str, bytes]) -> Contents:
    lines: list[ManifestLine] = []
    problems: list[str] = []
    half = []
    for path in listing.manifests:
        committed, _, rest = manifests[path].rpartition(b"\n")
        _parse(path, committed, lines, problems)
        if rest:
            half.append(path)
    return Contents(listing, lines, problems, half)


def _parse(path: str, data: bytes, lines: list[ManifestLine], problems: list[str]) -> None:
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


def _order(line: ManifestLine) -> tuple[str, int, str, int]:
    return line.entry.file, line.entry.offset, line.log, line.number


def batch_of(line: ManifestLine, folder: str) -> ArchivedBatch:
    """The batch of a valid line with a file."""
    entry = line.entry
    return ArchivedBatch(
        line, f"{folder}/{entry.file}", entry.offset, entry.size, entry.row_bytes, entry.crc32, entry.rows, entry.first_ns,
        entry.last_ns, entry.columns, entry.types, entry.kinds, entry.calls, entry.sequences, entry.continues,
    )  # fmt: skip


def doubled_ids(contents: Contents) -> list[str]:
    """Ids that two committed lines of one folder share: a `replaces` of one would take both away."""
    return sorted(batch for batch, times in Counter(line.batch for line in contents.lines).items() if batch and times > 1)
