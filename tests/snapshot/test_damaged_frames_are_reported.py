"""What is not what its definition says raises `Undecodable`; never a crash, never a value in another column."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modeldata.columns import Payloads, Undecodable, decode
from modeldata.snapshot import capture_of
from tests.snapshot.support import definition_of, new_pack, new_schemas, table

SAMPLES: dict[str, Any] = {
    "list": [1, 2.5, "text", None],
    "rows": [[1, "a"], [2, "b"]],
    "dicts": [{"a": 1, "b": "x"}, {"a": 2}],
    "array": np.arange(6.0).reshape(2, 3),
    "cube": np.arange(12).reshape(2, 3, 2),
    "text array": np.array([["a", "b"]]),
    "frame": pd.DataFrame({"a": [1.5, 2.5], "b": [1, 2], "c": pd.array([1, None], dtype="Int64")}),
    "frame with text": pd.DataFrame({"a": [1.5, 2.5], "b": ["x", "y"], "c": pd.Categorical(["u", None])}),
    "arrow": pa.table({"a": [1, None], "b": ["x", "yy"], "c": [[1], [2, 3]], "d": pa.array(["u", "v"]).dictionary_encode()}),
    "arrow views": pa.table(
        {"a": pa.array(["x" * 20, None], pa.string_view()), "b": pa.array([[1], []], pa.list_view(pa.int8()))}
    ),
    "arrow map": pa.table({"a": pa.array([[("k", 1)], []], pa.map_(pa.string(), pa.int8())), "b": [{"x": "s"}, None]}),
    "arrow series": pa.array(["a", None, "c"]),
}


def captured(data: object) -> tuple[dict[str, object], int, bytes]:
    schema, rows, frame = capture_of(data)(data, new_schemas(), new_pack())
    return definition_of(schema.definition), rows, frame


@pytest.mark.parametrize("name", SAMPLES)
def test_a_frame_cut_short_or_followed_by_more_is_undecodable(name: str) -> None:
    definition, rows, frame = captured(SAMPLES[name])
    decode(definition, Payloads.of([(rows, frame)]))
    for damaged in (frame[:-1], frame[: len(frame) // 2], b"", frame + b"\0", frame + frame):
        with pytest.raises(Undecodable):
            decode(definition, Payloads.of([(rows, damaged)]))
        with pytest.raises(Undecodable):
            decode(definition, Payloads.of([(rows, frame), (rows, damaged), (rows, frame)]))


@pytest.mark.parametrize("name", SAMPLES)
def test_two_frames_whose_lengths_only_agree_together_are_undecodable(name: str) -> None:
    definition, rows, frame = captured(SAMPLES[name])
    both = frame + frame
    for cut in (1, len(frame) - 1, len(frame) + 1, len(both) - 1):
        with pytest.raises(Undecodable):
            decode(definition, Payloads.of([(rows, both[:cut]), (rows, both[cut:])]))


@pytest.mark.parametrize("name", SAMPLES)
def test_a_wrong_number_of_rows_is_undecodable(name: str) -> None:
    definition, rows, frame = captured(SAMPLES[name])
    for wrong in (rows + 1, rows * 2, 0):
        with pytest.raises(Undecodable):
            decode(definition, Payloads.of([(wrong, frame)]))


@pytest.mark.parametrize("name", SAMPLES)
def test_frames_may_be_views_of_a_segment(name: str) -> None:
    definition, rows, frame = captured(SAMPLES[name])
    view = memoryview(b"head" + frame + b"tail")[4:-4]
    assert table(decode(definition, Payloads.of([(rows, view)]))) == table(decode(definition, Payloads.of([(rows, frame)])))


@pytest.mark.parametrize("name", SAMPLES)
def test_no_frames_are_columns_without_values(name: str) -> None:
    definition, _, _ = captured(SAMPLES[name])
    columns = decode(definition, Payloads.of([]))
    assert [column.name for column in columns] == definition["columns"]
    assert all(len(column.values) == 0 for column in columns)


@pytest.mark.parametrize("name", SAMPLES)
def test_a_definition_that_is_not_one_is_undecodable(name: str) -> None:
    definition, rows, frame = captured(SAMPLES[name])
    wrong: list[dict[str, object]] = [
        {**definition, "layout": "other"},
        {**definition, "columns": ["a"], "types": ["any"]},
        {**definition, "types": ["any"] * 50},
        {**definition, "columns": None},
        {**definition, "extra": None},
        {"identity": {}},
    ]
    for one in wrong:
        with pytest.raises(Undecodable):
            decode(one, Payloads.of([(rows, frame)]))


@pytest.mark.parametrize("name", SAMPLES)
def test_each_byte_changed_is_other_values_or_undecodable(name: str) -> None:
    definition, rows, frame = captured(SAMPLES[name])
    for at in range(len(frame)):
        for value in (0x00, 0x7F, 0x80, 0xFF):
            try:
                columns = decode(definition, Payloads.of([(rows, frame[:at] + bytes([value]) + frame[at + 1 :])]))
            except Undecodable:
                continue
            assert all(len(column.values) == rows for column in columns)
            assert all(str(column.values) for column in columns)


@pytest.mark.parametrize("name", SAMPLES)
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_byte_changed_is_other_values_or_undecodable(name: str, data: st.DataObject) -> None:
    definition, rows, frame = captured(SAMPLES[name])
    damaged = bytearray(frame)
    for _ in range(data.draw(st.integers(1, 3))):
        damaged[data.draw(st.integers(0, len(frame) - 1))] = data.draw(st.integers(0, 255))
    try:
        columns = decode(definition, Payloads.of([(rows, bytes(damaged))]))
    except Undecodable:
        return
    assert all(len(column.values) == rows for column in columns)
    for column in columns:
        str(column.values if isinstance(column.values, list) else column.values.to_string())


@pytest.mark.parametrize("name", SAMPLES)
@given(data=st.binary(max_size=200))
def test_any_bytes_are_undecodable_or_rows(name: str, data: bytes) -> None:
    definition, rows, _ = captured(SAMPLES[name])
    try:
        columns = decode(definition, Payloads.of([(rows, data)]))
    except Undecodable:
        return
    assert all(len(column.values) == rows for column in columns)
