"""Promise 4 with the shipper's compiled part: it finds the frames that Python finds, and makes of columns the bytes that Python makes."""

from __future__ import annotations

import itertools
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modeldata.columns import Column
from modeldata.encode import csv_rows, format_of
from modeldata.native import find
from modeldata.spool import bulk, frame

shipper = find("shipper")[0]
pytestmark = pytest.mark.skipif(shipper is None, reason="this installation has no compiled part")

SALT = 0xFFFF_FFF1
TIMES = [pa.timestamp(unit) for unit in ("s", "ms", "us", "ns")]
WHOLE = [pa.int8(), pa.uint8(), pa.int16(), pa.uint16(), pa.int32(), pa.uint32(), pa.int64(), pa.uint64()]
OTHERS = [pa.timestamp("us", "Asia/Kolkata"), pa.duration("ms"), pa.date32(), pa.time64("us")]


@contextmanager
def pythons_way() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_rows, "compiled", None)
        patch.setattr(bulk, "compiled", None)
        yield


def csv(columns: list[Any], *, excel_safe: bool = False) -> bytes:
    made = [Column(f"c{at}", "any", values) for at, values in enumerate(columns)]
    return format_of("csv").encode(made, excel_safe=excel_safe, metadata={}).data


def check(columns: list[Any], *, excel_safe: bool = False) -> bytes:
    """Both ways make the same bytes, which are these."""
    with pythons_way():
        expected = csv(columns, excel_safe=excel_safe)
    compiled = csv(columns, excel_safe=excel_safe)
    assert compiled == expected
    return compiled


def raw(kind: pa.DataType, rows: int) -> st.SearchStrategy[pa.Array]:
    """Any bits that values of the type can have."""
    width = kind.bit_width // 8
    return st.binary(min_size=rows * width, max_size=rows * width).map(
        lambda content: pa.Array.from_buffers(kind, rows, [None, pa.py_buffer(content)])
    )


MARKS = st.text('a ",\n\r\0#\t\f=+-@é🦜', max_size=20)
TEXTS = MARKS | st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
LONE = st.text(st.characters(exclude_categories=[]), max_size=3)


def listed(kind: pa.DataType | None, values: st.SearchStrategy[Any], rows: int) -> st.SearchStrategy[Any]:
    lists = st.lists(st.none() | values, min_size=rows, max_size=rows)
    return lists if kind is None else lists.map(lambda some: pa.array(some, kind))


def column(rows: int) -> st.SearchStrategy[Any]:
    numbers = [raw(kind, rows) for kind in [pa.float64(), pa.float32(), pa.float16(), *WHOLE, *TIMES]]
    floats = st.floats().map(lambda number: round(number, 3)) | st.sampled_from([0.0, -0.0, 1e10, 1e-6, 9.9e-7, 1e9, 5e-324])
    return st.one_of(
        *numbers,
        listed(pa.float64(), floats, rows),
        listed(pa.int64(), st.integers(-(1 << 63), (1 << 63) - 1), rows),
        listed(pa.bool_(), st.booleans(), rows),
        listed(pa.string(), TEXTS, rows),
        listed(pa.large_string(), TEXTS, rows),
        listed(pa.dictionary(pa.int8(), pa.string()), MARKS, rows),
        listed(None, st.integers() | st.floats() | LONE | st.booleans() | st.lists(st.integers(), max_size=2), rows),
        st.just(pa.nulls(rows)),
        *(listed(kind, st.integers(0, 86_399), rows) for kind in OTHERS),
    )


TABLES = st.integers(1, 9).flatmap(lambda rows: st.lists(column(rows), min_size=1, max_size=6))


def cut(values: Any, start: int) -> Any:
    """Not from its buffers' first value on."""
    return values[start:]


@settings(max_examples=30, deadline=None)
@given(columns=TABLES, excel_safe=st.booleans(), start=st.integers(0, 8))
def test_any_columns_have_the_same_rows(columns: list[Any], excel_safe: bool, start: int) -> None:
    check(columns, excel_safe=excel_safe)
    check([cut(values, min(start, len(values) - 1)) for values in columns], excel_safe=excel_safe)


def test_floats_of_any_bits_have_the_same_text() -> None:
    dice = np.random.default_rng(17)
    count = 1 << 14
    powers = np.ldexp(1.0, dice.integers(-1074, 1024, count))
    near = (powers.view("u8") + dice.integers(-3, 4, count).astype("u8")).view("f8")
    small = (np.ldexp(np.float32(1), dice.integers(-149, 128, count)).view("u4") + dice.integers(0, 3, count).astype("u4")).view(
        "f4"
    )
    rounded = np.round(dice.normal(size=count) * 10.0 ** dice.integers(-9, 16, count), 3)
    any_bits = dice.integers(0, 1 << 64, count, np.uint64)
    made = check([pa.array(values) for values in (near, small, rounded, any_bits.view("f8"), any_bits.astype("u4").view("f4"))])
    for line, value in zip(made.splitlines(), near.tolist(), strict=True):
        assert float(line.partition(b",")[0]) == value or value != value


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string()])
def test_texts_of_any_marks_have_the_same_quotes(kind: pa.DataType) -> None:
    texts = ["".join(marks) for size in range(4) for marks in itertools.product('a ",\n\r\0#\t\f=é', repeat=size)]
    assert check([pa.array([*texts, None], kind)]).count(b'""') > len(texts) / 12


def test_columns_are_cut_where_python_cuts_them_and_where_it_does_not() -> None:
    rows = csv_rows.COMPILED_SLICE + 3
    plain = [
        pa.array(np.arange(rows)),
        pa.array(np.arange(rows) % 2 == 0),
        pa.array(["a,b", None, "", "é"] * (rows // 4 + 1))[:rows],
    ]
    whole = check(plain)
    assert check([pa.chunked_array([values[:5], values[5:]]) for values in plain]) == whole
    assert check([*plain, [b"x"] * rows]).count(b"\n") == rows


def test_rows_of_no_columns_or_none_of_some_are_no_bytes() -> None:
    assert check([pa.array([], pa.float64()), pa.array([], pa.string())]) == b""


ROOM = bytes(64)
SHORT = {
    "no columns": ((), 1),
    "fewer than no rows": ((("l", 0, None, ROOM, b""),), -1),
    "numbers": ((("l", 0, None, ROOM, b""),), 9),
    "bits": ((("b", 0, None, ROOM, b""),), 513),
    "an offset": ((("l", 8, None, ROOM, b""),), 1),
    "before the first": ((("l", -1, None, ROOM, b""),), 1),
    "validity": ((("l", 0, b"\xff", ROOM * 2, b""),), 9),
    "places of texts": ((("U", 0, None, memoryview(bytes(128))[:64], b""),), 8),
    "text": ((("U", 0, None, struct.pack("<qq", 0, 2), b"x"),), 1),
    "text before the first": ((("U", 0, None, struct.pack("<qq", -1, 1), b"x"),), 1),
    "text that ends before it begins": ((("u", 0, None, struct.pack("<iii", 2, 1, 2), b"x##"),), 2),
    "rows without end": ((("l", 0, None, ROOM, b""),), (1 << 63) - 1),
    "an offset without end": ((("l", (1 << 63) - 1, None, ROOM, b""),), 1),
    "a kind that nobody knows": ((("?", 0, None, ROOM, b""),), 1),
}


@pytest.mark.parametrize("columns, rows", SHORT.values(), ids=SHORT)
def test_a_column_with_less_in_it_than_was_said_is_refused(columns: Any, rows: int) -> None:
    with pytest.raises(ValueError, match="rows"):
        shipper.csv_rows(columns, rows)


@pytest.mark.parametrize(
    "columns", [[], ([],), ((),), (("l", 0, None, None),), ((1, 0, None, ROOM, b""),), (("l", 0, None, 7, b""),)]
)
def test_what_is_no_column_is_refused(columns: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        shipper.csv_rows(columns, 1)


def packed(sizes: list[int], kinds: list[int]) -> bytes:
    return b"".join(
        frame.pack_frame(SALT, kind, at, at, 1, 1, b"d" * size, b"c" * (size % 3), b"r" * (size % 5))
        for at, (size, kind) in enumerate(zip(sizes, kinds, strict=False))
    )


def found(content: bytes) -> tuple[list[int], bytes]:
    """Both ways find the same frames: these."""
    starts, heads = bulk.found_frames(content, SALT)
    with pythons_way():
        expected, headers = bulk.found_frames(content, SALT)
    assert starts.tolist() == expected.tolist() and heads.tobytes() == headers.tobytes()
    return starts.tolist(), heads.tobytes()


KINDS = st.lists(
    st.sampled_from([frame.DATA] * 6 + [frame.DEFINE, frame.DROPS, frame.END, frame.TOTALS]), min_size=12, max_size=12
)


@settings(max_examples=100, deadline=None)
@given(
    sizes=st.lists(st.integers(0, 700), max_size=12),
    kinds=KINDS,
    damage=st.lists(st.tuples(st.integers(0, 1 << 13), st.integers(0, 255)), max_size=3),
    end=st.integers(0, 1 << 13),
    tail=st.binary(max_size=60) | st.just(frame.FRAME_MAGIC * 20),
)
def test_the_same_frames_are_found_in_any_bytes(
    sizes: list[int], kinds: list[int], damage: list[tuple[int, int]], end: int, tail: bytes
) -> None:
    content = packed(sizes, kinds)
    starts, _ = found(content)
    stop = kinds[: len(sizes)].index(frame.END) + 1 if frame.END in kinds[: len(sizes)] else len(sizes)
    assert len(starts) == stop
    harmed = bytearray(content)
    for place, byte in damage:
        if place < len(harmed):
            harmed[place] = byte
    for some in (bytes(harmed), content[:end], content + tail, tail):
        found(some)


def test_one_wrong_byte_ends_the_search() -> None:
    """But in the padding, of which nothing is known."""
    first, second = packed([8], [frame.DATA]), packed([13], [frame.DATA])
    checked = frame.FRAME_BYTES + 13 + 13 % 3 + 13 % 5
    for place in range(len(second)):
        harmed = bytearray(second)
        harmed[place] ^= 1
        assert len(found(first + bytes(harmed))[0]) == (1 if place < checked else 2)


def test_a_frame_is_there_with_its_padding_or_not_at_all() -> None:
    assert found(packed([13], [frame.DATA])[:-3])[0] == []


def test_a_header_that_says_more_than_there_is_or_another_checksum_ends_the_search() -> None:
    good = packed([8, 8], [frame.DATA] * 2)
    old = frame.FRAME.pack(frame.FRAME_MAGIC, frame.DATA, frame.CHECK_CRC32, 0, 0, 0, 1, 1, 0, 0, 0, frame.checksum(b"", SALT))
    assert found(old + frame.CRC.pack(frame.checksum(old, SALT)))[0] == []
    long = frame.FRAME.pack(frame.FRAME_MAGIC, frame.DATA, frame.CHECK_XXH3, 0, 0, 0, 1, 1, 0xFFFF_FFFF, 0xFFFF, 0xFFFF, 0)
    assert len(found(good + long + frame.CRC.pack(frame.checksum(long, SALT)) + bytes(64))[0]) == 2


def test_the_table_of_powers_has_one_size() -> None:
    with pytest.raises(ValueError, match="table"):
        shipper.know_powers(b"")
