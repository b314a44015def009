"""`Archiving`: archives the predictions of a WSGI application.

app.wsgi_app = Archiving(app.wsgi_app, recorder)        # Flask
application = Archiving(application, recorder)          # Django and others
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modeldata.service.exchange import MARK, Exchange
from modeldata.service.guarded import guarded, passing
from modeldata.service.ids import ANSWER_HEADER, header_value
from modeldata.service.paths import Paths

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from modeldata.service.recorder import Recorder

    Environ = dict[str, Any]
    Headers = list[tuple[str, str]]
    App = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]


class Archiving:
    """As `modeldata.service.asgi.Archiving`. A file that the server sends by itself (`wsgi.file_wrapper`) is not looked into."""

    def __init__(self, app: App, recorder: Recorder, paths: Sequence[str] | None = None) -> None:
        self.app = app
        self.recorder = recorder
        self._paths = Paths(paths)

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        exchange = None if MARK in environ else guarded(self._exchange, environ)
        if exchange is None:
            return self.app(environ, start_response)
        environ[MARK] = True
        environ["wsgi.input"] = Input(environ["wsgi.input"], exchange)
        try:
            chunks = self.app(environ, _starting(exchange, start_response))
        except BaseException as error:
            guarded(exchange.finish, error)
            raise
        wrapper = environ.get("wsgi.file_wrapper")
        if isinstance(wrapper, type) and isinstance(chunks, wrapper):
            exchange.call.complete = True
            guarded(exchange.finish)
            return chunks
        if type(chunks) in (list, tuple):  # all of it is there, and servers send a list otherwise than a stream
            guarded(_pass_all, exchange, chunks)
            guarded(exchange.finish)  # also where one of them is no bytes
            return chunks
        return Body(chunks, exchange)

    def _exchange(self, environ: Environ) -> Exchange | None:
        path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
        pattern = self._paths.pattern_of(path)
        if pattern is None or environ["REQUEST_METHOD"] not in ("POST", "PUT", "PATCH", "GET"):
            return None
        headers = {name[5:].replace("_", "-").lower(): value for name, value in environ.items() if name.startswith("HTTP_")}
        headers |= {"content-type": environ.get("CONTENT_TYPE") or ""}
        exchange = Exchange(self.recorder, "wsgi", environ["REQUEST_METHOD"], pattern, headers)
        exchange.route = lambda: getattr(getattr(environ.get("werkzeug.request"), "url_rule", None), "rule", None)
        return exchange


class Input:
    """The body of a request, as the application reads it."""

    def __init__(self, stream: Any, exchange: Exchange) -> None:
        self._stream = stream
        self._exchange = exchange

    def _seen(self, data: bytes) -> bytes:
        guarded(self._exchange.request_chunk, data)
        return data

    def read(self, *size: Any) -> bytes:
        return self._seen(self._stream.read(*size))

    def readline(self, *size: Any) -> bytes:
        return self._seen(self._stream.readline(*size))

    def readlines(self, *hint: Any) -> list[bytes]:
        return [self._seen(line) for line in self._stream.readlines(*hint)]

    def readinto(self, buffer: Any) -> int:
        count: int = self._stream.readinto(buffer)
        self._seen(bytes(memoryview(buffer)[:count]))
        return count

    def __iter__(self) -> Iterator[bytes]:
        return map(self._seen, self._stream)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class Body:
    """The chunks of an answer. Nothing is asked for before the server asks."""

    def __init__(self, chunks: Iterable[bytes], exchange: Exchange) -> None:
        self._all = chunks
        self._exchange = exchange
        self._steps = passing(chunks, self._note, self._end, exchange.finish)

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        return next(self._steps)

    def _note(self, chunk: bytes) -> None:
        self._exchange.answer_chunk(chunk, last=False)

    def _end(self) -> None:
        self._exchange.answer_chunk(b"", last=True)

    def close(self) -> None:
        """The server calls it in any case, also where the caller has hung up."""
        try:
            if hasattr(self._all, "close"):
                self._all.close()
        finally:
            guarded(self._exchange.finish)


def _pass_all(exchange: Exchange, chunks: Iterable[bytes]) -> None:
    for chunk in chunks:
        exchange.answer_chunk(chunk, last=False)
    exchange.answer_chunk(b"", last=True)


def _begin(exchange: Exchange, status: str, headers: Headers) -> None:
    given = exchange.answer_begins(int(status[:3]), {name.lower(): value for name, value in headers})
    if given is not None:
        headers.append((ANSWER_HEADER, header_value(given).decode()))


def _starting(exchange: Exchange, start_response: Callable[..., Any]) -> Callable[..., Any]:
    def starting(status: str, headers: Iterable[tuple[str, str]], *more: Any) -> Any:
        headers = [*headers]  # they may be of a kind that can be read once
        guarded(_begin, exchange, status, headers)
        write = start_response(status, headers, *more)

        def writing(data: bytes) -> Any:
            guarded(exchange.answer_chunk, data, last=False)
            return write(data)

        return writing

    return starting
