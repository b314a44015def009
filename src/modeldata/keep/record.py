"""A rewrite leaves a record in the archive: which batches it made, and of which. So an audit tells it from a forgery.

Each rewrite of a folder has a log of one record (see `modeldata.format.head`). It is made and signed before the switch, and lies
beside the folder's manifests, where no audit counts it. Once the switch is there it goes to the heads. Where the run dies between
the two, or the archive takes no head just then, a later run does that: it only moves what the first run signed.
"""

from __future__ import annotations

from hashlib import sha256
from typing import IO, TYPE_CHECKING

from modeldata.format.head import Record, entry_hash, note_of, read_line
from modeldata.format.paths import generation_of_record, log_of_record, log_of_rewrite, pending_record
from modeldata.ship.heads import leave_record, only_record
from modeldata.ship.publish import PublishedHead

if TYPE_CHECKING:
    from modeldata.format.manifest import Entry
    from modeldata.keep.folder import FolderView
    from modeldata.keep.removal import Removals
    from modeldata.keep.rewrite import Draft, RewriteRun
    from modeldata.store import Store

PIECE = 8 * 1024 * 1024


def prepare_record(store: Store, draft: Draft, run: RewriteRun) -> None:
    """Before the switch. Raises `Unavailable`."""
    folder = draft.look.folder
    record = Record(
        0,
        run.now_ns,
        host=run.host,
        batches={entry.batch: [_row_hash(entry, draft), entry_hash(entry.as_dict())] for entry in draft.lines},
        replaces=draft.lines[0].replaces or [],
        pruned=[] if draft.files else [folder],
    )
    log = log_of_rewrite(run.id, sha256(folder.encode()).hexdigest(), draft.generation)
    store.put(pending_record(folder, log), only_record(log, record, run.signer))


def finish_records(store: Store, seen: FolderView, run: RewriteRun, removals: Removals) -> None:
    """A record goes to the heads once its switch came; of those of this run, the head goes to the second place, too.

    Nobody knows who left the others. A record goes once its switch can't come any more. Raises `Unavailable`.
    """
    batches = {line.batch for line in seen.contents.lines} | seen.contents.replaced
    for path in seen.pending_records:
        line = store.read(path) if store.length(path) else b""
        came = bool(_batches_of(line) & batches)
        log = str(log_of_record(path))
        done = came and leave_record(store, log, line)
        if done and run.publish is not None and log.startswith(run.id):
            run.publish(PublishedHead(log, 1, note_of(line)))
        if done or (not came and (generation_of_record(path) or 0) <= seen.latest):
            removals.remove(path)


def _batches_of(line: bytes) -> set[str]:
    try:
        return set(Record.of(read_line(line.removesuffix(b"\n"))[0]).batches)
    except ValueError:
        return set()


def _row_hash(entry: Entry, draft: Draft) -> str:
    if not entry.file:
        return ""
    (content,) = [staged.content for staged in draft.files if staged.name == entry.file]
    return _hash_of(content, entry.offset + entry.size - entry.row_bytes, entry.row_bytes)


def _hash_of(content: IO[bytes], start: int, size: int) -> str:
    digest = sha256()
    content.seek(start)
    while size and (piece := content.read(min(size, PIECE))):
        digest.update(piece)
        size -= len(piece)
    return digest.hexdigest()
