"""A proxy that does to requests what networks do: loses answers, cuts, holds, repeats, delays and damages them.

It stands in front of one HTTP/1.1 server and knows where a request ends, so that "forward the whole, then lose the answer" means
exactly that. Signed requests sign the Host header, so it is forwarded as the client sent it: the proxy's own address.

    with proxying(server.url) as proxy:
        rule = proxy.fault(lose_answer, request_is("PUT", r"data.*"), nth=2)
"""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qs, unquote, urlsplit

from tests.support.wire import Gone, Wire, headers_of

PATIENCE = 60.0
"""Seconds that the server may take to answer; a test that meets it is broken."""


@dataclass
class Seen:
    """A request as it is logged. `status`: what the client got, 0 where that was nothing; `upstream`: what the server said, each time."""

    method: str
    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    fault: str = ""
    status: int = 0
    upstream: list[int] = field(default_factory=list)
    body_bytes: int = 0


Match = Callable[[Seen], bool]
Fault = Callable[["Exchange"], None]


@dataclass
class Rule:
    """A fault for some of the requests that `where` picks: the n-th, and `times - 1` after it (all of them, where None)."""

    do: Fault
    where: Match
    nth: int
    times: int | None
    matched: int = 0
    times_done: int = 0

    def applies(self, seen: Seen) -> bool:
        if not self.where(seen):
            return False
        self.matched += 1
        if self.matched < self.nth or (self.times is not None and self.matched >= self.nth + self.times):
            return False
        self.times_done += 1
        return True


def request_is(method: str = "", path: str = "", query: str | None = None, *, without: str = "") -> Match:
    """Of this method (one of several, separated by `|`), a path in which the expression is found, with this query parameter.

    query: a name, or name=value; without: a query parameter that must not be there."""
    name, _, value = (query or "").partition("=")

    def match(seen: Seen) -> bool:
        if method and seen.method not in method.split("|"):
            return False
        if path and not re.search(path, unquote(seen.path)):
            return False
        if without and without in seen.query:
            return False
        return query is None or (name in seen.query and (not value or value in seen.query[name]))

    return match


class Exchange:
    """One request, and what may be done with it."""

    def __init__(self, proxy: Proxy, client: Wire, head: bytes) -> None:
        method, target, _ = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ")
        parts = urlsplit(target)
        query = parse_qs(parts.query, keep_blank_values=True)
        self.proxy = proxy
        self.client = client
        self.seen = Seen(method, parts.path, query, headers_of(head))
        self._head = head
        self._whole: bytes | None = None
        self.over = False
        """The connection of the client can't be used for another request."""

    def whole(self) -> bytes:
        """The request, read to its end. `Expect: 100-continue` is answered here and goes no further."""
        if self._whole is None:
            if self.seen.headers.get("expect", "").lower() == "100-continue":
                self.client.sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
                self._head = re.sub(rb"(?i)\r\nexpect:[^\r]*", b"", self._head)
            body = self.client.body(self.seen.headers, to_the_end=False)
            self.seen.body_bytes = len(body)
            self._whole = self._head + body
        return self._whole

    @property
    def head_bytes(self) -> int:
        return len(self._head)

    def send(self, request: bytes | None = None) -> bytes:
        """To the server; its whole answer."""
        status, answer = self.proxy.ask(self.whole() if request is None else request, self.seen.method)
        self.seen.upstream.append(status)
        return answer

    def reply(self, answer: bytes) -> None:
        head = answer[: answer.index(b"\r\n\r\n") + 4]
        self.seen.status = int(head.split(b" ", 2)[1])
        headers = headers_of(head)
        framed = "content-length" in headers or "transfer-encoding" in headers or self.seen.status in (204, 304)
        self.over = not (framed or self.seen.method == "HEAD") or headers.get("connection", "").lower() == "close"
        self.client.sock.sendall(answer)

    def reset(self) -> None:
        self.over = True
        self.client.reset()


def forward(exchange: Exchange) -> None:
    """What a proxy does on a good day."""
    exchange.reply(exchange.send())


def lose_answer(exchange: Exchange) -> None:
    """The server does what it was asked; the client gets a reset."""
    exchange.send()
    exchange.reset()


def cut(size: int = 0, *, of_body: int | None = None) -> Fault:
    """The server gets `size` bytes of the request (or its head and so many of the body), then both sides get a reset."""

    def cut_request(exchange: Exchange) -> None:
        whole = exchange.whole()
        most = size if of_body is None else exchange.head_bytes + of_body
        assert most < len(whole), f"nothing to cut: the request has {len(whole)} bytes"
        exchange.proxy.say_half(whole[:most])
        exchange.reset()

    return cut_request


def hold(exchange: Exchange) -> None:
    """The client gets a reset; the server gets the request later, when `Proxy.release` is called."""
    exchange.proxy.held.append((exchange.whole(), exchange.seen))
    exchange.reset()


def stall(exchange: Exchange) -> None:
    """The client waits; the server gets the request when `Proxy.gate` is opened, and the client then gets the answer."""
    exchange.whole()
    exchange.proxy.gate.wait(PATIENCE)
    forward(exchange)


def after_the_held(exchange: Exchange) -> None:
    """Deliver what is held, then this: the late request overtakes the retry, between its probe and its write."""
    exchange.proxy.release()
    forward(exchange)


def deliver_twice(exchange: Exchange) -> None:
    """The server gets the request two times; the client gets the second answer."""
    exchange.send()
    exchange.reply(exchange.send())


def answer(status: int, headers: Mapping[str, str] | None = None, body: bytes = b"") -> Fault:
    """The server sees nothing; the client gets this."""

    def answer_instead(exchange: Exchange) -> None:
        exchange.whole()
        content = b"" if exchange.seen.method == "HEAD" else body
        said = {"Content-Length": str(len(body)), **(headers or {})}
        lines = "".join(f"{name}: {value}\r\n" for name, value in said.items())
        exchange.reply(f"HTTP/1.1 {status} Told\r\n{lines}\r\n".encode() + content)

    return answer_instead


def answer_after(status: int, headers: Mapping[str, str] | None = None, body: bytes = b"") -> Fault:
    """The server does what it was asked; the client gets this instead of its answer."""
    instead = answer(status, headers, body)

    def answer_later(exchange: Exchange) -> None:
        exchange.send()
        instead(exchange)

    return answer_later


def only_if(body_is: Callable[[bytes], bool], then: Fault) -> Fault:
    """`then` for requests with such a body, nothing for others."""

    def look(exchange: Exchange) -> None:
        body = exchange.whole()[exchange.head_bytes :]
        (then if body_is(body) else forward)(exchange)

    return look


def black_hole(exchange: Exchange) -> None:
    """Accepted and read, never answered: over when the client gives up."""
    with contextlib.suppress(Gone):
        exchange.whole()
        exchange.client.exactly(1)
    exchange.reset()


def corrupt(exchange: Exchange) -> None:
    """One bit of the body is another when it arrives."""
    whole = bytearray(exchange.whole())
    assert "chunked" not in exchange.seen.headers.get("transfer-encoding", ""), "the sizes of chunks must not be touched"
    at = (exchange.head_bytes + len(whole)) // 2
    assert exchange.head_bytes <= at < len(whole), "a request without a body"
    whole[at] ^= 1
    exchange.reply(exchange.send(bytes(whole)))


def slow(bytes_per_second: float) -> Fault:
    """The body is taken from the client at this rate."""

    def take_slowly(exchange: Exchange) -> None:
        exchange.client.pause = lambda size: exchange.proxy.wait(size / bytes_per_second)
        try:
            exchange.whole()
        finally:
            exchange.client.pause = lambda size: None
        forward(exchange)

    return take_slowly


class Proxy:
    """See the module. Threads: one that accepts, one for each connection. `log` has every request, in the order of arrival."""

    def __init__(self, upstream: str) -> None:
        parts = urlsplit(upstream if "//" in upstream else f"//{upstream}")
        assert parts.hostname and parts.port
        self._upstream = (parts.hostname, parts.port)
        self.log: list[Seen] = []
        self.held: list[tuple[bytes, Seen]] = []
        self.released: list[int] = []
        """What the server said to each request that was held."""
        self.gate = threading.Event()
        """Requests that are stalled go on when it is set."""
        self._rules: list[Rule] = []
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._wires: set[Wire] = set()
        self._listener: socket.socket | None = None
        self.port = 0
        self.up()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def up(self) -> None:
        """Listen (again, on the same port)."""
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        listener.listen(64)
        self.port = listener.getsockname()[1]
        self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def down(self) -> None:
        """Refuse connections, and reset those that are open."""
        if self._listener is not None:
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None
        with self._lock:
            wires = list(self._wires)
        for wire in wires:
            wire.reset()

    def close(self) -> None:
        self._closing.set()
        self.down()

    def wait(self, seconds: float) -> None:
        self._closing.wait(seconds)

    def fault(self, do: Fault, where: Match = lambda seen: True, *, nth: int = 1, times: int | None = 1) -> Rule:
        """From now on. Of several rules the first that applies is carried out."""
        rule = Rule(do, where, nth, times)
        with self._lock:
            self._rules.append(rule)
        return rule

    def heal(self, *, forget: bool = False) -> None:
        """No more faults; with `forget`, an empty log, nothing held and a closed gate, too."""
        with self._lock:
            self._rules.clear()
            if forget:
                self.log.clear()
                self.held.clear()
                self.released.clear()
                self.gate.clear()

    def release(self) -> list[int]:
        """Deliver what is held, in order; what the server said to each."""
        with self._lock:
            held, self.held = self.held, []
        said = []
        for request, seen in held:
            status, _ = self.ask(request, seen.method)
            seen.upstream.append(status)
            said.append(status)
        self.released += said
        return said

    def seen(self, method: str = "", path: str = "", query: str | None = None, *, without: str = "") -> list[Seen]:
        """The requests so far that are like this (see `request_is`)."""
        match = request_is(method, path, query, without=without)
        with self._lock:
            return [one for one in self.log if match(one)]

    def count(self, method: str = "", path: str = "", query: str | None = None) -> int:
        return len(self.seen(method, path, query))

    def ask(self, request: bytes, method: str) -> tuple[int, bytes]:
        """Send a whole request to the server: (status, whole answer)."""
        with contextlib.closing(socket.create_connection(self._upstream, PATIENCE)) as sock:
            sock.sendall(request)
            wire = Wire(sock)
            while True:
                head = wire.until(b"\r\n\r\n")
                status = int(head.split(b" ", 2)[1])
                if status >= 200:
                    break
            empty = method == "HEAD" or status in (204, 304)
            return status, head + (b"" if empty else wire.body(headers_of(head), to_the_end=True))

    def say_half(self, part: bytes) -> None:
        """Send the server the beginning of a request, then a reset."""
        wire = Wire(socket.create_connection(self._upstream, PATIENCE))
        wire.sock.sendall(part)
        wire.reset()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            wire = Wire(sock)
            with self._lock:
                self._wires.add(wire)
            threading.Thread(target=self._serve, args=(wire,), daemon=True).start()

    def _serve(self, wire: Wire) -> None:
        try:
            while True:
                exchange = Exchange(self, wire, wire.head())
                self._pick(exchange.seen)(exchange)
                if exchange.over:
                    return
        except (Gone, OSError):
            return  # the client left, or the server did: then the client gets what a broken wire gives it
        finally:
            wire.close()
            with self._lock:
                self._wires.discard(wire)

    def _pick(self, seen: Seen) -> Fault:
        with self._lock:
            self.log.append(seen)
            for rule in self._rules:
                if rule.applies(seen):
                    seen.fault = getattr(rule.do, "__name__", "fault")
                    return rule.do
        return forward


@contextlib.contextmanager
def proxying(upstream: str) -> Iterator[Proxy]:
    """A proxy in front of `upstream` (a URL, or host:port), closed at the end."""
    proxy = Proxy(upstream)
    try:
        yield proxy
    finally:
        proxy.close()
