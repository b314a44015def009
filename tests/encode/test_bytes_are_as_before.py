"""What is written for many cells at once is what the plain way writes for each: the plain way is kept here as the oracle."""

from __future__ import annotations

import datetime as dt
import re

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modeldata.columns.moments import date_text, iso
from modeldata.encode import quotes
from modeldata.encode.quotes import quoted

TEXT = pa.large_string()
NEEDS = re.compile(r'[,"\r\n\x00]|^[\t\n\f\r #]|[\t\n\f\r ]\Z|^\Z')

CELLS = st.text(st.sampled_from('ab,"\r\n\0 \t\f#é€𝄞\x0b\xa0'), max_size=6) | st.none() | st.text(max_size=4)


def _plainly(cell: str | None) -> str | None:
    if cell is None or not NEEDS.search(cell):
        return cell
    return '"' + cell.replace('"', '""') + '"'


@settings(max_examples=300, deadline=None)
@given(
    cells=st.lists(CELLS.filter(lambda cell: cell is None or cell.encode("utf-8", "replace").decode() == cell)),
    cut=st.integers(0, 5),
)
def test_each_cell_gets_quotes_as_if_it_were_alone(cells: list[str | None], cut: int) -> None:
    values = pa.array(cells, TEXT)[cut:]  # also where a column begins in the middle of its memory
    assert quoted(values).to_pylist() == [_plainly(cell) for cell in cells[cut:]]


@pytest.mark.parametrize("few", [1, 3, 200])
@settings(max_examples=20, deadline=None)
@given(cells=st.lists(CELLS.filter(lambda cell: cell is None or cell.isascii()), min_size=1, max_size=8))
def test_texts_that_repeat_get_the_same_quotes(few: int, cells: list[str | None]) -> None:
    many = (cells * (2 * quotes.SAMPLE))[: 2 * quotes.SAMPLE] + [f"{number}," for number in range(few)]
    assert quoted(pa.array(many, TEXT)).to_pylist() == [_plainly(cell) for cell in many]


COUNTS = {"s": 2**37, "ms": 2**46, "us": 2**56, "ns": 2**62}


@pytest.mark.parametrize("unit", COUNTS)
@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_times_are_written_as_numpy_writes_them(unit: str, data: st.DataObject) -> None:
    """numpy's own text of each, whatever the year."""
    most = COUNTS[unit]
    counts = np.array(data.draw(st.lists(st.integers(-most, most))), np.int64)
    near = np.concatenate([counts, counts[:3] + 1, counts[:3] - 1])  # some of one second
    assert iso(near, unit).to_pylist() == np.datetime_as_string(near.view(f"M8[{unit}]")).tolist()


def test_a_day_of_microseconds_is_written_as_python_writes_it() -> None:
    moments = [dt.datetime(2026, 11, 23) + dt.timedelta(microseconds=7_777_777 * number) for number in range(5_000)]
    counts = np.array(moments, "M8[us]").view(np.int64)
    assert iso(counts, "us").to_pylist() == [moment.isoformat(timespec="microseconds") for moment in moments]


@given(days=st.integers(-3_000_000, 30_000_000))
def test_a_day_is_written_as_numpy_writes_it_in_any_year(days: int) -> None:
    assert date_text(days) == str(np.datetime64(days, "D"))
