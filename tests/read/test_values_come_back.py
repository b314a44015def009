"""Promise 4 through our own reader: collected → archived → `to_pylist` gives the very values, `read` their Arrow form."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modeldata.columns import ABSENT
from tests.encode.support import MIXED, SHAPED, UNIFORM, assert_same, decoded, expected
from tests.read.kit import FORMATS, Shipped

_names = (f"c{number}" for number in itertools.count(1))


@pytest.fixture(scope="module", params=FORMATS)
def whole(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Shipped:
    folder = tmp_path_factory.mktemp("whole")
    return Shipped(str(folder / "archive"), folder / "spool", request.param)


@pytest.fixture(scope="module", params=FORMATS)
def cut(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Shipped:
    """A store that takes so little at once that nearly every batch is cut."""
    folder = tmp_path_factory.mktemp("cut")
    return Shipped(str(folder / "archive"), folder / "spool", request.param, block_bytes=200)


def _check(shipped: Shipped, values: list[object]) -> None:
    calls: list[object] = [[{"k": at, "x": value} for at, value in enumerate(values)]]
    columns = decoded(*calls)
    if columns is None:
        return
    name = next(_names)
    shipped.collect(name, *calls)
    shipped.ship()
    form = shipped.archive.settings.format
    rows = shipped.archive.scan("m", name).to_pylist()
    rows.sort(key=lambda row: row["$Sequence"])  # type: ignore[arg-type, return-value] # whole numbers
    assert [row["$Sequence"] for row in rows] == [row["$Row"] for row in rows] == list(range(len(values)))
    for column, wanted in zip(columns, expected(form, columns), strict=True):
        assert_same([row.get(column.name, ABSENT) for row in rows], wanted, form)
    table = shipped.archive.read("m", name).sort_by("$Sequence")
    assert table["$Sequence"].to_pylist() == list(range(len(values)))
    for column, wanted in zip(columns, expected("csv", columns), strict=True):
        there = [value is not None for value in wanted]
        assert table[column.name].is_valid().to_pylist() == there, "a value is there where one went in, and nowhere else"


@settings(max_examples=30, deadline=None)
@given(values=st.one_of(UNIFORM, MIXED, SHAPED))
def test_generated_rows_come_back_equal_and_of_their_type(whole: Shipped, values: list[object]) -> None:
    _check(whole, values)


@settings(max_examples=30, deadline=None)
@given(values=st.one_of(UNIFORM, MIXED, SHAPED))
def test_rows_come_back_equal_wherever_their_batch_was_cut(cut: Shipped, values: list[object]) -> None:
    _check(cut, values)
