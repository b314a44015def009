"""At any width: no line is wider than the terminal, none breaks inside a word, and what has no room is named."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modeldata.cli.table import TableColumn, fitted, lines, wrapped
from tests.read.kit import Shipped

from .kit import at_a_terminal, run

WIDTHS = (40, 60, 80, 200)
FEATURES = {
    "年齢": 41, "plan": "a plan of several words that is too long to be shown as a whole", "名前": "山田太郎、東京都千代田区丸の内一丁目九番一号",
    "emoji": "🙂🙂🙂 fine", "score": 0.123456789012, "big number": 12345678901234, "last": "end",
}  # fmt: skip
SHOWING = (
    "head m/inputs",
    "tail m/inputs",
    "stats m/inputs",
    "ls",
    "audit",
    "status",
    "doctor",
    "query 'select * from m_inputs'",
)


def cells(text: str) -> int:
    """How wide a terminal shows it, by the Unicode database."""
    return sum(0 if unicodedata.combining(each) else 2 if unicodedata.east_asian_width(each) in "WF" else 1 for each in text)


@pytest.fixture
def wide(here: Path) -> Path:
    shipped = Shipped(str(here / "wide"), here / "wide-spool")
    for number in range(3):
        shipped.collect("inputs", {**FEATURES, "年齢": 41 + number}, at=f"2026-11-20T10:00:0{number}")
    shipped.ship()
    return here


def words(text: str) -> set[str]:
    return set(re.split(r"\s+", text))


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("line", SHOWING)
def test_no_line_is_wider_and_none_breaks_inside_a_word(
    wide: Path, monkeypatch: pytest.MonkeyPatch, line: str, width: int
) -> None:
    whole = at_a_terminal(f"modeldata {line} --archive wide", columns=10_000).out
    done = at_a_terminal(f"modeldata {line} --archive wide", columns=width)
    assert done.code == 0 or line == "doctor", done.err
    for shown in done.out.splitlines():
        assert cells(shown) <= width or len(shown.split()) <= 3, shown  # a path is one word
    inside = {word for word in words(done.out) - words(whole) if not word.endswith("…") and not re.search(r"\d|[▁-█]", word)}
    assert inside == set()


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("line", ["head m/inputs", "tail m/inputs", "query 'select * from m_inputs'"])
def test_each_column_is_shown_or_named(wide: Path, line: str, width: int) -> None:
    done = at_a_terminal(f"modeldata {line} --archive wide", columns=width)
    header = done.out.splitlines()[0]
    for name in FEATURES:
        assert (name in header) != (name in done.err), name


@pytest.mark.parametrize("width", [20, *WIDTHS])
def test_each_column_of_ls_is_shown_or_named(here: Path, width: int) -> None:
    done = at_a_terminal("modeldata ls", columns=width)
    header = done.out.splitlines()[0]
    for name in ("collector", "rows", "size", "first", "last"):
        assert bool(re.search(rf"\b{name}\b", header)) != bool(
            re.search(rf"\b{name}\b", done.err.replace("--json has all", ""))
        ), name


LONG = "customer-churn-gradient-boosting-emea"
FEATURE = "days since the customer last called"


@pytest.fixture
def long(here: Path) -> Path:
    shipped = Shipped(str(here / "long"), here / "long-spool")
    for model in (LONG, LONG.replace("emea", "apac")):
        shipped.collect(
            "inputs", {FEATURE: 1, "note": "a note of six words and more", "z": 2}, at="2026-11-20T10:00:00", model=model
        )
    shipped.ship()
    return here


@pytest.mark.parametrize(("line", "names"), [("ls", [f"{LONG}/inputs"]), (f"head {LONG} --table", [FEATURE]), (f"tail {LONG} --table", [FEATURE]),
    ("query --table", [f"{LONG}/inputs", f"{LONG}_inputs".replace("-", "_")]), (f"stats {LONG}", [FEATURE])])  # fmt: skip
def test_no_name_is_cut_where_there_is_room(long: Path, line: str, names: list[str]) -> None:
    for done in (at_a_terminal(f"modeldata {line} --archive long", 160), run(*line.split(), "--archive", "long", columns=20)):
        assert done.code == 0 and done.err == ""
        for name in names:
            assert name in done.out


@pytest.mark.parametrize("line", ["ls", f"head {LONG} --table", f"tail {LONG} --table", f"tail {LONG} -f --table"])
def test_a_program_gets_the_whole_table_whatever_columns_says(long: Path, line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modeldata.cli.commands.tail._wait", _interrupt)
    done = run(*line.split(), "--archive", "long", columns=20)
    assert "…" not in done.out and "no room" not in done.err
    assert ("last" if line == "ls" else "z") in done.out.splitlines()[0].split()


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def test_ls_shows_names_before_anything_else(long: Path) -> None:
    done = at_a_terminal("modeldata ls --archive long", 60)
    assert f"{LONG}/inputs" in done.out
    assert "no room for" in done.err and "last" in done.err


TEXT = st.text(st.characters(categories=["L", "N", "Zs", "So"]), max_size=60)


@given(TEXT, st.integers(1, 70), st.booleans())
def test_a_cell_has_exactly_the_width_of_its_column(text: str, width: int, right: bool) -> None:
    from rich.cells import cell_len

    cell = fitted(text, width, right)
    assert cell_len(cell) == width
    assert "…" in cell or cell.strip() == text.strip()


def test_a_cell_is_cut_between_words_where_it_can_be() -> None:
    assert fitted("several words here", 12) == "several…    "
    assert fitted("several words here", 14) == "several words…"
    assert fitted("unbreakable", 6) == "unbre…"
    assert fitted("日本語の文章", 6) == "日本… "


@given(st.lists(st.text("abc", min_size=1, max_size=9), max_size=12), st.integers(1, 40))
def test_wrapped_parts_are_whole_in_order_and_no_wider_than_they_must_be(parts: list[str], width: int) -> None:
    rows = wrapped(parts, width, " ", "  ")
    assert [part for row in rows for part in row.split()] == parts
    assert all(len(row) <= width or len(row.split()) == 1 for row in rows)


def test_half_a_number_is_not_shown() -> None:
    columns = [TableColumn("id", ["x" * 20]), TableColumn("n", ["1234567890"], right=True)]
    assert lines(columns, 25) == (["id", "x" * 20], ["n"])
    assert lines(columns, 32)[1] == []


def test_ls_shows_the_versions_in_80_columns_also_of_long_names(here: Path) -> None:
    shipped = Shipped(str(here / "long"), here / "long-spool")
    identity: dict[str, Any] = {"model": "customer-churn", "model_version": "2026-11-rc1", "webservice_name": "checkout"}
    shipped.collect("predictions", {"age": 41}, at="2026-11-20T10:00:00", **identity)
    shipped.ship()
    done = at_a_terminal("modeldata ls --archive long", columns=80)
    assert "2026-11-rc1" in done.out
    assert done.out.splitlines()[0].split() == ["collector", "service", "rows", "size", "last", "versions"]
    assert done.err == ""
