"""The events that were kept lately, by their digests: as many as fit, the oldest is forgotten first."""

from __future__ import annotations

import os
from collections import OrderedDict
from http import HTTPStatus
from threading import Lock
from typing import TYPE_CHECKING

from modeldata.errors import said
from modeldata.service.sidecar.event import DIGEST_BYTES, Refused

if TYPE_CHECKING:
    from collections.abc import Callable

MOST = 65_536


class Recent:
    """Says of each event whether it was kept before. A repeat that comes while the first is at work is refused: 409.

    journal: where digests are noted for the next sidecar; without it, all is forgotten at the end of this one.
    """

    def __init__(self, most: int = MOST, journal: Journal | None = None) -> None:
        self._most = most
        self._lock = Lock()
        self._journal = journal
        self._kept: OrderedDict[bytes, None] = OrderedDict.fromkeys(journal.begin(most) if journal else ())
        self._at_work: set[bytes] = set()

    def begin(self, digest: bytes) -> bool:
        """True: it is new, and `end` must follow. False: it was kept. Raises `Refused`: nobody knows yet."""
        with self._lock:
            if digest in self._kept:
                return False
            if digest in self._at_work:
                raise Refused(HTTPStatus.CONFLICT, "at_work", "the same event is being kept just now: ask again")
            self._at_work.add(digest)
            return True

    def end(self, digest: bytes, *, kept: bool) -> None:
        with self._lock:
            self._at_work.discard(digest)
            if kept:
                self._kept[digest] = None
                if self._journal:
                    self._journal.add(digest, self._kept)
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)


class Journal:
    """Digests in a file, one behind the other. It helps, and nothing depends on it: what goes wrong is said once, and events are
    kept all the same. A killed process loses none of it; a power cut may.
    """

    def __init__(self, path: str, warn: Callable[[str], None]) -> None:
        self._path = path
        self._warn = warn
        self._fd: int | None = None
        self._left = 0
        """Digests that are added before it is written again without the old ones."""

    def begin(self, most: int) -> list[bytes]:
        """The newest `most` digests of the sidecars before this one."""
        try:
            with open(self._path, "rb") as file:
                content = file.read()
        except FileNotFoundError:
            content = b""
        except OSError as error:
            return self._give_up(error)
        whole = len(content) - len(content) % DIGEST_BYTES  # a killed process may have left a part of one
        digests = [content[at : at + DIGEST_BYTES] for at in range(max(0, whole - most * DIGEST_BYTES), whole, DIGEST_BYTES)]
        self._left = most
        self._write(digests)
        return digests

    def add(self, digest: bytes, all_kept: OrderedDict[bytes, None]) -> None:
        """all_kept: what is worth being kept, this one included."""
        if self._fd is None:
            return
        self._left -= 1
        if self._left <= 0:
            self._left = len(all_kept)
            self._write(list(all_kept))
            return
        try:
            os.write(self._fd, digest)
        except OSError as error:
            self._give_up(error)

    def close(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
        self._fd = None

    def _write(self, digests: list[bytes]) -> None:
        self.close()
        try:
            with open(self._path + ".new", "wb", opener=_private) as file:
                file.write(b"".join(digests))
            os.replace(self._path + ".new", self._path)
            self._fd = os.open(self._path, os.O_WRONLY | os.O_APPEND)
        except OSError as error:
            self._give_up(error)

    def _give_up(self, error: OSError) -> list[bytes]:
        self.close()
        self._warn(f"repeats of events will not be known to the next sidecar: {said(error)}")
        return []


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
