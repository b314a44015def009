"""`asgi.Archiving` around FastAPI, served by uvicorn: what callers get stays the same, and what they got is in the archive."""

from __future__ import annotations

import asyncio
import gzip
import json
import pickle
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi import BackgroundTasks, FastAPI, Request
from fastapi.responses import JSONResponse, StreamingResponse

from modeldata.service.asgi import Archiving
from modeldata.service.exchange import Exchange
from modeldata.service.ids import ANSWER_HEADER
from tests.service.kit import Recording
from tests.service.servers import ask, uvicorn_of

PATHS = ("/predict", "/items/*", "/stream", "/fail", "/deny", "/read", "/v2/models/*/infer", "/background", "/lines")


def service() -> FastAPI:
    app = FastAPI()

    @app.post("/predict")
    def predict(rows: list[dict[str, float]]) -> dict[str, list[float]]:
        return {"scores": [2 * row["x"] for row in rows]}

    @app.post("/login")
    def login(form: dict[str, str]) -> dict[str, str]:
        return {"token": "t-" + form["password"]}

    @app.post("/items/{item}")
    def by_item(item: str, row: dict[str, float]) -> float:
        return row["x"]

    @app.post("/stream")
    async def stream() -> StreamingResponse:
        async def events() -> AsyncIterator[str]:
            for word in ("Hel", "lo"):
                yield f"data: {json.dumps({'choices': [{'delta': {'content': word}}]})}\n\n"
                await asyncio.sleep(0.01)
            yield "data: [DONE]\n\n"

        return StreamingResponse(events(), media_type="text/event-stream")

    @app.post("/fail")
    def fail(row: dict[str, Any]) -> None:
        raise RuntimeError("the model broke")

    @app.post("/deny")
    def deny() -> JSONResponse:
        return JSONResponse({"detail": "no"}, status_code=422)

    @app.post("/read")
    async def read(request: Request) -> int:
        return sum([len(chunk) async for chunk in request.stream()])

    @app.post("/v2/models/{name}/infer")
    def infer(name: str, body: dict[str, Any]) -> dict[str, Any]:
        return {"id": body["id"], "outputs": [{"name": "y", "shape": [2], "datatype": "FP64", "data": [1.0, 2.0]}]}

    @app.post("/background")
    def background(tasks: BackgroundTasks) -> dict[str, int]:
        tasks.add_task(asyncio.sleep, 0.3)
        return {"y": 1}

    return app


@pytest.fixture
def recording(tmp_path: Path) -> Recording:
    return Recording(tmp_path)


REQUESTS: list[tuple[str, Any, dict[str, str]]] = [
    ("/predict", [{"x": 1.0}, {"x": 2.0}], {"x_correlation_id": "c-1"}),
    ("/predict", {"x": "wrong"}, {}),
    ("/predict", b"{", {"content_type": "application/json"}),
    ("/items/17?token=s3cret", {"x": 3.0}, {"x_request_id": "r-2"}),
    ("/stream", {}, {}),
    ("/fail", {"x": 1}, {}),
    ("/deny", {}, {}),
    ("/read", b"x" * 100_000, {"content_type": "application/octet-stream"}),
    ("/none", {}, {}),
    ("/v2/models/m/infer", {"id": "v2-id", "inputs": [{"name": "x", "shape": [2], "datatype": "FP64", "data": [1, 2]}]}, {}),
]  # fmt: skip


def test_callers_get_the_same_bytes_status_and_headers(recording: Recording) -> None:
    with uvicorn_of(service()) as bare, uvicorn_of(Archiving(service(), recording.recorder(), PATHS)) as archived:
        for path, body, headers in REQUESTS:
            expected, answered = ask(bare, path, body, **headers), ask(archived, path, body, **headers)
            answered[1].pop(ANSWER_HEADER, None)
            assert answered == expected, path


def test_each_request_is_a_row_and_the_good_ones_have_inputs_and_predictions(recording: Recording) -> None:
    with uvicorn_of(Archiving(service(), recording.recorder(), PATHS)) as port:
        given = [ask(port, path, body, **headers)[1].get(ANSWER_HEADER) for path, body, headers in REQUESTS]
    rows = recording.rows()
    assert {row["x"] for row in rows["inputs"] if "x" in row} == {1.0, 2.0, 3.0}
    assert [row["scores"] for row in rows["predictions"] if "scores" in row] == [2.0, 4.0]
    assert {row["$CorrelationId"] for row in rows["requests"]} == {one for one in given if one}
    assert given[0] == "c-1" and given[3] == "r-2" and given[9] == "v2-id"
    by_route = {(row["route"], row["status"]): row for row in rows["requests"]}
    assert len(rows["requests"]) == 9 and ("/items/{item}", 200) in by_route
    assert by_route["/fail", 500]["error"] == "RuntimeError: the model broke"
    assert by_route["/fail", 500]["body"] == '{"x": 1}'
    assert by_route["/deny", 422]["error"] == '{"detail":"no"}'
    assert by_route["/read", 200]["bytes_in"] == 100_000
    assert all(row["complete"] for row in rows["requests"] if row["status"] != 500)
    assert {row["$CorrelationId"] for row in rows["inputs"]}.isdisjoint({given[1], given[2], given[5], given[6]})
    assert next(row for row in rows["predictions"] if "text" in row)["text"] == "Hello"


def test_no_secret_of_a_header_a_query_or_a_login_is_kept(recording: Recording) -> None:
    with uvicorn_of(Archiving(service(), recording.recorder())) as port:
        ask(port, "/login", {"password": "s3cret-1"})
        ask(port, "/predict?key=s3cret-2", [{"x": 1.0}], authorization="Bearer s3cret-3", cookie="s3cret-4")
        ask(port, "/predict", {"x": "AccountKey=s3cret-5"}, authorization="Bearer s3cret-3")
    recording.rows()
    files = [path.read_bytes() for path in recording.folder.rglob("*") if path.is_file()]
    assert files and not any(b"s3cret" in data for data in files)


def test_the_first_bytes_of_a_stream_leave_before_the_last_are_made(recording: Recording) -> None:
    may_end = asyncio.Event()
    chunks: list[bytes] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
        await send({"type": "http.response.body", "body": b"data: a\n\n", "more_body": True})
        await may_end.wait()
        await send({"type": "http.response.body", "body": b"data: b\n\n", "more_body": False})

    async def send(message: Any) -> None:
        chunks.append(message.get("body", b""))
        may_end.set()

    asyncio.run(Archiving(app, recording.recorder())(scope(), nothing, send))
    assert chunks == [b"", b"data: a\n\n", b"data: b\n\n"]
    assert recording.rows()["predictions"][0]["text"] == "ab"


def scope(path: str = "/predict", **more: Any) -> dict[str, Any]:
    return {"type": "http", "method": "POST", "path": path, "headers": [], **more}


async def nothing() -> dict[str, Any]:
    return {"type": "http.request", "body": b"", "more_body": False}


@pytest.mark.parametrize("length", [True, False])
def test_an_answer_is_archived_before_its_last_byte_leaves(recording: Recording, length: bool) -> None:
    recorder = recording.recorder()
    archived: list[int] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        headers = [(b"content-type", b"application/json"), *([(b"content-length", b"7")] if length else [])]
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b'{"y":1}', "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def send(message: Any) -> None:
        archived.append(sum(recording.archive._intake.writer.accepted().values()))

    asyncio.run(Archiving(app, recorder)(scope(), nothing, send))
    assert archived == ([0, 2, 2] if length else [0, 0, 2])


def test_a_caller_that_hangs_up_leaves_its_part_of_the_answer(recording: Recording) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
        await send({"type": "http.response.body", "body": b"data: part\n\n", "more_body": True})
        raise asyncio.CancelledError

    async def main() -> None:
        with pytest.raises(asyncio.CancelledError):
            await Archiving(app, recording.recorder())(scope(), nothing, _discard)

    asyncio.run(main())
    rows = recording.rows()
    assert [(row["complete"], row["status"]) for row in rows["requests"]] == [(False, 200)]
    assert rows["predictions"][0]["text"] == "part"


async def _discard(message: Any) -> None:
    return None


@pytest.mark.parametrize("ours", [[], [(ANSWER_HEADER.encode(), b"its own")]])
def test_headers_that_can_be_read_once_all_arrive(recording: Recording, ours: list[tuple[bytes, bytes]]) -> None:
    sent: list[Any] = []
    headers = [(b"content-type", b"application/json"), (b"x-model", b"7"), *ours]

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": (pair for pair in headers)})
        await send({"type": "http.response.body", "body": b"{}"})

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(Archiving(app, recording.recorder())(scope(), nothing, send))
    assert sent[0]["headers"][: len(headers)] == headers and len(sent[0]["headers"]) == 3


def test_an_id_that_no_header_can_hold_breaks_no_answer(recording: Recording) -> None:
    """h11 refuses a header that begins or ends with a blank: the caller would get no answer."""
    with uvicorn_of(Archiving(service(), recording.recorder(), PATHS), http="h11") as port:
        for given in (" blank ", "\r\nx-more: 1", "é", "x" * 1_000_000):
            body = json.dumps({"id": given, "inputs": [{"name": "x", "shape": [1], "datatype": "FP64", "data": [1]}]}).encode()
            status, headers, _ = ask(port, "/v2/models/m/infer", body, content_type="application/json")
            assert status == 200 and "x-more" not in headers and len(headers[ANSWER_HEADER]) <= 256


def test_an_application_that_answers_nothing_has_no_inputs(recording: Recording) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()

    asyncio.run(Archiving(app, recording.recorder())(scope(), nothing, _discard))
    rows = recording.rows()
    assert not rows["inputs"] and [row["error"] for row in rows["requests"]] == ["there was no answer"]


def test_two_layers_record_one_call(recording: Recording) -> None:
    recorder = recording.recorder()
    app = service()
    app.add_middleware(Archiving, recorder=recorder)
    with uvicorn_of(Archiving(Archiving(app, recorder), recorder)) as port:
        ask(port, "/predict", [{"x": 1.0}])
    rows = recording.rows()
    assert {name: len(rows[name]) for name in rows} == {"inputs": 1, "predictions": 1, "requests": 1}


def test_a_call_that_another_process_answers_is_one_call(recording: Recording) -> None:
    """The proxy of Ray Serve sends the scope to a replica, which may have a layer of its own."""
    recorder = recording.recorder()
    replica = Archiving(service(), recorder)

    async def proxy(scope: Any, receive: Any, send: Any) -> None:
        of_wire = {name: scope[name] for name in scope if name not in ("app", "state", "extensions")}
        await replica(pickle.loads(pickle.dumps(of_wire)), receive, send)

    with uvicorn_of(Archiving(proxy, recorder)) as port:
        assert ask(port, "/predict", [{"x": 1.0}])[2] == b'{"scores":[2.0]}'
    assert {name: len(rows) for name, rows in recording.rows().items()} == {"inputs": 1, "predictions": 1, "requests": 1}


def test_latency_ends_with_the_answer_and_not_with_background_tasks(recording: Recording) -> None:
    with uvicorn_of(Archiving(service(), recording.recorder(), PATHS)) as port:
        ask(port, "/background")
    (request,) = recording.rows()["requests"]
    assert 0 < request["first_byte_ms"] <= request["latency_ms"] < 300


def test_a_large_body_passes_and_is_not_kept(recording: Recording) -> None:
    with uvicorn_of(Archiving(service(), recording.recorder(max_body=10_000), PATHS)) as port:
        status, _, body = ask(port, "/read", b"x" * 5_000_000)
        packed = gzip.compress(b" " * 5_000_000)
        ask(port, "/read", packed, content_type="application/json", content_encoding="gzip")
        ask(port, "/read", packed[:-9], content_type="application/json", content_encoding="gzip")
    assert (status, body) == (200, b"5000000")
    rows = recording.rows()
    assert not rows["inputs"] and len(rows["predictions"]) == 3
    assert [row["note"] for row in rows["requests"]] == [
        "request of 5,000,000 bytes: over max_body",
        "request: TooMuch: more than 10,000 bytes when inflated",
        "request: TooMuch: more than 10,000 bytes when inflated",
    ]


def test_what_is_not_in_the_sample_is_not_looked_at_but_counted(recording: Recording) -> None:
    with uvicorn_of(Archiving(service(), recording.recorder(sample=0.0), PATHS)) as port:
        ask(port, "/predict", [{"x": 1.0}])
        ask(port, "/fail", {"x": 1})
    rows = recording.rows()
    assert not rows["inputs"] and [row["status"] for row in rows["requests"]] == [500]
    assert recording.archive.stats().dropped == {"sampled_out": 3}


def test_a_service_goes_on_where_nothing_can_be_archived(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    recording = Recording(tmp_path / "archive", spool=tmp_path / "file", on_error="raise")

    def broken(body: bytes, headers: Any) -> object:
        raise ValueError("a decoder of the user's")

    with uvicorn_of(Archiving(service(), recording.recorder(decode=broken), PATHS)) as port:
        assert ask(port, "/predict", [{"x": 1.0}])[2] == b'{"scores":[2.0]}'
        assert ask(port, "/fail", {"x": 1})[0] == 500
    assert set(recording.archive.stats().dropped)


def test_a_caller_that_closes_its_socket_harms_nobody(recording: Recording) -> None:
    with uvicorn_of(Archiving(service(), recording.recorder(), PATHS)) as port:
        with socket.create_connection(("127.0.0.1", port)) as half:
            half.sendall(b"POST /read HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\npart")
        assert ask(port, "/predict", [{"x": 1.0}])[0] == 200
    assert "/predict" in {row["route"] for row in recording.rows()["requests"]}


def test_other_scopes_pass(recording: Recording) -> None:
    seen: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["type"])

    around: Callable[..., Any] = Archiving(app, recording.recorder())
    for kind in ("lifespan", "websocket"):
        asyncio.run(around({"type": kind, "path": "/predict"}, nothing, _discard))
    assert seen == ["lifespan", "websocket"]


@pytest.mark.parametrize("step", ["__init__", "request_chunk", "answer_begins", "answer_chunk", "finish"])
def test_a_step_of_ours_that_fails_changes_no_answer(recording: Recording, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("a defect of ours")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"answer"})

    sent: list[bytes] = []

    async def send(message: Any) -> None:
        sent.append(message.get("body", b""))

    monkeypatch.setattr(Exchange, step, broken)
    asyncio.run(Archiving(app, recording.recorder())(scope(), nothing, send))
    assert sent == [b"", b"answer"]
