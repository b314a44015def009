"""Lines of manifests: what was written by any version is read, and is written again byte for byte."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modeldata.encode.kinds import split as split_kinds
from modeldata.format.manifest import Entry, joined

IDENTITY = {
    "account": "unknown", "identifier": "inputs", "model_id": "7", "model_name": "ch\udc80urn", "model_version": "1", "service": "web",
}  # fmt: skip
OF_A_SHIPPER = (
    b'{"batch":"0a1b2c3d-1-0-deadbeef","bytes":120,"calls":[[2,1],[1,1]],"columns":["age","in\\u00fc"],"continues":4,"crc32":99,'
    b'"file":"data.csv","first_ns":5,"identity":{"account":"unknown","identifier":"inputs","model_id":"7",'
    b'"model_name":"ch\\udc80urn","model_version":"1","service":"web"},"kinds":{"age":[["int",1],["float",2]]},"last_ns":9,"offset":7,'
    b'"refused":{"unserializable":3},"row_bytes":100,"rows":3,"sequences":[["aa",0,1],["bb",7,7]],"surrogates_replaced":1,'
    b'"types":["any","str"]}\n'
)
NOTE = (
    b'{"batch":"0a1b2c3d-1-1-deadbeef","identity":{"account":"unknown","identifier":"inputs","model_id":"7",'
    b'"model_name":"ch\\udc80urn","model_version":"1","service":"web"},"lost":[["aa",2,6,"damaged"]],"rows":0}\n'
)
GIVEN_UP = (
    b'{"batch":"0f","given_up":true,"identity":{"account":"unknown","identifier":"inputs","model_id":"7",'
    b'"model_name":"ch\\udc80urn","model_version":"1","service":"web"},"rows":0}\n'
)
OF_A_REWRITE = (
    b'{"batch":"run-1-1","identity":{"account":"unknown","identifier":"inputs","model_id":"7","model_name":"ch\\udc80urn",'
    b'"model_version":"1","service":"web"},"file":"data-1.csv","offset":0,"bytes":8,"row_bytes":8,"crc32":1,"rows":1,"first_ns":5,'
    b'"last_ns":5,"columns":["age"],"types":["any"],"calls":[],"sequences":[["aa",0,0]],"continues":1,"kinds":{"age":"int"},'
    b'"replaces":[],"refused":{"invalid_data":1},"lost":[["aa",1,1,"erased"]],"surrogates_replaced":2}\n'
)


@pytest.mark.parametrize("line", [OF_A_SHIPPER, NOTE, GIVEN_UP])
def test_a_line_of_a_shipper_or_of_spark_is_written_byte_for_byte(line: bytes) -> None:
    assert Entry.of(json.loads(line)).line() == line


def test_a_line_of_a_rewrite_keeps_the_order_of_its_fields() -> None:
    assert Entry.of(json.loads(OF_A_REWRITE)).line(ordered=False) == OF_A_REWRITE


def test_fields_of_a_later_version_are_kept() -> None:
    later = {**json.loads(OF_A_SHIPPER), "of_tomorrow": {"a": [1]}}
    entry = Entry.of(later)
    assert json.loads(entry.line()) == later
    assert [half.as_dict()["of_tomorrow"] for half in entry.split(1, split_kinds)] == [{"a": [1]}] * 2


@pytest.mark.parametrize(
    "change",
    [
        {"rows": "x"}, {"identity": 1}, {"sequences": [["aa", 0]]}, {"calls": 3}, {"columns": None}, {"offset": None}, {"lost": 4},
        {"refused": [1]}, {"kinds": 5},
    ],
)  # fmt: skip
def test_a_field_that_is_not_what_it_must_be_is_named_and_nothing_else_is_raised(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="Error: "):
        Entry.of({**json.loads(OF_A_SHIPPER), **change})


@pytest.mark.parametrize("field", ["rows", "identity", "offset", "crc32", "columns", "types", "calls", "sequences", "first_ns"])
def test_a_line_of_rows_without_one_of_its_fields_is_refused(field: str) -> None:
    content = json.loads(OF_A_SHIPPER)
    del content[field]
    with pytest.raises(ValueError, match=field):
        Entry.of(content)


@st.composite
def entries(draw: st.DrawFn) -> Entry:
    calls = draw(
        st.lists(st.tuples(st.integers(1, 5), st.integers(1, 3)), min_size=1, max_size=5).map(lambda some: [*map(list, some)])
    )
    rows = sum(size * times for size, times in calls)
    cuts = sorted(draw(st.sets(st.integers(1, max(1, rows - 1)), max_size=3)) - {rows})
    bounds = list(zip([0, *cuts], [*cuts, rows], strict=True))
    sequences = [(f"w{number}", start + 10 * number, stop - 1 + 10 * number) for number, (start, stop) in enumerate(bounds)]
    kinds = {"x": [["int", start_stop[1] - start_stop[0]] for start_stop in bounds]}
    return Entry(IDENTITY, rows, columns=("x",), types=("any",), calls=calls, sequences=sequences, kinds=kinds, refused={"a": 1})


def rows_of(entry: Entry) -> list[tuple[str, int, int]]:
    """(writer, number, row in its call) of each row."""
    numbers = [(writer, number) for writer, first, last in entry.sequences for number in range(first, last + 1)]
    places = [place for size, times in entry.calls for _ in range(times) for place in range(size)]
    begun = entry.calls[0][0] if entry.calls else 0
    places = [place + (entry.continues if at < begun else 0) for at, place in enumerate(places)]
    return [(writer, number, place) for (writer, number), place in zip(numbers, places, strict=True)]


@given(entries(), st.data())
def test_two_halves_say_the_same_of_each_row_as_the_whole(entry: Entry, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, entry.rows))
    left, right = entry.split(at, split_kinds)
    assert (left.rows, right.rows) == (at, entry.rows - at)
    assert [*rows_of(left), *rows_of(right)] == rows_of(entry)
    assert [left.refused, right.refused] == [{"a": 1}, {}]


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 30), st.integers(0, 4), st.sampled_from(["erased", "pruned"]))))
def test_losses_are_joined_without_losing_a_number(some: list[tuple[str, int, int, str]]) -> None:
    lost = [(writer, first, first + more, reason) for writer, first, more, reason in some]

    def numbers(entries: list[tuple[str, int, int, str]]) -> list[tuple[str, int, str]]:
        return sorted((writer, number, reason) for writer, first, last, reason in entries for number in range(first, last + 1))

    made = joined(lost)
    assert numbers(made) == numbers(lost)
    assert len(made) <= len(lost)


@pytest.mark.parametrize(
    "odd", [float("inf"), float("nan"), None, [], {}, [[1]], "x", [["w", float("inf"), 1, "r"]], {"a": float("inf")}], ids=repr
)
def test_a_line_of_odd_values_is_refused_in_one_way_or_read(odd: object) -> None:
    """JSON of Python has numbers beyond all numbers, too: one such line is no reason to lose its folder."""
    good = {
        "identity": {"m": "a"}, "batch": "b", "rows": 1, "file": "f", "offset": 0, "bytes": 1, "row_bytes": 1, "crc32": 1, "first_ns": 1,
        "last_ns": 1, "columns": ["x"], "types": ["int"], "calls": [[1, 1]], "sequences": [["w", 0, 0]], "kinds": {}, "refused": {},
        "lost": [], "replaces": [], "continues": 0,
    }  # fmt: skip
    assert Entry.of(good).rows == 1
    refused = 0
    for field in good:
        try:
            Entry.of({**good, field: odd})
        except ValueError:
            refused += 1
    assert refused, "a number of rows is none of these"
