"""numpy: every dtype, byte order, memory order and number of axes."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as stnp

from modeldata.columns import Column
from tests.snapshot.support import arrow, new_schemas, python, round_trip, row_of, table, taken_as_nothing

Array = np.ndarray[Any, np.dtype[Any]]

PLAIN = ["?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8"]
ARROW = {
    "?": pa.bool_(), "i1": pa.int8(), "i2": pa.int16(), "i4": pa.int32(), "i8": pa.int64(), "u1": pa.uint8(), "u2": pa.uint16(),
    "u4": pa.uint32(), "u8": pa.uint64(), "f2": pa.float16(), "f4": pa.float32(), "f8": pa.float64(),
}  # fmt: skip


def _sample(dtype: str) -> Array:
    """Two rows of three values that need every bit."""
    kind = np.dtype(dtype)
    if kind.kind == "b":
        return np.array([[True, False, True], [False, False, True]])
    if kind.kind in "iu":
        low, high = np.iinfo(kind).min, np.iinfo(kind).max
        return np.array([[low, high, 0], [1, 2, high - 1]], kind)
    return np.array([[0.1, -0.0, np.nan], [np.inf, -np.inf, np.finfo(kind).max]], kind)


def _equal(columns: list[Column], expected: Array) -> None:
    """Columns against the array's own columns, NaN and the sign of zero included."""
    assert len(columns) == expected.shape[1]
    for at, column in enumerate(columns):
        found = arrow(column).to_numpy(zero_copy_only=False)
        assert arrow(column).null_count == 0
        np.testing.assert_array_equal(found, expected[:, at])
        if expected.dtype.kind == "f":
            np.testing.assert_array_equal(np.signbit(found), np.signbit(expected[:, at]))


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("dtype", PLAIN)
def test_a_2d_array_keeps_values_and_type_in_either_byte_order(dtype: str, order: str) -> None:
    data = _sample(dtype).astype(order + dtype if dtype != "?" else dtype)
    columns = round_trip(data)
    assert [column.type for column in columns] == [np.dtype(dtype).name] * 3
    assert [arrow(column).type for column in columns] == [ARROW[dtype]] * 3
    _equal(columns, data)


@pytest.mark.parametrize("dtype", PLAIN)
def test_memory_order_does_not_matter(dtype: str) -> None:
    data = _sample(dtype)
    wide = np.zeros((4, 6), data.dtype)
    wide[::2, ::2] = data
    for same in (np.asfortranarray(data), wide[::2, ::2], data[::-1][::-1], np.ascontiguousarray(data.T).T):
        _equal(round_trip(same), data)
    _equal(round_trip(data[::-1]), data[::-1])
    _equal(round_trip(np.broadcast_to(data[0], (3, 3))), np.array([data[0]] * 3))


def test_read_only_arrays_are_taken() -> None:
    data = _sample("f8")
    data.flags.writeable = False
    _equal(round_trip(data), data)


def test_a_1d_array_is_one_row() -> None:
    assert row_of(np.array([1.5, 2.5])) == [1.5, 2.5]
    assert row_of(np.array([1, 2, 3])[::2]) == [1, 3]


def test_a_0d_array_and_a_scalar_are_one_value() -> None:
    assert row_of(np.array(1.5)) == [1.5]
    assert row_of(np.float32(0.5)) == [0.5]
    assert row_of(np.array("x")) == ["x"]
    assert row_of(np.array({"a": 1}, dtype=object)) == [{"a": 1}]


def test_one_row_of_2d_and_a_1d_array_are_the_same_shape() -> None:
    data = np.array([[1.0, 2.0]])
    _equal(round_trip(data, data[0], np.vstack([data, data])), np.vstack([data] * 4))


def test_a_3d_array_is_rows_of_lists() -> None:
    data = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
    columns = round_trip(data)
    assert [column.type for column in columns] == ["list[int16]"] * 3
    assert table(columns) == {str(at): data[:, at].tolist() for at in range(3)}
    assert arrow(columns[0]).type.value_type == pa.int16()


def test_a_4d_array_is_rows_of_nested_lists() -> None:
    data = np.arange(48.0).reshape(2, 3, 4, 2)
    columns = round_trip(data, data[::-1])
    assert [column.type for column in columns] == ["list[list[float64]]"] * 3
    assert table(columns) == {str(at): np.concatenate([data, data[::-1]])[:, at].tolist() for at in range(3)}


def test_a_3d_array_without_values_in_its_cells_is_rows_of_empty_lists() -> None:
    assert table(round_trip(np.zeros((2, 3, 0)))) == {"0": [[], []], "1": [[], []], "2": [[], []]}


@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0), (0, 3, 2), (3, 0, 2)], ids=str)
@pytest.mark.parametrize("dtype", [float, object, "U1"])
def test_no_rows_or_no_columns_are_no_frame(shape: tuple[int, ...], dtype: object) -> None:
    assert taken_as_nothing(np.zeros(shape, dtype))  # type: ignore[call-overload]  # three dtypes at once
    round_trip(np.zeros((1, 3)), schemas=(schemas := new_schemas()))
    assert round_trip(np.ones((1, 3)), np.zeros((0, 3)), schemas=schemas)[0].values.to_pylist() == [1.0]  # type: ignore[union-attr]


@pytest.mark.parametrize("dtype", ["c8", "c16", ">c16"])
def test_complex_numbers_stay_complex(dtype: str) -> None:
    data = np.array([[1 + 2j, complex(np.inf, -0.0)]], dtype)
    columns = round_trip(data)
    assert [column.type for column in columns] == [np.dtype(dtype).newbyteorder("=").name] * 2
    assert [python(column) for column in columns] == [[data[0, 0]], [data[0, 1]]]
    assert isinstance(python(columns[0])[0], np.complexfloating)


def test_long_doubles_keep_every_bit() -> None:
    third = np.longdouble(1) / 3
    assert row_of(np.array([third])) == [third]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_times_keep_their_unit(unit: str, order: str) -> None:
    data = np.array([["2026-11-23T06:04:38", "NaT"], ["1677-10-01", "1970-01-01"]], f"{order}M8[{unit}]")
    first, second = round_trip(data)
    assert first.type == f"datetime64[{unit}]"
    assert arrow(first).type == pa.timestamp(unit)
    assert arrow(first).cast(pa.int64()).to_pylist() == data[:, 0].astype(np.int64).tolist()
    assert arrow(second).is_null().to_pylist() == [True, False]
    lengths = (data - np.datetime64("1970-01-01")).astype(f"{order}m8[{unit}]")
    assert arrow(round_trip(lengths)[0]).cast(pa.int64()).to_pylist() == lengths[:, 0].astype(np.int64).tolist()


COARSE: list[tuple[str, str, object]] = [
    ("M8[D]", "2026-11-23", dt.date(2026, 11, 23)),
    ("M8[M]", "2026-11", dt.date(2026, 11, 1)),
    ("M8[Y]", "2026", dt.date(2026, 1, 1)),
    ("M8[W]", "2026-11-19", dt.date(2026, 11, 19)),
    ("M8[h]", "2026-11-23T06", dt.datetime(2026, 11, 23, 6)),
    ("M8[m]", "2026-11-23T06:04", dt.datetime(2026, 11, 23, 6, 4)),
    ("M8[ps]", "1970-01-01T00:00:00.000000000001", "1970-01-01T00:00:00.000000000001"),
]


@pytest.mark.parametrize(("dtype", "text", "form"), COARSE)
def test_units_that_arrow_lacks_have_a_documented_form(dtype: str, text: str, form: object) -> None:
    assert table(round_trip(np.array([[text], ["NaT"]], dtype))) == {"0": [form, None]}


def test_lengths_of_time_in_other_units_have_a_documented_form() -> None:
    assert row_of(np.array([3], "m8[h]")) == [dt.timedelta(hours=3)]
    assert row_of(np.array([3], "m8[D]")) == [dt.timedelta(days=3)]
    assert row_of(np.array([3], "m8[M]")) == ["3 months"]
    assert row_of(np.array(["NaT"], "M8")) == [None]


def test_text_and_bytes() -> None:
    columns = round_trip(np.array([["a", "\U0001f600"], ["", "x,y"]]))
    assert [column.type for column in columns] == ["str", "str"]
    assert table(columns) == {"0": ["a", ""], "1": ["\U0001f600", "x,y"]}
    columns = round_trip(np.array([[b"a", b"\xff"]]))
    assert [column.type for column in columns] == ["bytes", "bytes"]
    assert table(columns) == {"0": [b"a"], "1": [b"\xff"]}


@pytest.mark.skipif(not hasattr(np.dtypes, "StringDType"), reason="numpy has it from 2.0 on")
def test_variable_width_text() -> None:
    data = np.array(["a", "longer than sixteen bytes"], dtype=np.dtypes.StringDType())
    assert row_of(data) == ["a", "longer than sixteen bytes"]


def test_objects_keep_their_own_types() -> None:
    data = np.array([[1, "a", None], [2.5, Decimal("1.5"), np.nan]], dtype=object)
    columns = round_trip(data)
    assert [column.type for column in columns] == ["any"] * 3
    assert python(columns[0]) == [1, 2.5]
    assert python(columns[1]) == ["a", Decimal("1.5")]
    assert python(columns[2])[0] is None and python(columns[2])[1] != python(columns[2])[1]


def test_a_1d_object_array_is_one_row_whatever_it_holds() -> None:
    data = np.empty(2, object)
    data[:] = [[1, 2], [3]]
    assert row_of(data) == [[1, 2], [3]]


RECORD = np.dtype([("id", ">i4"), ("name", "U4"), ("x", "f4"), ("in", [("a", "i1"), ("b", "f8")]), ("v", "f8", 2)])


def test_a_structured_array_is_a_column_per_field() -> None:
    data = np.array([(1, "a", 0.5, (1, 2.5), [1, 2]), (2, "b", 1.5, (3, 4.5), [3, 4])], RECORD)
    columns = round_trip(data, data[::-1])
    assert [(column.name, column.type) for column in columns] == [
        ("id", "int32"), ("name", "str"), ("x", "float32"), ("in", "any"), ("v", "any"),
    ]  # fmt: skip
    assert table(columns) == {
        "id": [1, 2, 2, 1],
        "name": ["a", "b", "b", "a"],
        "x": [0.5, 1.5, 1.5, 0.5],
        "in": [[1, 2.5], [3, 4.5], [3, 4.5], [1, 2.5]],
        "v": [[1.0, 2.0], [3.0, 4.0], [3.0, 4.0], [1.0, 2.0]],
    }


def test_one_record_and_a_record_array_are_rows_too() -> None:
    data = np.array([(1, 2.5)], [("a", "i4"), ("b", "f8")])
    for same in (data[0], data.reshape(()), data.view(np.recarray)):
        assert table(round_trip(same)) == {"a": [1], "b": [2.5]}


def test_padding_between_fields_is_no_value() -> None:
    data = np.array([(1, 2.5), (3, 4.5)], np.dtype([("a", "i1"), ("b", "f8")], align=True))
    assert table(round_trip(data)) == {"a": [1, 3], "b": [2.5, 4.5]}


def test_masked_values_are_null_and_nan_is_not() -> None:
    data = np.ma.array([[1.0, np.nan], [2.0, 3.0]], mask=[[True, False], [False, True]])
    first, second = round_trip(data, data[0])
    assert [first.type, second.type] == ["float64", "float64"]
    assert python(first) == [None, 2.0, None]
    assert arrow(second).is_null().to_pylist() == [False, True, False]
    assert np.isnan(arrow(second)[0].as_py())


def test_masked_arrays_of_other_kinds() -> None:
    assert row_of(np.ma.array([1 + 1j, 2j], mask=[False, True])) == [1 + 1j, None]
    assert row_of(np.ma.array(["a", "b"], mask=[False, True])) == ["a", None]
    times = np.ma.array(np.array(["2026-01-01", "2026-01-02"], "M8[ns]"), mask=[False, True])
    assert arrow(round_trip(times)[1]).null_count == 1
    cube = np.ma.array(np.arange(4).reshape(1, 2, 2), mask=[[[True, False], [False, False]]])
    assert row_of(cube) == [[None, 1], [2, 3]]
    record: Array = np.ma.array([(1, 2.5)], dtype=[("a", int), ("b", float)], mask=[(True, False)])
    assert table(round_trip(record)) == {"a": [None], "b": [2.5]}


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")  # numpy would rather not have matrices
def test_other_subclasses_are_arrays() -> None:
    assert table(round_trip(np.matrix([[1, 2], [3, 4]]))) == {"0": [1, 3], "1": [2, 4]}
    assert table(round_trip([np.matrix([[1, 2]])]))["0"] == [[1, 2]]


class Tensor:
    """What a tensor offers: `__array__`, and, if it has a gradient, nothing before `detach`."""

    def __init__(self, values: Array, gradient: bool = False, device: str = "cpu") -> None:
        self._values, self._gradient, self._device = values, gradient, device

    def detach(self) -> Tensor:
        return Tensor(self._values, False, self._device)

    def cpu(self) -> Tensor:
        return Tensor(self._values, self._gradient, "cpu")

    def __array__(self, dtype: object = None, copy: bool | None = None) -> Array:
        if self._gradient or self._device != "cpu":
            raise RuntimeError("can't call numpy() on this tensor")
        return self._values


@pytest.mark.parametrize("gradient", [False, True])
@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_a_tensor_is_its_array(gradient: bool, device: str) -> None:
    data = np.array([[1.5, 2.5], [3.5, 4.5]], np.float32)
    columns = round_trip(Tensor(data, gradient, device))
    assert [column.type for column in columns] == ["float32", "float32"]
    _equal(columns, data)
    assert row_of(Tensor(data[0], gradient, device)) == [1.5, 2.5]
    found = row_of([1, Tensor(data, gradient, device)])[1]
    np.testing.assert_array_equal(found, data)


def test_feature_names_name_the_columns_of_an_array() -> None:
    assert list(table(round_trip(np.zeros((1, 3)), schemas=new_schemas("a", "b")))) == ["a", "b", "2"]


_dtypes = st.one_of(
    stnp.boolean_dtypes(),
    stnp.integer_dtypes(endianness="?"),
    stnp.unsigned_integer_dtypes(endianness="?"),
    stnp.floating_dtypes(endianness="?", sizes=(16, 32, 64)),
)


@given(st.data(), _dtypes, st.integers(1, 4), st.lists(st.integers(1, 4), min_size=1, max_size=4))
def test_any_arrays_of_one_width_come_back_behind_each_other(
    data: st.DataObject, dtype: np.dtype[Any], width: int, counts: list[int]
) -> None:
    arrays = [data.draw(stnp.arrays(dtype, (count, width))) for count in counts]
    _equal(round_trip(*arrays), np.concatenate(arrays))


@given(stnp.arrays(_dtypes, stnp.array_shapes(min_dims=3, max_dims=4, max_side=3)))
def test_any_arrays_of_more_axes_come_back_nested(data: Array) -> None:
    columns = round_trip(data)
    assert len(columns) == data.shape[1]
    for at, column in enumerate(columns):
        np.testing.assert_array_equal(np.array(python(column)), data[:, at])


@given(stnp.arrays(stnp.datetime64_dtypes(endianness="?") | stnp.timedelta64_dtypes(endianness="?"), st.integers(1, 4)))
def test_any_times_are_taken_and_nat_alone_is_null(data: Array) -> None:
    columns = round_trip(data)
    nulls = [one.values[0] is None if isinstance(one.values, list) else one.values.null_count == 1 for one in columns]
    assert nulls == np.isnat(data).tolist()
