"""Arrow data collected row by row is what it would be collected as a whole, of every type, with nulls and with long text."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modeldata.columns import Payloads, Undecodable, arrow_merge, decode
from modeldata.snapshot import capture_of

from .support import definition_of, new_pack, new_schemas, table

WORDS = st.text(st.characters(codec="utf-8"), max_size=30)
COLUMNS = {
    "int8": (pa.int8(), st.integers(-128, 127)),
    "float": (pa.float64(), st.floats(allow_nan=False)),
    "bool": (pa.bool_(), st.booleans()),
    "text": (pa.string(), WORDS),
    "large": (pa.large_string(), WORDS),
    "view": (pa.string_view(), WORDS),
    "bytes": (pa.binary(), st.binary(max_size=30)),
    "byte views": (pa.binary_view(), st.binary(max_size=30)),
    "fixed": (pa.binary(3), st.binary(min_size=3, max_size=3)),
    "decimal": (pa.decimal128(9, 2), st.decimals(-9999, 9999, places=2)),
    "time": (pa.timestamp("us", "Europe/Vienna"), st.datetimes().map(lambda one: one.replace(year=2026, fold=0))),
    "nothing": (pa.null(), st.none()),
    "struct": (pa.struct([("a", pa.int32()), ("b", pa.string())]), st.fixed_dictionaries({"a": st.integers(0, 9), "b": WORDS})),
}


def _decoded(calls: list[pa.Table]) -> dict[str, list[object]]:
    schemas, pack = new_schemas(), new_pack()
    captured = [capture_of(call)(call, schemas, pack) for call in calls]
    (definition,) = {schema.definition for schema, _, _ in captured}
    return table(decode(definition_of(definition), Payloads.of([(rows, bytes(data)) for _, rows, data in captured])))


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_rows_collected_in_any_pieces_are_the_table_they_were(data: st.DataObject) -> None:
    rows = data.draw(st.integers(2, 12))
    names = data.draw(st.lists(st.sampled_from(sorted(COLUMNS)), min_size=1, max_size=5, unique=True))
    whole = pa.table(
        {
            name: pa.array(data.draw(st.lists(st.none() | COLUMNS[name][1], min_size=rows, max_size=rows)), COLUMNS[name][0])
            for name in names
        }
    )
    cuts = sorted({0, rows, *data.draw(st.lists(st.integers(1, rows - 1), max_size=rows))})
    pieces = [whole.slice(start, stop - start) for start, stop in pairwise(cuts)]

    assert _decoded(pieces) == whole.to_pydict()


def test_rows_of_polars_are_merged_and_right() -> None:
    rows = [
        {"x": 1.5 * at, "n": None if at % 3 else at, "s": "long enough to be no part of a view" * (at % 2)} for at in range(40)
    ]
    whole = pl.DataFrame(rows)
    schemas, pack = new_schemas(), new_pack()
    captured = [capture_of(call)(call, schemas, pack) for call in (whole[at : at + 1] for at in range(len(rows)))]
    found = table(decode(definition_of(captured[0][0].definition), Payloads.of([(1, bytes(data)) for _, _, data in captured])))

    assert [dict(zip(found, values, strict=True)) for values in zip(*found.values(), strict=True)] == rows


NODE = [2, [None, b"\x00\x00\x00\x00\x02\x00\x00\x00\x03\x00\x00\x00", b"abc"], [], None, 0, 0]


@pytest.mark.parametrize(
    "wrong",
    [
        [2, [None, b"\x00\x00\x00\x00\x02\x00\x00\x00\x04\x00\x00\x00", b"abc"], [], None, 0, 0],
        [2, [None, b"\x00\x00\x00\x00\x04\x00\x00\x00\x03\x00\x00\x00", b"abc"], [], None, 0, 0],
        [2, [None, b"\x01\x00\x00\x00\x02\x00\x00\x00\x03\x00\x00\x00", b"abc"], [], None, 0, 0],
        [3, [None, b"\x00\x00\x00\x00\x02\x00\x00\x00\x03\x00\x00\x00", b"abc"], [], None, 0, 0],
        [-1, NODE[1], [], None, 0, 0],
        [2, [None], [], None, 0, 0],
        [2, [b"", *NODE[1][1:]], [], None, 0, 0],  # type: ignore[index]
    ],
)
def test_a_frame_that_lies_is_never_merged_with_another(wrong: list[object]) -> None:
    assert arrow_merge.merged(pa.string(), [NODE, NODE]) is not None
    assert arrow_merge.merged(pa.string(), [NODE, wrong]) is None
    assert arrow_merge.merged(pa.string(), [wrong, NODE]) is None


def test_a_column_longer_than_its_frame_shifts_no_value() -> None:
    schemas, pack = new_schemas(), new_pack()
    one = pa.table({"a": pa.array([1, 2]), "b": pa.array([3, 4])})
    schema, _, _ = capture_of(one)(one, schemas, pack)

    def frame(first: int, second: int) -> bytes:
        child = [[count, [None, bytes(8 * count)], [], None, 0, 0] for count in (first, second)]
        return pack([[2, [None], child, None, 0, 0]])

    good = frame(2, 2)
    assert decode(definition_of(schema.definition), Payloads.of([(2, good), (2, good)]))
    with pytest.raises(Undecodable):
        decode(definition_of(schema.definition), Payloads.of([(2, frame(1, 2)), (2, frame(3, 2))]))


def test_decimals_and_nulls_of_one_row_frames() -> None:
    rows = [pa.table({"d": pa.array([value], pa.decimal128(5, 1))}) for value in (Decimal("1.5"), None, Decimal("-2.0"))]

    assert _decoded(rows) == {"d": [Decimal("1.5"), None, Decimal("-2.0")]}
