"""What all stores behind a network have in common: one client, one request at a time, and errors in our own words."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from modeldata.store import archive_id
from modeldata.store.failures import Failure, Kind
from modeldata.store.port import Rejected, Unavailable, Unreadable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from modeldata.urls import Location

    T = TypeVar("T")

Client = TypeVar("Client")
READ_BYTES = 16 * 1024 * 1024
"""Of one request that reads."""


class RemoteStore(ABC, Generic[Client]):
    """One container or bucket, or a folder in it. See `Store` for what each call promises.

    A new kind of store writes the abstract methods; `claim` and `append` too, where files grow.
    """

    container_word = "bucket"

    def __init__(self, location: Location, credentials: Callable[[], Mapping[str, str]], *, insecure: bool = False) -> None:
        self._location = location
        self._credentials = credentials
        self._insecure = insecure
        self._client: Client | None = None
        self._skips = True
        """Does the server list from a name on? Found out when it is first asked to."""
        self._server = location.host or location.scheme

    # One request each. What the library raises is left to `_ask`.

    @abstractmethod
    def _connect(self, env: Mapping[str, str]) -> tuple[Client, str]:
        """A client, and the server it speaks to. No request is made. Raises `NoAccess`."""

    @abstractmethod
    def _failure_of(self, error: Exception) -> Failure:
        """What an error of the library means."""

    @abstractmethod
    def _size(self, client: Client, key: str) -> int: ...

    @abstractmethod
    def _piece(self, path: str, start: int, size: int) -> bytes | Failure:
        """At most `READ_BYTES`, or what else is asked for."""

    @abstractmethod
    def _delete(self, client: Client, key: str) -> None: ...

    @abstractmethod
    def _copy(self, client: Client, source: str, target: str) -> Failure | None:
        """Inside the store, between two keys."""

    @abstractmethod
    def _page(self, client: Client, prefix: str, mark: Any, since: str) -> tuple[list[str], Any]:
        """Keys that begin with `prefix`, by name, and where the next page begins: `mark` of the next call, None after the last.

        since: without a mark, keys before it may be left out.
        """

    # The port

    @abstractmethod
    def put(self, path: str, data: bytes | memoryview) -> None: ...

    def own_folder(self, folder: str) -> str:
        return folder  # keys tell upper from lower case

    def length(self, path: str) -> int:
        size = self._ask(lambda client: self._size(client, self._location.key(path)))
        if not isinstance(size, Failure):
            return size
        if size.kind is Kind.GONE:
            return 0
        raise self._unavailable("look at a file of the archive", path, size)

    def read(self, path: str, start: int = 0, size: int | None = None) -> bytes:
        content = self._read(path, start, size)
        if isinstance(content, Failure):
            raise self._unavailable("read the archive", path, content)
        return content

    def _read(self, path: str, start: int, size: int | None) -> bytes | Failure:
        """One request a piece, so that a file may grow meanwhile."""
        pieces: list[bytes] = []
        while size is None or size > 0:
            piece = self._piece(path, start, READ_BYTES if size is None else min(size, READ_BYTES))
            if isinstance(piece, Failure):
                if piece.kind is Kind.PAST_THE_END:
                    break
                return piece
            pieces.append(piece)
            start += len(piece)
            size = None if size is None else size - len(piece)
            if len(piece) < READ_BYTES:
                break
        return b"".join(pieces)

    def walk(
        self, folder: str = "", wanted: Callable[[str], bool] | None = None, skip: Callable[[str], str] | None = None
    ) -> Iterator[str]:
        """In the order in which the store lists them: by name."""
        root = self._location.key("")
        below = self._location.key(f"{folder}/") if folder else root
        seen: set[str] = set()
        mark, since = None, ""
        while True:
            page = self._ask(lambda client, mark=mark, since=since: self._page(client, below, mark, since))  # type: ignore[misc] # bound at once
            if since and (isinstance(page, Failure) or min(page[0], default=since) < since):
                self._skips = False  # this server lists from the beginning alone
                yield from (path for path in self.walk(folder) if path not in seen)
                return
            if isinstance(page, Failure):
                raise self._unavailable("list the archive", folder, page)
            keys, mark = page
            paths = [key[len(root) :] for key in keys if key.startswith(root) and key != root]
            yield from paths
            if mark is None:
                return
            since = ""
            if skip is not None and self._skips and paths:
                seen.update(paths)
                since = _further(root + paths[-1], root + skip(paths[-1]))
                mark = None if since else mark

    def remove(self, path: str) -> None:
        failure = self._ask(lambda client: self._delete(client, self._location.key(path)))
        if failure is not None and failure.kind is not Kind.GONE:
            raise self._unavailable("remove a file of the archive", path, failure)

    def copy(self, source: str, target: str) -> None:
        failure = self._ask(lambda client: self._copy(client, self._location.key(source), self._location.key(target)))
        if failure is None and self.length(source) != self.length(target):
            failure = Failure(Kind.OTHER, "the store said that it made a copy, and has not the same bytes", unknown=True)
        if failure is not None:
            raise self._unavailable("copy a file of the archive", target, failure)

    def clear(self, folder: str) -> None:
        refused: Unavailable | None = None
        for path in list(self.walk(folder)):
            try:
                self.remove(path)
            except Unavailable as error:
                if not error.path_only:
                    raise
                refused = error
        if refused is not None:
            raise refused

    def unfinished_puts(self, folder: str) -> dict[str, int]:
        return {}  # a put is seen as a whole or not at all

    def check_rights(self) -> bool:
        """Would a shipper get through? Nothing is left behind. Raises `Unavailable` where it would not.

        False: that can't be seen before the first rows are there.
        """
        if not self.length(archive_id.NAME):
            return False
        self.put(archive_id.NAME, self.read(archive_id.NAME))  # it is there already, says a store that lets us write
        return True

    # Asking, and what came of it

    def _ask(self, work: Callable[[Client], T]) -> T | Failure:
        """The library's errors end here: nothing raised later has one in its context, with a URL or a key in it."""
        try:
            return work(self._open())
        except Exception as error:  # of the library and what it stands on: whatever it is, the outcome is not known
            failure = self._failure_of(error)
        if failure.kind is Kind.CREDENTIALS:
            self._forget_client()
        return failure

    def _open(self) -> Client:
        if self._client is None:
            self._client, self._server = self._connect(self._credentials())
        return self._client

    def _forget_client(self) -> None:
        """The next request asks for the credentials again."""
        self._client = None

    def _rejected(self, operation: str, path: str, cause: str) -> Rejected:
        return Rejected(operation, self._where(path), cause=cause)

    def _unavailable(self, operation: str, path: str, failure: Failure) -> Unavailable:
        hint = failure.hint
        if failure.kind is Kind.NO_CONTAINER:
            hint = f"create the {self.container_word} {self._location.container!r}"
        kind = Unreadable if failure.kind is Kind.COLD else Unavailable
        error = kind(operation, self._where(path), cause=failure.cause, hint=hint)
        error.retry_after = failure.retry_after
        error.path_only = failure.path_only
        return error

    def _where(self, path: str) -> str:
        return f"{self._server}/{self._location.container}/{self._location.key(path)}".rstrip("/")


def _further(last: str, since: str) -> str:
    """Where a listing goes on after a key; empty: with the next one."""
    return since if since > last else ""
