"""What the shipper could not read is refused at the call. What is taken can be read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pytest

from modeldata.columns.arrow_types import _Exported
from modeldata.snapshot.arrow import _address
from modeldata.snapshot.arrow_schema import read_schema
from modeldata.snapshot.schema import RefusedData
from tests.snapshot.support import arrow, refused, round_trip

STORED_AS = {"tiM": pa.int32(), "tiD": pa.int64()}
WRAPS = {
    "alone": lambda values: values,
    "column": lambda values: pa.StructArray.from_arrays([values], ["x"]),
    "struct": lambda values: pa.StructArray.from_arrays([pa.StructArray.from_arrays([values], ["a"])], ["x"]),
    "list": lambda values: pa.StructArray.from_arrays([pa.FixedSizeListArray.from_arrays(values, 1)], ["x"]),
    "dictionary": lambda values: pa.StructArray.from_arrays(
        [pa.DictionaryArray.from_arrays(pa.array([0, 1], pa.int8()), values)], ["x"]
    ),
}


class OfType:
    """An array whose whole numbers are said to be of another type of the same layout, as its maker could have it."""

    def __init__(self, values: pa.Array, wanted: str, form: str, more_flags: int = 0) -> None:
        self.values, self.wanted, self.form, self.more_flags = values, wanted, form, more_flags
        self.kept: list[object] = []

    def _tree(self, tree: Sequence[Any]) -> Sequence[Any]:
        form, name, flags, metadata, children, dictionary = tree
        inner = [self._tree(child) for child in children]
        form = self.form if form == self.wanted else form
        return form, name, flags | self.more_flags, metadata, inner, dictionary and self._tree(dictionary)

    def __arrow_c_array__(self, requested_schema: object = None) -> tuple[object, object]:
        schema, array = self.values.__arrow_c_array__()
        exported = _Exported(self._tree(read_schema(_address(schema, b"arrow_schema"))))
        self.kept.append(exported)
        return exported.__arrow_c_schema__(), array


@pytest.mark.parametrize("wrap", WRAPS)
@pytest.mark.parametrize(("form", "wanted"), [("tiM", "i"), ("tiD", "l")])
def test_an_interval_that_pyarrow_can_not_read_is_refused_wherever_it_is(form: str, wanted: str, wrap: str) -> None:
    values = WRAPS[wrap](pa.array([1, 2], STORED_AS[form]))
    assert refused(OfType(values, wanted, form)) == "unsupported_type"


def test_the_refusal_says_what_helps() -> None:
    with pytest.raises(RefusedData, match=r"month_interval.*cast it to month_day_nano_interval"):
        round_trip(OfType(pa.array([1], pa.int32()), "i", "tiM"))


@pytest.mark.parametrize("zone", ["Zürich", "Europe/Kyïv", "\U0001f600", "a]b, tz=c"])
def test_a_zone_of_any_name_is_kept(zone: str) -> None:
    kind = pa.timestamp("us", zone)
    moments = pa.array([1, None], pa.int64()).view(kind)
    (found,) = round_trip(pa.table({"x": moments}))
    assert arrow(found).equals(moments)


@pytest.mark.parametrize("flags", [8, 8 | 64, 2**40])
def test_flags_that_arrow_does_not_have_keep_no_row_from_the_archive(flags: int) -> None:
    values = pa.StructArray.from_arrays([pa.array([1, 2])], ["x"])
    (found,) = round_trip(OfType(values, "l", "l", flags))
    assert arrow(found).to_pylist() == [1, 2]
