"""Somebody must ship: start a child process for it, or a thread where a child can't be had. Called by writers, seldom.

The child is started through a shell that leaves at once, so that it is nobody's child: a service that waits for all its
children, or counts them, never meets it. It gets no descriptor of ours, its own session, and its settings by environment.
"""

from __future__ import annotations

import _thread
import os
import sys
import time

from modeldata.spool.lock import Leadership

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from threading import Event

    from modeldata.settings import Settings
    from modeldata.spool.files import Files
    from modeldata.spool.place import Place

LOOK_SECONDS = 2.0
"""How often a writer that collects looks whether anybody ships."""
START_SECONDS = 5.0
"""How long a started shipper may take to lead before another is started."""
TRIES = 3
"""After this many children that never led, `auto` ships in a thread."""
_DETACH = '"$@" </dev/null >/dev/null 2>>"$MODELDATA_SHIPPER_LOG" &'


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
        self.reset()

    def reset(self) -> None:
        """Begin anew, as a forked child must: threads and children belonged to the parent."""
        self._looked_at = float("-inf")
        self._started = 0
        self.thread: ShipperThread | None = None

    def tend(self, place: Place, *, now: bool = False) -> None:
        """Look whether somebody ships, at most every two seconds; `now` where a process has just become a writer."""
        moment = time.monotonic()
        if not now and moment - self._looked_at < LOOK_SECONDS:
            return
        self._looked_at = moment
        way = self._settings.ship
        if way == "off":
            if self._settings.fsync == "interval" and self.thread is None:
                self._start_thread(place, ship=False)
        elif way == "thread" or self.thread is not None:
            if self.thread is None or not self.thread.alive():
                self._start_thread(place, ship=True)
        elif not Leadership.taken(place.leader_lock, self._files):
            self._start_child(place)
        else:
            self._started = 0

    def _start_child(self, place: Place) -> None:
        if not self._announce(place):
            return
        if self._started >= TRIES and self._settings.ship == "auto":
            self._warn(f"no shipping process came up ({place.log} may say why): shipping in a thread")
            self._start_thread(place, ship=True)
            return
        self._started += 1
        try:
            start_detached(place, self._settings.of_spool(place.folder), self._files)
        except OSError as error:
            if self._settings.ship != "auto":
                self._warn(f"a shipping process can't be started: {error}")
                return
            self._start_thread(place, ship=True)

    def _announce(self, place: Place) -> bool:
        """May we start one, or is a neighbour already doing so?"""
        try:
            self._files.close(self._files.open(place.starting, os.O_WRONLY | os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            try:
                age = time.time() - self._files.stat(place.starting).st_mtime
                if 0 <= age < START_SECONDS:
                    return False
                os.utime(place.starting)
            except OSError:
                return True
        except OSError:
            return True  # a full disk: then a shipper is needed all the more
        return True

    def _start_thread(self, place: Place, *, ship: bool) -> None:
        if sys.is_finalizing():
            return  # too late for a thread; the next process on this spool ships
        settings = self._settings.of_spool(place.folder)
        self.thread = ShipperThread(place, settings, self._files, self._warn, ship=ship)


def interpreter() -> str | None:
    """A Python to run the shipper with; None inside a program that merely embeds one (uWSGI, mod_wsgi)."""
    names = [sys.executable, os.path.join(sys.prefix, "bin", "python3"), os.path.join(sys.base_prefix, "bin", "python3")]
    for name in names:
        if name and os.path.basename(name).lower().startswith(("python", "pypy")) and os.access(name, os.X_OK):
            return name
    return None


def child_environment(place: Place, settings: Settings, outer: Mapping[str, str]) -> dict[str, str]:
    """What the child needs to know. Secrets travel here and nowhere else: the environment of a process is its user's own."""
    package = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    searched = [package, *(path for path in outer.get("PYTHONPATH", "").split(os.pathsep) if path)]
    return {
        **outer,
        **settings.to_env(),
        "MODELDATA_SHIPPER_LOG": place.log,
        "PYTHONPATH": os.pathsep.join(searched),
    }


def start_detached(place: Place, settings: Settings, files: Files) -> None:
    """Start `python -m modeldata ship --child` so that it outlives this process. Raises OSError where that is impossible."""
    python = interpreter()
    if python is None:
        raise OSError("no Python interpreter to run a shipper with")
    command = [python, "-P", "-m", "modeldata", "ship", "--child"]
    environment = child_environment(place, settings, os.environ)
    if os.name == "nt" or not hasattr(os, "posix_spawn"):
        _start_with_subprocess(command, environment)
        return
    files.close(files.open(place.log, os.O_WRONLY | os.O_CREAT))  # private from its first byte
    shell = ["/bin/sh", "-c", _DETACH, "sh", *command]
    options = {"setsid": True} if sys.platform != "darwin" else {"setpgroup": 0}
    # Not through `os`: gevent puts a waitpid there that waits for its loop to see SIGCHLD, which gunicorn's workers reset.
    from posix import posix_spawn, waitpid

    pid = posix_spawn(shell[0], shell, environment, **options)
    try:
        waitpid(pid, 0)
    except ChildProcessError:
        pass  # the service reaps its children itself


def _start_with_subprocess(command: list[str], environment: dict[str, str]) -> None:
    import subprocess

    flags = getattr(subprocess, "DETACHED_PROCESS", 0) | getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)
    quiet = subprocess.DEVNULL
    subprocess.Popen(command, env=environment, stdin=quiet, stdout=quiet, stderr=quiet, close_fds=True, creationflags=flags)


class ShipperThread:
    """The other way: ship from a daemon thread of the service. Its work shares the GIL with the requests."""

    def __init__(self, place: Place, settings: Settings, files: Files, warn: Callable[[str], None], *, ship: bool) -> None:
        import threading

        self._place = place
        self._settings = settings
        self._files = files
        self._warn = warn
        self._leave: Event = threading.Event()
        self._last = False
        if not ship:
            import modeldata.ship.checkpoint
            import modeldata.ship.watch  # noqa: F401 - here, and light, so that the thread imports nothing
        target = self._ship if ship else self._sync
        self._thread = threading.Thread(target=target, name="modeldata-shipper", daemon=True)
        self._thread.start()

    def alive(self) -> bool:
        return self._thread.is_alive()

    def leave_when_idle(self) -> None:
        """Nobody here writes any more: leave when nothing waits."""
        self._last = True

    def stop(self, timeout: float) -> None:
        """Leave between two rounds. What was not shipped stays in the spool."""
        self._leave.set()
        self._thread.join(timeout)

    def _ship(self) -> None:
        with _importing:
            import random

            import pyarrow

            import modeldata.store.local  # noqa: F401 - all of it now, none of it while somebody forks
            from modeldata.errors import ModelDataError
            from modeldata.ship.lead import lead_and_ship

            pyarrow.array([0])  # its own late imports, too

        while not self._leave.is_set():
            try:
                lead_and_ship(
                    self._place, self._settings, files=self._files, warn=self._warn, monotonic=time.monotonic,
                    wall_ns=time.time_ns, wait=self._leave.wait, dice=random.random, leave_when_idle=True,
                )  # fmt: skip
                if self._last:
                    return
            except (ModelDataError, OSError) as error:
                self._warn(str(error))
            self._leave.wait(LOOK_SECONDS * (0.75 + random.random() / 2))

    def _sync(self) -> None:
        """fsync="interval" where an operator ships: our own writers' rows must not wait for somebody who may not run."""
        from modeldata.ship.checkpoint import State
        from modeldata.ship.watch import sync_writers

        settled: set[str] = set()
        while not self._leave.wait(self._settings.fsync_seconds):
            last = self._last  # before the look, so that nothing comes after it
            sync_writers(self._place, State(), self._files, settled)
            if last:
                return
