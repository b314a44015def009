"""What one writes by hand: an orjson line of the bare values and one `os.write`, in the fastest form that we know."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import numpy as np
import orjson
import pandas as pd

from benchmarks.peer import CARRIES, Peer, lines_in

OPTIONS = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_APPEND_NEWLINE


def values(data: object) -> object:
    """`to_numpy().tolist()`: a tenth to a hundredth of what `to_dict("records")` takes, and without the names."""
    return data.to_numpy().tolist() if isinstance(data, pd.DataFrame) else data


class Orjson(Peer):
    title = "orjson line + os.write"
    carries: ClassVar[tuple[str, ...]] = ()

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._fd = os.open(folder / "lines.jsonl", os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def caller(self, case: str) -> Callable[[object], object]:
        fd = self._fd
        return lambda data: os.write(fd, orjson.dumps(values(data), option=OPTIONS))

    def settle(self) -> None:
        os.ftruncate(self._fd, 0)

    @classmethod
    def rows(cls, folder: Path) -> int:
        return lines_in(folder / "lines.jsonl")


class OrjsonWhole(Orjson):
    title = "orjson line with all of that + os.write"
    carries = CARRIES
    note = "as the line above, with column names, dtypes, time, an id and a sequence in every line: what modeldata keeps, by hand"

    def caller(self, case: str) -> Callable[[object], object]:
        fd, number = self._fd, itertools.count()

        def call(data: object) -> None:
            line = {"time": time.time_ns(), "id": "", "sequence": next(number), **_described(data), "values": values(data)}
            os.write(fd, orjson.dumps(line, option=OPTIONS))

        return call


def _described(data: object) -> dict[str, object]:
    if isinstance(data, pd.DataFrame):
        return {"columns": data.columns.tolist(), "dtypes": [str(dtype) for dtype in data.dtypes.tolist()]}
    return {"dtype": str(data.dtype)} if isinstance(data, np.ndarray) else {}
