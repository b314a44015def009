"""Fault F1: what has no value to keep is refused, with a reason that can be counted and a message that helps."""

from __future__ import annotations

import datetime as dt
import math
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from modeldata.snapshot import capture_of
from modeldata.snapshot.dispatch import Distributed
from tests.snapshot.support import new_pack, new_schemas, refused, round_trip, row_of, table


def _generator() -> Iterator[int]:
    yield 1


class NoText:
    def __str__(self) -> str:
        raise RuntimeError("no text")


class BadText:
    def __str__(self) -> str:
        return 5  # type: ignore[return-value]  # this is what is wrong with it


class BadError:
    """Raises an error whose own text raises."""

    def __str__(self) -> str:
        class SilentError(Exception):
            def __str__(self) -> str:
                raise RuntimeError("not even that")

        raise SilentError


class NoLength(list[int]):
    def __len__(self) -> int:
        raise RuntimeError("no length")

    def __iter__(self) -> Iterator[int]:
        raise RuntimeError("no items")


class NoItems(dict[str, int]):
    def __iter__(self) -> Iterator[str]:
        raise RuntimeError("no items")

    def keys(self) -> Any:
        raise RuntimeError("no keys")


class NoKeyText:
    def __str__(self) -> str:
        raise RuntimeError("no text")


class NoArray:
    def __array__(self, dtype: object = None, copy: bool | None = None) -> object:
        raise RuntimeError("still on the device")


class NoZone(dt.tzinfo):
    def utcoffset(self, moment: dt.datetime | None) -> dt.timedelta:
        raise RuntimeError("no offset")

    def tzname(self, moment: dt.datetime | None) -> str:
        return "none"

    def dst(self, moment: dt.datetime | None) -> None:
        return None


def _recursive_list() -> list[object]:
    loop: list[object] = [1]
    loop.append(loop)
    return loop


def _recursive_dict() -> dict[str, object]:
    loop: dict[str, object] = {}
    loop["self"] = loop
    return loop


def _recursive_array() -> list[object]:
    loop = np.empty(1, object)
    loop[0] = loop
    return [1, loop]


def _recursive_0d() -> list[object]:
    loop = np.empty((), object)
    loop[()] = loop
    return [1, loop]


def _deep() -> list[object]:
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    return [1, deep]


UNSERIALIZABLE = [
    _generator(), _generator, len, math, NoText(), BadText(), BadError(), iter([]), map(str, []), open, [].append, np.sin,
    dt.datetime(2026, 1, 1, tzinfo=NoZone()),
]  # fmt: skip


@pytest.mark.parametrize("value", UNSERIALIZABLE, ids=lambda value: type(value).__name__)
def test_a_value_without_a_form_is_refused(value: object) -> None:
    assert refused([1, value]) == "unserializable"
    assert refused({"a": value}) == "unserializable"
    assert refused([{"a": 1}, {"a": [{"b": value}]}]) == "unserializable"
    assert refused(np.array([[1, value]], dtype=object)) == "unserializable"
    assert refused(pd.DataFrame({"a": pd.Series([1, value], dtype=object)})) == "unserializable"


LOOPS = [_recursive_list(), _recursive_dict(), _recursive_array(), _recursive_0d(), _deep()]


@pytest.mark.parametrize("data", LOOPS, ids=["list", "dict", "array", "0-D", "deep"])
def test_what_never_ends_is_refused(data: object) -> None:
    assert refused(data) == "unserializable"


def test_a_key_whose_own_code_raises_is_refused() -> None:
    assert refused({NoKeyText(): 1}) == "unserializable"


@pytest.mark.parametrize(
    "data", [NoLength([1]), NoItems(a=1), [NoLength([1])], [NoItems(a=1)]], ids=["list", "dict", "list of lists", "list of dicts"]
)
def test_lists_and_dicts_whose_own_code_raises_are_taken_as_what_they_are(data: object) -> None:
    assert row_of(data) == [1]


def test_a_tensor_that_gives_no_array_is_refused() -> None:
    assert refused(NoArray()) == "invalid_data"
    assert refused([1, NoArray()]) == "invalid_data"


class Spark:
    """Named as pyspark names it, and with its way to bring every row here."""

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        raise AssertionError("asked for its rows")


Spark.__module__, Spark.__name__ = "pyspark.sql.classic.dataframe", "DataFrame"


@pytest.mark.parametrize(
    "data",
    [
        None, {1, 2}, _generator(), range(3), object(), len, type, math, pl.LazyFrame({"a": [1]}), Spark(),
    ],
    ids=lambda data: type(data).__name__,
)  # fmt: skip
def test_what_is_no_data_is_refused(data: object) -> None:
    assert refused(data) == "unsupported_type"


def test_the_rows_of_spark_stay_where_they_are() -> None:
    with pytest.raises(Distributed, match="on its executors"):
        capture_of(Spark())(Spark(), new_schemas(), new_pack())


def test_an_interrupt_is_not_taken_for_bad_data() -> None:
    class Interrupting:
        def __str__(self) -> str:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        capture_of([1])([Interrupting()], new_schemas(), new_pack())


def test_a_million_types_made_on_the_fly_do_not_fill_the_memory() -> None:
    from modeldata.snapshot import dispatch, type_table, values

    for at in range(5_000):
        kind = type(f"Row{at}", (list,), {})
        assert row_of(kind([at])) == [at]
        assert row_of([type(f"Value{at}", (int,), {})(at)]) == [at]
    assert len(dispatch.captures) <= type_table.MAX_TYPES
    assert len(values.handlers) <= type_table.MAX_TYPES


def test_shapes_may_be_shared_by_threads() -> None:
    schemas = new_schemas()
    failures: list[BaseException] = []

    def work(seed: int) -> None:
        try:
            for turn in range(300):
                width = (turn * seed) % 7 + 1
                row = list(range(width))
                assert table(round_trip(row, schemas=schemas)) == {str(at): [at] for at in row}
                assert row_of(np.array(row), schemas) == row
                assert table(round_trip({f"k{at}": at for at in row}, schemas=schemas)) == {f"k{at}": [at] for at in row}
        except BaseException as error:
            failures.append(error)
            raise

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not failures
