"""The events that were kept lately, by their digests: as many as fit, the oldest is forgotten first."""

from __future__ import annotations

from collections import OrderedDict
from http import HTTPStatus
from threading import Lock

from modeldata.service.sidecar.event import Refused

MOST = 65_536


class Recent:
    """Says of each event whether it was kept before. A repeat that comes while the first is at work is refused: 409."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._lock = Lock()
        self._kept: OrderedDict[bytes, None] = OrderedDict()
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
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
