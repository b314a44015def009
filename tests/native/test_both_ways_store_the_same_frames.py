"""Promise 4 with the compiled part: a small data frame is stored to the byte as Python stores it. Also run with pandas 2.2."""

from __future__ import annotations

import enum
import gc
import sys
import tracemalloc
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modeldata.native import accelerator
from modeldata.snapshot import pandas_blocks, pandas_compiled
from modeldata.snapshot.schema import SchemaCache
from tests.native.place import Place, called
from tests.snapshot.frames import COLUMNS, PLAIN, any_frame
from tests.snapshot.support import new_schemas

pytestmark = pytest.mark.skipif(accelerator is None, reason="this installation has no compiled part")


def change(frame: pd.DataFrame, how: int) -> None:
    """In its place, as a caller may between two calls."""
    match how if frame.size else 0:
        case 1:
            frame.columns = [f"renamed {at}" for at in range(len(frame.columns))]
        case 2:
            frame.iloc[0, 0] = frame.iloc[-1, 0]
        case 3:
            frame.insert(0, len(frame.columns), np.arange(len(frame), dtype="i2"), allow_duplicates=True)
        case 4:
            frame.pop(frame.columns[0])
        case 5:
            frame.isetitem(0, np.float32(1.5))


@settings(max_examples=40, deadline=None)
@given(frame=any_frame(PLAIN) | any_frame(PLAIN) | any_frame(COLUMNS), changes=st.lists(st.integers(1, 5), max_size=2))
def test_any_frame_is_stored_as_python_stores_it(place: Place, frame: pd.DataFrame, changes: list[int]) -> None:
    frame = frame.copy(deep=False)
    for how in (0, *changes):
        change(frame, how)
        place.check(frame, "an id")


def made(rows: int = 1, **more: Any) -> pd.DataFrame:
    """14 floats, 3 whole numbers, 3 texts."""
    columns: dict[str, Any] = {f"f{n}": np.arange(rows) / (n + 1) for n in range(14)}
    columns |= {f"i{n}": np.arange(rows) * n for n in range(3)} | {f"s{n}": ["tëxt", None][:rows] * rows for n in range(3)}
    return pd.DataFrame({name: column[:rows] for name, column in columns.items()} | more)


def grown() -> pd.DataFrame:
    frame = made()
    for at in range(9):
        frame.insert(at, f"late {at}", 1.5)
    return frame


TEXTS = ["a", None, "\N{PARROT}", ""]
TAKEN: dict[str, Callable[[], pd.DataFrame]] = {
    "numbers": lambda: pd.DataFrame(np.arange(4.0).reshape(1, 4), columns=list("abcd")),
    "numbers without names": lambda: pd.DataFrame(np.arange(12.0).reshape(3, 4)),
    "numbers and texts": made,
    "some rows": lambda: made(9),
    "one row of many": lambda: made(2000).iloc[777:778],
    "rows in turn": lambda: made(9).iloc[::-2],
    "columns in turn": lambda: made(2)[made().columns[::-1]],
    "columns of others": lambda: made(2).iloc[:, [17, 3, 0, 18, 4]],
    "columns one by one": grown,
    "a name twice": lambda: pd.DataFrame([[1.0, 2.0]], columns=["a", "a"]),
    "labels as objects": lambda: pd.DataFrame([[1.0, 2.0]], columns=pd.Index(["a", "b"], dtype=object)),
    "objects": lambda: pd.DataFrame({"a": pd.Series([1, "\ud800", None, b"x", 1.5], dtype=object), "b": range(5)}),
    "texts alone": lambda: pd.DataFrame({"a": TEXTS}),
    "texts as Python has them": lambda: pd.DataFrame({"a": pd.array(TEXTS, "string[python]"), "b": 1}),
    "texts in Arrow": lambda: pd.DataFrame({"a": pd.array(TEXTS, "string[pyarrow]"), "b": 1}),
    "small numbers": lambda: pd.DataFrame({"a": np.array([1], "i1"), "b": np.array([1], "f2"), "c": [True]}),
    "times": lambda: pd.DataFrame({"a": pd.to_datetime(["2026-01-01", None]), "b": 1.0, "c": pd.to_timedelta([1, None])}),
    "with times as the index": lambda: made(3).set_index(pd.date_range("2026", periods=3)),
}


@pytest.mark.parametrize("make", TAKEN.values(), ids=TAKEN)
def test_such_frames_are_stored_without_any_python(place: Place, make: Callable[[], pd.DataFrame]) -> None:
    place.check(make())
    frame = make()  # another index, other blocks
    place.calm()
    assert called(lambda: place.collector.collect(frame)) == []
    assert called(lambda: place.collector.collect(frame, "an id")) == []
    place.check(frame)


def test_times_in_a_zone_are_compiled_and_pandas_compares_the_zones(place: Place) -> None:
    def zoned() -> pd.DataFrame:
        return pd.DataFrame({"a": pd.to_datetime(["2026-01-01", None]).tz_localize("Europe/Berlin"), "b": 1.0})

    place.check(zoned())
    place.calm()
    names = called(lambda: place.collector.collect(zoned()))
    assert "__eq__" in names and "collect" not in names
    place.check(zoned())


class Doubled(pd.DataFrame):
    """A subclass may mean something else."""


LEFT: dict[str, Callable[[], pd.DataFrame]] = {
    "a subclass": lambda: Doubled({"a": [1]}),
    "missing numbers": lambda: pd.DataFrame({"a": pd.array([1, None], "Int64")}),
    "categories": lambda: pd.DataFrame({"a": pd.Categorical(["x"])}),
    "periods": lambda: pd.DataFrame({"a": pd.period_range("2026-01", periods=1, freq="M")}),
    "other objects": lambda: pd.DataFrame({"a": pd.Series([[1]], dtype=object)}),
    "a text of its own": lambda: pd.DataFrame({"a": pd.Series([np.str_("x")], dtype=object)}),
    "big-endian": lambda: pd.DataFrame(np.ones((1, 3), ">f8")),
    "whole numbers as labels": lambda: pd.DataFrame([[1.0]], columns=[5]),
    "levels of labels": lambda: pd.DataFrame([[1.0]], columns=pd.MultiIndex.from_tuples([("a", "b")])),
    "large": lambda: pd.DataFrame(np.ones((1200, 1))),
    "wide": lambda: pd.DataFrame(np.ones((1, 1200))),
    "a long text": lambda: pd.DataFrame({"a": ["x" * 9000]}),
    "many texts": lambda: pd.DataFrame({"a": pd.array(["x"] * 40, "string[pyarrow]")}),
}


@pytest.mark.parametrize("make", LEFT.values(), ids=LEFT)
def test_other_frames_go_by_python(place: Place, make: Callable[[], pd.DataFrame]) -> None:
    place.check(make())
    assert "collect" in called(lambda: place.collector.collect(make()))


def test_no_rows_and_no_columns_are_nothing(place: Place) -> None:
    place.check(made())
    for frame in (made().iloc[:0], made().iloc[:, :0]):
        place.check(frame)


def known(frame: pd.DataFrame) -> tuple[SchemaCache, pandas_blocks.CopyPlan]:
    """A cache that has met a frame, and its plan."""
    from modeldata.snapshot.pandas_frames import capture_frame
    from tests.snapshot.support import new_pack

    schemas = new_schemas()
    capture_frame(frame, schemas, new_pack())
    return schemas, schemas.copy_plans[0]


def test_every_column_must_lie_where_it_lay() -> None:
    """Of two frames with equal labels and dtypes the columns may lie in other places."""
    first = pd.DataFrame([[1.0, 2.0]], columns=["a", "b"])
    first["c"] = [3.0]
    second = pd.DataFrame([[2.0, 3.0]], columns=["b", "c"])
    second.insert(0, "a", [1.0])
    schemas, _ = known(first)
    assert pandas_compiled.compiled(first, schemas) is not None
    assert pandas_compiled.compiled(second, schemas) is None
    mixed = made(2)
    schemas, _ = known(mixed.iloc[:, [0, 14, 1]])
    assert pandas_compiled.compiled(mixed.iloc[:, [0, 14, 1]], schemas) is not None
    assert pandas_compiled.compiled(mixed.iloc[:, [0, 1, 14]].set_axis(["f0", "i0", "f1"], axis=1), schemas) is None


class Printed(str, enum.Enum):  # noqa: UP042 - a StrEnum prints as its value
    A = "a"
    B = "b"


def labelled(*labels: object) -> pd.DataFrame:
    return pd.DataFrame([[1.0, 2.0]], columns=pd.Index(labels, dtype=object))


class OwnTexts(pd.arrays.StringArray):
    """Texts of another library."""


TEXT = np.array(["x"], object)
NUMBERED = pd.DataFrame([[1.0, 2.0]])
NAMED = NUMBERED.set_axis(["a", "b"], axis=1)
TIMES = pd.DataFrame({"a": pd.to_datetime([7]), "b": pd.to_datetime([7])})
OTHER_MAKES = [
    (NAMED, NUMBERED.set_axis(["a", "c"], axis=1)),
    (NAMED, NUMBERED.set_axis(["b", "a"], axis=1)),
    (NAMED, NUMBERED),
    (NAMED, NAMED.assign(c=1.0)),
    (NAMED, NAMED.astype("i8")),
    (NAMED, NAMED.astype("f4")),
    (NAMED, pd.DataFrame(np.ones((1, 2), ">f8")).set_axis(NAMED.columns, axis=1)),
    (NAMED, NAMED.astype("Float64")),
    (NAMED, TIMES),
    (TIMES, TIMES.astype("M8[s]")),
    (TIMES, TIMES.apply(lambda column: column.dt.tz_localize("UTC"))),
    (TIMES, TIMES - TIMES),
    (TIMES, NAMED.astype("i8")),
    (labelled("a", "b"), labelled("a", "c")),
    (labelled("a", "b"), labelled(Printed.A, Printed.B)),
    (labelled("a", "b"), labelled("a", None)),
    (NUMBERED, pd.DataFrame([[1.0, 2.0]], columns=range(2, 4))),
    (NUMBERED, pd.DataFrame([[1.0, 2.0]], columns=[0, 1])),
    (pd.DataFrame({"a": pd.array(["x"], "string[pyarrow]")}), pd.DataFrame({"a": pd.array(["x"], "string[python]")})),
    (pd.DataFrame({"a": pd.arrays.StringArray(TEXT)}), pd.DataFrame({"a": OwnTexts(TEXT)})),
]


@pytest.mark.parametrize("number", range(len(OTHER_MAKES)))
def test_a_frame_of_another_make_is_not_taken_by_the_plan_of_the_one_before(number: int) -> None:
    first, other = OTHER_MAKES[number]
    schemas, _ = known(first)
    assert pandas_compiled.compiled(first, schemas) is not None
    assert pandas_compiled.compiled(other, schemas) is None


class Counted:
    """In the place of a plan's labels: how often they were compared."""

    def __init__(self) -> None:
        self.calls = 0

    def equals(self, other: object) -> bool:
        self.calls += 1
        return True


@pytest.mark.skipif(not hasattr(NAMED.columns.array, "_pa_array"), reason="this pandas keeps labels as objects")
def test_an_index_that_frames_share_is_compared_once() -> None:
    schemas, plan = known(NAMED)
    labels = Counted()
    block = NAMED._mgr.blocks[0]
    own_block = (type(block), np.ndarray, np.dtype("f8").num, None, slice(0, 2, 1))
    plan.compiled = accelerator.FramePlan(plan.schema, pd.Index, labels, (own_block,), ((0, 0, 2),))
    for number in range(3):
        assert pandas_compiled.compiled(NAMED + number, schemas) is not None
    assert pandas_compiled.compiled(NUMBERED.set_axis(["x", "y"], axis=1), schemas) is not None
    assert labels.calls == 2


class Slow:
    """In the place of Arrow's memory: another thread comes between while the texts are read."""

    def __init__(self, meanwhile: Callable[[], object], texts: list[object]) -> None:
        self.meanwhile, self.texts = meanwhile, texts

    def __len__(self) -> int:
        return len(self.texts)

    def chunk(self, number: int) -> Slow:
        return self

    def to_pylist(self) -> list[object]:
        self.meanwhile()
        return self.texts


def test_an_array_that_is_changed_while_texts_are_read_is_left_to_python() -> None:
    frame = pd.DataFrame({"a": [1.0, 2.0], "s": pd.array(["x", "y"], "string[pyarrow]")})
    schemas, _ = known(frame)
    values = frame._mgr.blocks[0].values
    texts = frame["s"].array

    def captured(meanwhile: Callable[[], object], found: list[object]) -> object:
        texts._pa_array = Slow(meanwhile, found)
        return pandas_compiled.compiled(frame, schemas)

    assert captured(lambda: None, ["x", "y"]) is not None
    assert captured(lambda: None, ["x"]) is None
    with warnings.catch_warnings(action="ignore"):  # later versions of numpy advise against it
        assert captured(lambda: setattr(values, "shape", (2, 1)), ["x", "y"]) is None


def test_what_pandas_keeps_otherwise_is_left_to_python() -> None:
    frame = made()
    schemas, plan = known(frame)
    assert pandas_compiled.compiled(frame, schemas) is not None
    manager = frame._mgr
    for other in (made()["f0"]._mgr, None, object()):
        object.__setattr__(frame, "_mgr", other)
        assert pandas_compiled.compiled(frame, schemas) is None
    object.__delattr__(frame, "_mgr")
    assert pandas_compiled.compiled(frame, schemas) is None
    object.__setattr__(frame, "_mgr", manager)
    manager.axes = manager.axes[:1]
    assert pandas_compiled.compiled(frame, schemas) is None
    plan.compiled = "no plan"
    assert pandas_compiled.compiled(made(), schemas) is None
    with pytest.raises((TypeError, AttributeError)):
        accelerator.know_frames(pd.DataFrame, pd.DataFrame, object, object, pandas_blocks.CopyPlan, SchemaCache)


def test_a_plan_that_makes_no_sense_is_refused() -> None:
    frame = made()
    _, plan = known(frame)
    block = frame._mgr.blocks[0]
    good = (type(block), np.ndarray, np.dtype("f8").num, None, slice(0, 14, 1))
    times, objects, texts = (
        (*good[:2], 21, *good[3:]),
        (*good[:2], 17, *good[3:]),
        (good[0], pd.arrays.StringArray, 17, *good[3:]),
    )
    for blocks, parts in (
        ((), ()),
        ((good,) * 33, ()),
        ((good,), ((1, 0, 1),)),
        ((good,), ((0, -1, 1),)),
        ((good,), ((0, 0, 0),)),
        ((times,), ((0, 0, 1),)),
        ((objects, good), ((0, 0, 1), (1, 0, 1))),
        ((texts, good), ((0, 0, 1), (1, 0, 1))),
        ((objects, texts), ((0, 0, 1), (1, 0, 1))),
        (((*good[:4], "columns"),), ((0, 0, 1),)),
        (((good[0], pd.arrays.DatetimeArray, 21, *good[3:]),), ((0, 0, 1),)),
        (((good[0], pd.arrays.StringArray, 12, *good[3:]),), ((0, 0, 1),)),
        (((object, *good[1:]),), ((0, 0, 1),)),
    ):
        with pytest.raises((TypeError, ValueError, AttributeError)):
            accelerator.FramePlan(plan.schema, pd.Index, ("a",), blocks, parts)


def test_nothing_is_kept_of_frames(place: Place) -> None:
    """References and memory are the same after many calls as after few; of labels, the latest are kept."""
    samples = [make() for make in [*TAKEN.values()][::2] + [*LEFT.values()][::4]]
    parts: list[object] = [None, *samples, *[frame._mgr for frame in samples], *[frame.columns for frame in samples]]
    parts += [block.values for frame in samples for block in frame._mgr.blocks]

    def many(times: int) -> None:
        for _ in range(times):
            for sample in samples:
                place.collector.collect(sample, "an id")

    many(10)
    gc.collect()
    counts = [sys.getrefcount(part) for part in parts]
    tracemalloc.start()
    many(10)
    gc.collect()
    least = tracemalloc.get_traced_memory()[0]
    many(25)
    gc.collect()
    grown = tracemalloc.get_traced_memory()[0] - least
    tracemalloc.stop()
    assert [now - before for now, before in zip([sys.getrefcount(part) for part in parts], counts, strict=True)] == pytest.approx(
        [0] * len(parts), abs=5
    )
    assert grown < 20_000
