"""Serves the example for `modeldata demo`, with a stopwatch around what is to be measured. `FOLDER` holds its app.py.

    python -m modeldata.cli.demo.server FOLDER

Prints its port when it takes requests, and what it measured when it leaves. It leaves when its standard input ends, so it
never outlives the demo, whatever ends that.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import sys
import threading
from time import perf_counter_ns, process_time_ns, thread_time_ns
from typing import TYPE_CHECKING, Any

import uvicorn

from modeldata import ModelDataCollector

if TYPE_CHECKING:
    import socket
    from collections.abc import Awaitable, Callable

    Send = Callable[[Any], Awaitable[Any]]

calls: list[tuple[str, int, int, int, int, bool]] = []
"""For each `collect()`: identifier, rows, nanoseconds, those that its thread ran, those it waited for a core, accepted."""
requests: list[tuple[str, int]] = []
"""For each request: path, nanoseconds from its arrival in the application to the end of the answer."""


class CoreWait:
    """How long each thread has waited for a core, as Linux counts it. On other systems always 0.

    The file is read with the GIL held: who lets it go gets a fresh turn, and would measure too little.
    """

    def __init__(self) -> None:
        self._thread = threading.local()
        self._read = ctypes.PyDLL(None).pread if sys.platform == "linux" else None

    def nanoseconds(self) -> int:
        if self._read is None:
            return 0
        buffer = ctypes.create_string_buffer(64)
        length = self._read(self._file(), buffer, len(buffer), 0)
        return int(buffer.raw[:length].split()[1]) if length > 0 else 0

    def _file(self) -> int:
        try:
            return int(self._thread.file)
        except AttributeError:
            self._thread.file = _opened("/proc/thread-self/schedstat")
            return int(self._thread.file)


def _opened(path: str) -> int:
    """The file's number; -1 where this kernel does not count."""
    try:
        return os.open(path, os.O_RDONLY)
    except OSError:
        return -1


class MeasuredServer(uvicorn.Server):
    """Tells its port when it is ready, and leaves when standard input ends."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if sockets:
            print(sockets[0].getsockname()[1], flush=True)

    def leave_with_parent(self) -> None:
        while os.read(0, 4096):
            continue
        if not self.started:
            os._exit(1)  # nothing was collected yet, and nobody waits for an answer
        self.should_exit = True


def measure_collect() -> None:
    """Put a stopwatch around `ModelDataCollector.collect`."""
    collect, core_wait = ModelDataCollector.collect, CoreWait()

    def measured(self: ModelDataCollector, input_data: Any, user_correlation_id: str = "", **marks: Any) -> bool:
        waited = core_wait.nanoseconds()
        ran, started = thread_time_ns(), perf_counter_ns()
        accepted = collect(self, input_data, user_correlation_id, **marks)
        taken, ran = perf_counter_ns() - started, thread_time_ns() - ran
        waited = min(
            core_wait.nanoseconds() - waited, max(taken - ran, 0)
        )  # a wait between two of our looks counts at one of them
        calls.append((self.identity.identifier, len(input_data), taken, ran, waited, accepted))
        return accepted

    ModelDataCollector.collect = measured  # type: ignore[method-assign] # in this process of the demo, and nowhere else


def measured_app(app: Callable[[Any, Any, Send], Awaitable[None]]) -> Callable[[Any, Any, Send], Awaitable[None]]:
    """The application with a stopwatch around each request."""

    async def measured(scope: Any, receive: Any, send: Send) -> None:
        started = perf_counter_ns()
        await app(scope, receive, send)
        if scope["type"] == "http":
            requests.append((scope["path"], perf_counter_ns() - started))

    return measured


def main(folder: str) -> int:
    sys.path.insert(0, folder)
    measure_collect()
    config = uvicorn.Config(measured_app(importlib.import_module("app").app), host="127.0.0.1", port=0, log_level="warning")
    server = MeasuredServer(config)
    threading.Thread(target=server.leave_with_parent, daemon=True).start()
    before = process_time_ns()
    server.run(sockets=[config.bind_socket()])
    print(json.dumps({"calls": calls, "requests": requests, "cpu": process_time_ns() - before}), flush=True)
    return 0 if server.started else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
