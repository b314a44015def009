"""What every peer is to the suite: something that takes a call's data and keeps it, in the best form that its makers offer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd
import pyarrow as pa

from benchmarks.peer_page import CARRIES, CASES, HUGE

__all__ = ["CARRIES", "CASES", "EVERY", "FRAMES", "HUGE", "LARGE", "Peer", "as_frame", "as_table", "inputs", "lines_in"]

TEXTS = ("north", "south", "east", "west, by sea", 'the "centre"')
FRAMES = tuple(case for case in CASES if case.startswith("DataFrame"))
LARGE = "DataFrame 1000x20"
EVERY = (*CASES, HUGE)


class Peer:
    """One way to keep what was collected. `caller` gives what is timed; nothing else is."""

    title: ClassVar[str]
    carries: ClassVar[tuple[str, ...]]
    """Of `CARRIES`, what a reader finds in what is kept; a word in brackets says how."""
    note: ClassVar[str] = ""
    cases: ClassVar[tuple[str, ...]] = CASES
    most_hot_calls: ClassVar[int] = 5000
    stores: ClassVar[bool] = True
    """False where rows after a crash can't be counted, for the reason in `note`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def caller(self, case: str) -> Callable[[object], object]:
        """What takes one call's data. It raises, or returns False, for data that it refuses."""
        raise NotImplementedError

    def fresh(self, data: object) -> object:
        """Data for one call, made outside the time: a copy, for a peer that changes what it gets."""
        return data

    def settle(self) -> None:
        """Waits until what was begun in the background is done, and makes room on the disk."""

    @classmethod
    def rows(cls, folder: Path) -> int:
        """Rows that a reader finds after the process is gone."""
        raise NotImplementedError


def inputs(case: str) -> list[object]:
    """Different data for call after call, as requests bring it: every frame with an index of its own."""
    dice = np.random.default_rng(17)
    return [_input(case, dice) for _ in range({LARGE: 8, HUGE: 2}.get(case, 64))]


def _input(case: str, dice: np.random.Generator) -> object:
    match case:
        case "list of 4":
            return dice.random(4).tolist()
        case "numpy 1x4":
            return dice.random((1, 4))
        case "numpy 1x784 float32":
            return dice.random((1, 784), dtype=np.float32)
        case "DataFrame 1x4":
            return pd.DataFrame(dice.random((1, 4)), columns=list("abcd"))
        case _:
            return _mixed({LARGE: 1_000, HUGE: 100_000}.get(case, 1), dice)


def _mixed(rows: int, dice: np.random.Generator) -> pd.DataFrame:
    """14 floats, 3 whole numbers, 3 texts."""
    return pd.DataFrame(
        {f"f{n}": dice.random(rows) for n in range(14)}
        | {f"i{n}": dice.integers(0, 10_000, rows) for n in range(3)}
        | {f"s{n}": [TEXTS[at] for at in dice.integers(0, len(TEXTS), rows)] for n in range(3)}
    )


def as_frame(data: object) -> pd.DataFrame:
    if isinstance(data, pd.DataFrame):
        return data
    values = np.atleast_2d(np.asarray(data))
    return pd.DataFrame(values, columns=[f"f{n}" for n in range(values.shape[1])])


def as_table(data: object) -> pa.Table:
    return pa.Table.from_pandas(as_frame(data), preserve_index=False)


def lines_in(path: Path) -> int:
    """Whole lines; a torn one at the end does not count."""
    return path.read_bytes().count(b"\n") if path.exists() else 0
