"""Whole folders that are over for long enough: their rows go, and one line stays that says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modeldata.format.paths import generation_of_manifest
from modeldata.keep.lines import carried

if TYPE_CHECKING:
    from modeldata.catalog.lines import ManifestLine
    from modeldata.keep.folder import FolderView
    from modeldata.keep.rewrite import Draft

PRUNED = "pruned"


def rows_of(look: FolderView) -> int:
    """Rows that would go."""
    return sum(batch.rows for batch in look.batches())


def is_due(look: FolderView) -> bool:
    """Is there anything to prune? A folder that was pruned has only the note that says so."""
    return bool(look.batches() or originals(look))


def originals(look: FolderView) -> list[str]:
    """Files of the 2017 original. Files of ours without a manifest stay: the next thing a shipper does may be to put it."""
    return [path for path in look.contents.originals if path not in look.contents.unproven]


def fill(draft: Draft) -> None:
    """The line of a folder without rows: every number that was there is `lost`, with the reason."""
    batches = draft.look.batches()
    lines = [line for line in draft.look.contents.live if line.batch and not _stays(line)]
    lost = [(writer, first, last, PRUNED) for batch in batches for writer, first, last in batch.sequences]
    draft.replace([str(line.batch) for line in lines], carried(lines).with_lost(lost))


def _stays(line: ManifestLine) -> bool:
    """A generation without rows only keeps its number."""
    return line.batch == f"generation-{generation_of_manifest(line.log)}"
