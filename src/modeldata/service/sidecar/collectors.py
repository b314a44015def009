"""A collector for each identity that events name: of a bounded number, for each is a folder in the archive."""

from __future__ import annotations

from collections import OrderedDict
from http import HTTPStatus
from threading import Lock
from typing import TYPE_CHECKING

from modeldata.collector import ModelDataCollector
from modeldata.service.sidecar.event import Refused, unusable

if TYPE_CHECKING:
    from collections.abc import Callable

    from modeldata.archive import Archive
    from modeldata.service.sidecar.event import Identity

MOST = 256
IDLE_SECONDS = 3600.0
"""A collector that was not used for so long makes room for a new one."""
LONGEST_NAME = 500
"""Characters: names are held as long as the sidecar runs, and lie in each segment of the spool."""


class Collectors:
    """Senders name what they send, so a wrong one could name ever new collectors."""

    def __init__(self, archive: Archive, monotonic: Callable[[], float], most: int = MOST) -> None:
        self._archive = archive
        self._monotonic = monotonic
        self._most = most
        self._lock = Lock()
        self._used: OrderedDict[Identity, tuple[ModelDataCollector, float]] = OrderedDict()

    def of(self, identity: Identity) -> ModelDataCollector:
        """Raises `Refused` for a name that can't be one (422), and where all places are taken (507).

        507, not 429: it is not the rate that is wrong, and sending the same again helps nothing.
        """
        with self._lock:
            collector = self._used[identity][0] if identity in self._used else self._new(identity)
            self._used[identity] = collector, self._monotonic()
            self._used.move_to_end(identity)
            return collector

    def _new(self, identity: Identity) -> ModelDataCollector:
        if not all(identity) or max(map(len, identity)) > LONGEST_NAME:
            raise unusable("invalid_name", f"a name is empty, or has over {LONGEST_NAME} characters")
        if len(self._used) >= self._most and not self._make_room():
            raise Refused(HTTPStatus.INSUFFICIENT_STORAGE, "too_many_collectors", f"{self._most} collectors are in use")
        return ModelDataCollector(**identity._asdict(), archive=self._archive)

    def _make_room(self) -> bool:
        identity, (_, used) = next(iter(self._used.items()))
        if self._monotonic() - used < IDLE_SECONDS:
            return False
        del self._used[identity]
        return True
