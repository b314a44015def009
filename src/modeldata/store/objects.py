"""S3 and GCS: objects that are written once. Their files can't grow, so each batch is an object of its own.

An object is created on the condition that there is none of its name. Where there is one, it is read back: the same bytes mean
that an earlier try landed. With a store that knows no conditions it goes well, too: one key never has two contents.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, NamedTuple

import obstore

from modeldata.store.failures import SILENT, Failure, Kind
from modeldata.store.object_auth import open_client
from modeldata.store.object_errors import failure_of
from modeldata.store.port import Conflict, probe_name
from modeldata.store.remote import RemoteStore

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from obstore import PutResult

    from modeldata.store.object_auth import Client
    from modeldata.urls import Location

LOOKS = 3
"""At a file that the store took and does not show."""
PAGE = 1000


class _Damaged(NamedTuple):
    """What the store keeps of a file that we made, where that is not what we sent: its digest, and its version as a condition."""

    digest: bytes
    version: dict[str, str]


class ObjectStore(RemoteStore["Client"]):
    """One bucket, or a folder in it. See `Store` for what each call promises; files never grow here."""

    appends = False
    block_bytes = 64 * 1024 * 1024

    def __init__(self, location: Location, credentials: Callable[[], Mapping[str, str]], *, insecure: bool = False) -> None:
        super().__init__(location, credentials, insecure=insecure)
        self._server = "GCS" if location.scheme == "gs" else "S3"
        self._conditions = True
        self._ranges = True
        """Does the store know conditions, and parts of an object? Most do; found out when it first says that it does not."""
        self._unsure: set[str] = set()
        """Files of which an attempt may still land: it had no answer that settles it."""
        self._mangled: dict[str, _Damaged] = {}
        """Files that we made, and that the store keeps with other bytes than we sent. They alone are written again."""

    def claim(self, path: str, owner: bytes, mark: str) -> bool:  # not asked for where `appends` is false: see the port
        raise NotImplementedError("files of an object store never grow")

    def append(self, path: str, start: int, data: bytes | memoryview) -> bool:  # as `claim`
        raise NotImplementedError("files of an object store never grow")

    def put(self, path: str, data: bytes | memoryview) -> None:
        content = bytes(data)
        failure = self._put(path, content)
        if failure is None:
            self._settled(path)
            return
        if failure.unknown:
            self._unsure.add(path)
        if failure.kind in SILENT or not self._landed(path, content):
            if failure.kind is Kind.REFUSED and path not in self._unsure:
                raise self._rejected("put a file into the archive", path, failure.cause)
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
            answer = self._ask(lambda client: obstore.put(client, key, content, mode="create", use_multipart=False))
            if not isinstance(answer, Failure):
                return self._check(path, content, answer)
            if answer.kind is not Kind.NO_CONDITIONS:
                return answer
            self._conditions = False
        if path not in self._mangled and self._landed(path, content):
            return None
        answer = self._ask(lambda client: obstore.put(client, key, content, mode=self._over(path), use_multipart=False))
        if isinstance(answer, Failure):
            self._not_mended(path, answer)
            return answer
        return self._check(path, content, answer)

    def _not_mended(self, path: str, failure: Failure) -> None:
        if failure.kind is Kind.EXISTS:
            self._mangled.pop(path, None)  # replaced since: not our copy any more
        elif failure.kind is Kind.NO_CONDITIONS and path in self._mangled:
            self._mangled[path] = self._mangled[path]._replace(version={})  # some know only the condition to create

    def _over(self, path: str) -> Any:
        """Write over nothing but our own damaged copy, where the store can tell."""
        damaged = self._mangled.get(path)
        return damaged.version if damaged and damaged.version and self._conditions else "overwrite"

    def _check(self, path: str, content: bytes, answer: PutResult) -> Failure | None:
        """Does the store keep what we sent? Most say it by the content's MD5; of the others we read it back."""
        if (answer["e_tag"] or "").strip('"').lower() == hashlib.md5(content, usedforsecurity=False).hexdigest():
            return None
        kept = self._look_again(path, len(content) + 1)
        if isinstance(kept, Failure):
            if kept.kind is Kind.GONE:
                return Failure(Kind.OTHER, "the store said that it took the file, and does not have it", unknown=True)
            return kept._replace(kind=Kind.OTHER, unknown=True)
        if kept == content:
            return None
        version = {name: value for name, value in (("e_tag", answer["e_tag"]), ("version", answer["version"])) if value}
        self._mangled[path] = _Damaged(hashlib.sha256(kept).digest(), version)
        return Failure(Kind.OTHER, "the store keeps other bytes than were sent", unknown=True)

    def _look_again(self, path: str, size: int) -> bytes | Failure:
        """What the store has right after it said that it took it: some show it only at a later look."""
        for _ in range(LOOKS - 1):
            kept = self._read(path, 0, size)
            if not isinstance(kept, Failure) or kept.kind is not Kind.GONE:
                return kept
        return self._read(path, 0, size)

    def _landed(self, path: str, content: bytes) -> bool:
        """Is `path` exactly `content`? Raises `Conflict` where it is something else, `Unavailable` where nobody knows."""
        stored = self._read(path, 0, len(content) + 1)
        if isinstance(stored, Failure):
            if stored.kind is Kind.GONE:
                self._mangled.pop(path, None)
                return False
            raise self._unavailable("put a file into the archive", path, stored)
        if stored == content:
            return True
        if path in self._mangled and hashlib.sha256(stored).digest() == self._mangled[path].digest:
            return False
        self._settled(path)
        raise Conflict(f"{self._where(path)} is there, with other content")

    def claimed(self, path: str) -> bool:
        return False  # nothing is claimed here: a file is there as a whole

    def remove_if(self, path: str, size: int) -> bool:
        """Objects never grow: one that has the size has the content."""
        if self.length(path) not in (0, size):
            return False
        self.remove(path)
        return True

    def probe(self, mark: str) -> bool:
        key = self._location.key(probe_name(mark))
        if isinstance(self._ask(lambda client: obstore.put(client, key, b"", mode="overwrite", use_multipart=False)), Failure):
            return False
        self._ask(lambda client: obstore.delete(client, key))
        return True

    # One request each

    def _connect(self, env: Mapping[str, str]) -> tuple[Client, str]:
        return open_client(self._location, env, insecure=self._insecure)

    def _failure_of(self, error: Exception) -> Failure:
        return failure_of(error)

    def _size(self, client: Client, key: str) -> int:
        return int(obstore.head(client, key)["size"])

    def _piece(self, path: str, start: int, size: int) -> bytes | Failure:
        key = self._location.key(path)
        if self._ranges:
            piece = self._ask(lambda client: bytes(obstore.get_range(client, key, start=start, length=size)))
            if not isinstance(piece, Failure) or piece.kind is not Kind.WHOLE_ONLY:
                return piece
            self._ranges = False
        whole = self._ask(lambda client: bytes(obstore.get(client, key).bytes()))
        return whole if isinstance(whole, Failure) else whole[start : start + size]

    def _delete(self, client: Client, key: str) -> None:
        obstore.delete(client, key)

    def _copy(self, client: Client, source: str, target: str) -> None:
        obstore.copy(client, source, target)

    def _page(self, client: Client, prefix: str, mark: Any, since: str) -> tuple[list[str], Any]:
        """The library turns the pages, and gives each in its own order. mark: the pages that are left."""
        pages = mark or obstore.list(client, prefix.rstrip("/") or None, offset=since or None, chunk_size=PAGE)
        page = [entry["path"] for entry in next(pages, ())]
        return sorted(page), pages if len(page) == PAGE else None
