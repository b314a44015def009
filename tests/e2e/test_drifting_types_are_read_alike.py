"""The parts of a day are read together by any tool, whatever values a column happened to have in each of them."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Callable, Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

import deltalake
import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from modeldata import Archive
from modeldata.spool.files import Files
from modeldata.spool.folder import open_place
from tests.encode.support import assert_same
from tests.read.kit import Shipped
from tests.support.service import NOON, pipeline_of

Rows = list[dict[str, Any]]
DAY, EVE = dt.date(2026, 1, 2), dt.datetime(2026, 1, 1, 20)
DRIFTS: dict[str, list[object]] = {
    "whole, fraction, none": [1, 1.5, None, 2, 2**53, -0.25, None, 7, 0.1, -(2**53)],
    "none first": [None, None, 1, 2, None, 1.5, 2, None, None, 3],
    "number, then a flag": [1.5, 2, True, None, False, 3, True, 0, 1, None],
    "of numpy": [np.float32(1.5), np.int16(2), 2, None, 1.5, np.int64(9), np.float64(0.1), 1, np.uint8(3), None],
    "text and none": ["a", "b", None, "1", "", None, "True", "c", None, "None"],
    "text, then others": ["a", "b", 1, 2.5, None, True, "c", [1], {"a": 1}, "2"],
    "flag and none": [True, False, None, None, True, False, None, True, False, None],
    "large": [2**60, 2**60 + 1, 1, 2**53 + 1, None, 0, -(2**62), 5, 6, None],
    "decimals": [Decimal("1.5"), Decimal("1.25"), None, Decimal("2"), Decimal("0.001"), Decimal("-7.10"), None, Decimal("1"), Decimal("0"), Decimal("3.3")],
    "dates": [DAY, DAY, None, DAY, None, DAY, DAY, DAY, DAY, None],
    "times": [EVE, EVE, None, EVE.replace(microsecond=7), None, EVE, EVE, None, EVE, EVE],
    "vectors": [[1, 2], [0.5, 1], None, [0.25], [3], [1, None], [2, 0.5], [7], [0.1], [1.5]],
    "structs": [{"a": 1, "b": "x"}, {"a": 1.5, "b": "y"}, *({"a": at, "b": str(at)} for at in range(8))],
}  # fmt: skip


def in_file(name: str, value: object) -> object:
    """What other tools find."""
    if name == "text, then others" and not isinstance(value, str) and value is not None:
        return {"1": "1", "2.5": "2.5", "True": "true", "[1]": "[1]", "{'a': 1}": '{"a":1}'}[str(value)]
    return value


def arrow_dataset(day: Path) -> Rows:
    rows: Rows = ds.dataset(day, format="parquet").to_table().to_pylist()
    return rows


def delta_written(day: Path) -> Rows:
    """A Delta table made from the rows of the folder."""
    table = day.parent / "written"
    deltalake.write_deltalake(table, ds.dataset(day, format="parquet").scanner().to_reader())
    rows: Rows = deltalake.DeltaTable(table).to_pyarrow_table().to_pylist()
    return rows


def delta_converted(day: Path) -> Rows:
    """The folder itself, made a Delta table."""
    table = shutil.copytree(day, day.parent / "converted", ignore=shutil.ignore_patterns("_manifest"))
    deltalake.convert_to_deltalake(table)
    rows: Rows = deltalake.DeltaTable(table).to_pyarrow_table().to_pylist()
    return rows


def duck(options: str) -> Callable[[Path], Rows]:
    return lambda day: (
        duckdb.sql(f"set timezone = 'UTC'; from read_parquet('{day}/*.parquet'{options})").to_arrow_table().to_pylist()
    )


ENGINES: dict[str, Callable[[Path], Rows]] = {
    "duckdb": duck(""),
    "duckdb by name": duck(", union_by_name=true"),
    "polars": lambda day: pl.read_parquet(f"{day}/*.parquet").to_dicts(),
    "pandas": lambda day: pa.Table.from_pandas(pd.read_parquet(day, dtype_backend="pyarrow")).to_pylist(),
    "pyarrow": arrow_dataset,
    "delta, written": delta_written,
    "delta, converted": delta_converted,
}


def plain(value: Any) -> Any:
    if hasattr(value, "asDict"):
        return {key: plain(one) for key, one in value.asDict().items()}
    if isinstance(value, np.generic):
        value = value.item()
    return [plain(one) for one in value] if isinstance(value, list) else value


def by_part(rows: Rows, names: Iterable[str]) -> list[dict[str, Any]]:
    ordered = sorted(rows, key=lambda row: int(row["$CorrelationId"]))
    return [{name: plain(row[name]) for name in names} for row in ordered]


def wanted(names: Iterable[str]) -> list[dict[str, Any]]:
    return [{name: plain(in_file(name, DRIFTS[name][at])) for name in names} for at in range(10)]


def hosts_of(root: Path, number: int) -> list[Shipped]:
    """So many hosts with one archive, each with a spool of its own."""
    for host in range(number):
        spool = Archive(root / "a", spool=root / f"host{host}", ship="off").settings.spool_folder()
        open_place(spool, Files(), bytes([host + 1]) * 16, NOON)
    return [Shipped(str(root / "a"), root / f"host{host}", "parquet") for host in range(number)]


def folder_of(root: Path) -> Path:
    return next((root / "a").rglob("*.parquet")).parent


IN_FRAMES = ("whole, fraction, none", "none first", "number, then a flag", "text and none", "flag and none", "large")
"""What pandas makes of these is int64, float64, bool, object, or its own text."""
SOURCES: dict[str, tuple[Iterable[str], Callable[[dict[str, object]], object]]] = {
    "dicts": (DRIFTS, lambda row: row),
    "lists of dicts": (DRIFTS, lambda row: [row]),
    "frames": (IN_FRAMES, lambda row: pd.DataFrame([{name: row[name] for name in IN_FRAMES}])),
}


@pytest.fixture(scope="module", params=SOURCES)
def day(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Iterable[str]]:
    """Ten parts, by two hosts. Each has seen a value of each column first, but for the one that begins without."""
    root = tmp_path_factory.mktemp("day")
    names, made = SOURCES[request.param]
    hosts = hosts_of(root, 2)
    for at in range(10):
        row = {name: values[at] for name, values in DRIFTS.items()}
        hosts[at % 2].collect("in", made(row), ids=str(at), at="2026-01-02T03:04:05")
        hosts[at % 2].ship()
    assert len(list(folder_of(root).glob("*.parquet"))) == 10
    return folder_of(root), names


@pytest.mark.parametrize("engine", ENGINES)
def test_ten_parts_of_drifting_types_are_read_as_one(day: tuple[Path, Iterable[str]], engine: str, tmp_path: Path) -> None:
    folder, names = day
    copy = shutil.copytree(folder, tmp_path / "day")
    assert by_part(ENGINES[engine](copy), names) == wanted(names)


@pytest.mark.spark
@pytest.mark.parametrize("merge", [False, True])
def test_spark_reads_them_with_merged_schemas_and_without(day: tuple[Path, Iterable[str]], spark: Any, merge: bool) -> None:
    folder, names = day
    rows = spark.read.option("mergeSchema", merge).parquet(str(folder)).collect()
    assert by_part([row.asDict() for row in rows], names) == wanted(names)


def test_our_own_reader_gives_the_values_that_went_in(day: tuple[Path, Iterable[str]]) -> None:
    folder, names = day
    rows = Archive(folder.parents[7]).scan("m", "in").to_pylist()
    for at, row in enumerate(sorted(rows, key=lambda row: int(str(row["$CorrelationId"])))):
        for name in set(names) - {"of numpy"}:
            assert_same(row[name], DRIFTS[name][at], name)


def test_a_shipper_that_starts_again_knows_the_types(tmp_path: Path) -> None:
    for value in ("a", None):
        (host,) = hosts_of(tmp_path, 1)
        host.collect("in", {"x": value}, at="2026-01-02T03:04:05")
        host.ship()
        host.archive.close(0)
    assert pl.read_parquet(f"{folder_of(tmp_path)}/*.parquet")["x"].to_list() == ["a", None]


APART: dict[str, tuple[object, object]] = {
    "a number, then text": (1, "a"),
    "a flag, then a number": (True, 5.5),
    "a date, then a time": (DAY, EVE),
    "a time, then a date": (EVE, DAY),
}


@pytest.mark.parametrize("engine", sorted(set(ENGINES) - {"duckdb by name"}))
@pytest.mark.parametrize("name", APART)
def test_what_no_type_holds_is_refused_and_never_changed(name: str, engine: str, tmp_path: Path) -> None:
    (host,) = hosts_of(tmp_path, 1)
    for value in APART[name]:
        host.collect("in", {"x": value}, at="2026-01-02T03:04:05")
        host.ship()
    with pytest.raises(Exception, match=r"(?i)mismatch|conver|parse|merge|cast"):
        ENGINES[engine](folder_of(tmp_path))


@pytest.mark.parametrize("engine", sorted(set(ENGINES) - {"duckdb", "duckdb by name"}))
@pytest.mark.parametrize("values", [(1.5, 2**60 + 1), (2**60 + 1, 1.5)], ids=["fraction first", "whole number first"])
def test_whole_numbers_that_no_double_holds_are_refused_beside_fractions(values: Any, engine: str, tmp_path: Path) -> None:
    (host,) = hosts_of(tmp_path, 1)
    for value in values:
        host.collect("in", {"x": value}, at="2026-01-02T03:04:05")
        host.ship()
    with pytest.raises(Exception, match=r"(?i)mismatch|truncated|not in range|merge|cast"):
        ENGINES[engine](folder_of(tmp_path))


def test_a_column_that_is_text_once_is_text_from_then_on(tmp_path: Path) -> None:
    (host,) = hosts_of(tmp_path, 1)
    for value in (1, "a", 2, None):
        host.collect("in", {"x": value}, at="2026-01-02T03:04:05")
        host.ship()
    kinds = [str(pq.read_schema(path).field("x").type) for path in sorted(folder_of(tmp_path).glob("*.parquet"))]
    assert kinds == ["double", "string", "string", "string"]
    assert [row["x"] for row in Archive(tmp_path / "a").scan("m", "in").to_pylist()] == [1, "a", 2, None]


def test_no_more_types_are_remembered_than_the_checkpoint_has_room_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modeldata.ship.batch.MOST_TYPES", 2)
    settings = hosts_of(tmp_path, 1)[0].archive.settings
    (host,) = hosts_of(tmp_path, 1)
    host.collect("in", dict.fromkeys("abcd", "text"), at="2026-01-02T03:04:05")
    host.ship()
    state = pipeline_of(settings).state
    assert [len(types) for types in state.column_types.values()] == [2]


def test_rows_that_are_encoded_in_another_process_have_the_types_of_their_columns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("modeldata.ship.deadly_rounds.DeadlyRounds.is_deadly", lambda rounds, stream: True)
    (host,) = hosts_of(tmp_path, 1)
    for value in ("a", None):
        host.collect("in", {"x": value}, at="2026-01-02T03:04:05")
        host.ship()
    assert pl.read_parquet(f"{folder_of(tmp_path)}/*.parquet")["x"].to_list() == ["a", None]
