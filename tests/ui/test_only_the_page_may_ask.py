"""Who gets an answer: the page itself, with the token, by GET. Nobody else, whatever else is right about the request."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.ui.kit import Asked, Row

HOST, TOKEN = "127.0.0.1:8123", "a-token"
RIGHT = {"host": HOST, "authorization": f"Bearer {TOKEN}", "origin": f"http://{HOST}", "sec-fetch-site": "same-origin"}
QUESTIONS = ("overview", "proof", "columns", "drift", "rows", "case", "spool", "keeping", "sql")
PAGES = ("/", "/static/app.js", *(f"/api/{question}" for question in QUESTIONS))


@pytest.fixture
def guarded(planted: tuple[Path, list[Row]], tmp_path: Path) -> Asked:
    return Asked(planted[0] / "archive", tmp_path / "cache", token=TOKEN, hosts=[HOST])


def status(asked: Asked, path: str, method: str = "GET", **headers: str | None) -> int:
    """headers: other than the right ones; None: left out."""
    wanted = {**RIGHT, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return asked.ask(method, path, headers={name: value for name, value in wanted.items() if value is not None}).status_code


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8123", "127.0.0.1", "127.0.0.1:81", "localhost.evil.example:8123", ""]
)
def test_under_another_name_nothing_is_answered(guarded: Asked, path: str, host: str) -> None:
    assert status(guarded, path, host=host) == 421


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"}, {"origin": "null"}, {"origin": "http://127.0.0.1:81"}, {"origin": "http://127.0.0.1:8123.evil.example"},
        {"sec_fetch_site": "cross-site", "origin": None}, {"sec_fetch_site": "same-site", "origin": None},
    ],
)  # fmt: skip
def test_another_site_gets_nothing(guarded: Asked, path: str, headers: dict[str, str | None]) -> None:
    assert status(guarded, path, **headers) == 403


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "TRACE"])
@pytest.mark.parametrize("path", PAGES)
def test_nothing_but_get_is_answered(guarded: Asked, path: str, method: str) -> None:
    if (path, method) != ("/api/sql", "POST"):
        assert status(guarded, path, method) == 405


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize("shown", [None, "", "Bearer", "Bearer ", "Bearer a-toke", "Bearer a-token2", "Basic a-token", "a-token"])
def test_without_the_token_no_question_is_answered(guarded: Asked, question: str, shown: str | None) -> None:
    assert status(guarded, f"/api/{question}", authorization=shown) == 401
    assert status(guarded, f"/api/{question}?token={TOKEN}", authorization=shown) == 401


def test_sql_by_post_is_held_to_the_same(guarded: Asked) -> None:
    assert status(guarded, "/api/sql", "POST", host="evil.example") == 421
    assert status(guarded, "/api/sql", "POST", sec_fetch_site="cross-site", origin=None) == 403
    assert status(guarded, "/api/sql", "POST", authorization=None) == 401
    answer = guarded.ask("POST", "/api/sql", headers=RIGHT, content=json.dumps({"sql": "SELECT 42 AS a"}))
    assert answer.json()["rows"] == [[42]]


def test_the_page_and_programs_are_answered(guarded: Asked) -> None:
    assert status(guarded, "/api/overview") == status(guarded, "/api/overview", origin=None, sec_fetch_site=None) == 200
    assert status(guarded, "/", authorization=None, origin=None, sec_fetch_site="none") == 200


@pytest.mark.parametrize("path", ["/", "/static/app.js", "/api/overview", "/api/nothing", "/nothing"])
@pytest.mark.parametrize("headers", [{}, {"host": "evil.example"}])
def test_every_answer_says_what_a_browser_may_do_with_it(guarded: Asked, path: str, headers: dict[str, str]) -> None:
    said = guarded.ask("GET", path, headers={**RIGHT, **headers}).headers
    policy = {part.split()[0]: part.split()[1:] for part in said["content-security-policy"].split(";")}
    assert policy["default-src"] == policy["form-action"] == policy["base-uri"] == policy["frame-ancestors"] == ["'none'"]
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == ["'self'"]
    assert said["x-content-type-options"] == "nosniff" and said["cache-control"] == "no-store"
    assert "access-control-allow-origin" not in said


@pytest.mark.parametrize(
    "path", ["/static/../routes.py", "/static/%2e%2e/routes.py", "/static/..%2f..%2fsettings/table.py", "/static//etc/passwd"]
)
def test_no_other_file_is_served(guarded: Asked, path: str) -> None:
    assert status(guarded, path) in (404, 405)
