"""Where all is in whole Parquet files of a local archive, DuckDB reads them itself: the rows are those of a scan, in types too,
whatever becomes of the files meanwhile."""

from __future__ import annotations

import datetime as dt
import gc
import os
import sys
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from modeldata import ModelDataError
from modeldata.read.duck import connected, record_batches, skips_by_time
from modeldata.read.reader import Reader
from modeldata.read.sql import _files_of, query
from modeldata.spool.files import Files
from tests.read.kit import Counting, Shipped

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or not skips_by_time(), reason="only there a descriptor has a path, or days are skipped"
)
BERLIN = ZoneInfo("Europe/Berlin")
MOMENT = dt.datetime(2026, 7, 1, 12, 30, 0, 5)

ALIKE: dict[str, list[object]] = {
    "whole": [{"v": 1}, {"v": None}, {"v": -(2**53)}],
    "far": [{"v": 2**62}, {"v": None}],
    "fraction": [{"v": 1.5}, {"v": float("nan")}, {"v": float("inf")}, {"v": -0.0}, {"v": None}],
    "mixed": [{"v": 1}, {"v": 2.5}],
    "text": [{"v": "a'b\"c"}, {"v": ""}, {"v": None}],
    "truth": [{"v": True}, {"v": None}],
    "bytes": [{"v": b"\x00\xff"}],
    "date": [{"v": dt.date(9999, 12, 31)}, {"v": dt.date(1, 1, 1)}],
    "naive": [{"v": MOMENT}, {"v": dt.datetime.min}, {"v": dt.datetime.max}],
    "zoned": [{"v": MOMENT.replace(tzinfo=BERLIN)}, {"v": MOMENT.replace(tzinfo=dt.UTC)}],
    "decimal": [{"v": Decimal("1.25")}, {"v": Decimal(-7)}],
    "lists": [{"v": [1.5, 2.5]}, {"v": [0.5]}],
    "odd": [{'a "b"': 1, "c.d": 2, "$x": "y", "größe": 3}],
    "list_of_4": [[1.0, 2.0, 3.0, 4.0]],
    "array": [np.arange(6, dtype=np.float32).reshape(2, 3), np.zeros((1, 3), np.float32)],
    "frame": [pd.DataFrame({n: np.arange(3, dtype=n) for n in ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")})],
    "later": [{"v": 1}, {"v": 2, "w": "new"}, {"w": "alone"}],
}  # fmt: skip
"""By collector: what is certain. Calls go to files of two days."""
ANOTHER: dict[str, list[object]] = {
    "drift": [{"v": 1}, {"v": "text"}, {"v": 2.5}],
    "json": [{"v": "text"}, {"v": {"a": 1}}, {"v": [1, "b"]}],
    "span": [{"v": dt.timedelta(days=1)}],
    "clock": [{"v": dt.time(1, 2)}],
    "inner": [{"v": [1, 2]}, {"v": {"a": 1}}],
    "cases": [{"v": 1, "V": 2}],
    "lists_of_nothing": [{"v": [1.5, 2.5]}, {"v": []}],
    "nothing": [{"v": None}],
    "nanoseconds": [pd.DataFrame({"v": pd.to_datetime(["2026-01-01T00:00:00.000000005"])})],
    "pairs": [pa.table({"v": pa.array([[("a", 1)]], pa.map_(pa.string(), pa.int64()))})],
}
"""What takes more than DuckDB finds in a file."""


def _archive(folder: Path, calls: dict[str, list[object]]) -> Shipped:
    """The first calls of all in files of one day, the second ones in files of another, and so on."""
    shipped = Shipped(str(folder / "it's here"), folder / "spool", "parquet")
    for number in range(max(map(len, calls.values()))):
        for name, each in calls.items():
            if number < len(each):
                shipped.collect(name, each[number], at=f"2026-11-0{1 + number}T12:00:00", ids=f"id{number}")
        shipped.ship()
    return shipped


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shipped]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Files, "sync", lambda self, fd: None)
        yield _archive(tmp_path_factory.mktemp("live"), ALIKE | ANOTHER)


def _live(shipped: Shipped, name: str) -> bool:
    return shipped.archive.scan("m", name).live_files(9) is not None


def _asked(shipped: Shipped, text: str) -> tuple[Any, Any]:
    """A query, and the connection of ours on which it runs."""
    reader, opened = Reader.of(shipped.archive.settings, print), list[Any]()

    def connect(files: Sequence[int]) -> Any:
        opened.append(connected("run SQL", files=files))
        return opened[0]

    return query(reader.store, reader.url, text, connect=connect), opened[0]


def test_rows_and_types_are_those_of_a_scan(shipped: Shipped) -> None:
    assert {name for name in ALIKE | ANOTHER if _live(shipped, name)} == set(ALIKE)
    all_views = " ".join(["select 1 --", *(f"m_{name}" for name in ALIKE | ANOTHER)])
    kept, duck = _asked(shipped, all_views)
    scanned = duckdb.connect()
    scanned.execute("set timezone = 'UTC'")
    assert shipped.archive.sql(all_views, scanned).fetchall() == kept.fetchall()
    for name in ALIKE | ANOTHER:
        live, oracle = duck.sql(f"from m_{name}"), scanned.sql(f"from m_{name}")
        assert (live.columns, live.types) == (oracle.columns, oracle.types), name
        assert repr(live.fetchall()) == repr(oracle.fetchall()), name  # by repr, NaN is NaN and -0.0 is not 0.0


def test_conditions_hold_for_nan_and_null(shipped: Shipped) -> None:
    """Row groups are skipped by their statistics, which know nothing of NaN."""
    connection = duckdb.connect()
    connection.execute("create table t (v double)")
    connection.executemany("insert into t values (?)", [(call["v"],) for call in ALIKE["fraction"]])  # type: ignore[index]
    conditions = ["v > 50", "v = 'nan'", "v <> 1.5", "v < 2", "v is null", "not (v <= 50)", "v in (1.5, 7)"]
    asked = "select " + ", ".join(f"(select count(*) from t where {condition})" for condition in conditions)
    expected = connection.sql(asked).fetchall()
    assert shipped.archive.sql(asked.replace("from t", "from m_fraction")).fetchall() == expected


def _files(shipped: Shipped, name: str) -> list[Path]:
    return sorted(Path(shipped.archive.settings.archive).glob(f"*/*/*/{name}/*/*/*/*.parquet"))


def test_days_that_a_condition_rules_out_are_not_read(tmp_path: Path) -> None:
    shipped = _archive(tmp_path, {"text": ALIKE["text"]})
    for path in (_files(shipped, "text")[0], _files(shipped, "text")[2]):
        content = path.read_bytes()
        footer = content[-8 - int.from_bytes(content[-8:-4], "little") :]
        path.write_bytes(bytes(len(content) - len(footer)) + footer)  # whoever reads a row finds none
    assert _live(shipped, "text")
    asked = """select v from m_text where "$Timestamp" >= '2026-11-02' and "$Timestamp" < '2026-11-03'"""
    assert shipped.archive.sql(asked).fetchall() == [("",)]
    with pytest.raises(duckdb.Error):
        shipped.archive.sql("select v from m_text").fetchall()


def test_files_that_are_taken_away_meanwhile_are_read_to_their_end(tmp_path: Path) -> None:
    shipped = _archive(tmp_path, {"text": [{"v": str(number)} for number in range(6)]})
    gc.collect()
    before = len(os.listdir("/proc/self/fd"))
    relation = shipped.archive.sql("select v from m_text order by v")
    stream = record_batches(shipped.archive.sql("select v from m_text"))
    expected = [(str(number),) for number in range(6)]
    for path in _files(shipped, "text"):
        path.unlink()
    assert relation.fetchall() == relation.project("v").fetchall() == expected
    assert sorted(stream.read_all()["v"].to_pylist()) == [str(number) for number in range(6)]
    del relation, stream
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) <= before


def test_a_file_of_another_length_than_its_manifest_says_is_left_to_a_scan(tmp_path: Path) -> None:
    shipped = _archive(tmp_path, {"text": [{"v": "a"}, {"v": "other text" * 20}]})
    path, other = _files(shipped, "text")
    path.write_bytes(other.read_bytes())
    assert not _live(shipped, "text")
    with pytest.raises(duckdb.Error, match="could not read the archive"):
        shipped.archive.sql("from m_text").fetchall()


def test_more_files_than_descriptors_are_scanned(shipped: Shipped, monkeypatch: pytest.MonkeyPatch) -> None:
    scans = {name: shipped.archive.scan("m", name) for name in ("array", "fraction", "mixed", "text")}
    assert {name: len(live.descriptors) for name, live in _files_of(scans, 4).items()} == {"array": 2, "mixed": 2}
    for most in ("FEW", "MOST"):
        monkeypatch.setattr(f"modeldata.read.sql.{most}", 4)
    for condition in ("true", """a."$Timestamp" > '2026-01-01'"""):
        asked = f"select count(*) from m_text a, m_truth b, m_whole c where {condition}"
        assert shipped.archive.sql(asked).fetchall() == [(3 * 2 * 3,)]


@pytest.mark.parametrize(
    "other",
    ["read_text('{folder}/other.csv')", "glob('{folder}/*')", "read_text('/proc/self/environ')", "read_blob('/proc/self/fd/{fd}')",
     "read_blob('{folder}/archive/*/*')"],
)  # fmt: skip
def test_a_query_of_live_files_opens_no_other(tmp_path: Path, shipped: Shipped, other: str) -> None:
    (tmp_path / "other.csv").write_text("a\n5\n")
    fd = os.open(tmp_path / "other.csv", os.O_RDONLY)
    try:
        with pytest.raises((ModelDataError, duckdb.Error)):
            shipped.archive.sql(f"from m_text, {other.format(folder=tmp_path, fd=fd)}").fetchall()
    finally:
        os.close(fd)


@pytest.mark.parametrize("statement", ["copy (select 1 a from m_text) to '{path}' (format parquet, use_tmp_file false)",
                                       "explain analyze copy (select 1 a from m_text) to '{path}' (format parquet, use_tmp_file false)"])  # fmt: skip
def test_no_statement_writes_over_a_live_file(shipped: Shipped, statement: str) -> None:
    path = _files(shipped, "text")[0]
    before = path.read_bytes()
    for text in (statement, f"from m_text; {statement}"):
        with pytest.raises((ModelDataError, duckdb.Error)):
            shipped.archive.sql(text.format(path=str(path).replace("'", "''"))).fetchall()
        assert path.read_bytes() == before


def test_another_store_is_scanned(shipped: Shipped) -> None:
    counting = Counting(shipped.archive._reader().store)
    assert Reader(counting, "here").sql("select count(*) from m_text").fetchall() == [(3,)]
    assert counting.files_read()
