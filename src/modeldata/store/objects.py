"""S3 and GCS: objects that are written once. Their files can't grow, so each batch is an object of its own.

An object is created on the condition that there is none of its name. Where there is one, it is read back: the same bytes mean
that an earlier try landed. With a store that knows no conditions it goes well, too: one key never has two contents.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import obstore

from modeldata.store import WAITS, Conflict, Rejected, Unavailable, probe_name
from modeldata.store.object_auth import open_client
from modeldata.store.object_errors import Failure, Kind, failure_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from obstore import PutResult

    from modeldata.store.object_auth import Client
    from modeldata.urls import Location

    T = TypeVar("T")

READ_BYTES = 16 * 1024 * 1024
LOOKS = 3
"""At a file that the store took and does not show."""
PAGE = 1000
_SETTLED = (Kind.NOT_SENT, Kind.CREDENTIALS, Kind.BUSY, Kind.NO_BUCKET)
"""Failures after which a look at the object would tell nothing."""


class _Damaged(NamedTuple):
    """What the store keeps of a file that we made, where that is not what we sent: its digest, and its version as a condition."""

    digest: bytes
    version: dict[str, str]


class ObjectStore:
    """One bucket, or a folder in it. See `WriteStore` and `ReadStore` for what each call promises; files never grow here."""

    appends = False
    block_bytes = 64 * 1024 * 1024

    def __init__(self, location: Location, credentials: Callable[[], Mapping[str, str]], *, insecure: bool = False) -> None:
        self._location = location
        self._credentials = credentials
        self._insecure = insecure
        self._client: Client | None = None
        self._server = "GCS" if location.scheme == "gs" else "S3"
        self._conditions = True
        self._ranges = True
        """Does the store know conditions, and parts of an object? Most do; found out when it first says that it does not."""
        self._unsure: set[str] = set()
        """Files of which an attempt may still land: it had no answer that settles it."""
        self._mangled: dict[str, _Damaged] = {}
        """Files that we made, and that the store keeps with other bytes than we sent. They alone are written again."""

    def claim(self, path: str, owner: bytes, mark: str) -> bool:
        raise NotImplementedError("files of an object store never grow")

    def append(self, path: str, start: int, data: bytes | memoryview) -> bool:
        raise NotImplementedError("files of an object store never grow")

    def put(self, path: str, data: bytes | memoryview) -> None:
        content = bytes(data)
        failure = self._put(path, content)
        if failure is None:
            self._settled(path)
            return
        if failure.kind is Kind.UNKNOWN:
            self._unsure.add(path)
        if failure.kind in _SETTLED or not self._landed(path, content):
            if failure.kind is Kind.REFUSED and path not in self._unsure:
                raise Rejected("put a file into the archive", self._where(path), cause=failure.cause)
            raise self._unavailable("put a file into the archive", path, failure)
        self._settled(path)

    def _settled(self, path: str) -> None:
        """Nothing that we did to `path` is open any more."""
        self._unsure.discard(path)
        self._mangled.pop(path, None)

    def _put(self, path: str, content: bytes) -> Failure | None:
        if path in self._mangled and self._landed(path, content):
            return None
        key = self._location.key(path)
        if self._conditions and path not in self._mangled:
            told = self._ask(lambda client: obstore.put(client, key, content, mode="create", use_multipart=False))
            if not isinstance(told, Failure) or told.kind is not Kind.NO_CONDITIONS:
                return told if isinstance(told, Failure) else self._check(path, content, told)
            self._conditions = False
        if path not in self._mangled and self._landed(path, content):
            return None
        told = self._ask(lambda client: obstore.put(client, key, content, mode=self._over(path), use_multipart=False))
        if isinstance(told, Failure):
            self._not_mended(path, told)
            return told
        return self._check(path, content, told)

    def _not_mended(self, path: str, failure: Failure) -> None:
        if failure.kind is Kind.EXISTS:
            self._mangled.pop(path, None)  # replaced since: not our copy any more
        elif failure.kind is Kind.NO_CONDITIONS and path in self._mangled:
            self._mangled[path] = self._mangled[path]._replace(version={})  # some know only the condition to create

    def _over(self, path: str) -> Any:
        """Write over nothing but our own damaged copy, where the store can tell."""
        damaged = self._mangled.get(path)
        return damaged.version if damaged and damaged.version and self._conditions else "overwrite"

    def _check(self, path: str, content: bytes, told: PutResult) -> Failure | None:
        """Does the store keep what we sent? Most say it by the content's MD5; of the others we read it back."""
        if (told["e_tag"] or "").strip('"').lower() == hashlib.md5(content, usedforsecurity=False).hexdigest():
            return None
        kept = self._look_again(path, len(content) + 1)
        if isinstance(kept, Failure):
            if kept.kind is Kind.GONE:
                return Failure(Kind.UNKNOWN, "the store said that it took the file, and does not have it")
            if kept.kind is not Kind.PAST_THE_END:
                return kept._replace(kind=Kind.UNKNOWN)
            kept = b""
        if kept == content:
            return None
        version = {name: value for name, value in (("e_tag", told["e_tag"]), ("version", told["version"])) if value}
        self._mangled[path] = _Damaged(hashlib.sha256(kept).digest(), version)
        return Failure(Kind.UNKNOWN, "the store keeps other bytes than were sent")

    def _look_again(self, path: str, size: int) -> bytes | Failure:
        """What the store has right after it said that it took it: some show it only at a later look."""
        for _ in range(LOOKS - 1):
            kept = self._read(path, 0, size)
            if not isinstance(kept, Failure) or kept.kind is not Kind.GONE:
                return kept
        return self._read(path, 0, size)

    def _landed(self, path: str, content: bytes) -> bool:
        """Is `path` exactly `content`? Raises `Conflict` where it is something else, `Unavailable` where that can't be told."""
        found = self._read(path, 0, len(content) + 1)
        if isinstance(found, Failure):
            if found.kind is Kind.GONE:
                self._mangled.pop(path, None)
                return False
            if found.kind is not Kind.PAST_THE_END:
                raise self._unavailable("put a file into the archive", path, found)
            found = b""
        if found == content:
            return True
        if path in self._mangled and hashlib.sha256(found).digest() == self._mangled[path].digest:
            return False
        self._settled(path)
        raise Conflict(f"{self._where(path)} is there, with other content")

    def length(self, path: str) -> int:
        key = self._location.key(path)
        seen = self._ask(lambda client: obstore.head(client, key))
        if not isinstance(seen, Failure):
            return int(seen["size"])
        if seen.kind is Kind.GONE:
            return 0
        raise self._unavailable("look at a file of the archive", path, seen)

    def remove(self, path: str) -> None:
        key = self._location.key(path)
        gone = self._ask(lambda client: obstore.delete(client, key))
        if isinstance(gone, Failure) and gone.kind is not Kind.GONE:
            raise self._unavailable("remove a file of the archive", path, gone)

    def claimed(self, path: str) -> bool:
        return False  # nothing is claimed here: a file is there as a whole

    def remove_if(self, path: str, size: int) -> bool:
        """Objects never grow: one that has the size has the content."""
        if self.length(path) not in (0, size):
            return False
        self.remove(path)
        return True

    def works(self, mark: str) -> bool:
        key = self._location.key(probe_name(mark))
        if isinstance(self._ask(lambda client: obstore.put(client, key, b"", mode="overwrite", use_multipart=False)), Failure):
            return False
        self._ask(lambda client: obstore.delete(client, key))
        return True

    def remnants(self, folder: str) -> list[str]:
        return []

    def walk(self, folder: str = "", wanted: Callable[[str], bool] | None = None) -> Iterator[str]:
        """Every file, by name. Raises `Unavailable`."""
        prefix = self._location.key("")
        below = self._location.key(folder) if folder else self._location.prefix
        found = self._ask(
            lambda client: [meta["path"] for page in obstore.list(client, below or None, chunk_size=PAGE) for meta in page]
        )
        if isinstance(found, Failure):
            raise self._unavailable("list the archive", "", found)
        yield from sorted(name[len(prefix) :] for name in found if name.startswith(prefix))

    def read(self, path: str, start: int = 0, size: int | None = None) -> bytes:
        """Bytes of `path`, fewer where it ends. Raises `Unavailable`."""
        pieces: list[bytes] = []
        while size is None or size > 0:
            piece = self._read(path, start, READ_BYTES if size is None else min(size, READ_BYTES))
            if isinstance(piece, Failure):
                if piece.kind is Kind.PAST_THE_END:
                    break
                raise self._unavailable("read the archive", path, piece)
            pieces.append(piece)
            start += len(piece)
            size = None if size is None else size - len(piece)
            if len(piece) < READ_BYTES:
                break
        return b"".join(pieces)

    def _read(self, path: str, start: int, size: int) -> bytes | Failure:
        key = self._location.key(path)
        if self._ranges:
            found = self._ask(lambda client: bytes(obstore.get_range(client, key, start=start, length=size)))
            if not isinstance(found, Failure) or found.kind is not Kind.WHOLE_ONLY:
                return found
            self._ranges = False
        whole = self._ask(lambda client: bytes(obstore.get(client, key).bytes()))
        return whole if isinstance(whole, Failure) else whole[start : start + size]

    def _ask(self, work: Callable[[Client], T]) -> T | Failure:
        """The library's errors end here: nothing raised later has one in its context, with a URL or a key in it."""
        try:
            return work(self._open())
        except Exception as error:  # of the library: whatever it is, the outcome is not known
            failure = failure_of(error)
        if failure.kind is Kind.CREDENTIALS:
            self._client = None  # the next request asks for the credentials again
        return failure

    def _open(self) -> Client:
        if self._client is None:
            self._client, self._server = open_client(self._location, self._credentials(), insecure=self._insecure)
        return self._client

    def _unavailable(self, operation: str, path: str, failure: Failure) -> Unavailable:
        hint = failure.hint or WAITS
        if failure.kind is Kind.NO_BUCKET:
            hint = f"create the bucket {self._location.container!r}; {WAITS}"
        error = Unavailable(operation, self._where(path), cause=failure.cause, hint=hint)
        error.path_only = failure.path_only
        return error

    def _where(self, path: str) -> str:
        return f"{self._server}/{self._location.container}/{self._location.key(path)}".rstrip("/")
