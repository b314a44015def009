"""Promise 2: data that another thread changes during the call is taken as it was at one moment; no value lies under another's name."""

from __future__ import annotations

import collections
import decimal
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from modeldata.columns import Payloads, decode
from modeldata.snapshot import RefusedData, capture_of
from tests.snapshot.support import definition_of, new_pack, new_schemas, round_trip, row_of, table

CALLS = 300


class Changing:
    """Its text is made by Python code that changes a container: what another thread may do, at the worst moment."""

    def __init__(self, change: Callable[[], object]) -> None:
        self.change = change

    def __str__(self) -> str:
        self.change()
        return "changing"


def test_a_nested_list_that_grows_while_it_is_packed_is_as_long_as_it_says() -> None:
    inner: list[object] = []
    inner += [Changing(lambda: inner.append(1)), 2]
    assert row_of([[0, inner, "after"], [1]][0]) == [0, ["changing", 2], "after"]


def test_a_nested_list_that_shrinks_while_it_is_packed_is_as_long_as_it_says() -> None:
    inner: list[object] = []
    inner += [Changing(inner.clear), 2, 3]
    assert row_of([0, inner, "after"]) == [0, ["changing", 2, 3], "after"]


def test_a_row_that_changes_while_it_is_packed_keeps_its_width() -> None:
    row: list[object] = []
    row += [1, Changing(row.clear), 3]
    assert row_of(row) == [1, "changing", 3]
    rows: list[list[object]] = [[1], [2]]
    rows[0].append(Changing(rows.clear))
    rows[1].append(Changing(lambda: None))
    assert row_of(rows[:1]) == [1, "changing"]


def test_a_dict_that_changes_while_it_is_packed_keeps_its_keys_and_values_together() -> None:
    row: dict[str, object] = {}

    def exchange() -> None:
        row["a"] = row.pop("a")
        row["c"] = 9

    row.update(x=Changing(exchange), a=1, b=2)
    columns = {}
    for _ in range(2):  # the second time by the known plan
        columns = _taken(row)
        assert columns["x"] == ["changing"]
        assert (columns["a"], columns["b"]) == ([1], [2])
    assert row_of([0, {"in": row}])[1]["in"]["a"] == 1  # type: ignore[index]


def test_a_dict_whose_keys_are_exchanged_between_two_looks_keeps_its_values_under_their_names() -> None:
    row: dict[object, object] = {"a": "a", "b": "b"}
    schemas = new_schemas()
    capture_of(row)(row, schemas, new_pack())

    class Meanwhile(dict[Any, Any]):
        def get(self, keys: Any, default: Any = None) -> Any:
            row["c"] = row.pop("a")
            return super().get(keys, default)

    schemas.dicts = Meanwhile(schemas.dicts)
    assert table(round_trip(row, schemas=schemas)) == {"a": ["a"], "b": ["b"]}


def _taken(data: Any) -> dict[str, list[object]]:
    schema, rows, captured = capture_of(data)(data, new_schemas(), new_pack())
    return table(decode(definition_of(schema.definition), Payloads.of([(rows, bytes(captured))])))


@pytest.fixture
def impatient() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def _exchange_keys(data: dict[str, object], turn: int) -> None:
    """Each value says under which key it lies."""
    old, new = ("a", "b") if turn % 2 else ("b", "a")
    data.pop(old, None)
    data[new] = new
    data[f"k{turn % 9}"] = f"k{turn % 9}"
    data.pop(f"k{(turn + 4) % 9}", None)


def _roll(data: Any, turn: int) -> None:
    data.append(decimal.Decimal(turn))
    while len(data) > 30 + turn % 7:
        data.pop()


def _resize(data: Any, turn: int) -> None:
    data.resize((40 + turn % 40,), refcheck=False)


def _fill(data: set[object], turn: int) -> None:
    data.add(turn)
    data.discard(turn - 20)


CASES: dict[str, tuple[Any, Any, Callable[[Any, int], None]]] = {
    "list": (data := [decimal.Decimal(1)] * 30, data, _roll),
    "list in a cell": (inner := [np.float32(1)] * 30, {"id": 0, "window": inner, "after": "end"}, _roll),
    "deque in a cell": (deck := collections.deque([1] * 30), {"id": 0, "window": deck, "after": "end"}, _roll),
    "set in a cell": (some := {1}, {"id": 0, "window": some, "after": "end"}, _fill),
    "bytearray in a cell": (raw := bytearray(30), {"id": 0, "window": raw, "after": "end"}, lambda data, turn: data.extend(b"x")),
    "dict": (named := {"a": "a"}, named, _exchange_keys),
    "dict in a cell": (nested := {"a": "a"}, {"id": decimal.Decimal(1), "window": nested, "after": "end"}, _exchange_keys),
    "list of dicts": (item := {"a": "a"}, [item, item], _exchange_keys),
    "list of lists": (line := [decimal.Decimal(1)] * 30, [line, line], _roll),
    "array": (flat := np.arange(60.0), flat, _resize),
    "array in a cell": (cell := np.arange(60.0), {"id": 0, "window": cell, "after": "end"}, _resize),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.usefixtures("impatient")
def test_another_thread_never_tears_what_is_taken(name: str) -> None:
    shared, data, change = CASES[name]
    stop = threading.Event()

    def feed() -> None:
        turn = 0
        while not stop.is_set():
            change(shared, turn)
            turn += 1
            if isinstance(shared, bytearray) and len(shared) > 500:
                del shared[30:]

    thread = threading.Thread(target=feed)
    thread.start()
    try:
        for _ in range(CALLS):
            _check(data)
    finally:
        stop.set()
        thread.join(30)


def _check(data: Any) -> None:
    try:
        found = _taken(data)
    except RefusedData as error:  # is the other permitted answer
        assert error.reason in ("invalid_data", "unserializable")
        return
    if isinstance(data, dict) and "after" in data:
        assert found["after"] == ["end"]
        window = found["window"][0]
        assert not isinstance(window, dict) or all(key == value for key, value in window.items())
    elif isinstance(data, dict) or (isinstance(data, list) and isinstance(data[0], dict)):
        assert all(value in (name, None) or not isinstance(value, str) for name, column in found.items() for value in column)
