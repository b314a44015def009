"""Promise 4, in CSV: every reader gets the same cells, whatever is in them (fault matrix F2, F3, F9)."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import math
import uuid
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modeldata.columns import ABSENT, Column
from modeldata.encode import Encoded, format_of

NASTY = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        [
            "", " ", "  x  ", "\t", "a,b", '"', '""', '"quoted"', "line\nbreak", "cr\rhere", "crlf\r\n", "\n", "\x00", "a\x00b", "#", "# no comment",
            "\u2028", "\ufeff", "\u202eRTL", "🎉", "e\u0301", "\u00e9", "NA", "NaN", "null", "None", "007", "1e5", "True", "=1+1", "\\", "a\\", "a\\,b", "'",
        ]
    ),
)  # fmt: skip
TEXTS = NASTY.filter(lambda text: text.isascii() or not any(0xD800 <= ord(one) <= 0xDFFF for one in text))


def encode(columns: list[Column], *, header: bool, excel_safe: bool = False) -> Encoded:
    made = format_of("csv").encode(columns, excel_safe=excel_safe, metadata={})
    return made._replace(data=format_of("csv").header([column.name for column in columns]) + made.data) if header else made


def _csv(data: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode("utf-8"), newline="")))


def _columns(rows: list[tuple[str, str]]) -> list[Column]:
    first, second = [a for a, _ in rows], [b for _, b in rows]
    return [
        Column("a", "any", pa.array(first, pa.string())),
        Column("b", "any", list(second)),
        Column("c", "int64", pa.array([7] * len(rows))),
    ]


@settings(max_examples=300, deadline=None)
@given(rows=st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=6))
def test_the_csv_module_and_pandas_read_every_text_as_it_was(rows: list[tuple[str, str]]) -> None:
    data = encode(_columns(rows), header=True).data

    assert _csv(data)[1:] == [[a, b, "7"] for a, b in rows]
    if not any("\x00" in text for row in rows for text in row):  # pandas' C parser ends a cell at NUL
        frame = pd.read_csv(io.BytesIO(data), dtype=str, keep_default_na=False, encoding="utf-8")
        assert frame.to_numpy().tolist() == [[a, b, "7"] for a, b in rows]


@settings(max_examples=60, deadline=None)
@given(rows=st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=6))
def test_duckdb_reads_every_text_as_it_was(rows: list[tuple[str, str]], tmp_path_factory: pytest.TempPathFactory) -> None:
    rows = [(a, b) for a, b in rows if "\x00" not in a + b]
    path = tmp_path_factory.mktemp("duck") / "data.csv"
    path.write_bytes(encode(_columns(rows), header=True).data if rows else b"a,b,c\n")
    found = duckdb.sql(
        f"select * from read_csv('{path}', header=true, all_varchar=true, delim=',', quote='\"', escape='\"', comment='', "
        "allow_quoted_nulls=false, auto_detect=false, columns={'a': 'varchar', 'b': 'varchar', 'c': 'varchar'})"
    ).fetchall()
    assert [tuple(row) for row in found] == [(a, b, "7") for a, b in rows]


@given(names=st.lists(TEXTS.filter(bool), min_size=1, max_size=4, unique=True))
def test_headers_are_read_back_as_they_were(names: list[str]) -> None:
    data = encode([Column(name, "int64", pa.array([1])) for name in names], header=True).data
    assert _csv(data) == [names, ["1"] * len(names)]


def test_duckdb_pandas_and_the_guides_way_read_a_days_folder(tmp_path: Path) -> None:
    for name, number in (("data.csv", 1), ("data-12345678-1.csv", 2)):
        (tmp_path / name).write_bytes(
            encode([Column("n", "int64", pa.array([number, 3])), Column("x", "float64", pa.array([0.5, None]))], header=True).data
        )
    assert duckdb.sql(f"select sum(n), count(x) from read_csv('{tmp_path}/*')").fetchall() == [(9, 2)]
    frames = pd.concat(pd.read_csv(path) for path in sorted(tmp_path.glob("*")))
    assert frames["n"].sum() == 9 and frames["x"].isna().sum() == 2


@pytest.mark.spark
def test_spark_reads_the_same_cells(spark: Any, tmp_path: Path) -> None:
    plain = [("x", 1.5), ("comma, inside", 2.0), ("ünï", float("nan")), ("back\\slash", 1e300)]
    quoted = [('quote " inside', 1.0), ("line\nbreak", 2.0), ("  spaces  ", 3.0)]
    for name, rows in (("plain", plain), ("quoted", quoted)):
        (tmp_path / name).mkdir()
        columns = [Column("t", "any", pa.array([t for t, _ in rows])), Column("x", "float64", pa.array([x for _, x in rows]))]
        (tmp_path / name / "data.csv").write_bytes(encode(columns, header=True).data)
    read = spark.read.option("header", "true")
    guide = read.option("inferSchema", "true").csv(f"{tmp_path}/plain/*").collect()
    full = (
        spark.read.option("header", "true")
        .option("escape", '"')
        .option("multiLine", "true")
        .csv(f"{tmp_path}/quoted/*")
        .collect()
    )
    assert [(row.t, row.x) for row in guide if row.t != "ünï"] == [row for row in plain if row[0] != "ünï"]
    assert math.isnan(next(row.x for row in guide if row.t == "ünï"))
    assert [(row.t, float(row.x)) for row in full] == quoted


def test_floats_read_back_are_the_same_floats() -> None:
    dice = np.random.default_rng(17)
    bits = dice.integers(0, 2**64, 200_000, dtype=np.uint64).view(np.float64)
    values = np.concatenate([bits[np.isfinite(bits)], [0.0, -0.0, 1.0, 1e16, 1e-7, 5e-324, 1.7976931348623157e308, 0.1]])
    cells = [row[0] for row in _csv(encode([Column("x", "float64", pa.array(values))], header=False).data)]
    assert np.array([float(cell) for cell in cells]).tobytes() == values.tobytes()
    assert all("." in cell or "e" in cell for cell in cells)
    small = values.astype(np.float32)
    small = small[np.isfinite(small)]
    cells = [row[0] for row in _csv(encode([Column("x", "float32", pa.array(small))], header=False).data)]
    assert np.array([np.float32(cell) for cell in cells], np.float32).tobytes() == small.tobytes()
    assert len("".join(cells)) <= len("".join(str(value) for value in small)) * 1.02, "the shortest text, not that of the double"


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (None, ""), (ABSENT, ""), (True, "True"), (False, "False"), (2**70, str(2**70)), (-5, "-5"), (1.0, "1.0"), (0.1, "0.1"),
        (math.nan, "NaN"), (math.inf, "Inf"), (-math.inf, "-Inf"), (1e16, "1e+16"), (Decimal("1.50"), "1.50"), (Decimal("1E+5"), "100000"),
        (b"\x00\xff", "AP8="), (uuid.UUID(int=5), "00000000-0000-0000-0000-000000000005"), (1 + 2j, "(1+2j)"),
        (dt.datetime(2026, 1, 2, 3, 4, 5), "2026-01-02T03:04:05.000000"),
        (dt.datetime(2026, 1, 2, 3, 4, 5, 6, dt.timezone(dt.timedelta(hours=5, minutes=30))), "2026-01-02T03:04:05.000006+05:30"),
        (dt.date(2026, 1, 2), "2026-01-02"), (dt.time(3, 4, 5), "03:04:05"), (dt.timedelta(days=1, hours=2, microseconds=5), "P1DT2H0M0.000005S"),
        (-dt.timedelta(seconds=1), "-P0DT0H0M1S"), (np.float32(0.1), "0.1"), (np.datetime64("2026-01-02T03", "h"), "2026-01-02T03"),
        ([1, None, math.nan, "x"], '[1,null,"NaN","x"]'), ({"k": (1, 2.5), 3: b"x"}, '{"k":[1,2.5],"3":"eA=="}'), (np.arange(3), "[0,1,2]"), ("", ""),
    ],
)  # fmt: skip
def test_each_kind_of_value_has_its_documented_form(value: object, cell: str) -> None:
    assert _csv(encode([Column("x", "any", [value]), Column("y", "any", [1])], header=False).data) == [[cell, "1"]]


def test_none_and_empty_text_and_nan_are_three_different_cells() -> None:
    data = encode([Column("x", "any", [None, "", math.nan]), Column("y", "any", [1, 2, 3])], header=False).data
    assert data == b',1\n"",2\nNaN,3\n'


def test_nested_values_are_strict_json() -> None:
    cell = _csv(encode([Column("x", "any", [{"a": [math.inf, {"b": None}]}])], header=False).data)[0][0]
    assert json.loads(cell, parse_constant=lambda name: pytest.fail(f"{name} is not JSON")) == {"a": ["Inf", {"b": None}]}


def test_lone_surrogates_are_replaced_and_counted() -> None:
    encoded = encode([Column("x\ud800", "any", ["a\ud800b", "fine", "\udfff"])], header=True)
    assert (_csv(encoded.data), encoded.replaced) == ([["x\ufffd"], ["a\ufffdb"], ["fine"], ["\ufffd"]], 2)


def test_excel_safe_touches_text_and_never_numbers() -> None:
    texts: list[object] = ["=1+1", "+x", "-x", "@x", "\tx", "\rx", "fine", -5, -0.5]
    safe = _csv(encode([Column("x", "any", texts)], header=False, excel_safe=True).data)
    assert [row[0] for row in safe] == ["'=1+1", "'+x", "'-x", "'@x", "'\tx", "'\rx", "fine", "-5", "-0.5"]
    typed = encode([Column("x", "str", pa.array(["=1"])), Column("y", "int64", pa.array([-1]))], header=False, excel_safe=True)
    assert typed.data == b"'=1,-1\n"
    plain = _csv(encode([Column("x", "any", texts)], header=False).data)
    assert [row[0] for row in plain] == [str(value) for value in texts], "by default bytes are kept"


def test_excel_safe_covers_the_names_of_columns() -> None:
    names = ["=cmd()", "@x", "+1", "-1", "\tx", "fine", ""]
    assert _csv(format_of("csv").header(names, excel_safe=True)) == [["'=cmd()", "'@x", "'+1", "'-1", "'\tx", "fine", ""]]
    assert _csv(format_of("csv").header(names)) == [names], "by default bytes are kept"


@given(
    seconds=st.lists(st.integers(-(10**9), 4 * 10**9), min_size=1, max_size=5),
    zone=st.sampled_from([None, "UTC", "Europe/Berlin", "Asia/Kolkata"]),
)
def test_timestamps_read_back_are_the_same_moments(seconds: list[int], zone: str | None) -> None:
    values = pa.array([second * 10**6 + 123_456 for second in seconds], pa.timestamp("us", zone))
    cells = [row[0] for row in _csv(encode([Column("t", "x", values)], header=False).data)]
    for cell, second in zip(cells, seconds, strict=True):
        moment = dt.datetime.fromisoformat(cell)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
        assert moment == dt.datetime.fromtimestamp(0, dt.UTC) + dt.timedelta(seconds=second, microseconds=123_456)
        assert (zone is None) == ("+" not in cell[10:])
