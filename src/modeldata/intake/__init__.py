"""Where collectors put their rows.

`Intake` is the collecting half of one archive: its collectors talk to it, `Archive` is what a user sees of it. Archives of equal
settings share one `SharedIntake` (`shared.py`): the writer, the supervisor of shipping, what was refused (`refusals.py`), and
what `flush` waits for (`flush.py`). The default intakes are those of collectors that were made without an archive.
"""

from __future__ import annotations

import os
import time
from weakref import WeakSet

from modeldata.errors import said
from modeldata.intake.shared import SharedIntake, shared_of
from modeldata.interrupts import spare
from modeldata.ready import prepare
from modeldata.settings import Settings
from modeldata.spool.quota import SpoolFull
from modeldata.spool.writer import Writer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from modeldata.spool.lane import Lane

    class Collector(Protocol):
        def closed(self, writer: Writer) -> None: ...


class Intake:
    """The way into one archive, until it is closed. A pickle holds its settings.

    Nothing is opened, started or written before a lane of its writer takes a row.
    """

    closed = True  # until the shared parts are there: settings may be refused before
    shared: SharedIntake

    def __init__(self, settings: Settings) -> None:
        prepare()
        self.settings = settings
        self._collectors: WeakSet[Collector] = WeakSet()
        self.shared = shared_of(settings)
        self.closed = False
        self.shared.users.add(id(self))

    def __del__(self) -> None:
        if self.closed:
            return
        try:
            self.shared.leave(id(self))
        except Exception as error:  # nobody could catch it
            spare(error)

    def __reduce__(self) -> tuple[object, ...]:
        return _unpickled, (self.settings.to_env(),)

    @property
    def writer(self) -> Writer:
        return self.shared.writer

    def join(self, collector: Collector, stream: str, identity: dict[str, str]) -> Writer:
        """The writer for a new collector, which gets another one when this archive is closed."""
        self._collectors.add(collector)
        self.writer.identities[stream] = identity
        return ClosedWriter() if self.closed else self.writer

    def open(self) -> bool:
        """As `Archive.open`."""
        if self.closed:
            return False
        lane = self.writer.acquire()
        try:
            lane.open(time.time_ns())
        except Exception as error:
            spare(error)
            self.shared.refusals.warn_once("open", f"no row can be accepted now: {said(error)}")
            return False
        finally:
            self.writer.release(lane)
        return True

    def close(self, timeout: float | None) -> bool:
        refusing = ClosedWriter()
        self.closed = True
        for collector in list(self._collectors):
            collector.closed(refusing)
        done = self.shared.flush.wait(timeout)
        self.shared.leave(id(self), stop=True)
        return done


class ClosedWriter(Writer):
    """The writer of an archive that was closed: it has no lane for anybody."""

    def __init__(self) -> None:
        pass  # it has nothing to write to

    def acquire(self) -> Lane:
        raise SpoolFull("closed", "this archive was closed")

    fresh_lane = acquire


def _unpickled(variables: dict[str, str]) -> Intake:
    return Intake(Settings.build(variables))


_defaults: dict[Settings, Intake] = {}
MOST_DEFAULTS = 32
"""An environment that changes all the time must not fill the memory."""


def default_intake(enabled_default: bool = True) -> Intake:
    """That of all collectors which were made without an archive, as the environment describes it now."""
    settings = Settings.here(os.environ, enabled_default=enabled_default)
    intake = _defaults.get(settings)
    if intake is None or intake.closed:
        intake = Intake(settings)
        while len(_defaults) >= MOST_DEFAULTS:
            _defaults.pop(next(iter(_defaults)), None)  # its collectors keep it
        _defaults[settings] = intake
    return intake


def flush(timeout: float | None = None) -> bool:
    """Wait until all that collectors without an archive of their own had accepted is archived. False: not within `timeout` s.

    For the end of a script, of a Lambda or of a Cloud Run request. The default timeout is the setting `exit_timeout` (2 s).
    """
    started = time.monotonic()
    done = True
    for intake in list(_defaults.values()):
        left = None if timeout is None else max(0.0, timeout - (time.monotonic() - started))
        done = intake.shared.flush.wait(left) and done
    return done
