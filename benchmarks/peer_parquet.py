"""`to_parquet`, one file a call."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.peer import Peer, as_frame


class ToParquet(Peer):
    title = "to_parquet, a file a call"
    carries = ("column names", "dtypes")

    def caller(self, case: str) -> Callable[[object], object]:
        folder, number = str(self.folder), itertools.count()
        return lambda data: as_frame(data).to_parquet(f"{folder}/{next(number)}.parquet", index=False)

    def settle(self) -> None:
        for path in self.folder.glob("*.parquet"):
            path.unlink()

    @classmethod
    def rows(cls, folder: Path) -> int:
        return sum(_rows(path) for path in folder.glob("*.parquet"))


def _rows(path: Path) -> int:
    try:
        return int(pq.read_metadata(path).num_rows)
    except pa.ArrowInvalid:  # the call that was cut short
        return 0
