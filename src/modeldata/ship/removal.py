"""Archived segments leave the disk, each by itself: one that another program holds stays, and stops no other."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from modeldata.spool.held import refusal_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from modeldata.spool.files import Files
    from modeldata.spool.folder import SpoolFolder

RETRY_SECONDS = 5.0
"""So long a segment that could not be removed is left alone."""
MOST_REFUSED = 4
"""Where so many stay, it is no program that holds one of them: to give up rows would free nothing."""


class Removal:
    """What was removed from one spool, and what could not be. `refused`: segment → why."""

    def __init__(self, place: SpoolFolder, files: Files, warn: Callable[[str], None]) -> None:
        self._place = place
        self._files = files
        self._warn = warn
        self._retry_at = float("-inf")
        self.refused: dict[str, OSError] = {}

    @property
    def blocked(self) -> bool:
        """Is nothing at all removed here, as it seems?"""
        return len(self.refused) >= MOST_REFUSED

    def due(self, names: Iterable[str], now: float) -> list[str]:
        """Those of `names` that may be tried now, by a monotonic clock."""
        if now < self._retry_at:
            return [name for name in names if name not in self.refused]
        self._retry_at = now + RETRY_SECONDS
        return list(names)

    def remove(self, names: Iterable[str]) -> None:
        """Unlink segments, durably. Raises OSError only where that can't be made durable."""
        before, removed = bool(self.refused), False
        for name in names:
            try:
                self._files.unlink(os.path.join(self._place.segments, name))
                removed = True
            except FileNotFoundError:
                pass
            except OSError as error:
                self.refused[name] = error
                continue
            self.refused.pop(name, None)
        if self.refused and not before:
            self._warn(str(self.trouble()))
        if removed:
            self._files.sync_folder(self._place.segments)

    def trouble(self) -> str | None:
        """What stays in the spool although it is archived, and why; None where nothing does."""
        for name, error in self.refused.items():
            more = f" (and {len(self.refused) - 1} more)" if len(self.refused) > 1 else ""
            path = os.path.join(self._place.segments, name)
            return f"archived, but can't be removed: {path}{more}: {refusal_text(error)}"
        return None
