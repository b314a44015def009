"""`wsgi.Archiving` around Flask, on a real server: what callers get stays the same, and what they got is in the archive."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, Response, request
from werkzeug.wsgi import wrap_file

from modeldata.service.ids import ANSWER_HEADER
from modeldata.service.wsgi import Archiving
from tests.service.kit import Recording, features
from tests.service.servers import ask, werkzeug_of

PATHS = ("/predict", "/items/*", "/stream", "/fail", "/form", "/raw", "/file")


def service() -> Flask:
    app = Flask(__name__)

    @app.post("/predict")
    def predict() -> Any:
        return {"scores": [2 * row["x"] for row in request.get_json()]}

    @app.post("/items/<item>")
    def by_item(item: str) -> Any:
        return {"y": request.get_json()["x"]}

    @app.post("/stream")
    def stream() -> Response:
        def events() -> Iterator[str]:
            yield "data: Hel\n\n"
            yield "data: lo\n\n"

        return Response(events(), mimetype="text/event-stream")

    @app.post("/fail")
    def fail() -> Any:
        request.get_json()
        raise RuntimeError("the model broke")

    @app.post("/form")
    def form() -> Any:
        return {"name": request.form["name"]}

    @app.post("/file")
    def file() -> Response:
        return Response(wrap_file(request.environ, io.BytesIO(b"x" * 1000)), direct_passthrough=True)

    return app


@pytest.fixture
def recording(tmp_path: Path) -> Recording:
    return Recording(tmp_path)


REQUESTS: list[tuple[str, Any, dict[str, str]]] = [
    ("/predict", [{"x": 1.0}, {"x": 2.0}], {"x_correlation_id": "c-1"}),
    ("/predict", b"{", {"content_type": "application/json"}),
    ("/items/17?token=t", {"x": 3.0}, {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}),
    ("/stream", {}, {}),
    ("/fail", {"x": 1}, {}),
    ("/form", b"name=a+b", {"content_type": "application/x-www-form-urlencoded"}),
    ("/file", {}, {}),
    ("/none", {}, {}),
]


def test_callers_get_the_same_bytes_status_and_headers(recording: Recording) -> None:
    with werkzeug_of(service()) as bare, werkzeug_of(Archiving(service(), recording.recorder(), PATHS)) as archived:
        for path, body, headers in REQUESTS:
            expected, answered = ask(bare, path, body, **headers), ask(archived, path, body, **headers)
            answered[1].pop(ANSWER_HEADER, None)
            assert answered == expected, path


def test_each_request_is_a_row_and_the_good_ones_have_inputs_and_predictions(recording: Recording) -> None:
    with werkzeug_of(Archiving(service(), recording.recorder(), PATHS)) as port:
        given = [ask(port, path, body, **headers)[1].get(ANSWER_HEADER) for path, body, headers in REQUESTS]
    rows = recording.rows()
    assert {row["x"] for row in rows["inputs"] if "x" in row} == {1.0, 2.0, 3.0}
    assert [row["scores"] for row in rows["predictions"] if "scores" in row] == [2.0, 4.0]
    assert given[0] == "c-1" and given[2] == "0af7651916cd43dd8448eb211c80319c" and given[7] is None
    found = {row["route"]: row for row in rows["requests"] if row["status"] != 400}
    assert set(found) == {"/predict", "/items/<item>", "/stream", "/fail", "/form", "/file"}
    assert found["/fail"]["status"] == 500 and found["/fail"]["body"] == '{"x": 1}'
    assert found["/items/<item>"]["trace_id"] == given[2]
    assert {row["name"] for row in rows["inputs"] if "name" in row} == {"a b"}
    assert next(row for row in rows["predictions"] if "text" in row)["text"] == "Hello"
    assert all(row["complete"] for row in rows["requests"])


def _accepted(recording: Recording) -> int:
    return sum(recording.archive._intake.writer.accepted().values())


def _start(*_: Any) -> Any:
    return lambda data: None


def _environ(body: bytes = b"", **more: Any) -> dict[str, Any]:
    usual = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/predict",
        "wsgi.input": io.BytesIO(body),
        "CONTENT_TYPE": "application/json",
    }
    return usual | more


def _chunks(*chunks: bytes) -> Iterator[bytes]:
    yield from chunks


@pytest.mark.parametrize(("body", "archived"), [([b'{"y"', b":1}"], [2, 2]), (_chunks(b'{"y"', b":1}"), [0, 0, 2])])
def test_an_answer_is_archived_before_its_last_byte_leaves(recording: Recording, body: Any, archived: list[int]) -> None:
    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [("Content-Type", "application/json")])
        return body

    seen = []
    answer = iter(Archiving(app, recording.recorder())(_environ(), _start))
    while True:
        chunk = next(answer, None)
        seen.append(_accepted(recording))
        if chunk is None or len(seen) == len(archived):
            break
    assert seen == archived


def test_the_end_of_a_stream_is_archived_before_the_server_knows_of_it(recording: Recording) -> None:
    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [("Content-Type", "application/json")])
        return _chunks(b'{"y":1}')

    assert list(Archiving(app, recording.recorder())(_environ(), _start)) == [b'{"y":1}']  # and never closed
    assert _accepted(recording) == 2


def test_two_layers_record_one_call(recording: Recording) -> None:
    recorder = recording.recorder()

    def app(environ: Any, start_response: Any) -> Any:
        environ["wsgi.input"].read()
        start_response("200 OK", [("Content-Type", "application/json")])
        return [b'{"y":1}']

    list(Archiving(Archiving(app, recorder), recorder)(_environ(b'{"x":1}'), _start))
    assert _accepted(recording) == 3, "inputs, predictions, requests"


def test_headers_that_can_be_read_once_all_arrive_and_the_caller_gets_the_id(recording: Recording) -> None:
    started: list[Any] = []

    def app(environ: Any, start_response: Any) -> Any:
        start_response(environ["status"], (pair for pair in [("Content-Type", "text/plain"), ("X-Model", "7")]))
        return [b"a", "no bytes"]

    recorder = recording.recorder()
    for status in ("200 OK", "no status"):
        with_status = _environ(status=status, HTTP_X_CORRELATION_ID="mine")
        list(Archiving(app, recorder)(with_status, lambda *given: started.append(given)))
    assert [status for status, _ in started] == ["200 OK", "no status"], "what is wrong with it the server says"
    assert [headers[:2] for _, headers in started] == [[("Content-Type", "text/plain"), ("X-Model", "7")]] * 2
    assert started[0][1][2:] == [("x-correlation-id", "mine")]
    assert _accepted(recording) == 2, "of requests"


def test_with_its_length_an_answer_is_archived_with_the_chunk_that_completes_it(recording: Recording) -> None:
    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", "7")])
        return _chunks(b'{"y":1}', b"")

    next(iter(Archiving(app, recording.recorder())(_environ(), _start)))
    assert _accepted(recording) == 2


def test_a_server_that_closes_early_leaves_part_of_an_answer(recording: Recording) -> None:
    closed = []

    class Chunks:
        def __iter__(self) -> Iterator[bytes]:
            return _chunks(b"data: part\n\n", b"data: more\n\n")

        def close(self) -> None:
            closed.append(True)

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [("Content-Type", "text/event-stream")])
        return Chunks()

    answer: Any = Archiving(app, recording.recorder())(_environ(), _start)
    next(answer)
    answer.close()
    rows = recording.rows()
    assert closed and [row["complete"] for row in rows["requests"]] == [False]
    assert rows["predictions"][0]["text"] == "part"


def test_every_way_to_read_a_body_is_seen(recording: Recording) -> None:
    body = b'[{"x": 1},\n{"x": 2},\n{"x": 3},\n{"x": 4}]'

    def app(environ: Any, start_response: Any) -> Any:
        stream = environ["wsgi.input"]
        buffer = bytearray(5)
        assert stream.readinto(buffer) == 5
        read = bytes(buffer) + stream.read(3) + stream.readline() + stream.readlines(1)[0] + b"".join(stream)
        assert read == body
        start_response("200 OK", [])
        return [b""]

    list(Archiving(app, recording.recorder())(_environ(body), _start))
    assert features(recording.rows()["inputs"]) == [(1,), (2,), (3,), (4,)]


def test_an_application_that_raises_and_one_that_writes_are_recorded(recording: Recording) -> None:
    def failing(environ: Any, start_response: Any) -> Any:
        raise RuntimeError("broken")

    def writing(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [("Content-Type", "application/json")])(b'{"y": 5}')
        return []

    recorder = recording.recorder()
    with pytest.raises(RuntimeError):
        Archiving(failing, recorder)(_environ(), _start)
    assert list(Archiving(writing, recorder)(_environ(), _start)) == []
    rows = recording.rows()
    assert [row["error"] for row in rows["requests"]] == ["RuntimeError: broken", None]
    assert features(rows["predictions"]) == [(5,)]
