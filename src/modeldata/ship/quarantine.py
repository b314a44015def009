"""Rows that can't be archived are kept as they were, in the spool, and reported. Never in the way of other rows."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from modeldata.ship.gathered import CorruptFrame
from modeldata.spool.files import replace_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from modeldata.ship.batch import UndecodableCall
    from modeldata.ship.checkpoint import Progress
    from modeldata.spool.files import Files


def keep(folder: str, frames: Iterable[CorruptFrame], after: Progress, files: Files, warn: Callable[[str], None]) -> None:
    """A file each in `folder`. `after` counts their rows."""
    for frame in frames:
        path = os.path.join(folder, f"{frame.segment}-{frame.start}.bin")
        after.quarantined += frame.rows or 0
        try:
            replace_file(files, path, frame.content)
        except OSError as error:
            warn(f"could not keep a damaged frame: {path}: {error}")
        rows = "unknown" if frame.rows is None else frame.rows
        warn(f"quarantined: {path}: rows {rows}: {frame.why}")


def undecodable_frame(undecodable: UndecodableCall) -> CorruptFrame:
    """A call that no encoder could read."""
    call = undecodable.calls
    return CorruptFrame(call.writers[call.writer[0]].hex(), int(call.places[0]), call.data(0), undecodable.rows, undecodable.why)
