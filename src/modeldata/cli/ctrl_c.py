"""Ctrl-C ends every command within a second, with one line and its own status, whatever library is at work."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from types import FrameType

INTERRUPTED = 130
PATIENCE_SECONDS = 0.5
"""How long a command has to clean up. What it leaves then is what any death leaves: a later run goes on from there."""
SHOW_CURSOR = b"\x1b[?25h"


class CtrlC:
    """In its block, Ctrl-C raises `KeyboardInterrupt`, and the process ends where that comes to nothing in time.

    A library that computes does not return to Python, where handlers of signals run. So the system's own handler writes a
    byte, and a thread waits for it. A command that has a handler of its own (`ship`) ends as it likes.
    """

    def __init__(self) -> None:
        self.pressed = False
        self._over = threading.Event()

    def __enter__(self) -> CtrlC:
        in_main_thread = threading.current_thread() is threading.main_thread()
        if in_main_thread and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, self._raise)
            heard, self._told = socket.socketpair()
            self._told.setblocking(False)
            signal.set_wakeup_fd(self._told.fileno(), warn_on_full_buffer=False)
            threading.Thread(target=self._watch, args=(heard,), name="modeldata-ctrl-c", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        if hasattr(self, "_told"):
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            self._told.close()

    def _raise(self, number: int, frame: FrameType | None) -> None:
        self.pressed = True
        raise KeyboardInterrupt

    def _watch(self, heard: socket.socket) -> None:
        with heard:
            while number := heard.recv(1):
                ours = number[0] == signal.SIGINT and signal.getsignal(signal.SIGINT) == self._raise
                if ours and not self._over.wait(PATIENCE_SECONDS):
                    self.leave()

    def leave(self) -> NoReturn:
        """Nothing waits here, not even for threads and buffers: they may be what does not end."""
        os.write(2, (SHOW_CURSOR if sys.stderr.isatty() else b"") + b"modeldata: interrupted\n")
        os._exit(INTERRUPTED)
