"""What is in an archive: its folders, their manifests, and the batches that count. Readers, audit and housekeeping start here.

A batch is *committed* when its line is in a manifest, with its line break. It is *live* when no committed line of the same folder
replaces it: a line may have `"replaces": [batch ids]` (compaction and erasure write such lines), and it is the one atomic switch.
Lines, counts and sequences of a replaced batch count for nobody any more, even while its files are still there, and also after
the batch that replaced it was replaced itself. A replacing batch carries on what is still true of them (`refused`, `lost`).

Whoever removes files after a switch takes the data file first and its manifest afterwards: a `data.csv` that no manifest tells of
would be read as one of the 2017 original. A manifest stays while any batch it tells of is live.

What no manifest tells of:
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
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from modeldata.store import ReadStore

READERS = 8
"""Manifests that are asked for at once: where each batch has its own, the way there takes longer than the reading."""
ORIGINAL = "data.csv"


class Vanished(Exception):
    """A file that was listed, or told of, is not there any more: compaction or a clean-up took it. Look again."""


class ManifestLine(NamedTuple):
    """A committed line of a manifest: `number` counts from 1 in the file `log`; `told` is what it says, unchecked."""

    log: str
    number: int
    told: dict[str, Any]

    @property
    def batch(self) -> str | None:
        return self.told.get("batch")

    def entry(self) -> Entry:
        """What it says. Raises ValueError, naming the line, where that is not valid."""
        try:
            return Entry.of(self.told)
        except ValueError as error:
            raise ValueError(f"{self.where} is not valid: {error}") from error

    @property
    def where(self) -> str:
        return f"{self.log}, line {self.number}"


class ArchivedBatch(NamedTuple):
    """A batch of rows, as its line tells: bytes [offset, offset + size) of `path`, of which the last `row_bytes` are rows.

    Times are nanoseconds since 1970, UTC, of the first and the last call. `columns` are features, `types` what their source
    declared, `kinds` as in `modeldata.encode.kinds`, `calls` and `sequences` as in docs/data-layout.md.
    """

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
    calls: list[list[int]]
    sequences: list[tuple[str, int, int]]
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
    problems: what can't be understood. half: manifests whose last line is still on its way.
    told_files, originals, uncommitted: its data files (as paths) that a line tells of, that are of the 2017 original, and under a
    name of ours that no line tells of (yet).
    """

    def __init__(self, listing: Listing, lines: list[ManifestLine], problems: list[str], half: list[str]) -> None:
        self.listing = listing
        self.lines = sorted(lines, key=_order)
        self.problems = problems
        self.half = half
        told = (line.told.get("replaces") for line in lines)
        self.replaced = frozenset(str(one) for ids in told if isinstance(ids, list) for one in ids)
        self.live = [line for line in self.lines if line.batch not in self.replaced]
        self.told_files = {f"{listing.path}/{line.told['file']}" for line in lines if "file" in line.told}
        untold = [path for path in listing.data_files if path not in self.told_files]
        ours = owner_note(ORIGINAL) in listing.notes
        self.originals = [path for path in untold if path == f"{listing.path}/{ORIGINAL}" and not ours]
        self.uncommitted = [path for path in untold if path not in self.originals]

    def take_back(self, claimed: Sequence[str]) -> None:
        """Files that look like those of the original, and are ours: their first line is on its way."""
        self.originals = [path for path in self.originals if path not in claimed]
        self.uncommitted += claimed

    def batches(self) -> Iterator[ArchivedBatch]:
        """The live batches that have rows. Raises ValueError, naming the line, for one that can't be understood."""
        for line in self.live:
            if "file" in line.told and line.told.get("rows"):
                yield batch_of(line, self.listing.path)

    @property
    def identity(self) -> dict[str, str] | None:
        """Whose rows these are: as a manifest says, else as the path does."""
        for line in self.lines:
            told = line.told.get("identity")
            if isinstance(told, dict) and set(names.IDENTITY) <= set(told):
                return {part: str(told[part]) for part in names.IDENTITY}
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
        found: dict[str, list[Listing]] = {}
        for listing in self.listings.values():
            if listing.place is not None and (listing.data_files or listing.manifests):
                found.setdefault(listing.place.collector, []).append(listing)
        for listings in found.values():
            listings.sort(key=start_of)
        return found

    def read(self, listing: Listing) -> Contents:
        """What the manifests of a folder say now. Raises `Unavailable`; `Vanished` where one is gone since it was listed."""
        return self.read_all([listing])[0]

    def read_all(self, listings: Sequence[Listing]) -> list[Contents]:
        """`read` for several folders, with several requests at once."""
        paths = [path for listing in listings for path in listing.manifests]
        found = dict(zip(paths, self._read_each(paths), strict=True))
        made = [_contents(listing, found) for listing in listings]
        for contents in made:
            contents.take_back([path for path in contents.originals if self._store.claimed(path)])
        return made

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


def _contents(listing: Listing, found: Mapping[str, bytes]) -> Contents:
    lines: list[ManifestLine] = []
    problems: list[str] = []
    half = []
    for path in listing.manifests:
        whole, _, rest = found[path].rpartition(b"\n")
        _take(path, whole, lines, problems)
        if rest:
            half.append(path)
    return Contents(listing, lines, problems, half)


def _take(path: str, data: bytes, lines: list[ManifestLine], problems: list[str]) -> None:
    for number, text in enumerate(data.split(b"\n") if data else (), 1):
        try:
            told = json.loads(text)
            assert isinstance(told, dict)
        except (ValueError, AssertionError):
            problems.append(f"{path}: line {number} is not a JSON object")
            continue
        lines.append(ManifestLine(path, number, told))


def _order(line: ManifestLine) -> tuple[str, int, str, int]:
    offset = line.told.get("offset")
    return str(line.told.get("file", "")), offset if isinstance(offset, int) else 0, line.log, line.number


def batch_of(line: ManifestLine, folder: str) -> ArchivedBatch:
    """The batch a line tells of. Raises ValueError, naming the line."""
    entry = line.entry()
    if not entry.file or "/" in entry.file:
        raise ValueError(f"{line.where} is not valid: its file is in another folder")
    return ArchivedBatch(
        line,
        f"{folder}/{entry.file}",
        entry.offset,
        entry.size,
        entry.row_bytes,
        entry.crc32,
        entry.rows,
        entry.first_ns,
        entry.last_ns,
        entry.columns,
        entry.types,
        entry.kinds,
        entry.calls,
        entry.sequences,
        entry.continues,
    )


def doubled_ids(contents: Contents) -> list[str]:
    """Ids that two committed lines of one folder share: a `replaces` of one would take both away."""
    return sorted(batch for batch, times in Counter(line.batch for line in contents.lines).items() if batch and times > 1)
