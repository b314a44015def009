"""Frames of one row, read column by column: the values, kinds and refusals are those of reading value by value."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modeldata.columns import Column, Payloads, Undecodable, cells, decode, rows
from modeldata.snapshot import capture_of

from .support import definition_of, new_pack, new_schemas, python

PLAIN = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**63), 2**64 - 1), st.integers(-200, 70_000), st.floats(), st.text(max_size=40),
    st.sampled_from(["", "\ud800", "x" * 300, "é" * 40, "y" * 70_000]),
)  # fmt: skip
COLUMN = st.sampled_from([PLAIN, st.floats(), st.integers(-(2**63), 2**63 - 1), st.text(max_size=40), st.booleans(), st.none()])


def _frames(calls: list[object]) -> tuple[dict[str, object], list[tuple[int, bytes]]]:
    schemas, pack = new_schemas(), new_pack()
    captured = [capture_of(data)(data, schemas, pack) for data in calls]
    (definition,) = {schema.definition for schema, _, _ in captured}
    return definition_of(definition), [(count, bytes(data)) for _, count, data in captured]


def _same(one: object, other: object) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return math.copysign(1, one) == math.copysign(1, other) and (one == other or (math.isnan(one) and math.isnan(other)))
    return type(one) is type(other) and one == other


@st.composite
def _tables(draw: st.DrawFn) -> list[list[object]]:
    columns = draw(st.lists(COLUMN, min_size=1, max_size=20))
    return [[draw(column) for column in columns] for _ in range(draw(st.integers(1, 12)))]


def _by_value(definition: dict[str, object], frames: list[tuple[int, bytes]]) -> list[Column]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rows, "read_cells", lambda *_, **__: None)
        return decode(definition, Payloads.of(frames))


@settings(max_examples=150, deadline=None)
@given(_tables(), st.booleans())
def test_every_cell_comes_back_and_in_a_column_of_the_same_type(table: list[list[object]], single: bool) -> None:
    definition, frames = _frames([row if single else [row] for row in table])
    made = decode(definition, Payloads.of(frames))
    expected = _by_value(definition, frames)

    assert cells.read_cells(Payloads.of(frames), len(table[0]), single=single) is not None, "the way that is tested"
    for at, (column, other) in enumerate(zip(made, expected, strict=True)):
        assert getattr(column.values, "type", list) == getattr(other.values, "type", list)
        for value, row, by_value in zip(python(column), table, python(other), strict=True):
            assert _same(value, row[at]) and _same(by_value, row[at])


@pytest.mark.parametrize("odd", [b"bytes", [1], {"a": 1}, 2**70, 1 + 2j], ids=lambda value: type(value).__name__)
def test_one_value_that_is_not_plain_is_read_with_all_others(odd: object) -> None:
    definition, frames = _frames([[1.5, "a"], [2.5, odd], [None, "c"]])
    made = decode(definition, Payloads.of(frames))

    assert [python(column) for column in made] == [[1.5, 2.5, None], ["a", odd, "c"]]


def test_a_frame_that_is_cut_or_too_long_is_reported_and_shifts_no_value() -> None:
    definition, frames = _frames([[1.5, "text", 7], [2.5, "tex", 300]])
    (_, first), (_, second) = frames
    for cut in range(1, len(first)):
        for wrong in (
            [(1, first[:-cut]), (1, second)],
            [(1, second), (1, first[:-cut])],
            [(1, first[:-cut]), (1, first[-cut:] + second)],
        ):
            with pytest.raises(Undecodable):
                decode(definition, Payloads.of(wrong))
    with pytest.raises(Undecodable):
        decode(definition, Payloads.of([(1, first + b"\xc0"), (1, second)]))


def test_what_lies_between_frames_is_nobodys() -> None:
    definition, frames = _frames([[1.5, "text"], [2.5, "more text"]])
    apart = Payloads.of(frames)
    content = b"\xff" * 5 + frames[0][1] + b"\xff" * 11 + frames[1][1] + b"\xff"
    apart.content = content
    apart.starts[:] = [5, 16 + len(frames[0][1])]

    assert [python(column) for column in decode(definition, apart)] == [[1.5, 2.5], ["text", "more text"]]


@pytest.mark.parametrize("width", [15, 16, pytest.param(70_000, marks=pytest.mark.faults)])
def test_wide_rows_have_their_length_behind_the_tag(width: int) -> None:
    definition, frames = _frames([[float(number) for number in range(width)] for _ in range(2)])
    made = decode(definition, Payloads.of(frames))

    assert [python(column) for column in made] == [[float(number)] * 2 for number in range(width)]
    assert cells.read_cells(Payloads.of(frames), width, single=True) is not None
    assert cells.read_cells(Payloads.of(frames), width + 1, single=True) is None


@pytest.mark.parametrize("lack", [MemoryError, ImportError])
def test_a_frame_is_not_to_blame_for_what_the_process_lacks(lack: type[Exception], monkeypatch: pytest.MonkeyPatch) -> None:
    definition, frames = _frames([[1.5, "text"]])

    def lacking(*_: object, **__: object) -> None:
        raise lack

    monkeypatch.setattr(rows, "read_cells", lacking)
    with pytest.raises(lack):
        decode(definition, Payloads.of(frames))
