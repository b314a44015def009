"""Parquet (and JSON lines) by those who will read them: pyarrow, pandas, DuckDB, polars and Spark find the same values."""

from __future__ import annotations

import datetime as dt
import math
import uuid
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from modeldata.columns import Column
from tests.encode.support import decoded, encode, with_number
from tests.encode.test_values_come_back import FRAMES, ODD_NAMES
from tests.snapshot.test_arrow_data_keeps_its_types import COLUMNS

NOON = dt.datetime(2026, 1, 2, 12)
LOOSE: dict[str, list[object]] = {
    "nothing": [None, None],
    "int": [2**63 - 1, None],
    "beyond 64 bit": [2**70, -1],
    "beyond 38 digits": [10**45, 1],
    "numbers": [1, 2.5],
    "decimals": [Decimal("1.50"), Decimal("-2")],
    "datetimes": [NOON, dt.datetime(1, 1, 1)],
    "with zones": [NOON.replace(tzinfo=dt.UTC), NOON.replace(tzinfo=dt.timezone(dt.timedelta(hours=2)))],
    "dates": [dt.date(1, 1, 1), dt.date(9999, 12, 31)],
    "times": [dt.time(1, 2, 3), None],
    "timedeltas": [dt.timedelta(days=1), -dt.timedelta(microseconds=1)],
    "bytes": [b"\x00\xff", b""],
    "uuids": [uuid.UUID(int=1), None],
    "complex": [1 + 2j, None],
    "lists": [[1.5, None], []],
    "dicts": [{"a": 1, "b": ["x"]}, {"a": 2, "b": []}],
    "arrays": [np.array([0.5, 1.5], "f4"), np.array([], "f4")],
    "dicts of other keys": [{"a": 1}, {"b": 2}],
    "mixed": [1, "a"],
    "surrogates": ["a\ud800", "b"],
}
IN_FILE: dict[str, tuple[str, list[object]]] = {
    "nothing": ("double", [None, None]),
    "int": ("int64", [2**63 - 1, None]),
    "beyond 64 bit": ("decimal128(38, 0)", [Decimal(2**70), Decimal(-1)]),
    "beyond 38 digits": ("string", ["1" + "0" * 45, "1"]),
    "numbers": ("double", [1.0, 2.5]),
    "decimals": ("decimal128(38, 18)", [Decimal("1.50"), Decimal("-2.00")]),
    "datetimes": ("timestamp[us]", [NOON, dt.datetime(1, 1, 1)]),
    "with zones": ("timestamp[us, tz=UTC]", [NOON.replace(tzinfo=dt.UTC), (NOON - dt.timedelta(hours=2)).replace(tzinfo=dt.UTC)]),
    "dates": ("date32[day]", [dt.date(1, 1, 1), dt.date(9999, 12, 31)]),
    "times": ("string", ["01:02:03", None]),
    "timedeltas": ("int64", [86_400_000_000, -1]),
    "bytes": ("binary", [b"\x00\xff", b""]),
    "uuids": ("string", [str(uuid.UUID(int=1)), None]),
    "complex": ("string", ["(1+2j)", None]),
    "lists": ("list<element: double>", [[1.5, None], []]),
    "dicts": ("struct<a: double, b: list<element: string>>", [{"a": 1, "b": ["x"]}, {"a": 2, "b": []}]),
    "arrays": ("list<element: float>", [[0.5, 1.5], []]),
    "dicts of other keys": ("string", ['{"a":1}', '{"b":2}']),
    "mixed": ("string", ["1", '"a"']),
    "surrogates": ("string", ["a\ufffd", "b"]),
}


def written(path: Path, columns: list[Column]) -> str:
    path.write_bytes(encode("parquet", columns).data)
    return str(path)


@pytest.fixture
def exact(spark: Any) -> Any:
    """A session for which `a` and `A` are two columns."""
    made = spark.newSession()
    made.conf.set("spark.sql.caseSensitive", "true")
    return made


def duck(path: str) -> pa.Table:
    """What DuckDB finds, as Arrow: its own Python values need pytz."""
    table: pa.Table = duckdb.sql(f"set timezone = 'UTC'; from '{path}'").to_arrow_table()
    return table


def sparks(value: Any) -> Any:
    """Spark gives instants on the clock of this machine, without a zone; maps as dicts."""
    if isinstance(value, dt.datetime) and value.tzinfo is not None:
        return value.astimezone().replace(tzinfo=None)
    return [sparks(one) for one in value] if isinstance(value, list) else value


def plain(value: Any) -> Any:
    """One form for what readers spell in their own way: rows, maps, byte arrays, decimals for whole numbers."""
    if hasattr(value, "asDict"):
        value = value.asDict()
    if isinstance(value, (list, np.ndarray)):
        return [plain(one) for one in value]
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, dt.datetime):  # DuckDB and Spark give times with a zone in the session's: the instant counts
        return value if value.tzinfo is None else value.astimezone(dt.UTC)
    if isinstance(value, float) and math.isnan(value):
        return "NaN"
    return bytes(value) if isinstance(value, bytearray) else value


@pytest.mark.parametrize("name", sorted(LOOSE))
def test_values_of_each_kind_have_their_documented_type_in_parquet(name: str, tmp_path: Path) -> None:
    table = pq.read_table(written(tmp_path / "x.parquet", [Column("x", "any", LOOSE[name])]))
    assert (str(table.schema.field("x").type), table["x"].to_pylist()) == IN_FILE[name]


def test_duckdb_pandas_and_polars_read_what_arrow_reads(tmp_path: Path) -> None:
    path = written(tmp_path / "x.parquet", [Column(name, "any", values) for name, values in LOOSE.items()])
    wanted = {name: [plain(value) for value in values] for name, (_, values) in IN_FILE.items()}
    found = duck(path)
    assert {name: [plain(value) for value in found[name].to_pylist()] for name in found.column_names} == wanted
    assert {column.name: [plain(value) for value in column.to_list()] for column in pl.read_parquet(path)} == wanted
    frame = pd.read_parquet(path, dtype_backend="pyarrow")
    assert {name: [None if value is pd.NA else plain(value) for value in frame[name].tolist()] for name in frame} == wanted


@pytest.mark.spark
def test_spark_reads_what_arrow_reads(exact: Any, tmp_path: Path) -> None:
    path = written(tmp_path / "x.parquet", [Column(name, "any", values) for name, values in LOOSE.items()])
    rows = exact.read.parquet(path).collect()
    found = {name: [plain(row[name]) for row in rows] for name in LOOSE}
    assert found == {name: [sparks(plain(value)) for value in values] for name, (_, values) in IN_FILE.items()}


@pytest.mark.spark
def test_spark_and_duckdb_read_every_type_that_frames_and_arrow_have(exact: Any, tmp_path: Path) -> None:
    sources: dict[str, list[Column]] = {}
    for name, data in (*COLUMNS.items(), *FRAMES.items()):
        made = decoded(pa.table({"x": data}) if isinstance(data, pa.Array) else pd.DataFrame({"x": data}))
        assert made is not None
        sources.setdefault(str(len(data)), []).append(made[0]._replace(name=name))
    for length, columns in sources.items():
        path = written(tmp_path / f"{length}.parquet", columns)
        table, others, rows = pq.read_table(path), duck(path), exact.read.parquet(path).collect()
        for at, column in enumerate(columns):
            wanted = [plain(one) for one in table.column(at).to_pylist()]
            assert [plain(one) for one in others.column(at).to_pylist()] == wanted, column.name
            is_map = pa.types.is_map(table.schema.field(at).type)
            assert [plain(row[at]) for row in rows] == [
                dict(one) if is_map and one is not None else sparks(one) for one in wanted
            ], column.name


@pytest.mark.spark
def test_spark_reads_columns_of_any_name(exact: Any, tmp_path: Path) -> None:
    columns = [Column(name, "int64", pa.array([at])) for at, name in enumerate(ODD_NAMES)]
    frame = exact.read.parquet(written(tmp_path / "x.parquet", columns))
    assert (frame.columns, list(frame.collect()[0])) == (ODD_NAMES, list(range(len(ODD_NAMES))))


@pytest.mark.spark
def test_spark_reads_json_lines(exact: Any, tmp_path: Path) -> None:
    columns = with_number(
        [
            Column("x", "float64", pa.array([math.nan, 1.5, math.inf])),
            Column("t", "any", ['q"\n\u2028', "ü", None]),
            Column("l", "any", [[1], [], [2]]),
        ]
    )
    (tmp_path / "data.jsonl").write_bytes(encode("jsonl", columns).data)
    frame = exact.read.schema("`$Sequence` long, x double, t string, l array<long>").json(str(tmp_path / "data.jsonl"))
    rows = [[plain(value) for value in row] for row in frame.collect()]
    assert rows == [[0, "NaN", 'q"\n\u2028', [1]], [1, 1.5, "ü", []], [2, math.inf, None, [2]]]


def test_a_day_of_files_is_read_as_one(tmp_path: Path) -> None:
    for at in range(3):
        stamps = pa.array([at * 10**6], pa.timestamp("us"))
        written(
            tmp_path / f"{at}.parquet",
            [Column("$Timestamp", "datetime64[us]", stamps), Column("x", "float64", pa.array([at + 0.5]))],
        )
    assert duckdb.sql(
        f"select count(*), sum(x) from '{tmp_path}/*.parquet' where \"$Timestamp\" > '1970-01-01T00:00:00Z'::timestamptz"
    ).fetchall() == [(2, 4.0)]
    assert pq.read_table(tmp_path)["x"].to_pylist() == [0.5, 1.5, 2.5]
