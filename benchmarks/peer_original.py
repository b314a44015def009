"""The collector of 2017 with its native library replaced by one that does nothing: the time of its Python part alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from unittest import mock

import pandas as pd
from tests.oracle.original import Native, original

from benchmarks.peer import EVERY, Peer


class _Nothing(Native):
    """Takes the bytes and lets go of them. What the real one did with them is not in the time."""

    def WriteHeader(self, handle: int, data: bytes, length: int) -> None:  # noqa: N802 - its own name
        pass

    def WriteBinary(self, handle: int, data: bytes, length: int) -> int:  # noqa: N802 - its own name
        return handle


class Original(Peer):
    title = "azureml-datacollector (2017)"
    carries = ("column names", "time", "ids")
    note = "its native library runs on no current system: replaced by one that does nothing, so nothing is kept"
    stores = False
    cases = EVERY

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        with mock.patch("tests.oracle.original.Native", _Nothing):
            self._collector = original(folder, feature_names=None)._theirs

    def caller(self, case: str) -> Callable[[object], object]:
        return self._collector.collect

    def fresh(self, data: object) -> object:
        return data.copy() if isinstance(data, pd.DataFrame) else data  # it adds its columns to the caller's frame
