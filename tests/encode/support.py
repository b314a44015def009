"""What went in, what is in the files, and when two values are the same."""

from __future__ import annotations

import datetime as dt
import io
import json
import math
from typing import NoReturn
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
from hypothesis import strategies as st

from modeldata.columns import ABSENT, Column
from modeldata.encode import Encoded, format_of
from modeldata.encode.restore import restore_column
from tests.snapshot.support import new_pack, new_schemas, python

FORMATS = ("csv", "jsonl", "parquet")


def encode(file_format: str, columns: list[Column], **metadata: str) -> Encoded:
    return format_of(file_format).encode(columns, excel_safe=False, metadata=metadata)


def with_number(columns: list[Column]) -> list[Column]:
    """A column before them, as each file has: else a row of empty cells would be an empty line."""
    rows = len(columns[0].values)
    return [Column("$Sequence", "int64", pa.array(range(rows), pa.int64())), *columns]


def not_json(name: str) -> NoReturn:
    raise AssertionError(f"{name} is not JSON")


def json_rows(data: bytes) -> list[dict[str, object]]:
    """By the strict rules."""
    assert data.endswith(b"\n") or not data
    return [json.loads(line, parse_constant=not_json) for line in data.decode("utf-8").split("\n")[:-1]]


def cells(file_format: str, data: bytes, names: list[str]) -> list[list[object]]:
    """By column, what a reader that is none of ours finds."""
    if file_format == "jsonl":
        rows = json_rows(data)
        return [[row.get(name, ABSENT) for row in rows] for name in names]
    if file_format == "parquet":
        table = pq.read_table(io.BytesIO(data))
        assert table.schema.names == names
        return [column.to_pylist() for column in table.columns]
    labels = [str(at) for at in range(len(names))]
    found = pa_csv.read_csv(
        io.BytesIO(data),
        read_options=pa_csv.ReadOptions(column_names=labels),
        parse_options=pa_csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
        convert_options=pa_csv.ConvertOptions(
            column_types={label: pa.string() for label in labels},
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )
    return [column.to_pylist() for column in found.columns]


def read_back(file_format: str, columns: list[Column]) -> list[list[object]]:
    """Through the file, and through JSON what its manifest says."""
    columns = with_number(columns)
    encoded = encode(file_format, columns)
    kinds = json.loads(json.dumps(encoded.kinds))
    found = cells(file_format, encoded.data, [column.name for column in columns])
    restored = []
    for column, values in zip(columns, found, strict=True):
        there = [None if value is ABSENT else value for value in values]
        made = restore_column(there, column.type, kinds.get(column.name))
        restored.append([ABSENT if value is ABSENT else one for value, one in zip(values, made, strict=True)])
    return restored[1:]


def expected(file_format: str, columns: list[Column]) -> list[list[object]]:
    """A key that was missing is missing in JSON, and None where each row has a cell for it."""
    keep = file_format == "jsonl"
    return [[None if value is ABSENT and not keep else value for value in python(column)] for column in columns]


def assert_same(found: object, wanted: object, where: str = "") -> None:
    """Equal and of one type, all the way down; NaN is NaN."""
    about = f"{where}: {found!r} is not {wanted!r}"
    assert type(found) is type(wanted), about
    if isinstance(wanted, (list, tuple)):
        assert isinstance(found, (list, tuple)) and len(found) == len(wanted), about
        for at, (one, other) in enumerate(zip(found, wanted, strict=True)):
            assert_same(one, other, f"{where}[{at}]")
    elif isinstance(wanted, dict):
        assert isinstance(found, dict)
        assert_same(list(found), list(wanted), f"{where} keys")
        assert_same(list(found.values()), list(wanted.values()), f"{where} values")
    elif isinstance(wanted, np.ndarray):
        assert isinstance(found, np.ndarray) and (found.dtype, found.shape) == (wanted.dtype, wanted.shape), about
        assert found.tobytes() == wanted.tobytes() or np.array_equal(found, wanted, equal_nan=True), about
    elif wanted != wanted:
        assert found != found, about
    else:
        assert found == wanted, about
        _assert_same_details(found, wanted, about)


def _assert_same_details(found: object, wanted: object, about: str) -> None:
    if isinstance(wanted, dt.datetime) and isinstance(found, dt.datetime):
        assert found.utcoffset() == wanted.utcoffset() and found.replace(tzinfo=None) == wanted.replace(tzinfo=None), about
        assert getattr(found.tzinfo, "key", None) == getattr(wanted.tzinfo, "key", None), about
    if isinstance(wanted, float) and isinstance(found, float):
        assert math.copysign(1, found) == math.copysign(1, wanted), about


def decoded(*calls: object) -> list[Column] | None:
    """The columns of calls, through the snapshot; None where they have none, or are of more than one shape."""
    from modeldata.columns import Payloads, decode
    from modeldata.snapshot import capture_of
    from tests.snapshot.support import definition_of

    schemas, pack = new_schemas(), new_pack()
    definitions, frames = set(), []
    for data in calls:
        plan, rows, taken = capture_of(data)(data, schemas, pack)
        if rows:
            definitions.add(plan.definition)
            frames.append((rows, taken))
    return decode(definition_of(definitions.pop()), Payloads.of(frames)) if len(definitions) == 1 else None


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
LOOKALIKES = st.sampled_from(
    ["", " ", "1", "-7", "1.5", "1e5", "NaN", "Inf", "None", "null", "True", "[1]", "{", '{"a":1}', "2026-01-02", "P1DT0H0M0S", '"', "\\", "\n", "\x1f", "\u2028"]
)  # fmt: skip
ZONES = st.sampled_from(
    [None, dt.UTC, dt.timezone(dt.timedelta(hours=5, minutes=30)), dt.timezone(dt.timedelta(hours=-3)), *map(ZoneInfo, ("Europe/Berlin", "America/New_York"))]
)  # fmt: skip
DATETIMES = st.datetimes(dt.datetime(1900, 1, 2), dt.datetime(2200, 1, 1), timezones=ZONES, allow_imaginary=False)
SCALARS: dict[str, st.SearchStrategy[object]] = {
    "bool": st.booleans(),
    "int": st.integers(-(2**70), 2**70),
    "small": st.integers(-100, 100),
    "huge": st.integers(-(10**45), 10**45),
    "float": st.floats(),
    "text": st.one_of(TEXT, LOOKALIKES),
    "bytes": st.binary(max_size=5),
    "decimal": st.decimals(allow_nan=False, allow_infinity=False, places=4),
    "any decimal": st.decimals(allow_nan=None).filter(
        lambda one: not one.is_snan() and not str(one).startswith(("-NaN", "NaN1"))
    ),
    "datetime": DATETIMES,
    "naive": st.datetimes(dt.datetime(1, 1, 1)),
    "date": st.dates(),
    "time": st.times(),
    "timedelta": st.timedeltas(),
    "uuid": st.uuids(),
    "complex": st.complex_numbers(allow_nan=False),
    "np.float32": st.floats(width=32).map(np.float32),
    "np.int16": st.integers(-(2**15), 2**15 - 1).map(np.int16),
    "np.datetime64": st.integers(0, 2**40).map(lambda one: np.datetime64(one, "us")),
    "np.timedelta64": st.integers(-(2**40), 2**40).map(lambda one: np.timedelta64(one, "ns")),
    "array": st.lists(st.floats(width=32), max_size=3).map(lambda values: np.array(values, "f4")),
    "matrix": st.tuples(st.integers(0, 2), st.integers(0, 2)).map(lambda shape: np.arange(shape[0] * shape[1]).reshape(shape)),
    "times": st.lists(st.integers(0, 2**40), max_size=3).map(lambda values: np.array(values, "M8[us]")),
    "spans": st.lists(st.integers(-(2**40), 2**40), max_size=3).map(lambda values: np.array(values, "m8[us]")),
    "complexes": st.lists(st.complex_numbers(allow_nan=False, max_magnitude=9), max_size=3).map(np.array),
}
KEYS = st.one_of(TEXT, st.integers(-5, 5), st.booleans())


def distinct_as_text(value: dict[object, object]) -> bool:
    """JSON has one kind of key: 1 and "1" can't be beside each other."""
    return len({str(key) for key in value}) == len(value)


NESTED = st.recursive(
    st.one_of(st.none(), *SCALARS.values()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=3).filter(distinct_as_text)),
    max_leaves=6,
)
UNIFORM = st.sampled_from(sorted(SCALARS)).flatmap(
    lambda name: st.lists(st.one_of(st.none(), SCALARS[name]), min_size=1, max_size=6)
)
SHAPED = st.one_of(
    st.lists(st.one_of(st.none(), st.lists(st.floats(), max_size=3)), min_size=1, max_size=4),
    st.lists(st.fixed_dictionaries({"a": st.integers(-9, 9), "b": st.lists(TEXT, max_size=2)}), min_size=1, max_size=4),
    st.lists(st.lists(st.one_of(st.none(), st.decimals(places=2, allow_nan=False, allow_infinity=False)), max_size=3), min_size=1, max_size=4),
)  # fmt: skip
MIXED = st.lists(st.one_of(st.none(), NESTED), min_size=1, max_size=6)
