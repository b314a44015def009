"""Names: each once, none of ours, always text that can be written."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modeldata.format.names import OWN_COLUMNS
from modeldata.snapshot.schema import unique
from tests.snapshot.support import round_trip, table


def test_a_name_that_comes_again_gets_a_number() -> None:
    assert unique(["a", "b", "a", "a"]) == ("a", "b", "a.1", "a.2")


def test_a_numbered_name_never_takes_one_that_is_there() -> None:
    assert unique(["a", "a", "a.1"]) == ("a", "a.2", "a.1")


@pytest.mark.parametrize("own", OWN_COLUMNS)
def test_a_feature_named_like_our_columns_gets_a_number(own: str) -> None:
    assert unique([own, "x"]) == (f"{own}.1", "x")
    assert table(round_trip({own: 1})) == {f"{own}.1": [1]}
    assert table(round_trip(pd.DataFrame({own: [1]}))) == {f"{own}.1": [1]}


def test_lone_surrogates_in_a_name_are_replaced() -> None:
    assert unique(["a\ud800b", "\udfff"]) == ("a\ufffdb", "\ufffd")


def test_two_names_that_are_alike_once_replaced_stay_two() -> None:
    assert unique(["\ud800", "\udbff"]) == ("\ufffd", "\ufffd.1")


def test_emoji_and_other_planes_stay() -> None:
    assert unique(["\U0001f600", "a\U0010ffff", "\u202eb", "line\nbreak", "nul\0"]) == (
        "\U0001f600",
        "a\U0010ffff",
        "\u202eb",
        "line\nbreak",
        "nul\0",
    )


def test_nfc_and_nfd_twins_stay_two_names() -> None:
    assert unique(["\u00e9", "e\u0301"]) == ("\u00e9", "e\u0301")


@given(st.lists(st.sampled_from(["a", "a.1", "a.2", "a.1.1", "$Row", "$Row.1", "", "\ud800", "\ufffd"]), max_size=12))
def test_any_names_become_as_many_different_ones(labels: list[str]) -> None:
    made = unique(labels)
    assert len(set(made)) == len(labels)
    assert not set(made) & set(OWN_COLUMNS)
    "".join(made).encode()


@given(st.lists(st.text(st.characters(codec="utf-8")), unique=True, max_size=8))
def test_good_names_are_not_touched(labels: list[str]) -> None:
    good = [name for name in labels if name not in OWN_COLUMNS]
    assert unique(good) == tuple(good)
