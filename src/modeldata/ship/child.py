"""The shipper as a process of its own: started by a service, or by an operator through `modeldata ship`."""

from __future__ import annotations

import os
import random
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING

from modeldata.errors import mask
from modeldata.settings import Settings
from modeldata.ship.failure_report import fatal_text, leave_note
from modeldata.ship.spawn import SPOOL, put_log_aside
from modeldata.ship.stop import StopRequest
from modeldata.spool.files import Files
from modeldata.spool.folder import SpoolFolder, open_place
from modeldata.spool.location import locate_spool

if TYPE_CHECKING:
    from types import FrameType

ELECTION_TRIES = 5
"""A writer that only asks whether somebody leads holds the lock for a moment; that must not send us away."""


def warn(text: str) -> None:
    """One line with its time on stderr, which is the spool's `shipper.log` for a child."""
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    print(f"{stamp} pid {os.getpid()} {mask(text)}", file=sys.stderr, flush=True)


def stop_on_signals() -> StopRequest:
    """Asked for by SIGTERM and SIGINT: leave after the round under way. This process is ours, so are its handlers."""
    leave = StopRequest()

    def ask(number: int, frame: FrameType | None) -> None:
        leave.ask()

    signal.signal(signal.SIGTERM, ask)
    signal.signal(signal.SIGINT, ask)
    return leave


def main() -> int:
    """Ship until no writer lives and nothing is pending, then leave. 0 also where another process ships already."""
    files = Files()
    leave = stop_on_signals()
    place: SpoolFolder | None = None
    try:
        settings = Settings.build(os.environ)
        folder = os.environ.pop(SPOOL, "") or locate_spool(settings, files, os.environ).folder
        place = open_place(folder, files, os.urandom(16), time.time_ns(), allow_network=settings.allow_network_spool)
        os.chdir(os.path.abspath(os.sep))  # neither the service's folder nor the spool is kept busy
        _ship(place, settings, files, leave)
    except Exception as error:  # also what a library raises that is broken; the service starts another of us later
        warn(fatal_text(error))
        if place is not None:
            leave_note(place, fatal_text(error), files, time.time_ns())
        return 1
    return 0


def _ship(place: SpoolFolder, settings: Settings, files: Files, leave: StopRequest) -> None:
    """Ship the spool that is ours, and beside it those that nobody tends: a store that is down there holds up nothing here."""
    from modeldata.ship.drain import keep_draining  # here: pyarrow comes with it, and may be what is broken
    from modeldata.ship.leader import REQUEST_SECONDS, Surroundings, lead_and_ship

    def log(text: str) -> None:
        _shorten_log(place.log, files)
        warn(text)

    stop = threading.Event()
    around = Surroundings(files, log, time.monotonic, time.time_ns, stop.wait, random.random)
    arguments = (settings, place.folder, around, dict(os.environ))
    former = threading.Thread(target=keep_draining, args=arguments, name="modeldata-former", daemon=True)
    former.start()
    for _ in range(ELECTION_TRIES):
        if lead_and_ship(
            place, settings, files=files, warn=log, monotonic=time.monotonic, wall_ns=time.time_ns,
            wait=leave.wait, dice=random.random, leave_when_idle=True,
        ):  # fmt: skip
            break
        leave.wait(random.uniform(0.02, 0.1))
    stop.set()
    former.join(REQUEST_SECONDS)


def _shorten_log(path: str, files: Files) -> None:
    """Go on in a new log where ours has become long; a shipper may live for months."""
    try:
        ours = os.path.samestat(files.fstat(2), files.stat(path))
        if ours and put_log_aside(path, files):
            fd = files.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.dup2(fd, 2)
            files.close(fd)
    except OSError:
        return  # a log is never worth a failure
