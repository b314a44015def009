"""How a shipper is asked to stop: safe inside a signal handler, also where a service closes its archive in one."""

from __future__ import annotations

import _thread


class StopRequest:
    """Asked for by a signal handler, at any point of the thread that waits or asks; seen by every thread that waits.

    A `threading.Event` can't do this: its `set` takes a lock, and a handler that interrupts `wait` or `set` may find it taken by
    the very thread it runs in. That thread then stands still for ever.
    """

    def __init__(self) -> None:
        self._asked = False
        self._gate = _thread.allocate_lock()
        self._gate.acquire()

    def ask(self) -> None:
        self._asked = True
        self._open()

    def is_set(self) -> bool:
        return self._asked

    def wait(self, seconds: float) -> bool:
        """True as soon as it is asked for, False after so many seconds."""
        if not self._asked and self._gate.acquire(timeout=max(0.0, seconds)):
            self._open()  # for the next that waits
        return self._asked

    def _open(self) -> None:
        try:
            self._gate.release()
        except RuntimeError:
            pass  # a second signal was quicker
