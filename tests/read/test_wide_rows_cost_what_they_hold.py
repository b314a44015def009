"""Rows of thousands of columns (embeddings) are read in steps that grow with the columns, not with their square.

What is counted is how often all columns are gone through: as often for many columns as for few.
"""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from modeldata.catalog import batches
from modeldata.keep import condition
from modeldata.read import scan
from tests.keep.kit import erased
from tests.read.kit import FORMATS, Shipped

FEW, MANY = 5, 60


class Columns(tuple[str, ...]):
    """Names of columns that count how often they are gone through."""

    times = 0

    def __iter__(self) -> Iterator[str]:
        Columns.times += 1
        return super().__iter__()


class Watched:
    """A table that counts how often its list of names is made."""

    times = 0

    def __init__(self, table: pa.Table) -> None:
        self._table = table

    @property
    def column_names(self) -> list[str]:
        Watched.times += 1
        names: list[str] = self._table.column_names
        return names

    def __getattr__(self, name: str) -> Any:
        return getattr(self._table, name)

    def __getitem__(self, name: str) -> Any:
        return self._table[name]


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> None:
    batch_of, table = batches.batch_of, scan.table

    def batch(*arguments: Any) -> batches.ArchivedBatch:
        made = batch_of(*arguments)
        return made._replace(columns=Columns(made.columns))

    monkeypatch.setattr(batches, "batch_of", batch)
    for module in (scan, condition):
        monkeypatch.setattr(module, "table", lambda *arguments: Watched(table(*arguments)))


def _cost(shipped: Shipped, columns: int, how: str) -> Counter[str]:
    name = f"c{columns}"
    shipped.collect(name, np.arange(2.0 * columns).reshape(2, columns), model="m")
    shipped.collect(name, {f"k{at}": at for at in range(columns)}, model="m")
    shipped.ship()
    Columns.times = Watched.times = 0
    if how == "condition":
        assert not erased(shipped_store(shipped), '"$Sequence" < 0')
    else:
        scan = shipped.archive.scan("m", name)
        assert len(getattr(scan, how)()) == 3
    return Counter(columns=Columns.times, tables=Watched.times)


def shipped_store(shipped: Shipped) -> Any:
    from modeldata.spool.files import Files
    from modeldata.store import open_for

    return open_for(shipped.archive.settings, Files())


@pytest.mark.usefixtures("counted")
@pytest.mark.parametrize("file_format", FORMATS)
@pytest.mark.parametrize("how", ["to_arrow", "condition"])
def test_columns_are_gone_through_as_often_whether_few_or_many(tmp_path: Path, file_format: str, how: str) -> None:
    costs = []
    for columns in (FEW, MANY):
        shipped = Shipped(str(tmp_path / str(columns)), tmp_path / f"spool{columns}", file_format)
        costs.append(_cost(shipped, columns, how))
    assert costs[0] == costs[1]
    assert costs[0]["columns"] and costs[0]["tables"], "something was counted"


def test_four_thousand_columns_come_back_as_they_were(tmp_path: Path) -> None:
    shipped = Shipped(str(tmp_path / "archive"), tmp_path / "spool", "parquet")
    values = np.random.default_rng(7).random((3, 4_000)).astype("f4")
    shipped.collect("wide", values)
    shipped.ship()
    found = shipped.archive.read("m", "wide").sort_by("$Sequence").select([str(at) for at in range(4_000)])
    assert np.array_equal(np.column_stack([np.asarray(column) for column in found.columns]), values)


STATS = """
import resource, sys
from modeldata import Archive
from modeldata.read.profile import summarize

before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
columns = summarize(Archive(sys.argv[1]).scan("m", "wide"))
print(len(columns), (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


@pytest.mark.posix("the memory of a process as getrusage tells it")
def test_statistics_of_wide_rows_hold_no_copy_of_all_columns_for_each(tmp_path: Path) -> None:
    shipped = Shipped(str(tmp_path / "archive"), tmp_path / "spool", "parquet")
    shipped.collect("wide", np.random.default_rng(7).random((3, 160)))
    shipped.ship()
    done = subprocess.run([sys.executable, "-c", STATS, str(tmp_path / "archive")], capture_output=True, text=True, check=True)
    columns, mebibytes = map(int, done.stdout.split())
    assert columns == 160 + 6
    assert mebibytes < 800, "some 300; with a copy of all columns for each aggregate, 2,000"
