"""The port of all stores: what a store is asked for, and what it may answer.

A store knows nothing of rows, schemas or rounds. It appends bytes at a position and says truthfully what became of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from modeldata.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Conflict(Exception):
    """The file is not as we left it: somebody else wrote, replaced or removed it. None of these bytes is or will be there."""


class FileFull(Conflict):
    """The file can take no more. None of these bytes is or will ever be there: they go to another file."""


class Rejected(StoreError):
    """The store will never take these bytes (too large, or it finds fault with them): every attempt of them got a definite
    answer, none of them is or will be there."""


class Unavailable(StoreError):
    """The store can't take anything now, or it is not known whether it did. The same call may succeed later.

    `retry_after`: seconds that the store asked us to wait, None where it did not. `cause` is the same text for the same
    trouble (no request ids, no times): a change of it is what gets logged. `path_only`: the trouble may be with this path
    alone, and others can be written (see `WriteStore.probe`).
    """

    retry_after: float | None = None
    path_only = False


class WriteStore(Protocol):
    """Where rows land. Paths are relative to the archive, with `/`. Each call may be repeated until it returns.

    Outcomes of `append` and `put`: it returns when the bytes are durable there; `Conflict` (or `FileFull`) where that place
    can never be ours; `Rejected` where these bytes can never be there; `Unavailable` for all else, above all where the outcome
    is unknown. The store probes what earlier tries left before it writes; it never overwrites, and never retries by itself.
    """

    appends: bool
    """Can files grow? Else each batch is a file of its own, and only `put`, `length` and `read` are asked for."""
    block_bytes: int
    """No batch that this store gets is larger, but for a single row that is."""

    def claim(self, path: str, owner: bytes, mark: str) -> bool:
        """Is the file `path` ours to append to, now or from before? At most one owner ever hears True. Raises `Unavailable`.

        `mark`: the short name of the spool, for what has to be made on the way."""

    def length(self, path: str) -> int:
        """Bytes in `path`, 0 where it is not there. Raises `Unavailable`."""

    def append(self, path: str, start: int, data: bytes | memoryview) -> bool:
        """`data` is at [start, start + len(data)) of `path`, whoever wrote what follows it.

        True: the file is nearly full and should get no more batches.
        """

    def put(self, path: str, data: bytes | memoryview) -> None:
        """`path` is exactly `data`; readers see all of it or nothing."""

    def remove(self, path: str) -> None:
        """Take a file away; none there is well. Raises `Unavailable`."""

    def probe(self, mark: str) -> bool:
        """Does the archive take a file now? Asked after a trouble with one path, to tell it from trouble with all of them.

        Puts a small hidden file beside the data, and removes it. `mark`: the short name of the spool, for its name.
        """


class ReadStore(Protocol):
    """A store that can be looked through."""

    def walk(self, folder: str = "", wanted: Callable[[str], bool] | None = None) -> Iterator[str]:
        """Every file below `folder` (the archive, without), as a path with `/` from the archive. Raises `Unavailable`.

        wanted: may a folder hold anything of interest? A store that lists folder by folder looks into no other; one that lists by
        name need not ask.
        """

    def length(self, path: str) -> int:
        """Bytes in `path`, 0 where it is not there. Raises `Unavailable`."""

    def read(self, path: str, start: int = 0, size: int | None = None) -> bytes:
        """Bytes of `path`, fewer where it ends. Raises `Unavailable`."""

    def claimed(self, path: str) -> bool:
        """Did `claim` make this file, as the file itself tells? False where only a note beside it would. Raises `Unavailable`."""


class Store(WriteStore, ReadStore, Protocol):
    """Both, and what housekeeping needs besides."""

    def remove_if(self, path: str, size: int) -> bool:
        """Take a file away if it has `size` bytes; none there is well. False: it has others now, and stays.

        An `append` is before it, and then the file stays, or after it, and then it finds the file gone: no bytes that were told
        to be there go with it. Raises `Unavailable`.
        """

    def copy(self, source: str, target: str) -> None:
        """`target` has what `source` has, durably; no byte passes through this process. Raises `Unavailable`.

        May be repeated. Only copies of one source may ever be called `target`: what is there is taken for an earlier one.
        """

    def clear(self, folder: str) -> None:
        """No file is left below `folder`, nor a hidden one. None there is well. Raises `Unavailable`."""

    def unfinished_puts(self, folder: str) -> list[str]:
        """Hidden files in `folder` itself that interrupted puts left, as paths for `remove`. Raises `Unavailable`."""


def probe_name(mark: str) -> str:
    """The path of the small file that `WriteStore.probe` tries. Begins as what Spark and Hive skip."""
    return f"_works-{mark}"
