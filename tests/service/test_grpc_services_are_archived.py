"""Interceptors of gRPC: real servers and callers, messages of protobuf."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest

from modeldata.service.grpc import Archiving, AsyncArchiving
from modeldata.service.launch.hooks import intercepted
from modeldata.service.messages import copy_of
from tests.service.kit import Recording
from tests.service.protos import kind, message

UNARY, ANSWERS, REQUESTS, BOTH = "unary_unary", "unary_stream", "stream_unary", "stream_stream"
ANSWERED_WITH = {"Predict": (UNARY, "Score"), "PredictEach": (ANSWERS, "Score"), "PredictAll": (REQUESTS, "Score"),
                 "PredictMany": (BOTH, "Score"), "Generate": (ANSWERS, "Text"), "Login": (UNARY, "Score")}  # fmt: skip


def _checked(row: Any, context: Any) -> None:
    if row.x == -1:
        context.abort(grpc.StatusCode.NOT_FOUND, "no such row")
    if row.x == -2:
        raise RuntimeError("the model broke")
    if row.x == -3:
        context.set_code(grpc.StatusCode.INVALID_ARGUMENT)
        context.set_details("bad row")


class Sync:
    """A service as its author writes it."""

    def Predict(self, row: Any, context: Any) -> Any:
        _checked(row, context)
        row.n = 7  # its own message: what is kept was taken before
        return message("Score", y=2 * row.x)

    def PredictEach(self, row: Any, context: Any) -> Iterator[Any]:
        for value in row.values:
            yield message("Score", y=value)
        if row.kind:  # as long as the caller listens
            left = threading.Event()
            context.add_callback(left.set)
            left.wait(30)
            yield message("Score", y=-1)  # nobody asks for what comes after it
        _checked(row, context)

    def PredictAll(self, rows: Any, context: Any) -> Any:
        return message("Score", y=sum(row.x for row in rows))

    def PredictMany(self, rows: Any, context: Any) -> Iterator[Any]:
        for row in rows:
            yield message("Score", y=2 * row.x)

    def Generate(self, row: Any, context: Any) -> Iterator[Any]:
        yield message("Text", text="Hel")
        yield message("Text", text="lo")

    Login = Predict


class Async:
    """The same in `grpc.aio`."""

    async def Predict(self, row: Any, context: Any) -> Any:
        if row.x == -1:
            await context.abort(grpc.StatusCode.NOT_FOUND, "no such row")
        _checked(row, context)
        row.n = 7
        return message("Score", y=2 * row.x)

    async def PredictEach(self, row: Any, context: Any) -> Any:
        for value in row.values:
            yield message("Score", y=value)
        if row.kind:
            await asyncio.sleep(30)
        if row.x == -1:
            await context.abort(grpc.StatusCode.NOT_FOUND, "no such row")

    async def PredictAll(self, rows: Any, context: Any) -> Any:
        return message("Score", y=sum([row.x async for row in rows]))

    async def PredictMany(self, rows: Any, context: Any) -> None:
        while (row := await context.read()) is not grpc.aio.EOF:
            await context.write(message("Score", y=2 * row.x))

    def Generate(self, row: Any, context: Any) -> Iterator[Any]:  # functions are called in a thread
        context.set_trailing_metadata((("x-model", "7"),))
        yield from Sync.Generate(self, row, context)  # type: ignore[arg-type] # it looks at nothing of itself

    Login = Sync.Predict


def _handlers(service: Any) -> Any:
    made = {
        name: getattr(grpc, f"{way}_rpc_method_handler")(
            getattr(service, name), kind("Row").FromString, lambda answer: answer.SerializeToString()
        )
        for name, (way, _) in ANSWERED_WITH.items()
    }
    return grpc.method_handlers_generic_handler("t.Model", made)


@contextmanager
def sync_server(*interceptors: Any) -> Iterator[int]:
    server = grpc.server(ThreadPoolExecutor(4), interceptors=interceptors)
    server.add_generic_rpc_handlers((_handlers(Sync()),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield port
    finally:
        server.stop(5).wait()


@contextmanager
def async_server(*interceptors: Any) -> Iterator[int]:
    loop, ports = asyncio.new_event_loop(), []
    started, stop = threading.Event(), asyncio.Event()

    async def serve() -> None:
        server = grpc.aio.server(interceptors=interceptors)
        server.add_generic_rpc_handlers((_handlers(Async()),))
        ports.append(server.add_insecure_port("127.0.0.1:0"))
        await server.start()
        started.set()
        await stop.wait()
        await server.stop(5)

    thread = threading.Thread(target=loop.run_until_complete, args=[serve()])
    thread.start()
    started.wait(30)
    try:
        yield ports[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


class Caller:
    def __init__(self, port: int) -> None:
        self.channel = grpc.insecure_channel(f"127.0.0.1:{port}")

    def method(self, name: str) -> Callable[..., Any]:
        way, answer = ANSWERED_WITH[name]
        made: Callable[..., Any] = getattr(self.channel, way)(
            f"/t.Model/{name}", lambda row: row.SerializeToString(), kind(answer).FromString
        )
        return made

    def __call__(self, name: str, asked: Any, **metadata: str) -> tuple[Any, ...]:
        """Answers, code, details and trailing metadata."""
        sent = [(key.replace("_", "-"), value) for key, value in metadata.items()]
        method = self.method(name)
        try:
            if ANSWERED_WITH[name][0] in (UNARY, REQUESTS):
                answer, call = method.with_call(asked, metadata=sent)  # type: ignore[attr-defined] # grpc's own
                answers = [answer]
            else:
                call = method(asked, metadata=sent)
                answers = list(call)
        except grpc.RpcError as error:
            answers, call = [], error
        return answers, call.code(), call.details(), dict(call.trailing_metadata() or ())


def row(x: float, **more: Any) -> Any:
    return message("Row", x=x, **more)


CALLS: list[tuple[str, Any]] = [
    ("Predict", row(1.5, n=2**60, name="é")), ("Predict", row(-1)), ("Predict", row(-2)), ("Predict", row(-3)),
    ("PredictEach", row(2, values=[0.5, 0.25])), ("PredictEach", row(-1, values=[0.5])), ("PredictAll", [row(3), row(4)]),
    ("PredictMany", [row(5), row(6)]), ("Generate", row(7)), ("Login", row(8)),
]  # fmt: skip
SERVERS: dict[str, tuple[Any, Any]] = {"sync": (sync_server, Archiving), "aio": (async_server, AsyncArchiving)}
PATHS = ["/t.Model/P*", "/t.Model/Generate"]


@pytest.mark.parametrize("server", SERVERS)
def test_answers_are_the_same_and_each_call_is_archived(tmp_path: Path, server: str) -> None:
    serve, kind_of = SERVERS[server]
    recording = Recording(tmp_path)
    with serve() as bare, serve(kind_of(recording.recorder(), PATHS)) as port:
        expected, caller = Caller(bare), Caller(port)
        for number, (name, asked) in enumerate(CALLS):
            got = caller(name, iter(asked) if isinstance(asked, list) else asked, x_correlation_id=f"c-{number}")
            given = got[3].pop("x-correlation-id", None)
            assert got == expected(name, iter(asked) if isinstance(asked, list) else asked)
            assert given in (f"c-{number}", None) and (given is not None or name in ("Login", "Generate") or got[1].value[0])
    rows = {name: sorted(found, key=lambda r: str(r["$CorrelationId"])) for name, found in recording.rows().items()}
    assert [(r["x"], r["n"], r["name"], r["age"]) for r in rows["inputs"]] == [
        (1.5, 2**60, "é", None), (2, 0, "", None), (3, 0, "", None), (4, 0, "", None), (5, 0, "", None), (6, 0, "", None), (7, 0, "", None),
    ]  # fmt: skip
    assert [r["y"] for r in rows["predictions"] if "y" in r] == [3, 0.5, 0.25, 7, 10, 12]
    assert [r["text"] for r in rows["predictions"] if "text" in r] == ["Hello"]
    assert [(r["status"], r["route"]) for r in rows["requests"]] == [
        (0, "/t.Model/Predict"), (5, "/t.Model/Predict"), (2, "/t.Model/Predict"), (3, "/t.Model/Predict"), (0, "/t.Model/PredictEach"),
        (5, "/t.Model/PredictEach"), (0, "/t.Model/PredictAll"), (0, "/t.Model/PredictMany"), (0, "/t.Model/Generate"),
    ]  # fmt: skip
    errors = [r["error"] for r in rows["requests"]]
    assert errors[1:4] == ["NOT_FOUND: no such row", errors[2], "INVALID_ARGUMENT: bad row"] and "the model broke" in errors[2]
    assert '"x": -1.0' in rows["requests"][1]["body"]
    assert {r["$CorrelationId"] for r in rows["requests"]} == {f"c-{number}" for number in range(9)}


@pytest.mark.parametrize("server", SERVERS)
def test_a_single_answer_is_archived_before_the_caller_has_it_and_a_hang_up_keeps_what_there_was(
    tmp_path: Path, server: str
) -> None:
    serve, kind_of = SERVERS[server]
    recording = Recording(tmp_path)
    over = threading.Event()
    recorder = recording.recorder()
    keep = recorder.keep
    recorder.keep = lambda call, *rows: (keep(call, *rows), call.complete or over.set())  # type: ignore[method-assign] # to wait for it
    with serve(kind_of(recorder)) as port:
        caller = Caller(port)
        caller("Predict", row(1))
        assert sum(recording.archive._intake.writer.accepted().values()) == 3
        stream = caller.method("PredictEach")(row(2, values=[0.0], kind=1))
        assert next(stream).y == 0
        stream.cancel()
        assert over.wait(30)
    rows = recording.rows()
    assert [r["complete"] for r in rows["requests"]] == [True, False]
    assert rows["predictions"][1]["y"] == 0 and rows["inputs"][1]["x"] == 2


@pytest.mark.parametrize("server", SERVERS)
def test_a_request_that_cannot_be_read_is_a_call_that_failed(tmp_path: Path, server: str) -> None:
    serve, kind_of = SERVERS[server]
    recorder, calls = Recording(tmp_path).recorder(), list[Any]()
    recorder.keep = lambda call, *rows: calls.append(call)  # type: ignore[method-assign] # to look at it
    codes = []
    with serve() as bare, serve(kind_of(recorder)) as port:
        for at in (bare, port):
            with pytest.raises(grpc.RpcError) as refused:
                grpc.insecure_channel(f"127.0.0.1:{at}").unary_unary("/t.Model/Predict")(b"\xff", timeout=30)
            codes.append(refused.value.code())
    (call,) = calls
    assert codes[0] is codes[1] and call.status == codes[0].value[0] and "DecodeError" in call.error


@pytest.mark.parametrize("server", SERVERS)
def test_a_step_of_ours_that_fails_changes_no_answer(tmp_path: Path, server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    serve, kind_of = SERVERS[server]
    recorder = Recording(tmp_path).recorder()

    def broken(*_: Any, **__: Any) -> None:
        raise OSError("no")

    for name in ("asked", "answered", "finish"):
        monkeypatch.setattr(f"modeldata.service.rpc.Rpc.{name}", broken)
    with serve() as bare, serve(kind_of(recorder)) as port:
        for name, asked in (("Predict", row(1)), ("Predict", row(-2)), ("PredictEach", row(2, values=[1.0]))):
            got = Caller(port)(name, asked)
            got[3].pop("x-correlation-id", None)
            assert got == Caller(bare)(name, asked)


class Refusing(grpc.ServerInterceptor):
    """Of the service's own."""

    def intercept_service(self, continuation: Any, details: Any) -> Any:
        def refuse(request: Any, context: Any) -> None:
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "who?")

        return grpc.unary_unary_rpc_method_handler(refuse)


def test_only_the_methods_of_the_list_are_recorded_and_out_of_the_sample_what_failed(tmp_path: Path) -> None:
    recording = Recording(tmp_path)
    archiving = Archiving(recording.recorder(sample=0.0))
    with sync_server(archiving) as port, sync_server(archiving, Refusing()) as refusing:
        Caller(port)("Login", row(-1))
        Caller(port)("Predict", row(1))
        Caller(port)("Predict", row(-1))
        assert Caller(refusing)("Predict", row(1))[1] is grpc.StatusCode.UNAUTHENTICATED
    rows = recording.rows()
    assert not rows["inputs"] and [r["error"] for r in rows["requests"]] == ["NOT_FOUND: no such row", "UNAUTHENTICATED: who?"]
    assert not any(r["body"] for r in rows["requests"])


def test_fields_keep_their_types_and_all_messages_of_one_type_have_the_same_columns() -> None:
    full = message("Row", x=1, n=2**60, name="a", age=0, data=b"\xff", kind=1, values=[1, 2], kinds=[0, 1, 9],
                   inner={"flag": True}, inners=[{"flag": False}], at={"seconds": 1})  # fmt: skip
    assert copy_of(full) == {
        "x": 1.0, "n": 2**60, "name": "a", "age": 0, "data": b"\xff", "kind": "GOOD", "values": [1.0, 2.0], "kinds": ["NONE", "GOOD", 9],
        "at": "1970-01-01T00:00:01Z", "inner": {"flag": True}, "inners": [{"flag": False}],
    }  # fmt: skip
    assert list(copy_of(message("Row"))) == list(copy_of(full)) and copy_of(message("Row"))["inner"] is None
    assert copy_of(message("Rows", instances=[{"flag": True}, {}])) == [{"flag": True}, {"flag": False}]


def test_tensors_of_v2_are_rows() -> None:
    tensors = [{"name": "a", "datatype": "FP32", "shape": [2, 2], "contents": {"fp32_contents": [1, 2, 3, 4]}},
               {"name": "b", "datatype": "BYTES", "shape": [2], "contents": {"bytes_contents": [b"x", b"y"]}}]  # fmt: skip
    expected = [{"a": [1.0, 2.0], "b": "x"}, {"a": [3.0, 4.0], "b": "y"}]
    assert copy_of(message("ModelInferRequest", inputs=tensors)) == expected
    raw = [b"\0\0\x80?\0\0\0@\0\0@@\0\0\x80@", b"\1\0\0\0x\1\0\0\0y"]
    bare = [{name: value for name, value in tensor.items() if name != "contents"} for tensor in tensors]
    assert copy_of(message("ModelInferResponse", outputs=bare, raw_output_contents=raw)) == expected


def test_an_id_in_a_request_of_v2_is_the_correlation_id(tmp_path: Path) -> None:
    from modeldata.service.rpc import Rpc

    rpc = Rpc(Recording(tmp_path).recorder(), "/inference.GRPCInferenceService/ModelInfer", UNARY, [])
    rpc.asked(message("ModelInferRequest", id="mine"))
    assert rpc.call.correlation_id == "mine"


def test_a_hook_puts_ours_first_and_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    recorder = Recording(tmp_path).recorder()
    monkeypatch.setattr("modeldata.service.launch.hooks._recording", lambda: (recorder, None))
    auth = object()
    for given in ([auth], iter([auth])):
        first, second = intercepted(given, "Archiving")
        assert isinstance(first, Archiving) and second is auth
    assert intercepted(iter([auth, first]), "Archiving") == [auth, first]
    assert [type(each) for each in intercepted(None, "AsyncArchiving")] == [AsyncArchiving]
    monkeypatch.setattr("modeldata.service.launch.hooks._recording", None)
    assert intercepted(iter([auth]), "Archiving") == [auth]


def test_messages_of_unknown_size_are_kept_up_to_a_number(tmp_path: Path) -> None:
    from modeldata.service.rpc import MOST_UNSIZED, Rpc

    rpc = Rpc(Recording(tmp_path).recorder(), "/t.Model/Predict", BOTH, [])
    for number in range(MOST_UNSIZED + 1):
        rpc.asked({"x": number})
        rpc.answered("text")
    rpc.finish()
    assert rpc.call.notes == ["request: more than 1,048,576 bytes or 100 messages"] and rpc.call.facts["bytes_out"] == 404
