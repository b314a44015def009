"""The standard library's logging: a line of JSON through a QueueHandler, written to a file by a QueueListener's thread."""

from __future__ import annotations

import atexit
import logging
import logging.handlers
import queue
import time
from collections.abc import Callable
from pathlib import Path

import orjson

from benchmarks.peer import Peer, lines_in
from benchmarks.peer_orjson import values

LINE = '{"time":%(created)f,"logger":"%(name)s","values":%(message)s}'


class QueueLogging(Peer):
    title = "logging, QueueHandler"
    carries = ("time",)

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._queue: queue.SimpleQueue[logging.LogRecord] = queue.SimpleQueue()
        file = logging.FileHandler(folder / "lines.jsonl")
        file.setFormatter(logging.Formatter(LINE))
        listener = logging.handlers.QueueListener(self._queue, file)
        listener.start()
        atexit.register(listener.stop)
        self._log = logging.getLogger("bench")
        self._log.propagate = False
        self._log.setLevel(logging.INFO)
        self._log.addHandler(logging.handlers.QueueHandler(self._queue))

    def caller(self, case: str) -> Callable[[object], object]:
        info = self._log.info
        return lambda data: info(orjson.dumps(values(data), option=orjson.OPT_SERIALIZE_NUMPY).decode())

    def settle(self) -> None:
        while not self._queue.empty():
            time.sleep(0.01)
        time.sleep(0.05)  # the last one is on its way

    @classmethod
    def rows(cls, folder: Path) -> int:
        return lines_in(folder / "lines.jsonl")
