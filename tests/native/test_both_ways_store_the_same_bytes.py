"""Promise 4 with the compiled part: what it stores is to the byte what Python's way stores, and it leaves alone what it does not know."""

from __future__ import annotations

import copy
import gc
import inspect
import pickle
import struct
import sys
import threading
import tracemalloc
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path

import msgpack
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import modeldata
from modeldata import Archive, ModelDataCollector
from modeldata.native import accelerator
from modeldata.spool import frame
from modeldata.spool.segment import DIRECT_BYTES
from tests.native.place import Place, called

pytestmark = pytest.mark.skipif(accelerator is None, reason="this installation has no compiled part")

NAN = float("nan")


TEXTS = st.text(st.characters(exclude_categories=[]), max_size=40) | st.sampled_from(
    ["ä" * 31, "x" * 32, "\ud800", "€" * 90, "🦜" * 70]
)
NUMBERS = st.integers() | st.builds(
    lambda power, more, sign: sign * ((1 << power) + more), st.integers(0, 66), st.integers(-2, 2), st.sampled_from([1, -1])
)
ANY_BITS = st.integers(0, (1 << 64) - 1).map(lambda bits: struct.unpack("<d", bits.to_bytes(8, "little"))[0])
VALUES = NUMBERS | st.floats() | ANY_BITS | TEXTS | st.booleans() | st.none() | st.binary(max_size=300)
NESTED = VALUES | st.lists(VALUES, max_size=3) | st.just(np.float64(1.5)) | st.just(1j)
ROWS = st.lists(VALUES, min_size=1, max_size=40)
DTYPES = st.sampled_from(
    [
        "f8",
        "f4",
        "f2",
        "i1",
        "u1",
        "i2",
        "i4",
        "u8",
        "?",
        ">f8",
        ">i2",
        "c8",
        "g",
        "M8[ns]",
        "m8[s]",
        "U3",
        "S2",
        "O",
        "i4,f8",
        "i2,O",
    ]
)


def unaligned(array: np.ndarray) -> np.ndarray:
    """Read-only, and one byte off."""
    return array if array.dtype.hasobject else np.frombuffer(b"\0" + array.tobytes(), array.dtype, offset=1).reshape(array.shape)


VIEWS: list[Callable[[np.ndarray], np.ndarray]] = [
    lambda array: array, lambda array: array.T, np.asfortranarray, unaligned, lambda array: array[..., ::-1] if array.ndim else array,
    lambda array: array[..., ::2] if array.ndim else array, lambda array: np.broadcast_to(array, (3, *array.shape)),
    lambda array: array[..., :0] if array.ndim else array, lambda array: array.view(np.matrix) if array.ndim == 2 else array,
    lambda array: np.ma.masked_array(array, np.arange(array.size).reshape(array.shape) % 2 == 0),
]  # fmt: skip
ARRAYS = st.builds(
    lambda dtype, shape, view: view(np.arange(int(np.prod(shape))).reshape(shape).astype("i8").astype(dtype)),
    DTYPES, st.lists(st.integers(1, 5), max_size=3), st.sampled_from(VIEWS),
)  # fmt: skip
DATA = (
    ROWS | ROWS.map(tuple) | st.dictionaries(TEXTS, VALUES, min_size=1, max_size=20) | ARRAYS
    | st.lists(NESTED, min_size=1, max_size=4) | st.dictionaries(st.integers() | TEXTS, NESTED, min_size=1, max_size=4)
    | ROWS.map(lambda row: row * 40)
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(data=DATA, correlation=TEXTS)
def test_any_data_is_stored_as_python_stores_it(place: Place, data: object, correlation: str) -> None:
    place.check(data, correlation)


@settings(max_examples=30, deadline=None)
@given(data=ROWS, correlation=TEXTS, request=TEXTS.filter(bool))
def test_ids_are_stored_as_python_stores_them(place: Place, data: list[object], correlation: str, request: str) -> None:
    with modeldata.request(request):
        place.check(data, correlation)


@pytest.mark.parametrize("size", [DIRECT_BYTES - n for n in range(40, 75)])
def test_frames_around_the_size_that_goes_another_way(place: Place, size: int) -> None:
    place.check(["x" * size])
    place.check([b"x" * size])


def test_the_limit_is_the_one_of_segments() -> None:
    assert accelerator.MOST_FRAME == DIRECT_BYTES - 1


LEFT = np.zeros((3, 4))[:, ::2]
PLAIN = {
    "list": [1.5, None, "a", b"b", True, 2, -(1 << 63)],
    "tuple": (1, "ä"),
    "dict": {"a": 1, "b": None},
    "one value": np.array(4.5),
    "one row": np.arange(4, dtype="i4"),
    "rows": np.zeros((3, 2), "f2"),
    "columns of others": LEFT,
}


@pytest.mark.parametrize("data", PLAIN.values(), ids=PLAIN)
def test_plain_data_is_stored_without_any_python(place: Place, data: object) -> None:
    place.check(data)
    place.calm()
    inputs = place.collector
    assert called(lambda: inputs.collect(data)) == []
    assert called(lambda: inputs.collect(data, "an id")) == []
    assert called(lambda: inputs.collect(data, user_correlation_id="an id")) == []


class Whole(int):
    """A subclass may mean something else."""


OTHERS = {
    "nested": [1, [2]],
    "large number": [1 << 63],
    "subclass": [Whole(1)],
    "rows": [[1, 2], [3, 4]],
    "ordered": OrderedDict(a=1),
    "keys that are no text": {1: 2},
    "cells": np.zeros((2, 2, 2)),
    "big-endian": np.zeros(3, ">f8"),
    "texts": np.array(["a"]),
    "large": [b"x" * DIRECT_BYTES],
}


@pytest.mark.parametrize("data", OTHERS.values(), ids=OTHERS)
def test_other_data_goes_by_python(place: Place, data: object) -> None:
    place.check(data)
    assert "collect" in called(lambda: place.collector.collect(data))


def test_the_same_keys_in_another_order_are_the_same_columns(place: Place) -> None:
    place.check({"first": 1, "second": 2})
    place.check({"second": 3, "first": 4})
    place.calm()
    assert called(lambda: place.collector.collect({"second": 3, "first": 4})) == []


def test_keys_that_bring_code_are_left_to_python(place: Place) -> None:
    class Key(str):
        def __hash__(self) -> int:
            return hash("first")

        def __eq__(self, other: object) -> bool:
            return True

    place.check({"first": 1})
    assert "collect" in called(lambda: place.collector.collect({Key("other"): 1}))


def test_rows_with_a_time_of_their_own_have_it(place: Place) -> None:
    for data in ([1], np.ones(3), [[1, 2], [3, 4]]):
        place.check(data)
        place.calm()
        before = place.segment.end
        assert place.collector.collect(data, timestamp=17)
        header = frame.unpack_frame_header(place.stored(before), 0, place.segment.salt)
        assert header is not None and header.time_ns == 17


def test_a_request_id_by_name_counts(place: Place) -> None:
    place.check([1])
    before = place.segment.end
    with modeldata.request("around"):
        assert place.collector.collect([1], request_id="by name")
    assert b"by name" in place.stored(before)


def test_inside_a_request_it_is_compiled_and_inside_a_generator_python_is_asked(place: Place) -> None:
    def steps() -> Iterator[list[str]]:
        with modeldata.request("of the generator"):
            yield called(lambda: place.collector.collect([1]))

    place.check([1])
    place.calm()
    with modeldata.request("around"):
        assert called(lambda: place.collector.collect([1])) == []
    assert "current_request" in next(steps())


def test_a_clock_that_was_replaced_is_asked(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.check([1])
    (lane,) = place.archive._intake.writer.lanes
    monkeypatch.setattr("modeldata.collector.time_ns", lambda: lane._calm_from + 17)
    before = place.segment.end
    assert place.collector.collect([1])
    header = frame.unpack_frame_header(place.stored(before), 0, place.segment.salt)
    assert header is not None and header.time_ns == lane._calm_from + 17


def test_a_refusal_is_written_soon_after(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.check([1])
    assert not place.collector.collect(object())
    assert "_tend" in called(lambda: place.collector.collect([1]))
    place.archive.close(0)


def test_a_row_that_is_too_large_is_refused(tmp_path: Path) -> None:
    place = Place(tmp_path, max_row_bytes=100)
    place.check(["x" * 90])
    assert not place.collector.collect(["x" * 110])
    assert place.archive.stats().dropped == {"too_large": 1}
    place.archive.close(0)


@pytest.mark.parametrize("named", [{"fsync": "always"}, {"enabled": False}])
def test_what_is_set_otherwise_goes_by_python(tmp_path: Path, named: dict[str, object]) -> None:
    archive = Archive(tmp_path / "a", **{"ship": "off", "fsync": "never", "min_free_bytes": 0, **named})  # type: ignore[arg-type]
    inputs = archive.collector("m", "inputs")
    inputs.collect([1])
    for lane in archive._intake.writer.lanes:
        lane._calm_until = 1 << 62
    assert "collect" in called(lambda: inputs.collect([1]))
    archive.close(0)


def test_wrong_calls_raise_what_python_raises(place: Place) -> None:
    for call in ("()", "([1], 'a', 'b')", "([1], unknown=1)", "([1], 'a', user_correlation_id='b')"):
        with pytest.raises(TypeError, match="collect"):
            eval(f"collect{call}", {"collect": place.collector.collect})
    with pytest.raises((TypeError, AttributeError)):
        ModelDataCollector.collect(object(), [1])  # type: ignore[arg-type]


def test_a_collector_named_by_keyword_takes_rows(place: Place) -> None:
    place.check([1])
    assert place.collector.collect(input_data=[1], user_correlation_id="x")
    assert ModelDataCollector.collect(place.collector, [1])


def test_the_method_can_be_held_copied_sent_and_looked_into_as_a_function_can(place: Place) -> None:
    method = ModelDataCollector.collect
    assert weakref.WeakMethod(place.collector.collect)() == place.collector.collect
    assert pickle.loads(pickle.dumps(method)) is method and copy.deepcopy(method) is method
    assert list(inspect.signature(place.collector.collect).parameters)[:2] == ["input_data", "user_correlation_id"]
    assert inspect.isroutine(method) and (method.__doc__ or "").startswith("Keep")


def test_nothing_is_kept_of_what_was_collected(place: Place) -> None:
    """References and memory are the same after many calls as after few."""
    data = {f"key {n}": [f"value {n}", 1.5 + n, 10_000 + n] for n in range(4)}
    samples: list[object] = [
        list(data),
        tuple(data),
        dict.fromkeys(data, "text"),
        np.ones(3),
        np.ones((2, 3)),
        {"a": 1 << 70},
        [[1]],
    ]
    parts = [part for sample in samples for part in (sample, *(sample if isinstance(sample, (list, tuple, dict)) else ()))]
    parts += [None, True, np.dtype("f8"), place.collector, place.collector._schemas, place.archive._intake.writer.lanes[0]]

    def many(times: int) -> None:
        for _ in range(times):
            for sample in samples:
                place.collector.collect(sample, "an id")

    many(50)
    gc.collect()
    counts = [sys.getrefcount(part) for part in parts]
    tracemalloc.start()
    many(20)
    gc.collect()
    least = tracemalloc.get_traced_memory()[0]
    many(400)
    gc.collect()
    grown = tracemalloc.get_traced_memory()[0] - least
    tracemalloc.stop()
    assert [now - before for now, before in zip([sys.getrefcount(part) for part in parts], counts, strict=True)] == pytest.approx(
        [0] * len(parts), abs=5
    )
    assert grown < 20_000


def test_lists_that_other_threads_change_are_stored_whole(tmp_path: Path) -> None:
    """Each frame holds one state of the list: the two ends are changed together."""
    place = Place(tmp_path)
    place.check([0])
    shared = [0, "x" * 20, 0]
    done = threading.Event()

    def change() -> None:
        n = 0
        while not done.is_set():
            n += 1
            shared[:] = [n, "x" * 20, n] if n % 3 else [n, n]

    thread = threading.Thread(target=change)
    thread.start()
    try:
        for _ in range(1_000):
            assert place.collector.collect(shared)
    finally:
        done.set()
        thread.join()
    stored, at, rows = Path(place.segment.path).read_bytes(), frame.FIRST_FRAME, []
    while at < place.segment.end:
        header = frame.unpack_frame_header(stored, at, place.segment.salt)
        assert header is not None
        if header.kind == frame.DATA:
            rows.append(msgpack.unpackb(stored[at + frame.FRAME_BYTES :][: header.data]))
        at += header.size
    assert len(rows) == place.archive.stats().accepted
    assert all(row[0] == row[-1] and len(row) in (1, 2, 3) for row in rows)
    place.archive.close(0)
