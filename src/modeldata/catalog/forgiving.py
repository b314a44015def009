"""A store to list and to read manifests from, of which one bad folder or file does not end the look at all others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modeldata.store import Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from modeldata.store import ReadStore

DEEPEST = 24
"""Folders above a file, at most."""


class ForgivingStore:
    """unread: what it could not list or read, by path, in words."""

    def __init__(self, store: ReadStore) -> None:
        self._store = store
        self.unread: dict[str, str] = {}

    def walk(
        self, folder: str = "", wanted: Callable[[str], bool] | None = None, skip: Callable[[str], str] | None = None
    ) -> Iterator[str]:
        """Raises `Unavailable` where nothing at all can be listed."""
        try:
            paths = list(self._store.walk(folder, wanted, skip))
        except Unavailable:
            paths = self._walk_each(folder, DEEPEST)
        return iter(paths)

    def _walk_each(self, folder: str, depth: int) -> list[str]:
        """Folder by folder, for a store that lists so."""
        paths: list[str] = []
        below: list[str] = []

        def note(path: str) -> bool:
            below.append(path)
            return False

        try:
            for path in self._store.walk(folder, note):
                paths.append(path)
        except Unavailable as error:
            if not (folder or below or paths):
                raise
            self.unread[folder] = str(error)
        for path in below if depth else ():
            paths += self._walk_each(path, depth - 1)
        return paths

    def read(self, path: str, start: int = 0, size: int | None = None) -> bytes:
        """Nothing where the file is there and can't be read. Raises `Unavailable` where it is gone."""
        try:
            content = self._store.read(path, start, size)
        except Unavailable as error:
            if not self._is_there(path):
                raise
            self.unread[path] = str(error)
            return b""
        self.unread.pop(path, None)
        return content

    def _is_there(self, path: str) -> bool:
        try:
            return self._store.length(path) > 0
        except Unavailable:
            return True  # nobody knows: it can't be read, either

    def length(self, path: str) -> int:
        return self._store.length(path)

    def unfinished_puts(self, folder: str) -> dict[str, int]:
        return self._store.unfinished_puts(folder)

    def claimed(self, path: str) -> bool:
        return self._store.claimed(path)
