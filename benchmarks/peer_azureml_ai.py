"""azureml-ai-monitoring, the original's successor: its worker on, posting to a local HTTP sink."""

from __future__ import annotations

import os
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

from azureml.ai.monitoring import Collector
from azureml.ai.monitoring.queue import get_queue

from benchmarks.peer import FRAMES, Peer


class AzuremlAi(Peer):
    title = "azureml-ai-monitoring"
    carries = ("column names", "time (whole seconds)", "ids")
    note = "DataFrames only; queues a reference, not a copy; raises while 1,500 calls wait; rows are counted in the sink"
    cases = FRAMES
    most_hot_calls = 500  # its queue takes 1,500: so none of the calls that are timed is refused

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._collector = Collector(name=folder.name)

    def caller(self, case: str) -> Callable[[object], object]:
        return self._collector.collect

    def settle(self) -> None:
        while get_queue().length():
            time.sleep(0.01)
        time.sleep(0.05)  # the last one is on its way

    @classmethod
    def rows(cls, folder: Path) -> int:
        """Rows that the sink got under the name of this run."""
        time.sleep(0.2)  # what the kernel still holds of a dead process arrives
        with urllib.request.urlopen(f"http://127.0.0.1:{os.environ['AZUREML_MDC_PORT']}/{folder.name}") as answer:
            return int(answer.read())
