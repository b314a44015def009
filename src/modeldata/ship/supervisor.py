"""Somebody must ship: start a child process for it, or a thread where a child can't be had. Called by writers, seldom."""

from __future__ import annotations

import _thread
import os
import sys
import time

from modeldata.interrupts import spare
from modeldata.ship.failure_report import WarnOnce, fatal_text, leave_note
from modeldata.ship.policy import LONGEST_RETRY, retry_after
from modeldata.ship.spawn import start_detached
from modeldata.ship.stop import StopRequest
from modeldata.spool.lock import Leadership

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from modeldata.settings import Settings
    from modeldata.spool.files import Files
    from modeldata.spool.folder import SpoolFolder

LOOK_SECONDS = 2.0
"""How often a writer that collects looks whether anybody ships."""
START_SECONDS = 5.0
"""How long a started shipper may take to lead before another is started."""
TRIES = 3
"""After this many children that never led, `auto` ships in a thread."""

_importing = _thread.allocate_lock()
"""Held while a thread of ours imports. A fork waits for it: a child that inherits a half-imported module, or the lock of one,
can never import it again."""
FORK_PATIENCE = 10.0


def _before_fork() -> None:
    global _fork_waits
    _fork_waits = _importing.acquire(timeout=FORK_PATIENCE)


def _after_fork() -> None:
    if _fork_waits:
        _importing.release()


_fork_waits = False
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork)


class Supervisor:
    """Sees to it that a spool is shipped, in the way the settings say. One for each archive of a process."""

    def __init__(self, settings: Settings, files: Files, warn: Callable[[str], None]) -> None:
        self._settings = settings
        self._files = files
        self._warn = warn
        self._say = WarnOnce(warn)
        self.reset()

    def reset(self) -> None:
        """Begin again, as a forked child must: threads and children belonged to the parent."""
        self._looked_at = float("-inf")
        self._started = 0
        self.thread: ShipperThread | None = None

    def tend(self, place: SpoolFolder, *, now: bool = False) -> None:
        """Look whether somebody ships, at most every two seconds; `now` where a process has just become a writer."""
        moment = time.monotonic()
        if not now and 0 <= moment - self._looked_at < LOOK_SECONDS:
            return
        self._looked_at = moment
        way = self._settings.ship
        if way == "off":
            if self._settings.fsync == "interval":
                self._keep_thread(place, ship=False)
        elif way == "thread" or self.thread is not None:
            self._keep_thread(place, ship=True)
        elif not Leadership.taken(place.leader_lock, self._files):
            self._start_child(place)
        else:
            self._started = 0
            self._say.forget()

    def _start_child(self, place: SpoolFolder) -> None:
        if not self._announce(place):
            return
        if self._started >= TRIES:
            self._say(f"no shipping process came up; rows wait in the spool, and {place.log} may say why")
            if self._settings.ship == "auto":
                self._keep_thread(place, ship=True)
                return
        self._started += 1
        try:
            start_detached(place, self._settings.of_spool(place.folder), self._files)
        except OSError as error:
            spare(error)
            if self._settings.ship == "auto":
                self._keep_thread(place, ship=True)
            else:
                self._say(f"a shipping process can't be started: {error}; rows wait in the spool")

    def _patience(self) -> float:
        """How long the last child may take before another is started; longer after each that did not come up."""
        return min(START_SECONDS * 2.0 ** min(max(0, self._started - TRIES), 16), LONGEST_RETRY)

    def _announce(self, place: SpoolFolder) -> bool:
        """May we start one, or is a neighbour already doing so?"""
        try:
            self._files.close(self._files.open(place.starting, os.O_WRONLY | os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            try:
                age = time.time() - self._files.stat(place.starting).st_mtime
                if 0 <= age < self._patience():
                    return False
                os.utime(place.starting)
            except OSError as error:
                spare(error)
                return True
        except OSError as error:
            spare(error)
            return True  # a full disk: then a shipper is needed all the more
        return True

    def _keep_thread(self, place: SpoolFolder, *, ship: bool) -> None:
        """Start a thread unless there is one that lives."""
        if sys.is_finalizing() or (self.thread is not None and self.thread.alive()):
            return  # too late for a thread; the next process on this spool ships
        if self.thread is not None and not self.thread.may_end:
            self._warn("a thread of ours ended before its time: starting another")
        try:
            self.thread = ShipperThread(place, self._settings.of_spool(place.folder), self._files, self._warn, ship=ship)
        except RuntimeError as error:
            spare(error)
            self._say(f"no thread can be started: {error}; rows wait in the spool")


def _is_ending() -> bool:
    """Is the interpreter leaving? It ends its main thread first, and daemon threads go on for a while."""
    import threading

    return bool(getattr(threading, "_SHUTTING_DOWN", False)) or not threading.main_thread().is_alive()


class ShipperThread:
    """The other way: ship from a daemon thread of the service. Its work shares the GIL with the requests."""

    def __init__(self, place: SpoolFolder, settings: Settings, files: Files, warn: Callable[[str], None], *, ship: bool) -> None:
        import threading

        self._place = place
        self._settings = settings
        self._files = files
        self._say = WarnOnce(warn)
        self._leave = StopRequest()
        self.may_end = False
        target = self._ship if ship else self._sync
        self._made = time.monotonic()
        self._thread = threading.Thread(target=target, name="modeldata-shipper", daemon=True)
        # `start` waits for the new thread, for ever where that dies at once for want of memory: so it waits in another.
        _thread.start_new_thread(self._thread.start, ())

    def alive(self) -> bool:
        return self._thread.is_alive() or (self._thread.ident is None and time.monotonic() - self._made < START_SECONDS)

    def leave_when_idle(self) -> None:
        """Nobody here writes any more: leave when nothing waits."""
        self.may_end = True

    def stop(self, timeout: float) -> None:
        """Leave between two rounds. What was not shipped stays in the spool."""
        self._leave.ask()
        if self._thread.ident is not None:
            self._thread.join(timeout)

    def _ship(self) -> None:
        """Whatever happens, go on: nobody else would. The same trouble is said once, and tried again later each time."""
        failures = 0
        while not self._leave.is_set():
            began = time.monotonic()
            try:
                self._lead()
                if self.may_end:
                    return
                failures, pause = 0, LOOK_SECONDS
                self._say.forget()
            except Exception as error:  # also what a library raises that is broken
                failures = failures + 1 if time.monotonic() - began < LONGEST_RETRY else 1
                pause = max(LOOK_SECONDS, retry_after(failures, 0.5))
                if not _is_ending():  # else some libraries can't be loaded any more; `close` may wait for what still goes
                    self._say(fatal_text(error))
                    with _importing:
                        leave_note(self._place, fatal_text(error), self._files, time.time_ns())
            self._leave.wait(pause * (0.75 + int.from_bytes(os.urandom(1), "big") / 512))

    def _lead(self) -> None:
        """Ship while we lead; return at once where somebody else does."""
        with _importing:
            import random

            import pyarrow

            import modeldata.store.local  # noqa: F401 - all of it now, none of it while somebody forks
            from modeldata.ship.leader import lead_and_ship

            pyarrow.array([0])  # its own late imports, too

        lead_and_ship(
            self._place, self._settings, files=self._files, warn=self._say, monotonic=time.monotonic,
            wall_ns=time.time_ns, wait=self._leave.wait, dice=random.random, leave_when_idle=True,
        )  # fmt: skip

    def _sync(self) -> None:
        """fsync="interval" where an operator ships: our own writers' rows must not wait for somebody who may not run."""
        from modeldata.ship.checkpoint import Progress  # both are loaded by now (see `modeldata.ready`)
        from modeldata.ship.watch import sync_writers

        settled: set[str] = set()
        while not self._leave.wait(self._settings.fsync_seconds):
            last = self.may_end  # before the look, so that nothing comes after it
            try:
                refused = sync_writers(self._place, Progress(), self._files, settled)
            except Exception as error:  # no descriptor for a moment, a folder that is gone: the next second may be better
                self._say(f"spooled rows could not be made durable; a power cut now may lose them: {error}")
            else:
                if refused:
                    self._say("the disk refused to make spooled rows durable: a power cut now may lose them")
                else:
                    self._say.forget()
            if last:
                return
