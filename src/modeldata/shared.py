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
from modeldata.errors import ModelDataError, mask, said
from modeldata.interrupts import spare
from modeldata.settings import LAYOUT, state_folder_if_any
from modeldata.ship.supervisor import Supervisor
from modeldata.snapshot import RefusedData
from modeldata.snapshot.dispatch import Distributed
from modeldata.spool.disk_kind import goes_with_container
from modeldata.spool.files import Files
from modeldata.spool.folder import SpoolFolder, note_layout, open_place
from modeldata.spool.quota import Quota, SpoolFull
from modeldata.spool.register import note_archives, remember
from modeldata.spool.writer import Writer, new_packer
from modeldata.stats import Stats

TYPE_CHECKING = False
if TYPE_CHECKING:
    from modeldata.settings import Settings
    from modeldata.ship.checkpoint import State

WARN_SECONDS = 60.0
"""One warning for each reason in this time; the counts in `stats()` have them all."""
POLL_SECONDS = 0.02
TEMPORARY = "rows wait in the temporary directory, which a restart may empty; set MODELDATA_SPOOL"
MOST_UNUSED = 32
"""Settings that are remembered although no archive has them any more."""
REASONS = frozenset(
    {
        "closed", "disk_error", "internal", "invalid_data", "no_files", "no_memory", "no_space", "outcome_unknown",
        "spark_failed", "spool_full", "spool_unusable", "store_unavailable", "too_large", "unserializable", "unsupported_type",
    }
)  # fmt: skip
"""All that a refused row can be counted under."""


class Shared:
    """The parts behind every archive with these settings, in this process."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.files = Files()
        self.users: set[int] = set()
        self._opened: tuple[SpoolFolder, tuple[int, int]] | None = None
        self._settled = 0
        self._lost = False
        self._warned: dict[str, float] = {}
        self._distributed: list[int] = []
        self._uncounted: dict[tuple[str, str], int] = {}
        self.supervisor: Supervisor | None = None
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

    def _open_place(self) -> SpoolFolder:
        settings = self.settings
        if self._opened is not None and self._gone():
            self._lost = self._lost or self._accepted() > self._settled
        place = open_place(
            settings.spool_folder(), self.files, os.urandom(16), time.time_ns(), allow_network=settings.allow_network_spool
        )
        note_layout(place, settings.variables(LAYOUT))
        note_archives(place, settings.of_spool(place.folder).archives)
        state = state_folder_if_any(os.environ)
        if settings.ship != "off" and state:
            remember(state, place.folder, self.files)
        self._opened = place, _inode(place.segments)
        if any(urls.scheme_of(url) for url in settings.archives) and goes_with_container(place.folder, self.files):
            self.warn_once(
                "container", f"rows wait in a folder that is gone when this container is: {place.folder}; give it a volume"
            )
        elif settings.spool_is_temporary():
            self.warn_once("temporary", f"no home can be written, so {TEMPORARY}: {place.folder}")
        return place

    def _tend(self, place: SpoolFolder, now: bool) -> None:
        if self._pid != os.getpid():
            self._pid = os.getpid()
            self.supervisor = Supervisor(self.settings, self.files, warn)
            _at_exit_of(self._pid)
        assert self.supervisor is not None
        self.supervisor.tend(place, now=now)

    def flush(self, timeout: float | None) -> bool:
        """As `Archive.flush`. Bounded by looks as well as by the clock, which may stand still."""
        if self._opened is None:
            return not self.writer.refusing  # a spool that can't be opened may hold rows of earlier processes
        place = self.writer.place or self._opened[0]
        seconds = self.settings.exit_timeout if timeout is None else timeout
        deadline = time.monotonic() + seconds
        awaited = self._awaited(place)
        accepted = self._accepted()
        self._ask_for_shipping(place)
        looks = 1 + int(min(max(seconds, 0.0), 1e9) / POLL_SECONDS)
        while not self._lost and not (accepted > self._settled and self._gone()):
            if self._all_archived(place, awaited):
                self._settled = max(self._settled, accepted)
                return True
            looks -= 1
            if looks <= 0 or time.monotonic() >= deadline:
                return False
            self.writer.tend()
            time.sleep(POLL_SECONDS)
        self._lost = True
        return False

    def _accepted(self) -> int:
        return sum(self.writer.accepted().values())

    def _gone(self) -> bool:
        """Was the spool that we wrote to removed, or replaced by another?"""
        assert self._opened is not None
        place, inode = self._opened
        return _inode(place.segments) != inode

    def _awaited(self, place: SpoolFolder) -> dict[str, int | None]:
        """This process's segments → the offset up to which they must be archived; None: to their end."""
        from modeldata.spool.reader import segment_names

        positions = self.writer.positions()
        ours = [name for name in segment_names(place, self.files) if name.startswith(self.writer.process)]
        return {name: positions.get(name) for name in ours} | positions

    def _ask_for_shipping(self, place: SpoolFolder) -> None:
        try:
            fd = self.files.open(place.flush_request, os.O_WRONLY | os.O_CREAT)
            self.files.close(fd)
            os.utime(place.flush_request)
        except OSError as error:
            spare(error)  # then it ships when it is due
        self.writer.tend(now=True)

    def _all_archived(self, place: SpoolFolder, awaited: dict[str, int | None]) -> bool:
        from modeldata.ship.status import load_state

        try:
            states = [load_state(self.settings.only(url), place, self.files) for url in self.settings.archives]
        except ModelDataError:
            return False  # `stats()` and `doctor` say why
        written = self.writer.positions()
        return all(not state.parked and _archived_in(state, place, awaited, written) for state in states)

    def leave(self, user: int, *, stop: bool = False) -> None:
        """One archive less. After the last one: END, and no descriptor stays. stop: a thread that ships is stopped, too."""
        self.users.discard(user)
        if not self.users and self._pid == os.getpid():  # elsewhere they are a parent's, or none was opened
            self._let_go(stop=stop)

    def _let_go(self, *, stop: bool) -> None:
        self.writer.close(time.time_ns())
        self.writer.lost_place()
        thread = self.supervisor.thread if self.supervisor is not None else None
        if self.supervisor is None or thread is None:
            return
        if stop:
            thread.stop(self.settings.exit_timeout)
            self.supervisor.thread = None
        else:
            thread.leave_when_idle()

    def busy(self) -> bool:
        """Has it users, or a thread that still ships for those it had?"""
        thread = self.supervisor.thread if self.supervisor is not None else None
        return bool(self.users) or (thread is not None and self._pid == os.getpid() and thread.alive())

    def at_exit(self, deadline: float) -> None:
        """The interpreter leaves. A child ships on without us; only a thread of ours must be waited for, and not for long."""
        if self._pid != os.getpid():
            return
        try:
            thread = self.supervisor is not None and self.supervisor.thread is not None
            if thread and self.settings.ship != "off":
                self.flush(max(0.0, min(self.settings.exit_timeout, deadline - time.monotonic())))
            self._let_go(stop=True)
        except (OSError, ModelDataError, SpoolFull):
            pass  # what was accepted is in the spool; there is nobody left to tell

    def stats(self) -> Stats:
        dropped: dict[str, int] = {}
        for (_, reason), rows in [*self.writer.drops().items(), *list(self._uncounted.items())]:
            dropped[reason] = dropped.get(reason, 0) + rows
        distributed = sum(self._distributed)
        stats = Stats(self._accepted() + distributed, dropped, distributed)
        from modeldata.ship.status import fill

        fill(stats, self.settings, self.writer.place, self.files, time.time_ns())
        return stats

    def count_distributed(self, rows: int) -> None:
        """Rows that were archived without our spool."""
        self._distributed.append(rows)  # one step: calls of several threads end at any time

    def refuse(self, stream: str, rows: int, error: Exception, *, writing: bool) -> None:
        """Count rows that are not accepted, and say why once a minute."""
        reason = _reason(error, writing)
        self._count(stream, reason, rows)
        if self.settings.on_error == "raise":
            raise ModelDataError("collect", stream, cause=said(error), hint=reason) from error
        if self._is_news(reason):
            warn(f"not collected ({reason}) for {stream}: {said(error)}")

    def _count(self, stream: str, reason: str, rows: int) -> None:
        """In a lane, so that the archive gets to know. Where none can be had, here, until one can."""
        self._uncounted[stream, reason] = self._uncounted.get((stream, reason), 0) + rows
        if reason == "closed":
            return  # nothing is opened for it
        try:
            lane = self.writer.acquire()
        except Exception as error:  # no memory even for a lane
            spare(error)
            return
        for key in list(self._uncounted):
            counted = self._uncounted.pop(key, 0)
            if counted:
                lane.refuse(*key, counted)
        self.writer.release(lane)

    def warn_once(self, reason: str, text: str) -> None:
        if self._is_news(reason):
            warn(text)

    def _is_news(self, reason: str) -> bool:
        now = time.monotonic()
        if now < self._warned.get(reason, float("-inf")) + WARN_SECONDS:
            return False
        self._warned[reason] = now  # before the warning: a log handler that collects, and fails, does not come back here
        return True


def _archived_in(state: State, place: SpoolFolder, awaited: dict[str, int | None], written: dict[str, int]) -> bool:
    for name, position in awaited.items():
        offset = state.offsets.get(name, 0)
        if offset == -1 or (position is not None and offset >= position):
            continue
        if name not in written and not os.path.exists(os.path.join(place.segments, name)):
            continue  # its writer has left it, and then only a shipper that has archived it removes it
        return False
    return True


def _inode(path: str) -> tuple[int, int]:
    try:
        seen = os.stat(path)
    except OSError as error:
        spare(error)
        return 0, 0
    return seen.st_dev, seen.st_ino


def _reason(error: Exception, writing: bool) -> str:
    """One of `REASONS`. Only our own exceptions name theirs: what the data raises may carry anything."""
    kind = type(error)
    spark = sys.modules.get("modeldata.spark.errors")  # there, where a frame of Spark's was refused
    if kind in (RefusedData, Distributed, SpoolFull) or (spark is not None and kind is spark.NotArchived):
        named = error.reason  # type: ignore[attr-defined] # each of them has one
        return named if named in REASONS else "internal"
    if issubclass(kind, MemoryError):
        return "no_memory"
    if issubclass(kind, OSError) and writing:
        return "disk_error"
    if writing:
        return "internal"
    return "unserializable" if issubclass(kind, RecursionError) else "invalid_data"


def warn(text: str) -> None:
    """Say it in the service's log. A log handler that fails is the service's trouble, not the row's."""
    import logging

    try:
        logging.getLogger("modeldata").warning("%s", mask(text))
    except Exception as error:
        spare(error)


def say(text: str) -> None:
    """Print it where there is anybody to read it: stdout may be closed, missing, or of few letters."""
    try:
        print(text)
    except UnicodeEncodeError:
        say(text.encode("ascii", "backslashreplace").decode())
    except Exception as error:
        spare(error)


_known: dict[Settings, Shared] = {}
_exit_pid = 0


def shared_of(settings: Settings) -> Shared:
    """What archives of these settings share: made for the first, found by the others."""
    found = _known.get(settings)
    if found is None:
        _forget_unused()
        found = _known.setdefault(settings, Shared(settings))
    return found


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
