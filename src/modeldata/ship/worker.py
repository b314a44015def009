"""The loop around the pipeline: look, wait, ship, keep the spool durable, tell how it goes."""

from __future__ import annotations

import json
import os
import socket
from typing import TYPE_CHECKING

from modeldata.errors import ModelDataError, SettingsError, mask
from modeldata.ship import policy
from modeldata.ship.checkpoint import DONE, Progress
from modeldata.ship.failure_report import failure_text
from modeldata.ship.gather import DROP_OLDEST
from modeldata.ship.pipeline import Pipeline
from modeldata.ship.publish import HeadPublisher
from modeldata.ship.signing import signer_for
from modeldata.ship.watch import look, sync_writers
from modeldata.spool.files import replace_file
from modeldata.spool.folder import SUFFIX
from modeldata.spool.quota import used_bytes
from modeldata.spool.segment import UNBORN
from modeldata.store import open_for

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Sequence

    from modeldata.format.head import Signer
    from modeldata.settings import Settings
    from modeldata.spool.files import Files
    from modeldata.spool.folder import SpoolFolder
    from modeldata.spool.lock import Leadership

TICK = 0.05
"""Seconds between two looks at the spool."""
NOTE_SECONDS = 1.0
HIGH_WATER, LOW_WATER = 0.8, 0.7
"""Parts of the spool's limit: above the first, `drop_oldest` gives up segments down to the second."""
UNBORN_NS = 60_000_000_000
MOST_WARNINGS = 10
"""Different ones that one outage may bring into the log."""
LEAVE_SECONDS = 5.0
"""So long, leaving, we wait for a head that is on its way to a second place."""
LINGER_SECONDS = 0.5
"""How long a shipper without living writers stays, so that a row of short scripts need not start one each."""


class Worker:
    """Ships one spool for as long as it leads. One thread calls `run`; everything it needs from outside is an argument."""

    def __init__(
        self,
        place: SpoolFolder,
        settings: Settings,
        leadership: Leadership,
        *,
        files: Files,
        warn: Callable[[str], None],
        monotonic: Callable[[], float],
        wall_ns: Callable[[], int],
        wait: Callable[[float], bool],
        dice: Callable[[], float],
    ) -> None:
        """settings: of one archive. `wait(seconds)` returns True when it is time to stop.

        Raises `ModelDataError` where the spool can't be shipped there.
        """
        self._place = place
        self._settings = settings
        self.archive = settings.archive
        self._leadership = leadership
        self._files = files
        self._warn = warn
        self._monotonic = monotonic
        self._wall_ns = wall_ns
        self._wait = wait
        self._dice = dice
        store = open_for(settings, files, warn)
        self.unsigned: str | None = None
        """Why heads are not signed although a key was named."""
        self.pipeline = Pipeline(
            place, store, settings, files=files, warn=warn, may_commit=leadership.intact, wall_ns=wall_ns, signer=self._signer()
        )
        self._publisher = HeadPublisher(settings, files, warn)
        self._since_ns = wall_ns()
        self.failures = 0
        self._retry_at = 0.0
        self._waiting_since: float | None = None
        self._asked_ns = 0
        self._settled: set[str] = set()
        self._synced_at = self._noted_at = float("-inf")
        self.last_error: str | None = None
        self.last_error_ns = 0
        self._parked_at = 0.0
        self._parked_tries = 0
        self._warned: set[str] = set()
        self.idle = False
        self.fleet: Sequence[Worker | None] = (self,)
        """Those who ship the same spool, one for each archive, this one included; None for one that can't. The first of them also
        keeps the spool durable and tells how it goes."""

    def _signer(self) -> Signer | None:
        """Rows first: a key that can't be used is named, and heads go on without it."""
        try:
            return signer_for(self._settings, self._files)
        except SettingsError as error:
            self.unsigned = f"heads are not signed: {error}"
            self._warn(self.unsigned)
            return None

    @property
    def heads_trouble(self) -> str | None:
        """What is wrong with heads; rows are archived all the same."""
        return self.unsigned or self._publisher.trouble

    def _publish(self) -> None:
        newest = self.pipeline.newest_head()
        if newest is not None:
            self._publisher.offer(newest)

    def stop_on(self, stop: threading.Event) -> None:
        """Also leave when `stop` is set."""
        outer = self._wait
        self._wait = lambda seconds: stop.wait(seconds) or outer(0.0)

    def run(self, *, leave_when_idle: bool) -> None:
        """Ship until it is asked to stop; with `leave_when_idle` until nothing is pending and no writer lives."""
        self._sweep()
        self._publish()
        try:
            self._loop(leave_when_idle)
        finally:
            self._publisher.finish(LEAVE_SECONDS)

    def _loop(self, leave_when_idle: bool) -> None:
        idle_since: float | None = None
        while True:
            self.idle = self.tick()
            now = self._monotonic()
            idle = all(worker is None or worker.idle for worker in self.fleet)
            idle_since = None if not idle else idle_since if idle_since is not None else now
            if leave_when_idle and idle_since is not None and now - idle_since >= LINGER_SECONDS:
                self.note(force=True)
                return
            if self._wait(TICK) or not self._leadership.intact():
                return

    def tick(self) -> bool:
        """One look, and a round if it is time. True when nothing is pending and no writer lives."""
        now = self._monotonic()
        sight = look(self._place, self.pipeline.state, self._files)
        self._keep_durable(now)
        self._make_room()
        asked = self._was_asked()
        if self.pipeline.parked and (asked or now >= self._parked_at):
            self._send_parked(now)
        if not sight.pending_bytes:
            self._waiting_since = None
            self._clean()
            if self.pipeline.record_due(sight.writers) and now >= self._retry_at:
                self.attempt()
            self.note()
            return sight.alive == 0 and not asked and not self.pipeline.parked
        if self._waiting_since is None:
            self._waiting_since = now
        if (asked or now >= self._retry_at) and policy.due(
            waiting=now - self._waiting_since,
            pending_bytes=sight.pending_bytes,
            batch_seconds=self._settings.batch_seconds if sight.alive else 0.0,
            batch_bytes=self._settings.batch_bytes,
            asked=asked or self.failures > 0,
        ):
            self.attempt()
        self.note()
        return False

    def attempt(self) -> bool:
        """One round. Each trouble is named once, when it begins; then tried again, later each time, without end."""
        try:
            while self.pipeline.step(parked_too=False).more:
                self._clean()
                self._keep_durable(self._monotonic())
                self.note()
        except (ModelDataError, OSError, MemoryError) as error:
            self._failed(error)
            return False
        recovered, self.failures, self.last_error, self._waiting_since = self.failures, 0, None, None
        self._warned.clear()
        self._clean()
        self._publish()
        if recovered:
            self._warn(f"archiving goes on after {recovered} failed tries: {mask(self._settings.archive)}")
            self.note(force=True)
        return True

    def _send_parked(self, now: float) -> None:
        """Try what waits alone, later each time, without end."""
        self._parked_tries += 1
        self._parked_at = now + policy.retry_after(self._parked_tries, self._dice())
        try:
            if self.pipeline.send_parked():
                self._parked_tries = 0
        except (ModelDataError, OSError, MemoryError) as error:
            self._failed(error)

    def waits(self) -> str | None:
        """Why archiving does not go on for all rows: what waits alone, where and why; None where nothing does."""
        parked = self.pipeline.parked
        if not parked:
            return None
        folders = sorted({item.folder for item in parked.items()})
        why = self.pipeline.held.get(folders[0])
        others = f", and {len(folders) - 1} other folders" if len(folders) > 1 else ""
        return mask(
            f"{parked.rows()} rows wait alone for {folders[0]}{others}: {failure_text(why) if why else 'it was not tried yet'}"
        )

    def drain(self) -> None:
        """Ship what is there now. Raises the first failure, also of what waits alone."""
        while True:
            done = self.pipeline.step()
            self._clean()
            if not done.more and not done.rows:
                break  # what is left, if anything, is being written just now
        self._publish()
        self._publisher.finish(LEAVE_SECONDS)
        waits = self.waits()
        if waits is not None:
            raise ModelDataError("archive all rows", mask(self.archive), cause=waits)

    def _failed(self, error: Exception) -> None:
        self.failures += 1
        asked = getattr(error, "retry_after", None) or 0.0
        self._retry_at = self._monotonic() + max(asked, policy.retry_after(self.failures, self._dice()))
        text = failure_text(error)
        self.last_error_ns = self._wall_ns()
        trouble = getattr(error, "cause", "") or text
        if trouble not in self._warned and len(self._warned) < MOST_WARNINGS:
            self._warned.add(trouble)
            self._warn(text)
        self.last_error = text
        self.note(force=True)

    def _clean(self) -> None:
        """Remove segments that every archive has, and to which nobody will add."""
        finished = self.pipeline.finished()
        finished = [name for name in finished if all(worker is not None and worker.has(name) for worker in self.fleet)]
        try:
            self.pipeline.remove(self.pipeline.removal.due(finished, self._monotonic()))
        except OSError as error:  # they are gone, perhaps not for good
            self._failed(error)

    def _others_have(self, segment: str) -> bool:
        return all(worker is self or (worker is not None and worker.has(segment)) for worker in self.fleet)

    def has(self, segment: str) -> bool:
        """Is all of a segment in this worker's archive?"""
        return self.pipeline.state.offsets.get(segment) == DONE

    def _keep_durable(self, now: float) -> None:
        if (
            self.fleet[0] is not self
            or self._settings.fsync != "interval"
            or now - self._synced_at < self._settings.fsync_seconds
        ):
            return
        self._synced_at = now
        state = self.pipeline.state if len(self.fleet) == 1 else Progress()  # what waits for another archive counts, too
        if sync_writers(self._place, state, self._files, self._settled):
            self._warn("the disk refused to make spooled rows durable: a power cut now may lose them")

    def _sweep(self) -> None:
        """Remove segments that a writer died making: old enough that nobody is about to name them, and held by nobody."""
        for name in self._files.listdir(self._place.segments):
            path = os.path.join(self._place.segments, name)
            if not name.endswith(SUFFIX + UNBORN):
                continue
            try:
                if self._wall_ns() - self._files.stat(path).st_mtime_ns > UNBORN_NS:
                    fd = self._files.open_regular(path)
                    try:
                        if self._files.hold(fd):
                            self._files.unlink(path)
                    finally:
                        self._files.close(fd)
            except OSError:
                continue  # named or gone meanwhile

    def _make_room(self) -> None:
        """when_full="drop_oldest": keep room for what comes, before writers meet the limit."""
        most = self._settings.spool_max_bytes
        if self._settings.when_full != DROP_OLDEST or (len(self.fleet) > 1 and not self.failures):
            return  # of several archives, one that is up ships what it is behind with: only one that is not gives up
        used = used_bytes(self._place, self._files)
        if used > most * HIGH_WATER:
            try:
                self.pipeline.give_up_oldest(int(used - most * LOW_WATER), self._others_have)
            except (ModelDataError, OSError) as error:
                self._failed(error)

    def _was_asked(self) -> bool:
        """Did a writer ask for its rows to be archived at once (`flush`) since we last looked?"""
        try:
            asked = self._files.stat(self._place.flush_request).st_mtime_ns
        except OSError:
            return False
        new = asked != self._asked_ns
        self._asked_ns = asked
        return new

    def note(self, *, force: bool = False) -> None:
        """Tell who leads and how it goes, for `status` and `stats`. Nothing depends on it."""
        now = self._monotonic()
        if self.fleet[0] is not self or (not force and now - self._noted_at < NOTE_SECONDS):
            return
        self._noted_at = now
        failing = max((worker for worker in self.fleet if worker), key=lambda worker: worker.failures)
        note = {
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "since_ns": self._since_ns,
            "beat_ns": self._wall_ns(),
            "archive": mask(failing.archive),
            "failures": failing.failures,
            "last_error": failing.last_error or next(filter(None, (one.waits() for one in self.fleet if one)), None),
            "last_error_ns": failing.last_error_ns,
            "heads": next(filter(None, (worker.heads_trouble for worker in self.fleet if worker)), None),
            "unremoved": next(filter(None, (worker.pipeline.removal.trouble() for worker in self.fleet if worker)), None),
        }
        try:
            replace_file(self._files, self._place.leader_note, json.dumps(note).encode(), durable=False)
        except OSError:
            pass  # a full disk must not stop us from freeing it
