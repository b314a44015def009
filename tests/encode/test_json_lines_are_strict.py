"""JSON lines by the letter of RFC 8259, and what readers make of them."""

from __future__ import annotations

import datetime as dt
import io
import json
import math
import uuid
from decimal import Decimal
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.json as pa_json
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modeldata.columns import ABSENT, Column
from tests.encode.support import MIXED, encode, json_rows, with_number


def line(*columns: Column) -> str:
    return encode("jsonl", list(columns)).data.decode("utf-8")


@settings(max_examples=300, deadline=None)
@given(values=MIXED, name=st.text())
def test_each_line_is_strict_json_whatever_is_in_it(values: list[object], name: str) -> None:
    data = encode("jsonl", [Column("first", "any", pa.array(["\n\x00\u2028"] * len(values))), Column(name, "any", values)]).data
    assert data.count(b"\n") == len(values)
    assert [next(iter(row)) for row in json_rows(data)] == ["first"] * len(values)


@settings(max_examples=300, deadline=None)
@given(texts=st.lists(st.one_of(st.none(), st.text(st.characters(exclude_categories=["Cs"]))), min_size=1))
def test_text_is_escaped_as_the_json_module_would(texts: list[str | None]) -> None:
    typed = Column("x", "str", pa.array(texts, pa.string()))
    wanted = "".join(json.dumps({"x": text}, ensure_ascii=False, separators=(",", ":")) + "\n" for text in texts)
    assert line(typed) == line(Column("x", "str", list(texts))) == wanted
    assert line(typed._replace(values=typed.values.dictionary_encode())) == wanted  # type: ignore[union-attr]  # an array


@pytest.mark.parametrize(
    ("value", "form"),
    [
        (None, "null"), (True, "true"), (7, "7"), (2**53 + 1, "9007199254740993"), (2**64 - 1, "18446744073709551615"), (2**64, '"18446744073709551616"'),
        (-(2**63) - 1, '"-9223372036854775809"'), (1.0, "1.0"), (-0.0, "-0.0"), (1e16, "1e+16"), (math.nan, '"NaN"'), (math.inf, '"Infinity"'),
        (-math.inf, '"-Infinity"'), ("a\tb", '"a\\tb"'), (Decimal("1.50"), '"1.50"'), (b"\x00\xff", '"AP8="'), (np.float32(0.1), "0.1"),
        (uuid.UUID(int=5), '"00000000-0000-0000-0000-000000000005"'), (1 + 2j, '"(1+2j)"'), (dt.date(2026, 1, 2), '"2026-01-02"'), (dt.time(3, 4), '"03:04:00"'),
        (dt.datetime(2026, 1, 2, tzinfo=dt.UTC), '"2026-01-02T00:00:00.000000+00:00"'), (dt.timedelta(1), '"P1DT0H0M0S"'),
        (np.timedelta64(5, "ns"), '"P0DT0H0M0.000000005S"'), ([1, None, math.inf, [b"x"]], '[1,null,"Infinity",["eA=="]]'), ({"k": 2**70, 3: "x"}, '{"k":"1180591620717411303424","3":"x"}'),
        (np.arange(3), "[0,1,2]"), (np.array([[0.5]]), "[[0.5]]"),
    ],
)  # fmt: skip
def test_each_kind_of_value_has_its_documented_form(value: object, form: str) -> None:
    assert line(Column("x", "any", [value, "another kind"])).splitlines()[0] == f'{{"x":{form}}}'


def test_a_missing_key_is_left_out_and_none_is_null() -> None:
    columns = [
        Column("a", "any", [ABSENT, 1, ABSENT]),
        Column("b", "any", [None, ABSENT, ABSENT]),
        Column("c", "any", [ABSENT, 2, ABSENT]),
    ]
    assert line(*columns) == '{"b":null}\n{"a":1,"c":2}\n{}\n'


def test_lone_surrogates_are_replaced_and_counted() -> None:
    encoded = encode("jsonl", [Column("x\ud800", "any", ["a\ud800b", "fine", ["\udfff"]])])
    assert (encoded.data.decode(), encoded.replaced) == (
        '{"x\ufffd":"a\ufffdb"}\n{"x\ufffd":"fine"}\n{"x\ufffd":["\ufffd"]}\n',
        2,
    )


def test_infinities_in_typed_columns_are_text_too() -> None:
    values = [math.nan, math.inf, -math.inf, 1.5, None]
    for kind in (pa.float16(), pa.float32(), pa.float64()):
        assert [row["x"] for row in json_rows(line(Column("x", "any", pa.array(values).cast(kind))).encode())] == [
            "NaN",
            "Infinity",
            "-Infinity",
            1.5,
            None,
        ]


READABLE = [
    Column("$Timestamp", "datetime64[us]", pa.array([0, 10**6], pa.timestamp("us"))),
    Column("n", "any", [2**70, 1]),
    Column("x", "float64", pa.array([0.1, None])),
    Column("t", "str", pa.array(['q"\n\u2028🎉', ""])),
    Column("a.b", "any", [[1, 2], [3]]),
    Column("b", "bool", pa.array([True, False])),
    Column("m", "int64", pa.array([2**63 - 1, -5])),
]


def test_pandas_polars_arrow_and_duckdb_read_the_same_rows(tmp_path: Path) -> None:
    data = encode("jsonl", READABLE).data
    path = tmp_path / "data.jsonl"
    path.write_bytes(data)
    wanted = [
        ["1970-01-01T00:00:00.000000", "1970-01-01T00:00:01.000000"], ["1180591620717411303424", "1"], [0.1, None], ['q"\n\u2028🎉', ""], [[1, 2], [3]],
        [True, False], [2**63 - 1, -5],
    ]  # fmt: skip
    arrow = pa_json.read_json(io.BytesIO(data))
    assert [column.to_pylist() for column in arrow.columns[1:]] == wanted[1:]  # it takes $Timestamp for a time
    frame = pd.read_json(path, lines=True, convert_dates=False, dtype=False, precise_float=True)
    found = frame.astype(object).where(frame.notna(), None)
    assert [found[name].tolist() for name in frame] == wanted
    assert [column.to_list() for column in pl.read_ndjson(path).get_columns()] == wanted
    rows = duckdb.sql(f"select * from read_json('{path}', format='newline_delimited')").fetchall()
    assert [list(values) for values in zip(*rows, strict=True)][2:] == wanted[2:]
    assert [str(row[1]) for row in rows] == wanted[1]


def test_nan_is_a_double_where_the_reader_is_asked_to(tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl"
    path.write_bytes(encode("jsonl", with_number([Column("x", "float64", pa.array([math.nan, 1.5, -math.inf, None]))])).data)
    rows = duckdb.sql(f"select x from read_json('{path}', columns={{'x': 'double'}})").fetchall()
    assert str(rows) == "[(nan,), (1.5,), (-inf,), (None,)]"
    assert str(pd.read_json(path, lines=True)["x"].astype(float).tolist()) == "[nan, 1.5, -inf, nan]"
