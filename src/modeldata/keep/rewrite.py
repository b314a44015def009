"""The effects of a rewrite: claim, put, switch, clean (see `modeldata.keep`). Each may die anywhere; the next run goes on."""

from __future__ import annotations

import json
import mmap
import tempfile
from contextlib import contextmanager
from hashlib import sha256
from typing import IO, TYPE_CHECKING, NamedTuple

from modeldata.catalog.batches import Vanished
from modeldata.catalog.retry import TRIES
from modeldata.catalog.unfinished import unfinished_puts
from modeldata.errors import StoreError
from modeldata.format import names
from modeldata.format.manifest import Entry
from modeldata.format.paths import (
    claim_of,
    folder_of_manifest,
    generation_manifest,
    generation_of_data,
    generation_of_manifest,
    generation_of_record,
    generation_of_remnant,
    rewritten_file,
)
from modeldata.keep.folder import FolderView, look
from modeldata.keep.lines import encoded
from modeldata.keep.record import finish_records, prepare_record
from modeldata.store import Conflict, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from modeldata.format.head import Signer
    from modeldata.keep.lines import Carried
    from modeldata.keep.removal import Removals
    from modeldata.ship.publish import PublishedHead
    from modeldata.store import Store

STALE_NS = 30 * 60 * 1_000_000_000
"""After half an hour a claim is taken over: whoever made it is gone, or will find its generation taken."""


class Busy(StoreError):
    """Somebody else is rewriting this folder."""


class RewriteRun(NamedTuple):
    """Who rewrites. id: 32 hex digits that no other run has. now_ns: the time, since 1970. signer: of its records.

    publish: takes the head of each of its records to a second place.
    """

    id: str
    host: str
    now_ns: int
    signer: Signer | None = None
    publish: Callable[[PublishedHead], None] | None = None


class Staged(NamedTuple):
    """A new data file: its name, where its content is on the local disk."""

    name: str
    content: IO[bytes]


class Draft:
    """A new generation while it is made. `names` of files are given by it; `lines` become its manifest."""

    def __init__(self, look: FolderView, run: RewriteRun) -> None:
        self.look = look
        self.generation = look.latest + 1
        self.files: list[Staged] = []
        self.lines: list[Entry] = []
        self._run = run

    def stage(self, file_format: str) -> Staged:
        """A new file, to be written to."""
        name = rewritten_file(file_format, self.generation, self._run.id, len(self.files) + 1)
        self.files.append(Staged(name, tempfile.TemporaryFile()))  # noqa: SIM115 # closed with the draft
        return self.files[-1]

    def add(self, entry: Entry) -> None:
        """A line of the new generation, with an id that no other has: one run may rewrite many folders."""
        folder = sha256(self.look.folder.encode()).hexdigest()[:16]
        self.lines.append(entry._replace(batch=f"{self._run.id}-{folder}-{self.generation}-{len(self.lines) + 1}"))

    def replace(self, ids: list[str], carried: Carried) -> None:
        """The first line replaces `ids`, and all that was ever replaced here; it says what is carried on of them."""
        if not self.lines:
            self.add(Entry(self.look.identity))
        replaced = sorted({*ids, *self.look.contents.replaced})
        self.lines[0] = self.lines[0]._replace(replaces=replaced, **carried._asdict())

    def close(self) -> None:
        for one in self.files:
            one.content.close()


def rewrite(store: Store, folder: str, run: RewriteRun, plan: Callable[[Draft], bool], removals: Removals) -> bool:
    """Make a new generation of a folder; where somebody was faster, plan again. Old files go, also those an earlier run left.

    plan: fills a draft; False where nothing is to be done, which is what this gives back then, too. removals: has what is still
    there afterwards.
    Raises `Busy`, `Damaged`, `Unavailable`, and what `plan` raises.
    """
    with _claimed(store, folder, run, removals):
        for _ in range(TRIES):
            seen = _settled(store, folder)
            draft = Draft(seen, run)
            try:
                if not plan(draft):
                    clean(store, seen, run, removals)
                    return False
                switched = _switch(store, draft, run)
            except Vanished:
                continue  # another run took a file away: look again
            finally:
                draft.close()
            clean(store, look(store, folder), run, removals)
            if switched:
                return True
    raise Busy("rewrite a folder", folder, cause="others rewrote it time and again", hint="run the command again later")


def _settled(store: Store, folder: str) -> FolderView:
    """The folder, with no undecided generation below a file that an unfinished run left."""
    seen = look(store, folder)
    begun = [number for path in seen.unfinished if (number := generation_of_data(path))]
    begun += [number for path in seen.pending_records if (number := generation_of_record(path))]
    begun += [number for path in remnants(store, folder) if (number := generation_of_remnant(path))]
    taken = {generation_of_manifest(log) for log in seen.contents.listing.manifests}
    missing = set(range(1, max([seen.latest, *begun]) + 1)) - taken
    for number in sorted(missing):
        _take_number(store, seen, number)
    return look(store, folder) if missing else seen


def _take_number(store: Store, seen: FolderView, number: int) -> None:
    """A generation without batches: no other can be put in its place any more."""
    entry = Entry(seen.identity, batch=f"generation-{number}")
    try:
        store.put(generation_manifest(seen.folder, number), encoded([entry]))
    except Conflict:
        return  # it came after all: it counts


def _switch(store: Store, draft: Draft, run: RewriteRun) -> bool:
    """False where the generation is taken."""
    folder = draft.look.folder
    path, lines = generation_manifest(folder, draft.generation), encoded(draft.lines)
    try:
        for one in draft.files:
            _put(store, f"{folder}/{one.name}", one.content)
        prepare_record(store, draft, run)
    except Unavailable:
        if store.length(path):
            return False  # whoever took it tidied up while a file of ours was on its way
        raise
    try:
        _surely(store, path, lines)
    except Conflict:
        return False
    return True


def _surely(store: Store, path: str, content: bytes) -> None:
    """A put after a first answer that may have been lost. Raises `Conflict`, `Unavailable`."""
    try:
        store.put(path, content)
    except Unavailable:
        store.put(path, content)


def _put(store: Store, path: str, content: IO[bytes]) -> None:
    content.flush()
    try:
        mapped = mmap.mmap(content.fileno(), 0, access=mmap.ACCESS_READ)
    except OSError:  # no mappings on the temporary disk: then it takes memory
        content.seek(0)
        store.put(path, content.read())
        return
    with mapped, memoryview(mapped) as data:
        store.put(path, data)


def clean(store: Store, seen: FolderView, run: RewriteRun, removals: Removals) -> None:
    """Take away what nobody reads any more: data files first, then the manifests that name them. What grew meanwhile stays.

    So does what another program holds, with the manifest that names it.
    """
    finish_records(store, seen, run, removals)
    ends = seen.ends
    dead_puts = unfinished_puts(store, seen.contents.listing, run.now_ns).dead
    left = {path for path in seen.dead_files if not removals.remove_if(path, ends[path])}
    for path in (*seen.orphans, *dead_puts):
        removals.remove(path)
    for path in remnants(store, seen.folder):
        if (generation_of_remnant(path) or 0) <= seen.latest:
            removals.remove(path)
    needed = {line.log for line in seen.contents.lines if f"{seen.folder}/{line.entry.file}" in left}
    for log in seen.dead_logs:
        number = generation_of_manifest(log)
        if log in needed or number == seen.latest:
            continue
        if number is None:
            removals.remove_if(log, store.length(log) if not store.appends else _length_read(seen, store, log))
        elif removals.remove(log):
            _take_number(store, seen, number)


def remnants(store: Store, folder: str) -> list[str]:
    """Files of rewrites that are not whole, and files of puts that were interrupted, or are under way."""
    found = [*store.unfinished_puts(folder), *store.unfinished_puts(f"{folder}/{names.MANIFEST}")]
    return [path for path in found if generation_of_remnant(path)]


def _length_read(seen: FolderView, store: Store, log: str) -> int:
    """How long a manifest is if nobody added to it since it was looked at: as many lines as there were."""
    lines = sum(line.log == log for line in (*seen.contents.lines, *seen.contents.copies))
    size = store.length(log)
    if not size:
        return 0  # another run took it
    found = store.read(log, 0, size)
    return len(found) if found.count(b"\n") == lines and found.endswith(b"\n") else -1


@contextmanager
def _claimed(store: Store, folder: str, run: RewriteRun, removals: Removals) -> Iterator[None]:
    path = claim_of(folder)
    mine = json.dumps({"run": run.id, "host": run.host, "time_ns": run.now_ns}).encode()
    try:
        store.put(path, mine)
    except Conflict:
        _take_over(store, path, mine, run)
    try:
        yield
    finally:
        removals.remove(path)


def drop_abandoned(store: Store, folder: str, run: RewriteRun) -> None:
    """Remove the claim of a run that died when its work was done: no other run would come by to take it over."""
    path = claim_of(folder)
    if store.length(path) and _holder(store, path, run)[0] > STALE_NS:
        store.remove(path)


def _holder(store: Store, path: str, run: RewriteRun) -> tuple[int, str]:
    """(age in nanoseconds, host) of a claim."""
    try:
        holder = json.loads(store.read(path))
        return run.now_ns - int(holder["time_ns"]), str(holder["host"])
    except (ValueError, KeyError, TypeError, Unavailable):
        return STALE_NS + 1, ""


def _take_over(store: Store, path: str, mine: bytes, run: RewriteRun) -> None:
    age, host = _holder(store, path, run)
    if age <= STALE_NS:
        hint = f"wait for it; a claim that is older than {STALE_NS // 60_000_000_000} minutes is taken over"
        raise Busy("rewrite a folder", folder_of_manifest(path), cause=f"a run on {host!r} is at it", hint=hint)
    store.remove(path)
    try:
        store.put(path, mine)
    except Conflict:
        raise Busy("rewrite a folder", path, cause="another run took it over", hint="run the command again later") from None
