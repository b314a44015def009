"""What Arrow or Python have no value for still has a form in every format, of a bounded size, and comes back."""

from __future__ import annotations

import datetime as dt
import io
import json
import sys
from collections.abc import Iterator
from decimal import Context, Decimal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from modeldata.columns import Column
from modeldata.snapshot.schema import MAX_DEPTH
from tests.encode.support import FORMATS, cells, encode, read_back, with_number

pytestmark = pytest.mark.parametrize("file_format", FORMATS)
HUGE = Context(Emax=999_999_999_999_999_999, Emin=-999_999_999_999_999_999)
MOMENT = pa.array([1_717_200_000_000_000, None], pa.int64())


def _cells(file_format: str, column: Column) -> list[object]:
    columns = with_number([column])
    return cells(file_format, encode(file_format, columns).data, [one.name for one in columns])[1]


def _shown(file_format: str, column: Column) -> list[object]:
    """A time of Parquet as the text formats have it."""
    return [one.isoformat() if isinstance(one, dt.datetime) else one for one in _cells(file_format, column)]


@pytest.mark.parametrize("zone", ["Not/AZone", "UTC"])
def test_a_time_is_archived_where_the_machine_has_no_zones(file_format: str, zone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_zones(values: pa.Array) -> pa.Array:
        raise pa.ArrowInvalid(f"Cannot locate or parse timezone {values.type.tz!r}")

    monkeypatch.setattr(pc, "local_timestamp", no_zones)
    column = Column("x", f"datetime64[us, {zone}]", MOMENT.view(pa.timestamp("us", zone)))
    shown = _shown(file_format, column)
    assert str(shown[0]).replace(".000000", "") == "2024-06-01T00:00:00+00:00" and shown[1] is None


@pytest.mark.parametrize("zone", ["Not/AZone", "../../etc/passwd", "Mars", "Zürich"])
def test_a_time_of_a_zone_that_the_reader_does_not_know_comes_back_in_utc(file_format: str, zone: str) -> None:
    column = Column("x", f"datetime64[us, {zone}]", MOMENT.view(pa.timestamp("us", zone)))
    ((found, missing),) = read_back(file_format, [column])
    assert found == dt.datetime(2024, 6, 1, tzinfo=dt.UTC) and missing is None


@pytest.mark.parametrize("zone", ["+05:30", "-03:00"])
def test_an_offset_for_a_zone_is_kept(file_format: str, zone: str) -> None:
    column = Column("x", f"datetime64[us, {zone}]", MOMENT.view(pa.timestamp("us", zone)))
    ((found, _),) = read_back(file_format, [column])
    assert found == dt.datetime(2024, 6, 1, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("kind", "count", "text"),
    [
        (pa.date32(), 2932897, "10000-01-01"),
        (pa.date32(), -719893, "-001-01-01"),
        (pa.timestamp("s"), 253402300800, "10000-01-01T00:00:00"),
        (pa.timestamp("s"), 1 - 2**63, "-292277022657-01-27T08:29:53"),
        (pa.timestamp("us"), 2**63 - 1, "294247-01-10T04:00:54.775807"),
    ],
)
def test_a_year_of_any_length_is_archived_as_it_is(file_format: str, kind: pa.DataType, count: int, text: str) -> None:
    base = pa.int32() if kind.bit_width == 32 else pa.int64()
    column = Column("x", f"arrow:{kind}", pa.array([count], base).view(kind))
    if file_format == "parquet":
        encoded = encode(file_format, with_number([column])).data
        (found,) = pq.read_table(io.BytesIO(encoded)).column("x")
        stored = found.as_py() if pa.types.is_string(found.type) else found.value
        assert stored in (count, count * 1_000_000, text)  # seconds as microseconds, while those can count so far
        return
    assert _cells(file_format, column) == [text]
    ((found,),) = read_back(file_format, [column])
    assert isinstance(found, np.datetime64) and int(found.astype(np.int64)) == count


NUMBERS = [
    (HUGE.create_decimal("1E+999999999999999999"), "1E+999999999999999999"),
    (HUGE.create_decimal("-7E-999999999999999999"), "-7E-999999999999999999"),
    (Decimal("1E+300000000"), "1E+300000000"),
    (Decimal("9E+20"), "900000000000000000000"),
    (Decimal("1." + "3" * 5000), "1." + "3" * 5000),
    (1 << 20_000, hex(1 << 20_000)),
    (-(1 << 20_000), hex(-(1 << 20_000))),
]


@pytest.fixture
def few_digits() -> Iterator[None]:
    """Python's own limit as low as it may be set."""
    before = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(640)
    yield
    sys.set_int_max_str_digits(before)


@pytest.mark.usefixtures("few_digits")
@pytest.mark.parametrize(("value", "text"), NUMBERS, ids=[f"{text[:24]}" for _, text in NUMBERS])
def test_a_number_of_any_size_has_one_bounded_text_and_comes_back_equal(file_format: str, value: object, text: str) -> None:
    alone = Column("x", "any", [value])
    plain = [Decimal(one) if isinstance(one, str) and "E" in text else str(one) for one in _cells(file_format, alone)]
    assert plain == [Decimal(text) if "E" in text else text]
    assert read_back(file_format, [alone, Column("y", "any", [[value, "x"]])]) == [[value], [[value, "x"]]]


@pytest.mark.usefixtures("few_digits")
def test_a_whole_number_of_some_thousand_digits_keeps_its_digits(file_format: str) -> None:
    value = 10**4000 + 7
    column = Column("x", "any", [value])
    assert _cells(file_format, column) == ["1" + "0" * 3999 + "7"] and read_back(file_format, [column]) == [[value]]


def _views(kind: pa.DataType, starts: list[int], sizes: list[int]) -> pa.Array:
    width = "<i8" if pa.types.is_large_list_view(kind) else "<i4"
    buffers = [pa.py_buffer(np.array(numbers, width).tobytes()) for numbers in (starts, sizes)]
    return pa.Array.from_buffers(kind, len(starts), [None, *buffers], 0, 0, [pa.array(range(100, 106))])


@pytest.mark.parametrize("kind", [pa.list_view(pa.int64()), pa.large_list_view(pa.int64())], ids=str)
@pytest.mark.parametrize("nested", [False, True])
def test_lists_lie_in_any_order_and_are_lists_of_the_right_values(file_format: str, kind: pa.DataType, nested: bool) -> None:
    """Views may skip values, share them and go back. Rows of a larger array are such views, too."""
    views = _views(kind, [3, 0, 1, 5], [2, 1, 3, 1])[:3]
    lists = [[103, 104], [100], [101, 102, 103]]
    values = pa.StructArray.from_arrays([views], ["a"]) if nested else views
    column = Column("x", f"arrow:{values.type}", values)
    wanted: list[object] = [{"a": one} for one in lists] if nested else list(lists)

    found = _cells(file_format, column)

    assert [json.loads(one) if isinstance(one, str) else one for one in found] == wanted
    if file_format == "parquet":
        in_file = pq.read_table(io.BytesIO(encode(file_format, with_number([column])).data)).column("x").type
        assert pa.types.is_struct(in_file) if nested else pa.types.is_list(in_file)


def _nested(depth: int, *, dicts: bool) -> object:
    value: object = None
    for _ in range(depth):
        value = {"k": value, "n": 1} if dicts else [value, "x"]
    return value


@pytest.mark.parametrize("dicts", [True, False])
@pytest.mark.parametrize("depth", [64, 250, MAX_DEPTH])
def test_lists_and_dicts_come_back_however_deep_they_are_nested(file_format: str, depth: int, dicts: bool) -> None:
    values = [_nested(depth, dicts=dicts), 1]
    assert read_back(file_format, [Column("x", "any", values)]) == [values]
