"""A file of a store as a file of Python: only the bytes are read that somebody asks for."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from modeldata.catalog.batches import Vanished
from modeldata.store import Unavailable, Unreadable

if TYPE_CHECKING:
    from modeldata.store import ReadStore

TAIL = 64 * 1024
"""Read at once from the end of a file: most footers are in it, and small files as a whole."""


class StoreFile(io.RawIOBase):
    """A file of a store, of which only the bytes are read that somebody asks for."""

    def __init__(self, store: ReadStore, path: str, size: int) -> None:
        self._store = store
        self._path = path
        self._size = size
        self._at = 0
        start = max(0, size - TAIL)
        self._tail = (start, read_bytes(store, path, start, size - start))

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = offset + (0, self._at, self._size)[whence]
        return self._at

    def tell(self) -> int:
        return self._at

    def read(self, size: int | None = -1) -> bytes:
        rest = self._size - self._at
        size = rest if size is None or size < 0 else min(size, rest)
        start, tail = self._tail
        data = (
            tail[self._at - start : self._at - start + size]
            if self._at >= start
            else read_bytes(self._store, self._path, self._at, size)
        )
        self._at += len(data)
        return data


def read_bytes(store: ReadStore, path: str, start: int, size: int) -> bytes:
    """Raises `Vanished` where there is no such file (or nothing in it) any more."""
    try:
        return store.read(path, start, size)
    except Unreadable:
        raise
    except Unavailable:
        if store.length(path):
            raise
        raise Vanished(path) from None
