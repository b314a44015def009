"""What `encode` gave can be cut after any row, and rows keep their bytes, or in Parquet their values."""

from __future__ import annotations

import datetime as dt
import io
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modeldata.columns import ABSENT, Column
from modeldata.encode import format_of, kinds
from modeldata.encode import lines as cutting
from modeldata.encode.restore import restore_column
from tests.encode.support import FORMATS, LOOKALIKES, TEXT, assert_same, cells, encode, with_number

CELLS = st.one_of(st.none(), TEXT, LOOKALIKES, st.integers(), st.floats(), st.dates(), st.just([1, "a\n"]))


def rows_of(columns: list[Column], start: int, end: int) -> list[Column]:
    return [column._replace(values=column.values[start:end]) for column in columns]


@pytest.mark.parametrize("file_format", FORMATS)
@settings(max_examples=60, deadline=None)
@given(values=st.lists(CELLS, min_size=1, max_size=8))
def test_a_batch_is_cut_at_every_row(file_format: str, values: list[object]) -> None:
    columns = with_number([Column("x", "any", values), Column("y", "any", list(map(str, values)))])
    encoded, port = encode(file_format, columns), format_of(file_format)
    names = [column.name for column in columns]
    whole = cells(file_format, encoded.data, names)
    for at in range(1, len(values)):
        left, right = port.split(encoded.data, len(values), at)
        halves = [cells(file_format, half, names) for half in (left, right)]
        joined = [one + other for one, other in zip(*halves, strict=True)]
        assert_same(joined, whole)
        assert {len(column) for column in halves[0]} == {at}
        if file_format != "parquet":
            assert left + right == encoded.data


@pytest.mark.parametrize("file_format", FORMATS)
@given(values=st.lists(CELLS, min_size=2, max_size=8))
@settings(max_examples=60, deadline=None)
def test_halves_come_back_with_the_halves_of_their_kinds(file_format: str, values: list[object]) -> None:
    columns = with_number([Column("x", "any", values)])
    encoded = encode(file_format, columns)
    at = len(values) // 2
    halves = format_of(file_format).split(encoded.data, len(values), at)
    found: list[object] = []
    for half, report in zip(halves, kinds.split(encoded.kinds, at), strict=True):
        _, cell = cells(file_format, half, ["$Sequence", "x"])
        found += restore_column(cell, "any", report.get("x"))  # type: ignore[arg-type]  # of the manifest
    assert_same(found, values)


@pytest.mark.parametrize("file_format", ["csv", "jsonl"])
@given(values=st.lists(CELLS, max_size=8))
@settings(max_examples=100, deadline=None)
def test_bounds_are_where_rows_end(file_format: str, values: list[object]) -> None:
    columns = with_number([Column("x", "any", values)])
    data = encode(file_format, columns).data
    bounds = format_of(file_format).bounds(data)
    assert bounds is not None
    if file_format == "jsonl":  # a line a row; a number's form depends on its column, so a row alone may be shorter
        lengths = [len(line) for line in data.splitlines(keepends=True)]
    else:
        lengths = [len(encode(file_format, rows_of(columns, at, at + 1)).data) for at in range(len(values))]
    assert np.diff(bounds, prepend=0).tolist() == lengths


def test_bounds_do_not_depend_on_how_much_is_looked_at_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    data = b'1,"a\nb"\n2,"""\n"""\n3,\n' * 5
    whole = cutting.csv_bounds(data).tolist()
    for size in range(1, 9):
        monkeypatch.setattr(cutting, "CHUNK", size)
        assert cutting.csv_bounds(data).tolist() == whole
    assert [data[: whole[0]], len(whole)] == [b'1,"a\nb"\n', 15]


@pytest.mark.parametrize("file_format", FORMATS)
def test_rows_beyond_one_slice_are_all_there(file_format: str) -> None:
    count = 20_001
    columns = with_number([Column("x", "any", [at if at % 7 else None for at in range(count)])])
    number, values = cells(file_format, encode(file_format, columns).data, ["$Sequence", "x"])
    assert list(map(int, number)) == list(range(count))  # type: ignore[call-overload]  # whole numbers, or their text
    assert sum(value is None for value in values) == len(range(0, count, 7))


@pytest.mark.parametrize("file_format", FORMATS)
def test_columns_in_chunks_are_as_those_in_one_piece(file_format: str) -> None:
    whole = [Column("x", "any", pa.array([1, 2, 3])), Column("y", "any", pa.array(["a", None, "b"]))]
    chunked = [column._replace(values=pa.chunked_array([column.values[:1], column.values[1:]])) for column in whole]
    assert encode(file_format, chunked).data == encode(file_format, whole).data


def parquet(columns: list[Column], **metadata: str) -> pq.ParquetFile:
    return pq.ParquetFile(io.BytesIO(encode("parquet", columns, **metadata).data))


def test_a_parquet_file_says_where_it_comes_from_also_when_it_is_cut() -> None:
    columns = with_number([Column("x", "any", [1, dt.date(2026, 1, 2), "a", ABSENT])])
    data = encode("parquet", columns, origin="spool 1", identity='{"é":1}').data
    files = [data, *format_of("parquet").split(data, 4, 2)]
    report = [pq.read_schema(io.BytesIO(one)).metadata for one in files]
    assert all(one[b"origin"] == b"spool 1" and one[b"identity"] == '{"é":1}'.encode() for one in report)
    assert all(one[b"modeldata.format"] == b"1" for one in report)
    assert [one.get(b"modeldata.kinds") for one in report] == [
        b'{"x": [["json", 1], [{"json": "date"}, 1], ["json", 2]]}',
        b'{"x": [["json", 1], [{"json": "date"}, 1]]}',
        b'{"x": [["json", 2]]}',
    ]


def test_parquet_readers_can_skip_by_time() -> None:
    count = 150_000
    columns = [
        Column("$Timestamp", "datetime64[us]", pa.array(np.arange(count), pa.timestamp("us"))),
        Column("x", "int64", pa.array([1] * count)),
    ]
    file = parquet(columns)
    assert str(file.schema_arrow.field("$Timestamp").type) == "timestamp[us, tz=UTC]"
    groups = [file.metadata.row_group(at) for at in range(file.metadata.num_row_groups)]
    assert [group.num_rows for group in groups] == [65_536, 65_536, 18_928]
    ranges = [(group.column(0).statistics.min, group.column(0).statistics.max) for group in groups]
    assert all(first[1] < second[0] for first, second in pairwise(ranges))
    assert {group.column(0).compression for group in groups} == {"ZSTD"}


def test_our_own_columns_are_those_that_are_documented() -> None:
    three = ("$Timestamp", "$CorrelationId", "$RequestId")
    six = (*three, "$Writer", "$Sequence", "$Row")
    assert [format_of(name).own_columns for name in FORMATS] == [three, six, six]
    assert [format_of(name).suffix for name in FORMATS] == list(FORMATS)
    assert [format_of(name).header(["a", "b"]) for name in FORMATS] == [b"a,b\n", b"", b""]
