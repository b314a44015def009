"""Promise 2 over the whole way: what `collect()` took of a typed column is archived, whatever the type and the value.

The oracle is in this file: each type says what a value of so many units is as text, by numpy or by plain arithmetic. What is in
the files is read by csv, json and pyarrow.
"""

from __future__ import annotations

import base64
import csv
import itertools
import json
import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modeldata import Archive
from tests.support.service import pipeline_of

csv.field_size_limit(2**31 - 1)
PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
INT64 = st.one_of(st.integers(-(2**63) + 1, 2**63 - 1), st.sampled_from([0, 1, -1, 2**63 - 1, -(2**63) + 1, 2**40, 10**15]))
INT32 = st.one_of(st.integers(-(2**31), 2**31 - 1), st.sampled_from([0, -1, 2**31 - 1, -(2**31), 3_000_000]))
_names = (f"c{number}" for number in itertools.count(1))


class Leaf(NamedTuple):
    """Values of one Arrow type: raw ones, an array of them, and the text (or JSON value) that each has in an archive."""

    kind: pa.DataType
    raw: st.SearchStrategy[Any]
    build: Callable[[list[Any]], pa.Array]
    form: Callable[[Any], object]


def _viewed(kind: pa.DataType, base: pa.DataType) -> Callable[[list[Any]], pa.Array]:
    return lambda values: pa.array(values, base).view(kind)


def _moment(unit: str, zone: str | None) -> Leaf:
    kind = pa.timestamp(unit, zone)
    suffix = "+00:00" if zone else ""
    return Leaf(
        kind, INT64, _viewed(kind, pa.int64()), lambda count: f"{np.datetime_as_string(np.datetime64(count, unit))}{suffix}"
    )


def _span(unit: str) -> Leaf:
    def form(count: int) -> str:
        whole = abs(count) * (10**9 // PER_SECOND[unit])
        seconds, rest = divmod(whole, 10**9)
        days, seconds = divmod(seconds, 86_400)
        digits = f"{rest:09d}"
        behind = f".{digits if rest % 1000 else digits[:6]}" if rest else ""
        return f"{'-' if count < 0 else ''}P{days}DT{seconds // 3600}H{seconds % 3600 // 60}M{seconds % 60}{behind}S"

    return Leaf(pa.duration(unit), INT64, _viewed(pa.duration(unit), pa.int64()), form)


def _clock(kind: pa.DataType, unit: str, raw: st.SearchStrategy[int], base: pa.DataType) -> Leaf:
    digits = {"s": 0, "ms": 3, "us": 6, "ns": 9}[unit]

    def form(count: int) -> str:
        seconds, rest = divmod(abs(count), PER_SECOND[unit])
        text = f"{seconds // 3600:02d}:{seconds % 3600 // 60:02d}:{seconds % 60:02d}"
        return ("-" if count < 0 else "") + text + (f".{rest:0{digits}d}" if digits else "")

    return Leaf(kind, raw, _viewed(kind, base), form)


def _date64(count: int) -> str:
    days, rest = divmod(count, 86_400_000)
    return str(np.datetime64(days, "D")) if not rest else str(np.datetime_as_string(np.datetime64(count, "ms")))


def _texts(kind: pa.DataType, raw_kind: pa.DataType) -> Leaf:
    """Also of bytes that are not UTF-8: whoever made the array did not look."""

    def build(values: list[bytes | None]) -> pa.Array:
        made = pa.array(values, raw_kind)
        return pa.Array.from_buffers(kind, len(made), made.buffers(), -1, made.offset)

    return Leaf(kind, st.binary(max_size=16), build, lambda value: _replaced(value))


def _replaced(value: bytes) -> str:
    """U+FFFD for each byte that is none of UTF-8."""
    return value.decode("utf-8", "surrogateescape").encode("utf-16", "surrogatepass").decode("utf-16", "replace")


LEAVES = {
    "int64": Leaf(pa.int64(), INT64, lambda values: pa.array(values, pa.int64()), int),
    "uint64": Leaf(pa.uint64(), st.integers(0, 2**64 - 1), lambda values: pa.array(values, pa.uint64()), int),
    "bool": Leaf(pa.bool_(), st.booleans(), lambda values: pa.array(values, pa.bool_()), bool),
    "date32": Leaf(pa.date32(), INT32, _viewed(pa.date32(), pa.int32()), lambda days: str(np.datetime64(days, "D"))),
    "date64": Leaf(
        pa.date64(),
        st.one_of(st.integers(-(10**9), 10**9).map(lambda days: days * 86_400_000), INT64),
        _viewed(pa.date64(), pa.int64()),
        _date64,
    ),
    **{
        f"timestamp {unit} {zone}": _moment(unit, zone)
        for unit, zone in itertools.product(PER_SECOND, (None, "UTC", "Not/AZone"))
    },
    **{f"duration {unit}": _span(unit) for unit in PER_SECOND},
    "time32": _clock(pa.time32("ms"), "ms", INT32, pa.int32()),
    "time64": _clock(pa.time64("us"), "us", INT64, pa.int64()),
    "decimal": Leaf(
        pa.decimal128(38, 3),
        st.decimals(-(10**30), 10**30, places=3),
        lambda values: pa.array(values, pa.decimal128(38, 3)),
        lambda value: format(value, "f"),
    ),
    "decimal256": Leaf(
        pa.decimal256(76, 0),
        st.integers(-(10**75), 10**75).map(Decimal),
        lambda values: pa.array(values, pa.decimal256(76, 0)),
        lambda value: format(value, "f"),
    ),
    "binary": Leaf(
        pa.binary(),
        st.binary(max_size=5),
        lambda values: pa.array(values, pa.binary()),
        lambda value: base64.b64encode(value).decode(),
    ),
    "string": _texts(pa.string(), pa.binary()),
    "large string": _texts(pa.large_string(), pa.large_binary()),
    "string view": _texts(pa.string_view(), pa.binary_view()),
}


def _lists(kind: Callable[[pa.DataType], pa.DataType]) -> Callable[[pa.Array], pa.Array]:
    """Each value alone in a list, and a missing list at the end."""

    def wrap(inner: pa.Array) -> pa.Array:
        rows = len(inner)
        outer = kind(inner.type)
        wide = pa.types.is_large_list(outer) or pa.types.is_large_list_view(outer)
        width: Any = np.int64 if wide else np.int32
        valid = pa.array([True] * rows + [False]).buffers()[1]
        starts = np.arange(rows + 2, dtype=width)
        if pa.types.is_list(outer) or pa.types.is_large_list(outer):
            starts[-1] = rows
            return pa.Array.from_buffers(outer, rows + 1, [valid, pa.py_buffer(starts.tobytes())], -1, 0, [inner])
        sizes = np.array([1] * rows + [0], width)
        starts = np.append(np.arange(rows, dtype=width), np.array([0], width))
        buffers = [valid, pa.py_buffer(starts.tobytes()), pa.py_buffer(sizes.tobytes())]
        return pa.Array.from_buffers(outer, rows + 1, buffers, -1, 0, [inner])

    return wrap


def _structs(inner: pa.Array) -> pa.Array:
    return pa.StructArray.from_arrays([inner, inner], names=["x", "y"])


def _twins(inner: pa.Array) -> pa.Array:
    return pa.StructArray.from_arrays([inner, inner], names=["x", "x"])


WRAPS: dict[str, tuple[Callable[[pa.Array], pa.Array], Callable[[list[object]], list[object]]]] = {
    "flat": (lambda inner: inner, lambda forms: forms),
    "struct": (_structs, lambda forms: [{"x": form, "y": form} for form in forms]),
    "struct of one name twice": (_twins, lambda forms: [{"x": form, "x.1": form} for form in forms]),
    **{
        name: (_lists(kind), lambda forms: [*([form] for form in forms), None])
        for name, kind in (
            ("list", pa.list_),
            ("large list", pa.large_list),
            ("list view", pa.list_view),
            ("large list view", pa.large_list_view),
        )
    },
    "list view in a struct": (
        lambda inner: _structs(_lists(pa.list_view)(inner)),
        lambda forms: [*({"x": [form], "y": [form]} for form in forms), {"x": None, "y": None}],
    ),
    "fixed size list": (
        lambda inner: pa.FixedSizeListArray.from_arrays(inner, 1),
        lambda forms: [[form] for form in forms],
    ),
}


class Way:
    """An archive in one format, and a shipper for it that fails where anything is set aside."""

    def __init__(self, folder: Path, file_format: str) -> None:
        self.root = folder / "archive"
        self.format = file_format
        self.archive = Archive(self.root, format=file_format, ship="off", fsync="never", min_free_bytes=0, batch_seconds=0)
        self.pipeline = pipeline_of(self.archive.settings, warn=pytest.fail)

    def archived(self, data: object) -> list[object]:
        """The cells of the one column of a call, as JSON has them."""
        name = next(_names)
        assert self.archive.collector("m", name).collect(data)
        while self.pipeline.step().rows:
            continue
        (path,) = (path for path in self.root.rglob(f"data*.{self.format}") if path.parts[-5] == name)
        return _READ[self.format](path)


def _csv_cells(path: Path) -> list[object]:
    with path.open(newline="", encoding="utf-8") as file:
        _, *rows = csv.reader(file)
    return [row[-1] for row in rows]


def _json_cells(path: Path) -> list[object]:
    return [json.loads(line)["x"] for line in path.read_text(encoding="utf-8").split("\n")[:-1]]


def _parquet_cells(path: Path) -> list[object]:
    return [_parquet_value(one) for one in pq.read_table(path).column("x")]


def _parquet_value(one: Any) -> object:
    """Counts of times as they are: `as_py` has no values for most of them."""
    kind = one.type
    if not one.is_valid:
        return None
    if pa.types.is_list(kind):
        return [_parquet_value(inner) for inner in one.values]
    if pa.types.is_struct(kind):
        return {kind.field(at).name: _parquet_value(one[at]) for at in range(kind.num_fields)}
    if pa.types.is_timestamp(kind):
        return f"{np.datetime_as_string(np.datetime64(one.value, 'us'))}{'+00:00' if kind.tz else ''}"
    if pa.types.is_date(kind):
        return str(np.datetime64(one.value, "D"))
    if pa.types.is_decimal(kind):
        return format(one.as_py(), "f")
    value: object = one.as_py()
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value


_READ: dict[str, Callable[[Path], list[object]]] = {"csv": _csv_cells, "jsonl": _json_cells, "parquet": _parquet_cells}


@pytest.fixture(scope="module", params=["csv", "jsonl", "parquet"])
def way(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Way:
    return Way(tmp_path_factory.mktemp("typed"), request.param)


def _same(found: object, wanted: object, leaf: Leaf) -> bool:
    """Parquet has some as whole numbers of a unit, or with more digits behind the point."""
    if isinstance(found, str) and (isinstance(wanted, (list, dict)) or found[:1] == '"'):
        found = json.loads(found)
    if isinstance(wanted, list):
        return isinstance(found, list) and all(_same(*pair, leaf) for pair in zip(found, wanted, strict=True))
    if isinstance(wanted, dict):
        return isinstance(found, dict) and all(_same(found[key], one, leaf) for key, one in wanted.items())
    if pa.types.is_duration(leaf.kind) and isinstance(found, int):
        found = leaf.form(found)
    if pa.types.is_temporal(leaf.kind) and isinstance(found, str) and isinstance(wanted, str):
        found, wanted = _bare(found), _bare(wanted)
    return found == wanted


def _bare(text: str) -> str:
    """Without digits that say nothing."""
    return re.sub(r"\.(\d*?)0+(?=$|[+S])", r".\1", text).replace(".+", "+").replace(".S", "S").removesuffix(".")


@settings(max_examples=80, deadline=None)
@given(data=st.data(), name=st.sampled_from(sorted(LEAVES)), wrap=st.sampled_from(sorted(WRAPS)))
def test_each_arrow_type_is_archived_with_its_values_whatever_they_are(
    way: Way, data: st.DataObject, name: str, wrap: str
) -> None:
    leaf = LEAVES[name]
    raw = data.draw(st.lists(st.one_of(st.none(), leaf.raw), min_size=1, max_size=4))
    build, nest = WRAPS[wrap]
    forms = nest([None if value is None else leaf.form(value) for value in raw])
    inner = leaf.build(raw)

    found = way.archived(pa.table({"x": build(inner)}))

    if way.format == "csv" and wrap == "flat":  # empty text, and text that is missing, are alike to the csv module
        wanted = ["" if form is None else str(form) for form in forms]
        if pa.types.is_temporal(leaf.kind):  # beside a value that Arrow does not allow, each has the form of Python's value
            found, wanted = [list(map(_bare, texts)) for texts in (found, wanted)]
        assert found == wanted, (name, wrap)
    else:
        found = [None if cell == "" else cell for cell in found] if way.format == "csv" else found
        assert len(found) == len(forms) and all(_same(*pair, leaf) for pair in zip(found, forms, strict=True)), (found, forms)


PANDAS: Sequence[tuple[str, st.SearchStrategy[object]]] = (
    ("Int64", st.integers(-(2**63), 2**63 - 1)),
    ("UInt8", st.integers(0, 255)),
    ("boolean", st.booleans()),
    ("string", st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=5)),
    ("Float64", st.floats(allow_nan=False, allow_infinity=False)),
    ("float32", st.floats(width=32, allow_nan=False, allow_infinity=False)),
    ("datetime64[s]", st.datetimes(min_value=pd.Timestamp("1700-01-01"), max_value=pd.Timestamp("2200-01-01"))),
    ("datetime64[ns, Europe/Berlin]", st.datetimes(min_value=pd.Timestamp("1700-01-01"), max_value=pd.Timestamp("2200-01-01"))),
    ("timedelta64[us]", st.timedeltas(pd.Timedelta(days=-9999).to_pytimedelta(), pd.Timedelta(days=9999).to_pytimedelta())),
    ("category", st.text(st.characters(exclude_categories=["Cs"]), max_size=3)),
    ("Sparse[int64]", st.integers(-5, 5)),
    ("period[D]", st.dates(min_value=pd.Timestamp("1700-01-01").date(), max_value=pd.Timestamp("2200-01-01").date())),
    ("object", st.one_of(st.integers(), st.text(max_size=3), st.decimals(), st.floats())),
)


@settings(max_examples=30, deadline=None)
@given(data=st.data(), one=st.sampled_from(PANDAS))
def test_each_pandas_dtype_is_archived_row_by_row(
    way: Way, data: st.DataObject, one: tuple[str, st.SearchStrategy[object]]
) -> None:
    dtype, values = one
    drawn = data.draw(st.lists(values, min_size=1, max_size=4))
    frame = pd.DataFrame({"x": pd.Series(drawn, dtype=dtype)})

    found = way.archived(frame)

    assert len(found) == len(drawn)
    if dtype in ("Int64", "UInt8", "Sparse[int64]"):
        assert [Decimal(str(value)) for value in found] == drawn
    if dtype in ("string", "category"):
        assert found == drawn
