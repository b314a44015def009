"""polars, pyarrow, duckdb: through the Arrow protocol. The oracle is pyarrow's own view of the same data."""

from __future__ import annotations

import datetime as dt
import decimal
import gc
import uuid
from typing import Any

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.snapshot.support import arrow, new_schemas, python, refused, round_trip, row_of, table, taken_as_nothing

LONG = "longer than the twelve bytes of a view"
STRUCT = pa.struct([pa.field("x", pa.int8()), pa.field("y", pa.string_view(), nullable=False)])

COLUMNS: dict[str, pa.Array] = {
    "null": pa.nulls(5),
    "bool": pa.array([True, None, False, True, None]),
    **{
        str(kind): pa.array([1, None, 3, 4, 5], kind)
        for kind in (pa.int8(), pa.uint8(), pa.int16(), pa.uint16(), pa.int32(), pa.uint32(), pa.int64(), pa.uint64())
    },
    "u8 max": pa.array([2**64 - 1] * 5, pa.uint64()),
    "half": pa.array(np.array([1, 2, 3, 4, 5], "f2")),
    "float": pa.array([0.1, None, float("inf"), -0.0, 5], pa.float32()),
    "double": pa.array([0.1, None, float("-inf"), -0.0, 5], pa.float64()),
    "decimal": pa.array([decimal.Decimal("1.50"), None, decimal.Decimal("-2.25"), None, decimal.Decimal(0)], pa.decimal128(10, 2)),
    "decimal256": pa.array([decimal.Decimal(10**50), None] * 2 + [None], pa.decimal256(60, 0)),
    "decimal32": pa.array([decimal.Decimal("1.5"), None] * 2 + [None], pa.decimal32(5, 1)),
    "text": pa.array(["a", None, "", LONG, "\U0001f600"]),
    "large text": pa.array(["a", None, "", LONG, "\U0001f600"], pa.large_string()),
    "text view": pa.array(["a", None, "", LONG, LONG + "!"], pa.string_view()),
    "bytes": pa.array([b"a", None, b"", b"\xff\0", b"e"]),
    "large bytes": pa.array([b"a", None, b"", b"\xff\0", b"e"], pa.large_binary()),
    "bytes view": pa.array([b"a", None, b"", LONG.encode(), b"e"], pa.binary_view()),
    "fixed bytes": pa.array([b"abc", None, b"def", b"ghi", None], pa.binary(3)),
    "date": pa.array([dt.date(2026, 1, 1), None] * 2 + [dt.date(1, 1, 1)]),
    "date64": pa.array([dt.date(2026, 1, 1), None] * 2 + [None], pa.date64()),
    "time32": pa.array([dt.time(1, 2, 3), None] * 2 + [None], pa.time32("ms")),
    "time64": pa.array([dt.time(1, 2, 3, 4), None] * 2 + [None], pa.time64("us")),
    **{
        f"stamp {unit} {zone}": pa.array([0, None, 1_700_000_000, -5, 7], pa.timestamp(unit, zone))
        for unit in ("s", "ms", "us")
        for zone in (None, "UTC", "Europe/Berlin", "+05:30")
    },
    "duration": pa.array([dt.timedelta(1), None] * 2 + [dt.timedelta(-1)]),
    "interval": pa.array([pa.MonthDayNano([1, 2, 3]), None] * 2 + [None]),
    "list": pa.array([[1, 2], None, [], [None, 3], [4]]),
    "large list": pa.array([["a", LONG], None, [], [None], ["b"]], pa.large_list(pa.string())),
    "list view": pa.array([[1, 2], None, [], [None, 3], [4]], pa.list_view(pa.int64())),
    "large list view": pa.array([["a"], None, [], [None, "b"], ["c"]], pa.large_list_view(pa.string())),
    "fixed list": pa.array([[1, 2], None, [3, 4], [5, None], [6, 7]], pa.list_(pa.int16(), 2)),
    "list of lists": pa.array([[[1], None], None, [], [[2, 3], []], [[4]]]),
    "struct": pa.array([{"x": 1, "y": LONG}, None, {"x": None, "y": "b"}, {"x": 4, "y": ""}, {"x": 5, "y": LONG}], STRUCT),
    "list of structs": pa.array([[{"a": 1}], None, [], [{"a": None}, None], [{"a": 5}]]),
    "map": pa.array([[("a", 1)], None, [], [("b", None), ("c", 3)], [("d", 4)]], pa.map_(pa.string(), pa.int8())),
    "dictionary": pa.array(["a", None, "b", "a", LONG]).dictionary_encode(),
    "dictionary of views": pa.DictionaryArray.from_arrays(
        pa.array([0, None, 1, 0, 1], pa.int8()), pa.array(["a", LONG], pa.string_view())
    ),
    "ordered": pa.DictionaryArray.from_arrays(pa.array([0, 1, 0, 1, None], pa.uint16()), pa.array([1.5, 2.5]), ordered=True),
    "list of dictionaries": pa.ListArray.from_arrays([0, 1, 1, 3, 4, 5], pa.array(list("abaca")).dictionary_encode()),
    "runs": pa.RunEndEncodedArray.from_arrays(pa.array([2, 4, 5], pa.int32()), pa.array(["a", None, "b"])),
    "sparse union": pa.UnionArray.from_sparse(
        pa.array([0, 1, 0, 1, 0], pa.int8()), [pa.array([1, 2, 3, None, 5]), pa.array(["a", "b", "c", "d", "e"])]
    ),
    "dense union": pa.UnionArray.from_dense(
        pa.array([0, 1, 0, 1, 0], pa.int8()), pa.array([0, 0, 1, 1, 2], pa.int32()), [pa.array([1, 2, None]), pa.array(["a", LONG])]
    ),
    "uuid": pa.array([uuid.UUID(int=at).bytes for at in range(5)], pa.uuid()),
    "json": pa.ExtensionArray.from_storage(pa.json_(), pa.array(["1", None, "{}", "[]", "null"])),
    "bool8": pa.ExtensionArray.from_storage(pa.bool8(), pa.array([1, None, 0, 2, -1], pa.int8())),
}  # fmt: skip


def _python(array: pa.Array | pa.ChunkedArray) -> list[object]:
    values: list[object] = array.to_pylist()
    return values


def _calls(array: pa.Array) -> dict[str, list[Any]]:
    whole = pa.table({"before": pa.array(range(5)), "it": array})
    twice = pa.concat_tables([whole, whole.slice(1, 3)])
    return {
        "a table": [whole],
        "a batch": [pa.RecordBatch.from_arrays([pa.array(range(5)), array], ["before", "it"])],
        "chunks": [twice],
        "a slice": [whole.slice(2, 2)],
        "rows one by one": [whole.slice(at, 1) for at in range(5)],
        "a batch of a slice": [pa.RecordBatch.from_arrays([pa.array(range(5)), array], ["before", "it"]).slice(3)],
        "a slice of an array": [pa.table({"before": pa.array(range(3)), "it": array.slice(1, 3)})],
    }


@pytest.mark.parametrize("name", COLUMNS)
def test_every_type_of_column_keeps_values_and_type(name: str) -> None:
    array = COLUMNS[name]
    for how, calls in _calls(array).items():
        before, column = round_trip(*calls)
        expected = [value for call in calls for value in _python(call.column("it"))]
        assert python(before) == [value for call in calls for value in _python(call.column("before"))], how
        assert python(column) == expected, how
        if not isinstance(array, pa.ExtensionArray):
            assert column.type == f"arrow:{array.type}", how


@pytest.mark.parametrize("name", COLUMNS)
def test_a_plain_array_is_one_row(name: str) -> None:
    array = COLUMNS[name]
    if pa.types.is_struct(array.type):
        return
    for data in (array, array.slice(1, 3), pa.chunked_array([array, array.slice(2)])):
        expected = _python(data)
        columns = round_trip(data, data)
        assert [python(column) for column in columns] == [[value, value] for value in expected]


def test_an_array_of_structs_is_rows_and_a_null_struct_is_nulls() -> None:
    assert table(round_trip(COLUMNS["struct"])) == {"x": [1, None, None, 4, 5], "y": [LONG, None, "b", "", LONG]}
    assert table(round_trip(COLUMNS["struct"].slice(1, 2))) == {"x": [None, None], "y": [None, "b"]}


@pytest.mark.parametrize("name", [name for name in COLUMNS if "view" not in name])
def test_types_arrow_can_compute_with_stay_what_they_are(name: str) -> None:
    array = COLUMNS[name]
    if not isinstance(array, pa.ExtensionArray):
        assert arrow(round_trip(pa.table({"a": array}))[0]).type == array.type


def test_text_views_become_text_that_arrow_can_compute_with() -> None:
    text, data = round_trip(pa.table({"a": COLUMNS["text view"], "b": COLUMNS["bytes view"]}))
    assert arrow(text).type == pa.large_string()
    assert arrow(data).type == pa.large_binary()


def test_nan_is_not_null() -> None:
    (column,) = round_trip(pa.table({"a": [float("nan"), None]}))
    assert arrow(column).is_null().to_pylist() == [False, True]


def test_names_are_made_unique_and_their_positions_kept() -> None:
    data = pa.Table.from_arrays([pa.array([1]), pa.array(["x"]), pa.array([2.5])], names=["a", "a", ""])
    assert table(round_trip(data)) == {"a": [1], "a.1": ["x"], "": [2.5]}


@pytest.mark.parametrize(
    "data",
    [
        pa.table({"a": pa.array([], pa.int8())}), pa.table({}), pa.array([], pa.int8()), pl.DataFrame(), pl.DataFrame({"a": []}),
        pl.Series([]), pa.RecordBatch.from_arrays([pa.array([], pa.string())], ["a"]), pa.chunked_array([], pa.int8()),
    ],
    ids=lambda data: type(data).__name__,
)  # fmt: skip
def test_no_rows_are_no_frame(data: object) -> None:
    assert taken_as_nothing(data)


def test_a_slice_does_not_store_what_it_does_not_show() -> None:
    from modeldata.snapshot import capture_of
    from tests.snapshot.support import new_pack

    many = [f"{at} {LONG}" for at in range(20_000)]
    whole = pa.table(
        {
            "text": many,
            "view": pa.array(many, pa.string_view()),
            "list": [[one] for one in many],
            "dictionary": pa.array(many).dictionary_encode(),
            "struct": [{"a": one} for one in many],
            "fixed": pa.array([[one] for one in many], pa.list_(pa.string(), 1)),
        }
    )
    for start in (0, 7, 12_345, 19_999):
        row = whole.slice(start, 1)
        _, rows, data = capture_of(row)(row, new_schemas(), new_pack())
        assert rows == 1
        assert len(data) < 2_000
        assert table(round_trip(row)) == row.to_pydict()


def polars_frame() -> pl.DataFrame:
    moment = dt.datetime(2026, 11, 23, 6, 4, 38, 123456)
    return pl.DataFrame(
        {
            "i": [1, None, 3],
            "u": pl.Series([1, 2, 2**64 - 1], dtype=pl.UInt64),
            "f": [0.5, float("nan"), None],
            "b": [True, None, False],
            "s": ["a", None, LONG],
            "bin": [b"a", None, LONG.encode()],
            "c": pl.Series(["x", None, "y"], dtype=pl.Categorical),
            "e": pl.Series(["x", None, "y"], dtype=pl.Enum(["x", "y"])),
            "l": [[1], None, [2, 3]],
            "a": pl.Series([[1, 2], None, [3, 4]], dtype=pl.Array(pl.Int8, 2)),
            "st": [{"p": 1, "q": LONG}, {"p": None, "q": None}, {"p": 3, "q": "z"}],
            "d": [dt.date(2026, 1, 1), None, dt.date(2026, 1, 3)],
            "t": [dt.time(1, 2, 3), None, dt.time(4)],
            "m": [moment, None, moment],
            "z": pl.Series([moment, None, moment]).dt.replace_time_zone("Europe/Berlin"),
            "dur": [dt.timedelta(1), None, dt.timedelta(microseconds=1)],
            "dec": [decimal.Decimal("1.5"), None, decimal.Decimal("2.25")],
            "n": [None, None, None],
        }
    )


@pytest.mark.parametrize("cut", [slice(None), slice(1, None), slice(2, 3)], ids=str)
def test_a_polars_frame_keeps_values_and_types(cut: slice) -> None:
    data = polars_frame()[cut]
    columns = {column.name: column for column in round_trip(data, data)}
    for name in data.columns:
        expected = data[name].to_list() * 2
        assert list(map(repr, python(columns[name]))) == list(map(repr, expected)), name
    assert columns["z"].type == "arrow:timestamp[us, tz=Europe/Berlin]"
    assert columns["i"].type == "arrow:int64"


def test_a_polars_frame_of_several_chunks() -> None:
    data = pl.concat([polars_frame(), polars_frame()[1:]], rechunk=False)
    assert table(round_trip(data))["s"] == ["a", None, LONG, None, LONG]


def test_a_column_of_python_objects_in_polars_is_refused() -> None:
    objects = pl.Series("a", [object()], dtype=pl.Object)
    assert refused(objects) == refused(pl.DataFrame([objects])) == "unsupported_type"


def test_a_type_that_only_polars_knows_is_refused() -> None:
    assert refused(pl.DataFrame({"a": pl.Series([1], dtype=pl.Int128)})) == "unsupported_type"


def test_a_polars_series_is_one_row() -> None:
    assert row_of(pl.Series("name", [1.5, None])) == [1.5, None]
    assert list(table(round_trip(pl.Series([1, 2]), schemas=new_schemas("x", "y")))) == ["x", "y"]


def test_a_duckdb_relation_is_its_rows_and_can_still_be_read() -> None:
    relation = duckdb.sql("select 1 :: integer a, 'x' b, 1.50 :: decimal(5, 2) c, [1, 2] d union all select 2, null, 3, []")
    assert relation is not None
    assert table(round_trip(relation)) == {
        "a": [1, 2],
        "b": ["x", None],
        "c": [decimal.Decimal("1.50"), decimal.Decimal("3.00")],
        "d": [[1, 2], []],
    }
    assert len(relation.fetchall()) == 2


def test_what_can_be_read_only_once_is_left_to_its_owner() -> None:
    reader = pa.table({"a": [1]}).to_reader()
    assert refused(reader) == "unsupported_type"
    assert reader.read_all().num_rows == 1


class Broken:
    def __init__(self, error: BaseException) -> None:
        self._error = error

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        raise self._error


class Failing:
    """A stream that fails at its second batch."""

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        schema = pa.schema([("a", pa.int64())])

        def batches() -> Any:
            yield pa.RecordBatch.from_arrays([pa.array([1])], schema=schema)
            raise RuntimeError("the source went away")

        return pa.RecordBatchReader.from_batches(schema, batches()).__arrow_c_stream__()


class PanicException(BaseException):  # the name that Rust's bindings give it
    pass


def test_a_panic_is_refused_and_an_interrupt_is_not() -> None:
    assert refused(Broken(PanicException("index out of bounds"))) == "invalid_data"
    with pytest.raises(KeyboardInterrupt):
        refused(Broken(KeyboardInterrupt()))


def test_nulls_that_point_anywhere_are_nulls() -> None:
    views = pa.py_buffer(b"\xff" * 16 + b"\1\0\0\0a" + bytes(11))
    text = pa.Array.from_buffers(pa.string_view(), 2, [pa.py_buffer(b"\2"), views, pa.py_buffer(b"")])
    places = [pa.py_buffer(b"\xff\xff\xff\x7f" + bytes(4)), pa.py_buffer(b"\xff\xff\xff\x7f\1\0\0\0")]
    lists = pa.Array.from_buffers(
        pa.list_view(pa.int64()), 2, [pa.py_buffer(b"\2"), *places], children=[pa.array([5], pa.int64())]
    )
    data = pa.Table.from_arrays([text, lists], ["text", "lists"])
    assert table(round_trip(data)) == {"text": [None, "a"], "lists": [None, [5]]}


def test_a_stream_that_fails_is_refused() -> None:
    assert refused(Broken(RuntimeError("no"))) == "unserializable"
    assert refused(Failing()) == "invalid_data"


def test_memory_is_given_back() -> None:
    data = pa.table({"a": np.arange(1_000_000), "b": ["x" * 10] * 1_000_000})
    gc.collect()
    before = pa.total_allocated_bytes()
    schemas = new_schemas()
    from modeldata.snapshot import capture_of
    from tests.snapshot.support import new_pack

    for _ in range(3):
        capture_of(data)(data, schemas, new_pack())
    assert pa.total_allocated_bytes() == before


@given(st.sampled_from(sorted(COLUMNS)), st.lists(st.tuples(st.integers(0, 4), st.integers(1, 5)), min_size=1, max_size=4))
def test_any_slices_of_any_column_come_back_behind_each_other(name: str, cuts: list[tuple[int, int]]) -> None:
    whole = pa.table({"it": COLUMNS[name]})
    calls = [whole.slice(start, count) for start, count in cuts]
    expected = [value for call in calls for value in _python(call.column("it"))]
    assert python(round_trip(*calls)[0]) == expected


@given(st.lists(st.none() | st.text(), min_size=1, max_size=40), st.data())
def test_any_text_in_any_layout_comes_back(values: list[str | None], data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(values) - 1))
    for array in (
        pa.array(values, pa.string()), pa.array(values, pa.string_view()), pa.array(values, pa.large_string()),
        pa.array(values, pa.string()).dictionary_encode(), pa.array([[one] for one in values], pa.list_(pa.string())),
    ):  # fmt: skip
        cut = pa.table({"a": array}).slice(start)
        assert table(round_trip(cut)) == cut.to_pydict()
