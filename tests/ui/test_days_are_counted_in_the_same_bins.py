"""Whatever the values are, each row is in one bin, parts add up to the whole, and equal shares have the index 0."""

from __future__ import annotations

import datetime as dt
import math

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modeldata.ui.scales import NUMBER, Counted, by_chance, counted, plain, psi, scale_of

COLUMNS = {
    "numbers": st.lists(st.one_of(st.none(), st.floats(allow_nan=True, allow_infinity=True)), max_size=60).map(
        lambda v: pa.array(v, pa.float64())
    ),
    "few": st.lists(st.one_of(st.none(), st.integers(-3, 3)), max_size=60).map(lambda v: pa.array(v, pa.int64())),
    "large": st.lists(st.integers(-(2**63), 2**63 - 1), max_size=60).map(lambda v: pa.array(v, pa.int64())),
    "text": st.lists(st.one_of(st.none(), st.text(max_size=3)), max_size=60).map(lambda v: pa.array(v, pa.string())),
    "bools": st.lists(st.one_of(st.none(), st.booleans()), max_size=60).map(lambda v: pa.array(v, pa.bool_())),
    "times": st.lists(st.datetimes(dt.datetime(1, 1, 1), dt.datetime(9999, 1, 1)), max_size=60).map(
        lambda v: pa.array(v, pa.timestamp("us", "UTC"))
    ),
    "days": st.lists(st.dates(), max_size=60).map(lambda v: pa.array(v, pa.date32())),
    "lists": st.lists(st.lists(st.integers(0, 9), max_size=2), max_size=60).map(lambda v: pa.array(v, pa.list_(pa.int64()))),
    "nothing": st.integers(0, 9).map(pa.nulls),
}
ANY = st.one_of(*COLUMNS.values())


@settings(max_examples=150, deadline=None)
@given(reference=ANY, day=ANY, cut=st.integers(0, 60))
def test_each_row_is_in_one_bin_and_parts_add_up(reference: pa.Array, day: pa.Array, cut: int) -> None:
    scale = scale_of([plain(reference)])
    whole = counted(plain(day), scale)
    assert (whole.rows, whole.nulls) == (len(day), day.null_count)
    assert sum(whole.bins) == len(day) and len(whole.bins) == len(scale.bins)
    assert not whole.bars or sum(whole.bars) == len(day) - whole.nulls - whole.odd
    parts = counted(plain(day[:cut]), scale) + counted(plain(day[cut:]), scale)
    same = parts._replace(total=whole.total, bars=whole.bars) if parts.total != whole.total or not parts.bars else parts
    assert same == whole


@settings(max_examples=100, deadline=None)
@given(column=ANY)
def test_a_day_that_is_the_reference_has_the_index_0(column: pa.Array) -> None:
    values = counted(plain(column), scale_of([plain(column)]))
    assert psi(values.bins, values.bins) in (0.0, None) and (len(column) == 0) == (psi(values.bins, values.bins) is None)


def test_tenths_hold_a_tenth_each() -> None:
    column = pa.array([float(number) for number in range(1000)])
    scale = scale_of([plain(column)])
    assert scale.kind == NUMBER and counted(plain(column), scale).bins == (0, 0, 0, *[100] * 10)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_finite_number_has_a_bin_of_its_own(value: float) -> None:
    scale = scale_of([plain(pa.array([float(number) for number in range(100)]))])
    assert counted(plain(pa.array([value, 5.0, None])), scale).bins[:3] == (1, 1, 0)


def test_values_of_another_type_are_distinguished_from_nulls() -> None:
    scale = scale_of([plain(pa.array([float(number) for number in range(100)]))])
    assert counted(plain(pa.array(["a", None, "b"])), scale).bins[:3] == (1, 0, 2)


def test_a_constant_that_changes_shifts() -> None:
    scale = scale_of([plain(pa.array([5] * 200))])
    before, after = (counted(plain(pa.array([value] * 200)), scale).bins for value in (5, 3))
    index = psi(before, after)
    assert index is not None and index > 5


def test_few_rows_differ_by_chance() -> None:
    assert by_chance([10] * 10, [1] * 10) > 0.5 > 0.02 > by_chance([1000] * 10, [1000] * 10)
    assert psi([], []) is psi([1, 2], [0, 0]) is None and Counted() + Counted() == Counted()
