"""One folder of an archive as it is now: what may go, what is left over, and which generation comes next."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from modeldata.catalog.batches import Catalog, Contents
from modeldata.catalog.belonging import name_of
from modeldata.catalog.errors import Damaged
from modeldata.catalog.retry import retried
from modeldata.format.paths import claim_of, generation_of_data, generation_of_manifest, log_of_record

if TYPE_CHECKING:
    from modeldata.catalog.lines import ArchivedBatch, ManifestLine
    from modeldata.store import Store


class FolderView(NamedTuple):
    """A folder, by its names and manifests. Fixed; `latest` is the highest generation that is taken, 0 without any."""

    folder: str
    contents: Contents
    latest: int

    @property
    def identity(self) -> dict[str, str]:
        found = self.contents.identity
        assert found is not None  # a folder with lines has one: `look` asks
        return found

    @property
    def ends(self) -> dict[str, int]:
        """How long each data file is by its manifests."""
        ends: dict[str, int] = {}
        for line in (*self.contents.lines, *self.contents.copies):
            if line.entry.file:
                path = f"{self.folder}/{line.entry.file}"
                ends[path] = max(ends.get(path, 0), line.entry.offset + line.entry.size)
        return ends

    @property
    def live_files(self) -> set[str]:
        return {f"{self.folder}/{line.entry.file}" for line in self.contents.live if line.entry.file}

    @property
    def dead_files(self) -> list[str]:
        """Data files of which every batch was replaced."""
        live = self.live_files | {f"{self.folder}/{line.entry.file}" for line in self.contents.misplaced}
        return [path for path in self.contents.listing.data_files if path in self.contents.known_files and path not in live]

    @property
    def dead_logs(self) -> list[str]:
        """Manifests of which every line was replaced."""
        half = set(self.contents.half)
        alive = {line.log for line in self.contents.live}
        has_lines = {line.log for line in (*self.contents.lines, *self.contents.copies)}
        alive |= {line.log for line in self.contents.misplaced}
        return [log for log in self.contents.listing.manifests if log in has_lines - alive - half]

    @property
    def orphans(self) -> list[str]:
        """Data files of a rewrite with a switch that can't come any more."""
        return [path for path in self.unfinished if (generation_of_data(path) or 0) <= self.latest]

    @property
    def unfinished(self) -> list[str]:
        """Data files of a rewrite without a line: its switch may still come, or never will."""
        return [path for path in self.contents.uncommitted if generation_of_data(path) is not None]

    @property
    def idle_logs(self) -> list[str]:
        """Manifests that nobody needs any more."""
        return [log for log in self.dead_logs if generation_of_manifest(log) != self.latest]

    @property
    def pending_records(self) -> list[str]:
        """Records of rewrites that are not among the heads yet."""
        notes = (f"{self.folder}/{note}" for note in sorted(self.contents.listing.notes))
        return [path for path in notes if log_of_record(path)]

    @property
    def has_leftovers(self) -> bool:
        """Did a run begin here, and not come to its end, or could not remove what is old?"""
        return bool(self.dead_files or self.unfinished or self.idle_logs or self.pending_records)

    @property
    def claimed(self) -> bool:
        """Is a run at work here, or did one die?"""
        return claim_of(self.folder) in {f"{self.folder}/{note}" for note in self.contents.listing.notes}

    def batches(self) -> list[ArchivedBatch]:
        """Live batches with rows."""
        return self.contents.batches()

    def lines_of(self, files: set[str]) -> list[ManifestLine]:
        """Live lines that go with some files: those of their rows, and notes in manifests that name no other file."""
        mine, rest = [], set()
        for line in self.contents.live:
            if line.entry.file and f"{self.folder}/{line.entry.file}" in files:
                mine.append(line)
            elif line.entry.file:
                rest.add(line.log)
        logs = {line.log for line in mine} - rest
        return mine + [line for line in self.contents.live if line.log in logs and not line.entry.file and line.batch]


def look(store: Store, folder: str) -> FolderView:
    """Raises `Damaged` where a manifest is not valid, `Unavailable`."""
    return retried(lambda: Catalog(store, store.walk(folder)), lambda catalog: _view(catalog, folder))


def _view(catalog: Catalog, folder: str) -> FolderView:
    contents = catalog.read(catalog.listing(folder))
    problems = [*contents.problems, *(f"{line.where} is not valid: {line.problem}" for line in contents.lines if line.problem)]
    hint = "copy the archive to a disk that tells upper from lower case"
    problems += [f"rows of {name_of(twin)} are in this folder, too: {hint}" for twin in contents.twins]
    if problems:
        raise _unclear(folder, "; ".join(dict.fromkeys(problems)))
    latest = max((number for log in contents.listing.manifests if (number := generation_of_manifest(log))), default=0)
    return FolderView(folder, contents, latest)


def _unclear(folder: str, cause: str) -> Damaged:
    hint = "nothing was changed there; `modeldata audit` names all that is damaged"
    return Damaged("rewrite a folder", folder, cause=cause, hint=hint)
