"""Reads the archive back as anybody would, with pandas, and holds it against what was sent. Nothing of ours helps."""

from __future__ import annotations

import csv
import time
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from modeldata.cli.demo.service import Sent

CALL = "$CorrelationId"
POSITION = "row of the call"
LOOK_SECONDS = 0.1


class Check(NamedTuple):
    """One collector's rows of this run: sent, archived, how many values were compared and how many of them differ."""

    identifier: str
    sent: int
    archived: int
    compared: int
    different: int

    @property
    def good(self) -> bool:
        return self.sent == self.archived > 0 and not self.different


def wait_until_archived(archive: Path, identifiers: list[str], run: str, rows: int, seconds: float) -> bool:
    """Look until `rows` of each are there. False: they were not within `seconds`."""
    deadline = time.monotonic() + seconds
    while any(count(archive, name, run) < rows for name in identifiers):
        if time.monotonic() > deadline:
            return False
        time.sleep(LOOK_SECONDS)
    return True


def count(archive: Path, identifier: str, run: str) -> int:
    """Rows of this run that are there now."""
    return sum(1 for path in _data_files(archive, identifier) for _ in _rows_of(path, run))


def _data_files(archive: Path, identifier: str) -> list[Path]:
    """The CSV files of one collector, all days."""
    return sorted(path for path in archive.rglob("data*.csv") if identifier in path.relative_to(archive).parts)


def _rows_of(path: Path, run: str) -> Iterator[list[str]]:
    with path.open(newline="", encoding="utf-8") as file:
        yield from (row for row in csv.reader(file) if len(row) > 1 and row[1].startswith(run))


def read(archive: Path, identifier: str, run: str) -> pd.DataFrame:
    """This run's rows of one collector, each with its position in the call that it came by."""
    files = [
        pd.read_csv(path, dtype={CALL: str}, keep_default_na=False, float_precision="round_trip")
        for path in _data_files(archive, identifier)
    ]
    rows = pd.concat(files, ignore_index=True) if files else pd.DataFrame({CALL: pd.Series(dtype=str)})
    rows = rows[rows[CALL].str.startswith(run)]
    return rows.assign(**{POSITION: rows.groupby(CALL).cumcount()})


def joined(inputs: pd.DataFrame, predictions: pd.DataFrame) -> pd.DataFrame:
    """Each input beside its prediction: the same call, the same position in it."""
    return inputs.merge(predictions, on=[CALL, POSITION], suffixes=("", " (prediction)"))


def right(both: pd.DataFrame, labels: dict[str, str]) -> tuple[int, int]:
    """How often the more likely class is the label, and how many labels are known."""
    known = both[both[CALL].isin(labels)]
    guessed = (known["malignant"] > 0.5).map({True: "malignant", False: "benign"})
    return int((guessed == known[CALL].map(labels)).sum()), len(known)


def asked(sent: list[Sent]) -> pd.DataFrame:
    """What the clients asked about."""
    rows = [{CALL: one.correlation_id, POSITION: at, **row} for one in sent for at, row in enumerate(one.rows)]
    return pd.DataFrame(rows)


def answered(sent: list[Sent]) -> pd.DataFrame:
    """What the clients got as answers."""
    rows = [(one.correlation_id, at, answer) for one in sent for at, answer in enumerate(one.answers)]
    return pd.DataFrame(rows, columns=[CALL, POSITION, "malignant"])


def compare(identifier: str, archived: pd.DataFrame, expected: pd.DataFrame) -> Check:
    """Cell by cell, exactly: what is archived against what went over HTTP."""
    if archived.empty:
        return Check(identifier, len(expected), 0, 0, 0)
    columns = [name for name in expected if name not in (CALL, POSITION)]
    both = expected.merge(archived, on=[CALL, POSITION], suffixes=("", " archived"))
    different = sum(int((both[name] != both[f"{name} archived"]).sum()) for name in columns)
    return Check(identifier, len(expected), len(archived), len(both) * len(columns), different)
