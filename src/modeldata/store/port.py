"""The port of all stores: what a store is asked for, and what it may answer.

A store knows nothing of rows, schemas or rounds. It appends bytes at a position and says truthfully what became of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from modeldata.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


ABANDONED_NS = 3_600_000_000_000
"""Nobody who lives needs an hour for one file: after it, a hidden file that is not whole is nobody's."""


class Conflict(Exception):
    """The file is not as we left it: somebody else wrote, replaced or removed it. These bytes are not there and never will be."""


class FileFull(Conflict):
    """The file takes no more. These bytes are not there and never will be: they go to another file."""


class Rejected(StoreError):
    """The store never takes these bytes: they are too large, or it finds fault with them.

    Every attempt had a clear answer, so they are not there and never will be.
    """


class Unavailable(StoreError):
    """The store takes nothing now, or nobody knows whether it did. The same call may succeed later.

    `retry_after`: seconds that the store asked us to wait, None where it did not. `cause`: the same text for the same trouble,
    without request ids and times, so that each trouble is logged once. `path_only`: other paths may still be written (see
    `WriteStore.probe`).
    """

    retry_after: float | None = None
    path_only = False


class Unreadable(Unavailable):
    """A file of the archive is there and can't be read as it is, while others can: an object in an archive class, which has to
    be restored first; a file that is not ours to read, or is no plain file. With `errors="skip"` a reader leaves it out.
    """


class WriteStore(Protocol):
    """Where rows land. Paths are relative to the archive, with `/`. Each call may be repeated until it returns.

    What comes of `append` and `put`:
    - it returns: the bytes are there, durably
    - `Conflict` or `FileFull`: this place can never be ours
    - `Rejected`: these bytes can never be there
    - `Unavailable`: all else, above all an unknown outcome

    The store looks at what earlier tries left before it writes. It never overwrites, and never retries by itself.
    """

    appends: bool
    """Can files grow? Else each batch is a file of its own, and only `put`, `length` and `read` are asked for."""
    block_bytes: int
    """No batch is larger, unless it is a single row."""

    def own_folder(self, folder: str) -> str:
        """The folder to use for `folder`: itself, unless another that differs by the case of letters alone is in its place.

        Then it is the one with that name `respelled`, and so for each folder above it. Raises `Unavailable`.
        """

    def claim(self, path: str, owner: bytes, mark: str) -> bool:
        """Is the file `path` ours to append to? True for one owner at most, however often it asks. Raises `Unavailable`.

        `mark`: the short name of the spool, for files and notes that are made on the way.
        """

    def length(self, path: str) -> int:
        """Bytes in `path`, 0 where it is not there. Raises `Unavailable`."""

    def append(self, path: str, start: int, data: bytes | memoryview) -> bool:
        """`data` is in `path` from byte `start` on; others may have written what follows it.

        True: the file is nearly full and should get no more batches.
        """

    def put(self, path: str, data: bytes | memoryview) -> None:
        """`path` is exactly `data`; readers see all of it or nothing."""

    def remove(self, path: str) -> None:
        """Remove a file. It may be missing. Raises `Unavailable`."""

    def probe(self, mark: str) -> bool:
        """Does the archive take a file now? Asked after trouble with one path: is it the path, or the whole store?

        Puts a small hidden file beside the data, and removes it. `mark`: the short name of the spool, for its name.
        """


class ReadStore(Protocol):
    """A store that can be looked through."""

    def walk(
        self, folder: str = "", wanted: Callable[[str], bool] | None = None, skip: Callable[[str], str] | None = None
    ) -> Iterator[str]:
        """Every file below `folder` (the archive, without), as a path with `/` from the archive. Raises `Unavailable`.

        wanted: may a folder hold anything of interest? A store that lists folder by folder asks it, and skips the others. One
        that lists by name need not ask.
        skip: after this path, the next name that may be of interest; empty where it is not known. A store that lists by name
        asks it once a page, and may leave out what lies between. One that lists folder by folder need not ask.
        """

    def length(self, path: str) -> int:
        """Bytes in `path`, 0 where it is not there. Raises `Unavailable`."""

    def read(self, path: str, start: int = 0, size: int | None = None) -> bytes:
        """Bytes of `path`, fewer where it ends. Raises `Unavailable`; `Unreadable` where other files may be read."""

    def claimed(self, path: str) -> bool:
        """Does the file itself say that `claim` made it? False where only a note beside it does. Raises `Unavailable`."""

    def unfinished_puts(self, folder: str) -> dict[str, int]:
        """Hidden files right in `folder` that interrupted puts left, as paths for `remove` → when they were last written to, in
        nanoseconds since 1970. Raises `Unavailable`.
        """


class Store(WriteStore, ReadStore, Protocol):
    """Both, and what housekeeping needs besides."""

    def remove_if(self, path: str, size: int) -> bool:
        """Remove a file if it has `size` bytes. It may be missing. False: it has grown, and stays. Raises `Unavailable`.

        An `append` comes before, and the file stays, or after, and finds the file gone. So no archived row is lost.
        """

    def copy(self, source: str, target: str) -> None:
        """`target` has what `source` has, durably; no byte passes through this process. Raises `Unavailable`.

        May be repeated. Only copies of one source may ever be called `target`: what is there is taken for an earlier one.
        """

    def clear(self, folder: str) -> None:
        """No file is left below `folder`, hidden ones included. It may be missing. Raises `Unavailable`."""


def probe_name(mark: str) -> str:
    """The path of the small file that `WriteStore.probe` tries. Begins as what Spark and Hive skip."""
    return f"_works-{mark}"
