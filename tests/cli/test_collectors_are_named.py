"""Names may have a slash: a text is held against the names that there are, and what may be two says so."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.read.kit import Shipped

from .kit import Done, run

READING = ("head", "tail", "export", "stats")


def shop(folder: Path, *pairs: tuple[str, str]) -> None:
    """An archive with a collector for each pair, of one row that has its own number."""
    shipped = Shipped(str(folder / "modeldata"), folder / "spool")
    for number, (model, identifier) in enumerate(pairs):
        shipped.collect(identifier, {"x": number}, at="2026-11-20T10:00:00", ids="a", model=model)
    shipped.ship()


@pytest.fixture
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def asked(command: str, collector: str) -> Done:
    return run(command, collector, *(["--json"] if command == "stats" else []))


@pytest.mark.parametrize("command", READING)
@pytest.mark.parametrize("name", ["team/churn/in/puts", "team~2Fchurn/in~2Fputs", "team/churn", "a/b", "m/with space", "m/b%2F"])
def test_a_name_with_a_slash_is_found(there: Path, command: str, name: str) -> None:
    shop(there, ("team/churn", "in/puts"), ("a", "b"), ("m", "with space"), ("m", "b%2F"))
    done = asked(command, name)
    assert (done.code, done.err) == (0, "")


def test_join_and_query_take_names_with_slashes(there: Path) -> None:
    shop(there, ("team/churn", "in/puts"), ("team/churn", "out/puts"))
    assert run("join", "team/churn", "in/puts", "out/puts", "--columns", "x").rows() == [
        {"$CorrelationId": "a", "in/puts.x": "0", "out/puts.x": "1"}
    ]
    assert run("query", "select x from team_churn_out_puts").rows() == [{"x": "1"}]


@pytest.mark.parametrize("command", READING)
def test_what_may_be_two_collectors_is_an_error_that_names_both(there: Path, command: str) -> None:
    shop(there, ("a/b", "c"), ("a", "b/c"))
    done = asked(command, "a/b/c")
    assert (done.code, done.out, done.err.count("\n")) == (1, "", 1)
    assert "say a/b~2Fc or a~2Fb/c" in done.err
    for number, name in enumerate(["a~2Fb/c", "a/b~2Fc"]):
        assert str(number) in asked(command, name).out, name


def test_a_collector_of_that_name_comes_before_a_model_of_that_name(there: Path) -> None:
    shop(there, ("a/b", "c"), ("a", "b"))
    assert [run("head", name).rows()[0]["x"] for name in ("a/b/c", "a/b")] == ["0", "1"]


def test_ls_shows_all_that_a_name_may_mean(there: Path) -> None:
    shop(there, ("a/b", "c"), ("a", "b/c"), ("a", "d"))
    named = {
        text: {each["collector"] for each in json.loads(run("ls", text, "--json").out)["collectors"]} for text in ("a/b/c", "a")
    }
    assert named["a"] == {"a/b/c", "a/d"}
    assert len(json.loads(run("ls", "a/b/c", "--json").out)["collectors"]) == 2


@pytest.mark.parametrize(
    ("text", "said"), [("team/chrun/in/puts", "did you mean 'team/churn/in/puts'?"), ("team/chrun", "team/churn/in/puts")]
)
def test_a_misspelt_name_with_a_slash_is_answered_with_the_whole_name(there: Path, text: str, said: str) -> None:
    shop(there, ("team/churn", "in/puts"))
    done = run("head", text)
    assert done.code == 1 and said in done.err
