"""The entries of a round in the archive's manifests: names of batches, and notes of what will never be there."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import TYPE_CHECKING

from modeldata.format import names
from modeldata.format.manifest import Entry

if TYPE_CHECKING:
    from modeldata.ship.gathered import Gathered, Refusals, SequenceGap


def named(origin: str, now: int, spool: str, host: str, number: int, entry: Entry) -> Entry:
    """An entry with the name of its batch, and who archives it when."""
    return entry._replace(batch=_batch_id(origin, number, entry), archived_ns=now, spool=spool, host=host)


def _batch_id(origin: str, number: int, entry: Entry) -> str:
    """A name that only these rows have: rounds are counted from 0 again where a checkpoint was lost."""
    content = [entry.identity, entry.sequences or None, entry.lost or None, entry.refused or None]
    digest = sha256(json.dumps(content, sort_keys=True).encode("utf-8", "surrogatepass")).hexdigest()
    return f"{origin}-{number}-{digest[:8]}"


def refusal_note(refusals: Refusals) -> tuple[str, Entry]:
    return refusals.folder, Entry(refusals.identity, refused={refusals.reason: refusals.rows})


def loss_note(gap: SequenceGap) -> tuple[str, Entry]:
    return gap.folder, Entry(gap.identity, lost=[(gap.writer_id.hex(), gap.first, gap.last, gap.reason)])


def take_refusals(gathered: Gathered, stream: str, folder: str) -> dict[str, int]:
    """Counts of refused rows that belong to a batch, by reason; each is counted once."""
    counts: dict[str, int] = {}
    kept = []
    for refusal in gathered.refusals:
        if refusal.folder == folder and names.stream(refusal.identity) == stream:
            counts[refusal.reason] = counts.get(refusal.reason, 0) + refusal.rows
        else:
            kept.append(refusal)
    gathered.refusals[:] = kept
    return counts
