"""Rows come back from every store, in every format, also while a shipper writes beside the reader."""

from __future__ import annotations

import itertools
import threading
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modeldata.columns import ABSENT
from tests.encode.support import MIXED, SHAPED, UNIFORM, assert_same, decoded, expected
from tests.read.kit import FORMATS, Shipped
from tests.stores.backends import Backend

_names = (f"c{number}" for number in itertools.count(1))


@pytest.fixture
def formats(backend: Backend, tmp_path: Path) -> dict[str, Shipped]:
    """An archive at one place in each format; collectors differ by their names."""
    forms = ["parquet"] if backend.settings.get("format") == "parquet" else FORMATS
    return {form: Shipped(backend.url, tmp_path / form, form) for form in forms}


@pytest.mark.sampled(2)
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=st.one_of(UNIFORM, MIXED, SHAPED))
def test_generated_rows_come_back_from_every_store(formats: dict[str, Shipped], values: list[object]) -> None:
    calls: list[object] = [[{"k": at, "x": value} for at, value in enumerate(values)]]
    columns = decoded(*calls)
    if columns is None:
        return
    for form, shipped in formats.items():
        name = next(_names)
        shipped.collect(name, *calls)
        shipped.ship()
        rows = shipped.archive.scan("m", name).to_pylist()
        assert [row["$Row"] for row in rows] == list(range(len(values)))
        for column, wanted in zip(columns, expected(form, columns), strict=True):
            assert_same([row.get(column.name, ABSENT) for row in rows], wanted, form)


@pytest.mark.sampled(2)
def test_tables_joins_and_queries_are_the_same_from_every_store(formats: dict[str, Shipped]) -> None:
    for form, shipped in formats.items():
        for number in range(3):
            frame = pd.DataFrame({"age": [number, number + 10], "text": ["a,b", None]})
            shipped.collect("inputs", frame, ids=f"id{number}", model=form)
            shipped.collect("predictions", pa.table({"score": [0.5, 0.25]}), ids=f"id{number}", model=form)
            shipped.ship()
        found = shipped.archive.read(form, "inputs").sort_by("$Sequence")
        assert found["age"].to_pylist() == [0, 10, 1, 11, 2, 12] and found["text"].to_pylist() == ["a,b", None] * 3
        assert str(shipped.archive.join(form, "inputs", "predictions").coverage) == "100 % of inputs have predictions"
        assert shipped.archive.sql(f"select sum(age) from {form}_inputs where text = 'a,b'").fetchall() == [(3,)]


@pytest.mark.sampled(2)
def test_a_reader_beside_a_shipper_sees_whole_calls_once_and_never_fewer_than_before(
    formats: dict[str, Shipped],
) -> None:
    """Every call has three rows. Each look has whole calls without gaps, and at least those of the look before."""
    shipped = formats.get("csv") or formats["parquet"]
    call = [{"x": row, "text": 'a\n"b"'} for row in range(3)]
    shipped.collect("live", call)
    shipped.ship()
    done = threading.Event()

    def write() -> None:
        try:
            for _ in range(15):
                shipped.collect("live", call, call)
                shipped.ship()
        finally:
            done.set()

    writer = threading.Thread(target=write)
    writer.start()
    looks = [0]
    while not done.is_set() or looks[-1] < 31 * 3:
        over = done.is_set()
        found = shipped.archive.read("m", "live").sort_by("$Sequence")
        assert found["$Sequence"].to_pylist() == list(range(found.num_rows))
        assert found["x"].to_pylist() == [0, 1, 2] * (found.num_rows // 3)
        assert found.num_rows >= looks[-1]
        looks.append(found.num_rows)
        if over:
            break
    writer.join()
    assert looks[-1] == 31 * 3
