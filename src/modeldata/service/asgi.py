"""`Archiving`: archives the predictions of an ASGI application.

app = modeldata.asgi.Archiving(app, recorder)        # or FastAPI: app.add_middleware(Archiving, recorder=recorder)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modeldata.service.exchange import MARK, Exchange
from modeldata.service.guarded import guarded
from modeldata.service.ids import ANSWER_HEADER, header_value
from modeldata.service.paths import Paths

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping, Sequence

    from modeldata.service.recorder import Recorder

    Scope = MutableMapping[str, Any]
    Message = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]
    App = Callable[[Scope, Receive, Send], Awaitable[None]]


class Archiving:
    """Passes everything on as it is: no byte, status or header of the application changes, nothing is read or held back.

    The answer gets one header, `x-correlation-id`, unless the application sets it. It is archived before its last byte leaves.
    paths: patterns of the paths that are recorded, `*` for any text; else `modeldata.service.paths.DEFAULT_PATHS`.
    Where two layers of this are around an application, only the outer one records.
    """

    def __init__(self, app: App, recorder: Recorder, paths: Sequence[str] | None = None) -> None:
        self.app = app
        self.recorder = recorder
        self._paths = Paths(paths)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = guarded(self._exchange, scope) if scope["type"] == "http" and MARK not in scope else None
        if exchange is None:
            return await self.app(scope, receive, send)
        scope[MARK] = True  # a plain value: Ray Serve pickles the scope for the process that answers
        try:
            await self.app(scope, _receiving(exchange, receive), _sending(exchange, send))
        except BaseException as error:
            guarded(exchange.finish, error)
            raise
        guarded(exchange.finish)
        return None

    def _exchange(self, scope: Scope) -> Exchange | None:
        pattern = self._paths.pattern_of(scope["path"])
        if pattern is None or scope["method"] not in ("POST", "PUT", "PATCH", "GET"):
            return None
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in reversed(scope["headers"])}
        exchange = Exchange(self.recorder, "asgi", scope["method"], pattern, headers)
        exchange.route = lambda: getattr(scope.get("route"), "path", None)
        return exchange


def _receiving(exchange: Exchange, receive: Receive) -> Receive:
    async def receiving() -> Message:
        message = await receive()
        if message["type"] == "http.request":
            guarded(exchange.request_chunk, message.get("body") or b"")
        return message

    return receiving


def _sending(exchange: Exchange, send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*(message.get("headers") or ())]}  # they may be of a kind that can be read once
            guarded(_begin, exchange, message)
        elif message["type"] == "http.response.body":
            guarded(_pass, exchange, message)
        elif message["type"] == "http.response.pathsend":  # a file that the server sends by itself
            guarded(exchange.answer_chunk, b"", last=True)
        await send(message)

    return sending


def _begin(exchange: Exchange, message: Message) -> None:
    headers = message["headers"]
    named = {bytes(name).decode("latin-1").lower(): bytes(value).decode("latin-1") for name, value in headers}
    given = exchange.answer_begins(message["status"], named)
    if given is not None:
        headers.append((ANSWER_HEADER.encode(), header_value(given)))


def _pass(exchange: Exchange, message: Message) -> None:
    exchange.answer_chunk(message.get("body") or b"", last=not message.get("more_body"))
