"""The newest head in a second place, so that whoever can change the archive can't change what proves it.

A second place never holds up rows: it is written in a thread of its own, and what fails there is tried again with the next head.
"""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, NamedTuple

from modeldata.errors import ModelDataError, mask_foreign
from modeldata.format.head import note_name
from modeldata.settings.heads import LOG
from modeldata.store import open_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from modeldata.settings import Settings
    from modeldata.spool.files import Files
    from modeldata.store import Store


LONGEST_SECONDS = 10.0
"""So long whoever has one head to publish waits for its second place."""


class PublishedHead(NamedTuple):
    """A head: the name of its log, how many records that has, and the signed note."""

    log: str
    size: int
    note: str


class HeadPublisher:
    """Takes the heads of one log. Only the newest matters: an older one that did not get there is left out."""

    def __init__(self, settings: Settings, files: Files, warn: Callable[[str], None]) -> None:
        """Never raises: a place that can't be opened is named when a head should go there."""
        self._settings = settings
        self._files = files
        self._warn = warn
        self._store: Store | None = None
        self._newest: PublishedHead | None = None
        self._tried: PublishedHead | None = None
        self._there: PublishedHead | None = None
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self.trouble: str | None = None
        """Why the newest head is not there."""

    def offer(self, newest: PublishedHead) -> None:
        """Put it there, soon. Returns at once."""
        target = self._settings.heads
        if not target or newest == self._newest:
            return
        if target == LOG:
            self._newest = newest
            self._warn(f"head: {json.dumps(newest.note)}")
            return
        with self._lock:
            self._newest = newest
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="modeldata-heads", daemon=True)
                self._thread.start()

    def finish(self, seconds: float) -> bool:
        """Wait for what is under way, so long at most. False: it still is."""
        thread = self._thread
        if thread is not None:
            thread.join(seconds)
        return thread is None or not thread.is_alive()

    def _run(self) -> None:
        while True:
            with self._lock:
                wanted = self._newest
                if wanted is None or wanted == self._tried:
                    self._thread = None
                    return
            self._tried = wanted
            try:
                self._put(wanted)
            except Exception as error:  # whatever a store's library raises: no row may wait for it
                text = mask_foreign(f"the newest head did not get to its second place: {error or type(error).__name__}")
                if self.trouble is None:
                    self._warn(text)
                self.trouble = text
            else:
                self.trouble = None

    def _put(self, wanted: PublishedHead) -> None:
        if self._store is None:
            self._store = open_for(self._settings.only(self._settings.heads), self._files, self._warn)
        self._store.put(note_name(wanted.log, wanted.size), wanted.note.encode())
        before, self._there = self._there, wanted
        if before is not None:
            try:
                self._store.remove(note_name(before.log, before.size))
            except ModelDataError:
                return  # a place that nobody may remove from keeps them all


def publish(settings: Settings, files: Files, warn: Callable[[str], None], newest: PublishedHead) -> None:
    """The head of a log that gets no other. Where it does not get there in `LONGEST_SECONDS`, `warn` says so. Never raises."""
    publisher = HeadPublisher(settings, files, warn)
    publisher.offer(newest)
    if not publisher.finish(LONGEST_SECONDS):
        warn(f"the head of log {newest.log} did not get to its second place: no answer")
