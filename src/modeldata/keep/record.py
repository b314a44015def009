"""A rewrite leaves a record in the archive: which batches it made, and of which. So an audit tells it from a forgery.

Each rewrite of a folder has a log of one record (see `modeldata.format.head`), put after the switch. A run that dies between the
two leaves a generation that no record proves.
"""

from __future__ import annotations

from hashlib import sha256
from typing import IO, TYPE_CHECKING

from modeldata.format.head import Record, entry_hash
from modeldata.ship.heads import leave_record

if TYPE_CHECKING:
    from modeldata.format.manifest import Entry
    from modeldata.keep.rewrite import Draft, RewriteRun
    from modeldata.store import Store

PIECE = 8 * 1024 * 1024


def record_rewrite(store: Store, draft: Draft, run: RewriteRun) -> None:
    """The rewrite holds already: where the archive takes no record, it is without one."""
    folder = draft.look.folder
    record = Record(
        0,
        run.now_ns,
        host=run.host,
        batches={entry.batch: [_row_hash(entry, draft), entry_hash(entry.as_dict())] for entry in draft.lines},
        replaces=draft.lines[0].replaces or [],
        pruned=[] if draft.files else [folder],
    )
    leave_record(store, f"{run.id}-{sha256(folder.encode()).hexdigest()[:8]}-{draft.generation}", record, run.signer)


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
