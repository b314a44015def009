"""Whatever lies in an archive, the answers are JSON with text in it, cut where it is long."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from modeldata.ui import routes
from tests.ui import hostile
from tests.ui.kit import Asked

STATIC = Path(routes.STATIC)
OURS = sorted(path for path in STATIC.glob("*.js") if not path.name.startswith("uPlot"))


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hostile")
    hostile.fill(folder)
    return folder / "archive"


@pytest.fixture
def ask(archive: Path, tmp_path: Path) -> Asked:
    return Asked(archive, tmp_path / "cache")


def test_each_value_comes_back_as_the_text_that_it_is(ask: Asked) -> None:
    view = ask("overview")["collectors"][0]["view"]
    page = ask("rows", collector=view, rows=100)
    at = [each["name"] for each in page["columns"]].index("plain")
    cells = [row[at] for row in page["rows"]]
    assert {cell for cell in cells if isinstance(cell, str)} == set(hostile.VALUES)
    assert [cell for cell in cells if isinstance(cell, dict)] == [{"cut": "y" * 2000, "length": 10_000_000}]
    assert hostile.COLUMN in [each["name"] for each in page["columns"]]


def test_no_answer_is_large_because_a_cell_is(ask: Asked) -> None:
    view = ask("overview")["collectors"][0]["view"]
    for question, more in {
        "columns": {},
        "drift": {},
        "rows": {"rows": 100},
        "case": {"id": "long"},
        "sql": {"sql": f"SELECT * FROM {view}"},
    }.items():
        answer = ask.ask("GET", f"/api/{question}", params={"collector": view, **more})
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json"), answer.text
        assert len(answer.content) < 200_000


@pytest.mark.parametrize(
    ("question", "arguments", "status"),
    [
        ("rows", {}, 400), ("rows", {"collector": "no_such"}, 404), ("rows", {"collector": "V", "rows": "many"}, 400),
        ("rows", {"collector": "V", "after": "x"}, 400), ("rows", {"collector": "V", "column": "plain"}, 400),
        ("rows", {"collector": "V", "column": "plain", "op": "~", "value": ""}, 400),
        ("rows", {"collector": "V", "column": "$Timestamp", "op": "=", "value": "soon"}, 400),
        ("rows", {"collector": "V", "start": "soon"}, 400), ("rows", {"collector": "V", "seconds": "NaN"}, 400),
        ("drift", {"collector": "V", "reference_start": "2031-01-01"}, 400), ("drift", {"collector": "V", "version": "9"}, 404),
        ("case", {}, 400), ("nothing", {}, 404), ("sql", {"sql": "SELEC"}, 400), ("sql", {"sql": "COPY (SELECT 1) TO 'a.csv'"}, 400),
        ("sql", {"sql": "SELECT * FROM read_text('/etc/passwd')"}, 400), ("sql", {"sql": "SELECT 1", "format": "exe"}, 400),
    ],
)  # fmt: skip
def test_a_wrong_question_is_answered_in_words(ask: Asked, question: str, arguments: dict[str, str], status: int) -> None:
    view = ask("overview")["collectors"][0]["view"]
    answer = ask.ask(
        "GET",
        f"/api/{question}",
        params={name: value.replace("V", view) if value == "V" else value for name, value in arguments.items()},
    )
    assert (
        answer.status_code == status and answer.json()["error"] and "root:" not in answer.text and "Traceback" not in answer.text
    )


def test_a_query_has_an_end(ask: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modeldata.ui.query.answer.__defaults__", (0.2,))
    seconds_long = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 200_000) SELECT count(*) FROM n"
    answer = ask.ask("POST", "/api/sql", content=json.dumps({"sql": seconds_long}))
    assert answer.status_code == 400 and "took longer" in answer.text


def test_a_query_has_bounded_memory(ask: Asked) -> None:
    answer = ask.ask("POST", "/api/sql", content=json.dumps({"sql": "SELECT list(x) FROM range(100000000) t(x)"}))
    assert answer.status_code == 400 and "memory" in answer.text


@pytest.mark.parametrize("body", [b"", b"[]", b"nothing", b'"SELECT 1"', b"\xff", b"[" * 100_000])
def test_a_body_that_is_no_question_is_refused(ask: Asked, body: bytes) -> None:
    assert ask.ask("POST", "/api/sql", content=body).status_code == 400


def test_a_body_of_any_size_is_cut_off(ask: Asked) -> None:
    assert ask.ask("POST", "/api/sql", content=b"x" * (2 << 20)).status_code == 413


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.name)
def test_the_page_makes_no_markup_of_a_value(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    for way in (
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "new Function",
        "DOMParser",
        "srcdoc",
        "setHTML",
    ):
        assert way not in source


def test_the_licence_of_what_others_wrote_lies_beside_it() -> None:
    assert "Leon Sorokin" in (STATIC / "uPlot.LICENSE.txt").read_text(encoding="utf-8")
    assert "uPlot (v1.6.32)" in (STATIC / "uPlot.iife.min.js").read_text(encoding="utf-8")[:300]
