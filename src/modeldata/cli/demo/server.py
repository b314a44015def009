"""Serves the example for `modeldata demo`, with a stopwatch around what is to be measured. `FOLDER` holds its app.py.

    python -m modeldata.cli.demo.server FOLDER

Prints its port when it takes requests, and what it measured when it leaves. It leaves when its standard input ends, so it
never outlives the demo, whatever ends that.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import threading
from time import perf_counter_ns, thread_time_ns
from typing import TYPE_CHECKING, Any

import uvicorn

from modeldata import ModelDataCollector

if TYPE_CHECKING:
    import socket
    from collections.abc import Awaitable, Callable

    Send = Callable[[Any], Awaitable[Any]]

calls: list[tuple[str, int, int, int, bool]] = []
"""For each `collect()`: identifier, rows, nanoseconds, nanoseconds of them that its thread ran, accepted."""
requests: list[tuple[str, int]] = []
"""For each request: path, nanoseconds from its arrival in the application to the end of the answer."""


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
    collect = ModelDataCollector.collect

    def measured(self: ModelDataCollector, input_data: Any, user_correlation_id: str = "") -> bool:
        ran, started = thread_time_ns(), perf_counter_ns()
        accepted = collect(self, input_data, user_correlation_id)
        taken, ran = perf_counter_ns() - started, thread_time_ns() - ran
        calls.append((self.identity.identifier, len(input_data), taken, ran, accepted))
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
    server.run(sockets=[config.bind_socket()])
    print(json.dumps({"calls": calls, "requests": requests}), flush=True)
    return 0 if server.started else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
