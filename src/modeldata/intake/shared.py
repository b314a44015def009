"""What archives of equal settings share in one process: a writer, a supervisor of shipping, counts.

A service may make an archive for each request. So the costly parts are kept by settings: a second archive finds those of the
first. When the last archive of some settings is dropped or closed, its segments END and its descriptors go. The counts, and what
`flush` needs to know, stay for the settings that were used last.
"""

from __future__ import annotations

import atexit
import os
import sys
import time

from modeldata import urls
from modeldata.errors import ModelDataError
from modeldata.intake.flush import Flush
from modeldata.intake.messages import warn
from modeldata.intake.refusals import Refusals
from modeldata.settings.folders import state_folder_if_any
from modeldata.settings.misspelt import misspelt, warning
from modeldata.settings.table import LAYOUT
from modeldata.ship.supervisor import Supervisor
from modeldata.snapshot.packing import new_packer
from modeldata.spool.disk_kind import goes_with_container
from modeldata.spool.files import Files
from modeldata.spool.folder import SpoolFolder, note_layout, open_place
from modeldata.spool.location import locate_spool
from modeldata.spool.quota import Quota, SpoolFull
from modeldata.spool.register import note_archives, remember
from modeldata.spool.writer import Writer
from modeldata.stats import Stats

TYPE_CHECKING = False
if TYPE_CHECKING:
    from modeldata.settings import Settings
    from modeldata.ship.supervisor import ShipperThread

MOST_UNUSED = 32
"""Settings that are remembered although no archive has them any more."""


class SharedIntake:
    """The parts behind every archive with these settings, in this process."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.files = Files()
        self.users: set[int] = set()
        self.supervisor: Supervisor | None = None
        self._distributed: list[int] = []
        self._pid = 0
        self.writer = Writer(
            self._open_place,
            Quota(settings.spool_max_bytes, settings.min_free_bytes, self.files),
            files=self.files,
            make_pack=new_packer,
            tend=self._tend,
            sync=settings.fsync == "always",
            block_seconds=settings.block_timeout if settings.when_full == "block" else 0.0,
        )
        self.refusals = Refusals(self.writer, on_error=settings.on_error)
        self.flush = Flush(settings, self.writer, self.files)

    def _open_place(self) -> SpoolFolder:
        settings = self.settings
        self.flush.note_loss()
        location = locate_spool(settings, self.files, os.environ)
        folder, allow_network = location.folder, settings.allow_network_spool
        place = open_place(folder, self.files, os.urandom(16), time.time_ns(), allow_network=allow_network)
        note_layout(place, settings.variables(LAYOUT))
        note_archives(place, settings.of_spool(place.folder).archives)
        state = state_folder_if_any(os.environ)
        if settings.ship != "off" and state:
            remember(state, place.folder, self.files)
        self.flush.note_opened(place)
        self._warn_of_place(place, location.note)
        for variable, meant in misspelt(os.environ).items():
            self.refusals.warn_once(variable, warning(variable, meant))
        return place

    def _warn_of_place(self, place: SpoolFolder, note: str) -> None:
        """Rows that wait there may be gone after a restart, or it is not the usual place."""
        remote = any(urls.scheme_of(url) for url in self.settings.archives)
        if remote and goes_with_container(place.folder, self.files):
            text = f"rows wait in a folder that is gone when this container is: {place.folder}; give it a volume"
            self.refusals.warn_once("container", text)
        elif note:
            self.refusals.warn_once("place", note)

    def _tend(self, place: SpoolFolder, now: bool) -> None:
        if self._pid != os.getpid():
            self._pid = os.getpid()
            self.supervisor = Supervisor(self.settings, self.files, warn)
            _at_exit_of(self._pid)
        assert self.supervisor is not None
        self.supervisor.tend(place, now=now)

    def leave(self, user: int, *, stop: bool = False) -> None:
        """One archive less. After the last one: END, and no descriptor stays. stop: a thread that ships is stopped, too."""
        self.users.discard(user)
        if not self.users and self._pid == os.getpid():  # elsewhere they are a parent's, or none was opened
            self._let_go(stop=stop)

    def _let_go(self, *, stop: bool) -> None:
        self.writer.close(time.time_ns())
        self.writer.lost_place()
        thread = self._thread()
        if self.supervisor is None or thread is None:
            return
        if stop:
            thread.stop(self.settings.exit_timeout)
            self.supervisor.thread = None
        else:
            thread.leave_when_idle()

    def _thread(self) -> ShipperThread | None:
        """The one that ships in this process. In a forked child, that of its parent."""
        return self.supervisor.thread if self.supervisor is not None else None

    def busy(self) -> bool:
        """Has it users, or a thread that still ships for those it had?"""
        thread = self._thread()
        return bool(self.users) or (thread is not None and self._pid == os.getpid() and thread.alive())

    def at_exit(self, deadline: float) -> None:
        """The interpreter leaves. A child ships on without us; only a thread of ours must be waited for, and not for long."""
        if self._pid != os.getpid():
            return
        try:
            if self._thread() is not None and self.settings.ship != "off":
                self.flush.wait(max(0.0, min(self.settings.exit_timeout, deadline - time.monotonic())))
            self._let_go(stop=True)
        except (OSError, ModelDataError, SpoolFull):
            pass  # what was accepted is in the spool; there is nobody left to tell

    def stats(self) -> Stats:
        from modeldata.ship.status import fill

        distributed = sum(self._distributed)
        accepted = sum(self.writer.accepted().values())
        stats = Stats(accepted + distributed, self.refusals.by_reason(), distributed)
        fill(stats, self.settings, self.writer.place, self.files, time.time_ns())
        return stats

    def count_distributed(self, rows: int) -> None:
        """Rows that were archived without our spool."""
        self._distributed.append(rows)  # one step: calls of several threads end at any time


_known: dict[Settings, SharedIntake] = {}
_exit_pid = 0


def shared_of(settings: Settings) -> SharedIntake:
    """What archives of these settings share: made for the first, found by the others."""
    shared = _known.get(settings)
    if shared is None:
        _forget_unused()
        shared = _known.setdefault(settings, SharedIntake(settings))
    return shared


def _forget_unused() -> None:
    unused = [shared for shared in list(_known.values()) if not shared.busy()]
    for shared in unused[: max(0, len(unused) - MOST_UNUSED)]:
        _known.pop(shared.settings, None)


def _at_exit_of(pid: int) -> None:
    global _exit_pid
    if _exit_pid != pid and not sys.is_finalizing():
        _exit_pid = pid
        atexit.unregister(_leave_all)  # of a parent
        atexit.register(_leave_all)


def _leave_all() -> None:
    all_of_them = list(_known.values())
    deadline = time.monotonic() + max((shared.settings.exit_timeout for shared in all_of_them), default=0.0)
    for shared in all_of_them:
        shared.at_exit(deadline)
