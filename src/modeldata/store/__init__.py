"""Stores: where batches land. One port, one module per kind of store.

A store knows nothing of rows, schemas or rounds. It appends bytes at a position and says truthfully what became of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from modeldata.errors import StoreError
from modeldata.settings import check_archive, local_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modeldata.spool.files import Files


class Foreign(Exception):
    """The file is not as we left it: somebody else wrote, replaced or removed it. Nothing of ours was or will be put there."""


class Unavailable(StoreError):
    """The store can't take anything now. The same call may succeed later."""


class AppendStore(Protocol):
    """A store whose files can grow."""

    def claim(self, path: str, owner: bytes, mark: str) -> bool:
        """Is the file `path` ours, now or from before? At most one owner ever hears True. Raises `Unavailable`."""

    def length(self, path: str) -> int:
        """Bytes in `path`, 0 where it is not there. Raises `Unavailable`."""

    def append(self, path: str, start: int, data: bytes | memoryview) -> None:
        """Durable at [start, start + len(data)) of `path` when this returns, whatever earlier tries left behind.

        The same call may be repeated until it returns. Raises `Foreign` where that position can never be ours, else
        `Unavailable`.
        """

    def remove(self, path: str) -> None:
        """Take a file away; none there is well. Raises `Unavailable`."""


class ReadStore(Protocol):
    """A store that can be looked through."""

    def walk(self) -> Iterator[str]:
        """Every file, as a path with `/`. Raises `Unavailable`."""

    def length(self, path: str) -> int:
        """Bytes in `path`, 0 where it is not there. Raises `Unavailable`."""

    def read(self, path: str, start: int = 0, size: int | None = None) -> bytes:
        """Bytes of `path`, fewer where it ends. Raises `Unavailable`."""


class Store(AppendStore, ReadStore, Protocol):
    """Both."""


def open_store(url: str, files: Files) -> Store:
    """The store that `url` names. Raises `SettingsError` for one that this version can't open."""
    check_archive(url)
    folder = local_folder(url)
    assert folder is not None  # the one kind there is
    from modeldata.store.local import LocalStore

    return LocalStore(folder, files)
