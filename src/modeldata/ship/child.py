"""The shipper as a process of its own: started by a service, or by an operator through `modeldata ship`."""

from __future__ import annotations

import os
import random
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING

from modeldata.errors import ModelDataError, mask
from modeldata.settings import Settings
from modeldata.ship.drain import keep_draining
from modeldata.ship.lead import REQUEST_SECONDS, Surroundings, lead_and_ship
from modeldata.spool.files import Files
from modeldata.spool.place import open_place

if TYPE_CHECKING:
    from types import FrameType

    from modeldata.spool.place import Place

LOG_BYTES = 1 << 20
"""The log of the child shippers is begun anew when it is longer."""
ELECTION_TRIES = 5
"""A writer that only asks whether somebody leads holds the lock for a moment; that must not send us away."""


def warn(text: str) -> None:
    """One line with its time on stderr, which is the spool's `shipper.log` for a child."""
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    print(f"{stamp} pid {os.getpid()} {mask(text)}", file=sys.stderr, flush=True)


def stop_on_signals() -> threading.Event:
    """Set by SIGTERM and SIGINT: leave after the round under way. This process is ours, so are its handlers."""
    leave = threading.Event()

    def ask(number: int, frame: FrameType | None) -> None:
        leave.set()

    signal.signal(signal.SIGTERM, ask)
    signal.signal(signal.SIGINT, ask)
    return leave


class _Former:
    """Spools that nobody tends, shipped beside the one that is ours: a store that is down there holds up nothing here."""

    def __init__(self, settings: Settings, place: Place, files: Files) -> None:
        self._leave = threading.Event()
        around = Surroundings(files, warn, time.monotonic, time.time_ns, self._leave.wait, random.random)
        arguments = (settings, place.folder, around, dict(os.environ))
        self._thread = threading.Thread(target=keep_draining, args=arguments, name="modeldata-former", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._leave.set()
        self._thread.join(REQUEST_SECONDS)


def main() -> int:
    """Ship until no writer lives and nothing is pending, then leave. 0 also where another process ships already."""
    files = Files()
    settings = Settings.build(os.environ)
    leave = stop_on_signals()
    try:
        _shorten_log(os.environ.get("MODELDATA_SHIPPER_LOG", ""))
        place = open_place(
            settings.spool_folder(), files, os.urandom(16), time.time_ns(), allow_network=settings.allow_network_spool
        )
        os.chdir(place.folder)  # not to keep the service's folder busy
        former = _Former(settings, place, files)
        for _ in range(ELECTION_TRIES):
            if lead_and_ship(
                place, settings, files=files, warn=warn, monotonic=time.monotonic, wall_ns=time.time_ns,
                wait=leave.wait, dice=random.random, leave_when_idle=True,
            ):  # fmt: skip
                break
            leave.wait(random.uniform(0.02, 0.1))
        former.stop()
        return 0
    except (ModelDataError, OSError) as error:
        warn(str(error))
        return 1


def _shorten_log(path: str) -> None:
    try:
        if path and os.path.getsize(path) > LOG_BYTES:
            os.truncate(path, 0)
    except OSError:
        pass  # a log is never worth a failure
