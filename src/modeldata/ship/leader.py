"""Who ships a spool: one process, with a worker for each archive, so that one that is down holds up no other."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, NamedTuple

from modeldata.errors import ModelDataError
from modeldata.ship.watch import look
from modeldata.ship.worker import Worker
from modeldata.spool.lock import Leadership

if TYPE_CHECKING:
    from collections.abc import Callable

    from modeldata.settings import Settings
    from modeldata.spool.files import Files
    from modeldata.spool.folder import SpoolFolder

REQUEST_SECONDS = 40.0
"""Longer than any request to a store may take: what we wait for one that is under way when it is time to leave."""


class Surroundings(NamedTuple):
    """Everything a worker needs from outside, so that a test can replace it. `wait(seconds)`: True when it is time to stop."""

    files: Files
    warn: Callable[[str], None]
    monotonic: Callable[[], float]
    wall_ns: Callable[[], int]
    wait: Callable[[float], bool]
    dice: Callable[[], float]


def make_fleet(place: SpoolFolder, settings: Settings, leadership: Leadership, around: Surroundings) -> list[Worker]:
    """A worker for each archive that can be shipped to. Raises `ModelDataError` where there is none."""
    fleet: list[Worker | None] = []
    failed: ModelDataError | None = None
    for url in settings.archives:
        try:
            fleet.append(Worker(place, settings.only(url), leadership, **around._asdict()))
        except ModelDataError as error:
            fleet.append(None)
            failed = error
            around.warn(str(error))
    workers = [worker for worker in fleet if worker is not None]
    if not workers:
        assert failed is not None
        raise failed
    if workers[0] is not fleet[0]:
        fleet.sort(key=lambda worker: worker is None)  # somebody has to be the first of them
    for worker in workers:
        worker.fleet = fleet
    return workers


def lead_and_ship(
    place: SpoolFolder,
    settings: Settings,
    *,
    files: Files,
    warn: Callable[[str], None],
    monotonic: Callable[[], float],
    wall_ns: Callable[[], int],
    wait: Callable[[float], bool],
    dice: Callable[[], float],
    leave_when_idle: bool,
) -> bool:
    """Ship the spool if nobody else does; False when somebody does. Lets go of the lead before it returns.

    Before leaving an idle spool it looks again without the lead: a writer makes its segment first and then looks for a
    leader, so one of the two sees the other.
    """
    around = Surroundings(files, warn, monotonic, wall_ns, wait, dice)
    while True:
        leadership = Leadership.take(place.leader_lock, files)
        if leadership is None:
            return False
        try:
            forget_starting(place, files)
            workers = make_fleet(place, settings, leadership, around)
            if len(workers) == 1:
                workers[0].run(leave_when_idle=leave_when_idle)
            else:
                _run_side_by_side(workers, leave_when_idle)
            intact = leadership.intact()
        finally:
            leadership.release()
        if not leave_when_idle or not intact or wait(0.0):
            return True
        sights = [look(place, worker.pipeline.state, files) for worker in workers]
        if not any(sight.pending_bytes or sight.alive for sight in sights):
            return True


def _run_side_by_side(workers: list[Worker], leave_when_idle: bool) -> None:
    """The first in this thread, the others in threads of their own until the first leaves."""
    stop = threading.Event()
    threads = []
    for worker in workers[1:]:
        worker.stop_on(stop)
        thread = threading.Thread(target=worker.run, kwargs={"leave_when_idle": False}, name="modeldata-archive", daemon=True)
        thread.start()
        threads.append(thread)
    try:
        workers[0].run(leave_when_idle=leave_when_idle)
    finally:
        stop.set()
        for thread in threads:
            thread.join(REQUEST_SECONDS)


def forget_starting(place: SpoolFolder, files: Files) -> None:
    try:
        files.unlink(place.starting)
    except OSError:
        pass  # nobody announced us
