"""Azure Blob Storage: files that grow are append blobs, files that are written once are block blobs.

Every append names the position where the blob must end, so the store takes it there or not at all, and a late or a repeated
request can do no harm: once these bytes, or anybody's, are at that position, it answers 412. What an earlier try left is found
out by reading it back. A name that is not ours any more, or never was, is left alone.
"""

from __future__ import annotations

import hashlib
import os
import time
from typing import TYPE_CHECKING, Any, TypeVar

from azure.core import MatchConditions
from azure.storage.blob import BlobType, ContentSettings

from modeldata.store.azure_auth import access, open_container
from modeldata.store.azure_errors import NO_ROLE, failure_of
from modeldata.store.failures import SILENT, Failure, Kind
from modeldata.store.port import Conflict, FileFull, Rejected, Unavailable, probe_name
from modeldata.store.remote import RemoteStore

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from azure.storage.blob import BlobProperties, ContainerClient

    from modeldata.urls import Location

    T = TypeVar("T")

BLOCK_LIMIT = 100 * 1024 * 1024
"""Bytes that one append may have."""
MOST_BLOCKS = 49_500
MOST_BYTES = 150 * 1024**3
"""After them a blob gets no more batches. Azure's own limit is 50,000 blocks."""
PAGE = 5000
KEPT_NOTHING = "the store said that it took the bytes, and does not have them"
PRECONDITION_FAILED = 412
OWNER, SPOOL = "modeldata_owner", "modeldata_spool"
"""Metadata of a blob: who may append to it, and what an operator calls that spool."""
COPY_SECONDS = 600.0
"""The longest that a copy inside a storage account may take; there it is seldom more than a moment."""
LOOK_SECONDS = 0.2


class AzureStore(RemoteStore["ContainerClient"]):
    """One container, or a folder in it. See `Store` for what each call promises.

    Where `AML_MODEL_DC_STORAGE` gives the account, a missing container is created, as the original did; else never.
    """

    appends = True
    block_bytes = 4 * 1024 * 1024
    container_word = "container"

    def __init__(self, location: Location, credentials: Callable[[], Mapping[str, str]], *, insecure: bool = False) -> None:
        super().__init__(location, credentials, insecure=insecure)
        self._server = location.host or "Azure"
        self._may_create = False
        self._unsure: set[tuple[str, int]] = set()
        """(path, position) of what may still land: an attempt of it had no answer that settles it. -1: the whole file."""
        self._unfit = ""
        self._by_sas = False

    # What is asked of the store

    def claim(self, path: str, owner: bytes, mark: str) -> bool:
        ours = hashlib.sha256(owner).hexdigest()
        failure = self._create(path, {OWNER: ours, SPOOL: mark})
        if failure is None:
            return True
        if failure.kind not in (Kind.EXISTS, Kind.OTHER_TYPE):
            raise self._unavailable("claim a file of the archive", path, failure)
        seen = self._look(path)
        if isinstance(seen, Failure):
            raise self._unavailable("claim a file of the archive", path, seen)
        return seen.blob_type == BlobType.APPENDBLOB and seen.metadata.get(OWNER) == ours and not seen.is_append_blob_sealed

    def append(self, path: str, start: int, data: bytes | memoryview) -> bool:
        if len(data) > BLOCK_LIMIT:
            raise self._rejected("append to the archive", path, f"{len(data)} bytes; an append blob takes {BLOCK_LIMIT} at once")
        attempt = (path, start)
        try:
            full = self._append(attempt, bytes(data))
        except (Conflict, Rejected):
            self._unsure.discard(attempt)
            raise
        self._unsure.discard(attempt)
        return full

    def put(self, path: str, data: bytes | memoryview) -> None:
        attempt, content = (path, -1), bytes(data)
        failure = self._put(path, content)
        if failure is None and self._is_missing(path, len(content)):
            failure = Failure(Kind.OTHER, KEPT_NOTHING, unknown=True)
        if failure is not None:
            self._note(attempt, failure)
            if not self._is_there(path, content, failure):
                raise self._not_there("put a file into the archive", attempt, failure)
        self._unsure.discard(attempt)

    def claimed(self, path: str) -> bool:
        seen = self._look(path)
        if not isinstance(seen, Failure):
            return OWNER in (seen.metadata or {})
        if seen.kind is Kind.GONE:
            return False
        raise self._unavailable("look at a file of the archive", path, seen)

    def remove_if(self, path: str, size: int) -> bool:
        seen = self._look(path)
        if not isinstance(seen, Failure):
            if int(seen.size) != size:
                return False
            etag = seen.etag
            gone = self._remove_unchanged(path, etag)
            if gone is None:
                return True
            seen = self._look(path)
            if not isinstance(seen, Failure):
                if seen.etag != etag:
                    return False  # it grew between the requests
                seen = gone
        if seen.kind is Kind.GONE:
            return True
        raise self._unavailable("remove a file of the archive", path, seen)

    def _remove_unchanged(self, path: str, etag: str) -> Failure | None:
        def work(container: ContainerClient) -> None:
            blob = container.get_blob_client(self._location.key(path))
            blob.delete_blob(etag=etag, match_condition=MatchConditions.IfNotModified)

        return self._ask(work)

    def probe(self, mark: str) -> bool:
        path = probe_name(mark)
        failure = self._create(path, {SPOOL: mark})
        if failure is not None and failure.kind is not Kind.EXISTS:
            return False
        self._ask(lambda container: container.delete_blob(self._location.key(path)))
        return True

    def check_rights(self) -> bool:
        """By requests that can't succeed: a version that there never was is not replaced, a blob that is not there does not grow.

        The store looks at rights before it looks at blobs.
        """
        path = f"_doctor-{os.urandom(16).hex()}"
        self.length(path)
        created = self._replace_nothing(path)
        if created is not None and created.status != PRECONDITION_FAILED:
            raise self._unavailable("create a file in the archive", path, created)
        grown = self._append_block(path, 0, b"\n")
        if isinstance(grown, Failure) and grown.kind is not Kind.GONE:
            raise self._unavailable("append to the archive", path, grown)
        return True

    def _replace_nothing(self, path: str) -> Failure | None:
        def work(container: ContainerClient) -> None:
            blob = container.get_blob_client(self._location.key(path))
            blob.create_append_blob(etag='"0x0"', match_condition=MatchConditions.IfNotModified)

        return self._ask(work)

    # Appending

    def _append(self, attempt: tuple[str, int], content: bytes) -> bool:
        path, start = attempt
        if not content:
            return False
        answer = self._append_block(path, start, content)
        if isinstance(answer, Failure) and answer.kind is Kind.GONE and start == 0:
            # A log that nobody claims, or a file that was claimed and then deleted while it was empty. To make it again is safe:
            # whoever comes second, another spool or a late request of ours, finds the position taken. It has no owner then, so
            # that a later claim of it by anybody is denied.
            failure = self._create(path, {})
            if failure is not None and failure.kind is not Kind.EXISTS:
                raise self._unavailable("append to the archive", path, failure)
            answer = self._append_block(path, start, content)
        if isinstance(answer, Failure):
            self._note(attempt, answer)
            return self._settle(attempt, content, answer)
        offset, blocks = answer
        if offset != start:
            self._unfit = "it ignores the position of an append"  # one batch is misplaced; never another
            raise self._unavailable("append to the archive", path, Failure(Kind.OTHER, self._unfit))
        self._check_kept(attempt, start + len(content))
        return _nearly_full(blocks, start + len(content))

    def _check_kept(self, attempt: tuple[str, int], least: int) -> None:
        """Somebody on the way may say 201 and pass nothing on. Raises `Unavailable` unless the blob has grown."""
        seen = self._look(attempt[0])
        if isinstance(seen, Failure) or int(seen.size) < least:
            cause = seen.cause if isinstance(seen, Failure) and seen.kind is not Kind.GONE else KEPT_NOTHING
            self._unsure.add(attempt)
            raise self._unavailable("append to the archive", attempt[0], Failure(Kind.OTHER, cause, unknown=True))

    def _append_block(self, path: str, start: int, content: bytes) -> tuple[int, int] | Failure:
        """(offset, blocks) that the store tells."""

        def work(container: ContainerClient) -> tuple[int, int]:
            blob = container.get_blob_client(self._location.key(path))
            answer = blob.append_block(content, length=len(content), appendpos_condition=start, validate_content=True)
            return int(str(answer["blob_append_offset"])), int(str(answer["blob_committed_block_count"]))

        return self._ask(work)

    def _settle(self, attempt: tuple[str, int], content: bytes, failure: Failure) -> bool:
        """What became of an append that failed: as `append`."""
        path, start = attempt
        if failure.kind is Kind.OTHER_TYPE:
            raise Conflict(f"{self._where(path)} is no append blob")
        if failure.kind in SILENT:
            raise self._unavailable("append to the archive", path, failure)
        seen = self._look(path)
        if isinstance(seen, Failure):
            if seen.kind is Kind.GONE and start > 0:
                raise Conflict(f"{self._where(path)} is gone")
            raise self._unavailable("append to the archive", path, seen)
        size = int(seen.size)
        if seen.blob_type != BlobType.APPENDBLOB:
            raise Conflict(f"{self._where(path)} is no append blob")
        if size < start:
            raise Conflict(f"{self._where(path)} holds {size} bytes where {start} were left")
        if size > start:
            if not self._holds(path, start, content, size):
                raise Conflict(f"{self._where(path)} was written by somebody else after byte {start}")
            return _nearly_full(seen.append_blob_committed_block_count or 0, size)
        if failure.kind is Kind.FULL:  # it ends at `start` for ever: no late request can land
            raise FileFull(f"{self._where(path)} is full")
        raise self._not_there("append to the archive", attempt, failure)

    def _holds(self, path: str, start: int, content: bytes, size: int) -> bool:
        """Are these bytes there? What others wrote after them is no matter of theirs."""
        if size < start + len(content):
            return False  # an append lands as a whole
        stored = self._read(path, start, len(content))
        if isinstance(stored, Failure):
            raise self._unavailable("append to the archive", path, stored)
        return stored == content

    # Putting

    def _put(self, path: str, content: bytes) -> Failure | None:
        checksum = ContentSettings(content_md5=bytearray(hashlib.md5(content, usedforsecurity=False).digest()))

        def work(container: ContainerClient) -> None:
            blob = container.get_blob_client(self._location.key(path))
            blob.upload_blob(content, overwrite=False, validate_content=True, content_settings=checksum, max_concurrency=1)

        return self._ask(work)

    def _is_there(self, path: str, content: bytes, failure: Failure) -> bool:
        """Is `path` exactly `content` after an attempt that failed? Raises `Conflict` where it is something else."""
        if failure.kind in SILENT:
            raise self._unavailable("put a file into the archive", path, failure)
        seen = self._look(path)
        if isinstance(seen, Failure):
            if seen.kind is Kind.GONE:
                return False
            raise self._unavailable("put a file into the archive", path, seen)
        if int(seen.size) != len(content) or not self._holds(path, 0, content, len(content)):
            self._unsure.discard((path, -1))
            raise Conflict(f"{self._where(path)} is there, with other content")
        return True

    def _is_missing(self, path: str, size: int) -> bool:
        """Was it taken and not kept? Where that can't be seen just now, the outcome is looked for as after a failure."""
        seen = self._look(path)
        return isinstance(seen, Failure) or int(seen.size) != size

    # The pieces

    def _create(self, path: str, metadata: dict[str, str]) -> Failure | None:
        """Make an empty append blob, if there is nothing of that name."""

        def work(container: ContainerClient) -> None:
            blob = container.get_blob_client(self._location.key(path))
            blob.create_append_blob(metadata=metadata, match_condition=MatchConditions.IfMissing)

        return self._ask(work)

    def _look(self, path: str) -> BlobProperties | Failure:
        return self._ask(lambda container: container.get_blob_client(self._location.key(path)).get_blob_properties())

    # One request each

    def _connect(self, env: Mapping[str, str]) -> tuple[ContainerClient, str]:
        account = access(self._location, env, insecure=self._insecure)
        self._may_create = account.original
        self._by_sas = bool(account.sas)
        return open_container(account, self._location.container, env), account.endpoint.partition("://")[2]

    def _forget_client(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    def _failure_of(self, error: Exception) -> Failure:
        failure = failure_of(error, time.time())
        if failure.hint == NO_ROLE and self._by_sas:
            return failure._replace(hint="give the SAS the right that this takes: docs/stores.md has them")
        return failure

    def _ask(self, work: Callable[[ContainerClient], T]) -> T | Failure:
        if self._unfit:
            return Failure(Kind.NOT_SENT, self._unfit)
        answer = super()._ask(work)
        if isinstance(answer, Failure) and answer.kind is Kind.NO_CONTAINER and self._may_create:
            created = super()._ask(lambda container: container.create_container())
            if not isinstance(created, Failure) or created.kind is Kind.EXISTS:
                return super()._ask(work)
        return answer

    def _size(self, client: ContainerClient, key: str) -> int:
        return int(client.get_blob_client(key).get_blob_properties().size)

    def _piece(self, path: str, start: int, size: int) -> bytes | Failure:
        """In one request: the SDK's own pieces must be of one version of the blob."""
        key = self._location.key(path)
        return self._ask(lambda container: container.get_blob_client(key).download_blob(start, size).readall())

    def _delete(self, client: ContainerClient, key: str) -> None:
        client.delete_blob(key)

    def _copy(self, client: ContainerClient, source: str, target: str) -> Failure | None:
        blob = client.get_blob_client(target)
        status = str(blob.start_copy_from_url(client.get_blob_client(source).url)["copy_status"])
        deadline = time.monotonic() + COPY_SECONDS
        while status == "pending" and time.monotonic() < deadline:
            time.sleep(LOOK_SECONDS)
            status = str(blob.get_blob_properties().copy.status)
        return None if status == "success" else Failure(Kind.OTHER, f"the copy ended as {status!r}", unknown=True)

    def _page(self, client: ContainerClient, prefix: str, mark: Any, since: str) -> tuple[list[str], Any]:
        """Folders of a hierarchical account are listed as empty blobs; they are none."""
        start: dict[str, Any] = {"start_from": since} if since else {}
        listing: Any = client.list_blobs(name_starts_with=prefix or None, include=["metadata"], results_per_page=PAGE, **start)
        pages = listing.by_page(mark)
        keys = [blob.name for blob in next(pages) if (blob.metadata or {}).get("hdi_isfolder") != "true"]
        return keys, pages.continuation_token or None

    # Saying it

    def _note(self, attempt: tuple[str, int], failure: Failure) -> None:
        if failure.unknown:
            self._unsure.add(attempt)

    def _not_there(self, operation: str, attempt: tuple[str, int], failure: Failure) -> Rejected | Unavailable:
        """These bytes are not there now. They never will be only if no attempt of them is still on its way."""
        path, _ = attempt
        if failure.kind is Kind.REFUSED and attempt not in self._unsure:
            return self._rejected(operation, path, failure.cause)
        return self._unavailable(operation, path, failure)


def _nearly_full(blocks: int, size: int) -> bool:
    return blocks >= MOST_BLOCKS or size >= MOST_BYTES
