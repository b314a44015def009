"""Old files leave the archive, each by itself: one that can't be removed stays, is named, and stops no other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modeldata.store import Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from modeldata.store import Store

AGAIN = "run the command again when it can be removed"


class Removals:
    """What one run removes from one folder. `refused`: the path of what is still there → why.

    Raises `Unavailable` only where the trouble is of the whole store.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self.refused: dict[str, str] = {}

    def remove(self, path: str) -> bool:
        """False: it was refused, and stays."""
        return self._asked(path, lambda: self._removed(path))

    def remove_if(self, path: str, size: int) -> bool:
        """Remove a file if it has `size` bytes. False: it has grown, or was refused, and stays."""
        return self._asked(path, lambda: self._store.remove_if(path, size))

    def _removed(self, path: str) -> bool:
        self._store.remove(path)
        return True

    def _asked(self, path: str, removed: Callable[[], bool]) -> bool:
        try:
            gone = removed()
        except Unavailable as error:
            if not error.path_only:
                raise
            self.refused[path] = f"{error.cause} ({error.hint})" if error.hint else error.cause
            return False
        self.refused.pop(path, None)
        return gone

    def problem(self) -> str:
        """What is still there, and why, for people; empty where nothing is."""
        if not self.refused:
            return ""
        return f"still on disk: {'; '.join(f'{path}: {why}' for path, why in self.refused.items())}; {AGAIN}"
