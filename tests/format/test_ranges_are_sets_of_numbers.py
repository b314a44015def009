"""Ranges of sequence numbers do what sets of numbers do."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from modeldata.format.ranges import Range, Ranges, breaks, merged, split, stretches

RANGE = st.tuples(st.integers(0, 60), st.integers(0, 8)).map(lambda some: (some[0], some[0] + some[1]))
KEYED = st.lists(st.tuples(st.sampled_from("ab"), RANGE).map(lambda some: (some[0], *some[1])))


def numbers(*ranges: tuple[int, int]) -> list[int]:
    return [number for first, last in ranges for number in range(first, last + 1)]


def keyed(ranges: list[tuple[str, int, int]]) -> list[tuple[str, int]]:
    return [(key, number) for key, first, last in ranges for number in range(first, last + 1)]


@given(st.lists(RANGE), RANGE)
def test_what_is_missing_and_what_is_common_are_the_difference_and_the_intersection(
    added: list[tuple[int, int]], asked: Range
) -> None:
    ranges, expected = Ranges(), set(numbers(*added))
    for first, last in added:
        ranges.add(first, last)
    assert numbers(*ranges) == sorted(expected)
    assert numbers(*ranges.missing(*asked)) == sorted({*numbers(asked)} - expected)
    assert numbers(*ranges.common(*asked)) == sorted({*numbers(asked)} & expected)


@given(st.lists(RANGE))
def test_a_set_is_kept_as_the_fewest_ranges(added: list[tuple[int, int]]) -> None:
    ranges = Ranges()
    for first, last in added:
        ranges.add(first, last)
    kept = list(ranges)
    assert all(before.last + 1 < after.first for before, after in itertools.pairwise(kept))


@given(KEYED)
def test_merged_ranges_have_the_same_numbers_in_the_same_order(ranges: list[tuple[str, int, int]]) -> None:
    made = merged(ranges)
    assert keyed(made) == keyed(ranges)
    assert all((one[0], one[2] + 1) != next_one[:2] for one, next_one in itertools.pairwise(made))


@given(KEYED, st.integers(0, 60))
def test_ranges_are_split_after_so_many_numbers(ranges: list[tuple[str, int, int]], at: int) -> None:
    left, right = split(ranges, at)
    assert keyed(left) == keyed(ranges)[:at]
    assert keyed(right) == keyed(ranges)[at:]


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 5), st.integers(1, 3)), min_size=1))
def test_entries_that_follow_each_other_are_one_stretch(entries: list[tuple[int, int, int]]) -> None:
    keys, first, sizes = (np.array(column) for column in zip(*entries, strict=True))
    found = stretches(breaks(keys, first, sizes))
    assert [at for start, stop in found for at in range(start, stop)] == list(range(len(entries)))
    starts = {start for start, _ in found}
    for at in range(1, len(entries)):
        follows = keys[at] == keys[at - 1] and first[at] == first[at - 1] + sizes[at - 1]
        assert (at in starts) == (not follows)


def test_without_a_break_there_is_one_stretch() -> None:
    assert stretches(np.array([False, False])) == [(0, 3)]
