"""bentoml.monitor, into its rotating JSON log. An array is logged as one sequence: the fewest calls that its interface allows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import cast

import bentoml
import numpy as np
import pandas as pd

from benchmarks.peer import Peer, lines_in


class Bentoml(Peer):
    title = "bentoml.monitor"
    carries = ("column names", "dtypes (numerical or categorical)", "time", "ids")

    def caller(self, case: str) -> Callable[[object], object]:
        name, options = case.replace(" ", "-"), {"log_path": str(self.folder)}
        log = _list if case.startswith("list") else _array if case.startswith("numpy") else _frame

        def call(data: object) -> None:
            with bentoml.monitor(name, monitor_class="default", monitor_options=options) as monitor:
                log(monitor, data)

        return call

    @classmethod
    def rows(cls, folder: Path) -> int:
        return sum(lines_in(path) for path in folder.rglob("data.*.log*"))


def _list(monitor: bentoml.monitoring.MonitorBase, data: object) -> None:
    for name, value in zip("abcd", cast("list[float]", data), strict=True):
        monitor.log(value, name, "feature", "numerical")


def _array(monitor: bentoml.monitoring.MonitorBase, data: object) -> None:
    monitor.log_batch(cast("np.ndarray", data).tolist(), "features", "feature", "numerical_sequence")


def _frame(monitor: bentoml.monitoring.MonitorBase, data: object) -> None:
    frame = cast("pd.DataFrame", data)
    for name, values in zip(frame.columns, zip(*frame.to_numpy().tolist(), strict=True), strict=True):
        monitor.log_batch(values, name, "feature", "categorical" if name[0] == "s" else "numerical")
