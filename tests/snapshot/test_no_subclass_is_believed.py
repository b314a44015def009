"""Promise 2: each value that is accepted has a form that can be read; what a subclass says about itself is not asked for."""

from __future__ import annotations

import decimal
import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest

from modeldata.snapshot import packing, values
from modeldata.snapshot.schema import MAX_DEPTH
from tests.snapshot.kinds_of_values import KINDS, bases
from tests.snapshot.support import new_pack, refused, row_of


def plain(value: object) -> object:
    """A value that came back, as Python has it."""
    if isinstance(value, (np.generic, np.ndarray)):
        return value.tolist()
    if isinstance(value, list):
        return [plain(item) for item in value]
    return {key: plain(item) for key, item in value.items()} if isinstance(value, dict) else value


@pytest.mark.parametrize(("value", "form"), KINDS, ids=lambda value: type(value).__name__)
def test_a_value_is_what_its_own_kind_says(value: object, form: object) -> None:
    for found in (row_of([0, value])[1], row_of({"a": value})[0], row_of([0, [value]])[1][0]):  # type: ignore[index]
        assert plain(found) == form if isinstance(form, int) else repr(plain(found)) == repr(form)


def test_every_kind_that_has_a_form_of_its_own_is_among_them() -> None:
    found = set().union(*[bases(value) for value, _ in KINDS])
    old_names = {("numpy", "bool"), ("numpy", "bool_")}
    assert set(values._NAMED) - old_names <= found
    assert {("builtins", kind.__name__) for kind in values._BUILT_IN} <= found


def test_a_class_that_only_calls_itself_decimal_is_text() -> None:
    fake = type("Decimal", (), {"__module__": "decimal", "__qualname__": "Decimal", "__str__": lambda self: "no number"})
    assert row_of([fake()]) == ["no number"]


def test_a_kind_that_a_test_tool_has_replaced_is_still_known(monkeypatch: pytest.MonkeyPatch) -> None:
    real = decimal.Decimal
    monkeypatch.setattr(decimal, "Decimal", type("FakeDecimal", (real,), {}))
    values.handlers.pop(real, None)
    assert row_of([real("1.5")]) == [real("1.5")]


class Endless(Sequence[int]):
    def __getitem__(self, at: Any) -> Any:
        return 1

    def __len__(self) -> int:
        return 3

    def __iter__(self) -> Iterator[int]:
        return itertools.repeat(1)


class Vast(Endless):
    def __len__(self) -> int:
        return 1 << 40


class EndlessMap(Mapping[int, int]):
    def __getitem__(self, key: int) -> int:
        return key

    def __iter__(self) -> Iterator[int]:
        return itertools.count()

    def __len__(self) -> int:
        return 3


@pytest.mark.parametrize(("data", "reason"), [(Endless(), "unserializable"), (Vast(), "too_large"), (range(10**9), "too_large")])
def test_what_has_no_end_in_a_cell_is_refused_at_once(data: object, reason: str) -> None:
    assert refused([1, data]) == reason
    assert refused({"a": [data]}) == reason


def test_a_mapping_without_an_end_is_refused_at_once() -> None:
    assert refused(EndlessMap()) == refused([EndlessMap()]) == refused([1, EndlessMap()]) == "unserializable"


def test_a_list_without_an_end_is_the_list_that_it_is() -> None:
    class EndlessList(list[int]):
        def __iter__(self) -> Iterator[int]:
            return itertools.repeat(1)

    assert row_of(EndlessList([1, 2])) == [1, 2]
    assert row_of([0, EndlessList([1, 2])]) == [0, [1, 2]]


def _nested(levels: int, leaf: object, kind: type) -> object:
    for _ in range(levels):
        leaf = [leaf] if kind is list else {"k": leaf}
    return leaf


@pytest.mark.parametrize("kind", [list, dict])
@pytest.mark.parametrize("leaf", [1, decimal.Decimal(1), np.zeros((1, 1))], ids=["plain", "Decimal", "array"])
def test_nesting_ends_at_one_depth_whatever_is_nested(kind: type, leaf: object) -> None:
    axes = leaf.ndim if isinstance(leaf, np.ndarray) else 0
    most = MAX_DEPTH - 1 - axes  # the row is a level, too
    assert row_of([_nested(most, leaf, kind)])
    assert refused([_nested(most + 1, leaf, kind)]) == "unserializable"
    assert refused([[_nested(most, leaf, kind)]]) == "unserializable"


def test_containers_that_hold_each_other_many_times_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "MAX_CELLS", 100_000)
    many: object = decimal.Decimal(1)
    for _ in range(10):
        many = [many] * 1000
    assert refused([many]) == "too_large"


def test_two_keys_of_one_form_are_refused() -> None:
    class Key:
        def __str__(self) -> str:
            return "same"

    assert refused([{Key(): 1, Key(): 2}, 1]) == "unserializable"


def test_text_columns_do_not_ask_the_text() -> None:
    class Silent(str):
        def encode(self, *_: object, **__: object) -> bytes:
            return b"\xff"

    frame = pd.DataFrame({"a": pd.Series([Silent("x"), Silent("y")], dtype=pd.StringDtype("python"))})
    assert row_of(frame[:1]) == ["x"]


def test_the_packer_keeps_nothing_of_what_it_packed() -> None:
    import gc
    import weakref

    class Value:
        def __str__(self) -> str:
            return "value"

    pack, value = new_pack(), Value()
    there = weakref.ref(value)
    pack([value])
    del value
    gc.collect()
    assert there() is None
