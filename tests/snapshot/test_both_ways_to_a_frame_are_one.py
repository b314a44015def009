"""A data frame is read by its blocks where that is known to give what the public API gives. Also run with pandas 2.2."""

from __future__ import annotations

import enum
import sys
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings

from modeldata.snapshot import pandas_blocks, pandas_frames
from modeldata.snapshot.pandas_samples import samples
from modeldata.snapshot.schema import Schema, SchemaCache
from tests.snapshot.frames import any_frame
from tests.snapshot.support import new_pack, new_schemas

Content = tuple[Schema, int, bytes]


def public(data: pd.DataFrame, schemas: SchemaCache) -> Content:
    schema, rows, content = pandas_frames.capture_public(data, schemas, new_pack())
    return schema, rows, bytes(content)


def by_blocks(data: pd.DataFrame, schemas: SchemaCache) -> Content | None:
    captured = pandas_blocks.capture_blocks(data, schemas, new_pack(), pandas_frames.schema_of)
    return None if captured is None else (captured[0], captured[1], bytes(captured[2]))


def capture(data: pd.DataFrame, schemas: SchemaCache) -> Content:
    schema, rows, content = pandas_frames.capture_frame(data, schemas, new_pack())
    return schema, rows, bytes(content)


def test_this_pandas_is_read_by_its_blocks() -> None:
    assert pandas_frames.BY_BLOCKS


@pytest.mark.parametrize("number", range(sum(1 for _ in samples())))
def test_every_sample_is_taken_by_its_blocks_and_gives_the_same_bytes(number: int) -> None:
    schemas = new_schemas()
    frame = list(samples())[number]
    for _ in range(2):  # by a new copy plan, then by the known one
        found = by_blocks(frame, schemas)
        assert found is not None
        assert found == public(frame, schemas)


@settings(max_examples=100, deadline=None)
@given(frame=any_frame())
def test_any_frame_gives_the_same_bytes_either_way(frame: pd.DataFrame) -> None:
    schemas = new_schemas()
    for _ in range(2):
        found = by_blocks(frame, schemas)
        assert found is None or found == public(frame, schemas)


@pytest.mark.parametrize(
    "other",
    [
        pd.DataFrame({"a": [1], "b": [2.0]}),
        pd.DataFrame({"b": [1.0], "a": [2.0]}),
        pd.DataFrame({"a": [1.0], "b": [2.0], "c": [3.0]}),
        pd.DataFrame({"a": [1.0], "b": ["x"]}),
        pd.DataFrame({"a": [1.0], "b": np.array([2.0], "f4")}),
        pd.DataFrame([[1.0, 2.0]]),
        pd.DataFrame([[1.0, 2.0]], columns=["a", "a"]),
        pd.DataFrame([[1.0, 2.0]], columns=[1, 2]),
        pd.DataFrame([[1.0, 2.0]], columns=[True, False]),
        pd.DataFrame([[1.0, 2.0]], columns=pd.MultiIndex.from_tuples([("a", "x"), ("b", "y")])),
        pd.DataFrame({"a": pd.Categorical([1.0]), "b": [2.0]}),
        pd.DataFrame({"a": pd.to_datetime(["2026-01-01"]), "b": [2.0]}),
        pd.DataFrame({"a": pd.arrays.SparseArray([1.0]), "b": [2.0]}),
    ],
)
def test_a_frame_of_another_make_is_not_taken_for_the_one_before(other: pd.DataFrame) -> None:
    schemas = new_schemas()
    first = pd.DataFrame({"a": [1.0], "b": [2.0]})
    for frame in (first, other, first, other):
        assert capture(frame, schemas) == public(frame, schemas)


def test_a_column_that_was_added_later_is_a_block_of_its_own_and_lies_where_it_belongs() -> None:
    schemas = new_schemas()
    together = pd.DataFrame({"a": [1.0], "b": [2.0], "c": [3.0]})
    grown = pd.DataFrame({"a": [1.0], "c": [3.0]})
    grown.insert(1, "b", [2.0])

    assert capture(grown, schemas) == capture(together, schemas) == capture(grown, schemas)


def test_equal_columns_that_lie_in_other_blocks_are_found_there() -> None:
    schemas = new_schemas()
    first = pd.DataFrame([[1.0, 2.0]], columns=["a", "b"])
    first["c"] = [3.0]
    second = pd.DataFrame([[2.0, 3.0]], columns=["b", "c"])
    second.insert(0, "a", [1.0])

    assert capture(first, schemas) == capture(second, schemas) == public(first, schemas)


def test_labels_that_equal_text_but_print_otherwise_are_not_taken_for_it() -> None:
    class Column(str, enum.Enum):  # noqa: UP042 - a StrEnum prints as its value
        A = "a"
        B = "b"

    schemas = new_schemas()
    plain = pd.DataFrame([[1.0, 2.0]], columns=pd.Index(["a", "b"], dtype=object))
    named = pd.DataFrame([[1.0, 2.0]], columns=pd.Index([Column.A, Column.B], dtype=object))

    assert capture(plain, schemas)[0].columns == ("a", "b")
    assert capture(named, schemas)[0].columns == ("Column.A", "Column.B")


def test_more_makes_in_turn_than_are_remembered_are_all_taken_right() -> None:
    schemas = new_schemas()
    every = [pd.DataFrame({f"c{number}": [1.0], "n": [number]}) for number in range(pandas_blocks.MAX_COPY_PLANS + 5)]
    for frame in every * 2:
        assert capture(frame, schemas) == public(frame, schemas)
    assert len(schemas.copy_plans) <= pandas_blocks.MAX_COPY_PLANS


def test_a_subclass_goes_by_what_it_answers() -> None:
    class Doubling(pd.DataFrame):
        def to_numpy(self, *args: Any, **named: Any) -> Any:
            return super().to_numpy(*args, **named) * 2

    frame = Doubling([[1.0, 2.0]])
    assert by_blocks(frame, new_schemas()) is None
    assert np.frombuffer(capture(frame, new_schemas())[2]).tolist() == [2.0, 4.0]


def _wrong(*args: Any) -> Any:
    schema, rows, content = REAL(*args)  # type: ignore[misc] # samples are all taken
    return schema, rows, bytes(content)[:-1] + b"?"


def _compiled_wrong(data: pd.DataFrame, schemas: SchemaCache) -> Any:
    return _wrong(data, schemas, new_pack(), pandas_frames.schema_of)


def _raising(*args: Any) -> Any:
    raise AttributeError("_mgr")


REAL = pandas_blocks.capture_blocks


@pytest.mark.parametrize(
    ("changed", "other"),
    [
        ("pandas_blocks.capture_blocks", _wrong),
        ("pandas_blocks.capture_blocks", _raising),
        ("pandas_frames.compiled", _compiled_wrong),
    ],
)
def test_a_pandas_whose_blocks_mean_something_else_is_read_by_its_public_api(
    changed: str, other: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"modeldata.snapshot.{changed}", other)
    assert not pandas_frames._both_ways_agree()
    monkeypatch.setattr(pandas_frames, "BY_BLOCKS", False)

    assert capture(pd.DataFrame({"a": [1.0]}), new_schemas())[2] == np.array([1.0]).tobytes()


def test_the_pandas_that_was_asked_for_is_the_one_that_is_tested() -> None:
    wanted = [path for path in sys.path if path.rstrip("/").endswith("pandas-2.2")]
    assert pd.__version__.startswith("2.2.") or not wanted
