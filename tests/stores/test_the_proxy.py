"""The proxy does what it is asked to, and nothing else: else no other test of this folder shows anything."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.support.proxy import (
    Proxy,
    after_the_held,
    answer,
    answer_after,
    black_hole,
    corrupt,
    cut,
    deliver_twice,
    hold,
    lose_answer,
    proxying,
    request_is,
    slow,
)  # fmt: skip


class Journal(ThreadingHTTPServer):
    """Keeps what it was sent, whole requests only; answers with how many there were."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Keeper)
        self.kept: list[tuple[str, str, str, bytes]] = []

    def bodies(self) -> list[bytes]:
        return [body for *_, body in self.kept]


class Keeper(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_PUT(self) -> None:
        size = int(self.headers.get("Content-Length", 0))
        body = self._chunked() if self.headers.get("Transfer-Encoding") else self.rfile.read(size)
        if len(body) < size:
            return
        server = self.server
        assert isinstance(server, Journal)
        server.kept.append((self.command, self.path, self.headers["Host"], body))
        self._answer(str(len(server.kept)).encode())

    def do_GET(self) -> None:
        self._answer(b"a" * 100_000)

    def do_HEAD(self) -> None:
        self._answer(b"a" * 100_000)

    def _chunked(self) -> bytes:
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def journal() -> Iterator[Journal]:
    server = Journal()
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def kept() -> Iterator[Journal]:
    with journal() as server:
        yield server


@pytest.fixture
def proxy(kept: Journal) -> Iterator[Proxy]:
    with proxying(f"127.0.0.1:{kept.server_address[1]}") as proxy:
        yield proxy


def put(proxy: Proxy, body: bytes = b"body", path: str = "/a", timeout: float = 30) -> tuple[int, bytes]:
    client = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=timeout)
    try:
        client.request("PUT", path, body)
        got = client.getresponse()
        return got.status, got.read()
    finally:
        client.close()


def test_without_a_fault_requests_pass_one_connection_and_keep_their_host(proxy: Proxy, kept: Journal) -> None:
    client = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=30)
    for n, body in enumerate([b"one", iter([b"in ", b"chunks"]), b""], 1):
        client.request("PUT", f"/{n}?x=1&flag", body, encode_chunked=not isinstance(body, bytes),
                       headers={} if isinstance(body, bytes) else {"Transfer-Encoding": "chunked"})  # fmt: skip
        assert client.getresponse().read() == str(n).encode()
    client.request("HEAD", "/")
    assert client.getresponse().read() == b""
    client.request("GET", "/")
    assert len(client.getresponse().read()) == 100_000
    client.close()
    host = f"127.0.0.1:{proxy.port}"
    assert kept.kept == [("PUT", f"/{n}?x=1&flag", host, body) for n, body in enumerate([b"one", b"in chunks", b""], 1)]
    assert [(one.method, one.path, one.status) for one in proxy.log] == [
        ("PUT", "/1", 200), ("PUT", "/2", 200), ("PUT", "/3", 200), ("HEAD", "/", 200), ("GET", "/", 200),
    ]  # fmt: skip
    assert [proxy.count("PUT", query=query) for query in ("x", "x=1", "x=2", "flag", "other")] == [3, 3, 0, 3, 0]


def test_a_body_that_waits_for_100_continue_is_asked_for(proxy: Proxy, kept: Journal) -> None:
    with socket.create_connection(("127.0.0.1", proxy.port), 30) as sock:
        sock.sendall(b"PUT /a HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n")
        assert sock.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        sock.sendall(b"body")
        assert sock.recv(1000).startswith(b"HTTP/1.1 200")
    assert kept.bodies() == [b"body"]


def test_a_lost_answer_is_a_reset_after_the_server_did_it_and_only_the_nth_time(proxy: Proxy, kept: Journal) -> None:
    rule = proxy.fault(lose_answer, request_is("PUT", "/a$"), nth=2)
    assert put(proxy)[0] == 200
    assert put(proxy, path="/b")[0] == 200
    with pytest.raises(ConnectionResetError):
        put(proxy)
    assert put(proxy)[0] == 200
    assert len(kept.kept) == 4 and (rule.matched, rule.times_done) == (3, 1)
    assert [(one.status, one.upstream, one.fault) for one in proxy.seen("PUT", "/a$")] == [
        (200, [200], ""), (0, [200], "lose_answer"), (200, [200], ""),
    ]  # fmt: skip


def test_a_cut_request_never_arrives_whole(proxy: Proxy, kept: Journal) -> None:
    proxy.fault(cut(10))
    proxy.fault(cut(of_body=3), nth=1)
    for _ in range(2):
        with pytest.raises(ConnectionResetError):
            put(proxy)
    assert put(proxy)[0] == 200
    assert kept.bodies() == [b"body"]


def test_a_held_request_arrives_when_it_is_released(proxy: Proxy, kept: Journal) -> None:
    proxy.fault(hold)
    with pytest.raises(ConnectionResetError):
        put(proxy, b"first")
    assert kept.bodies() == []
    assert put(proxy, b"second")[0] == 200
    assert proxy.release() == [200] and proxy.held == []
    assert kept.bodies() == [b"second", b"first"]


def test_a_held_request_can_overtake_the_retry(proxy: Proxy, kept: Journal) -> None:
    proxy.fault(hold)
    proxy.fault(after_the_held, nth=1)
    with pytest.raises(ConnectionResetError):
        put(proxy, b"first")
    assert put(proxy, b"second")[0] == 200
    assert kept.bodies() == [b"first", b"second"] and proxy.released == [200]


def test_a_request_can_be_delivered_twice_answered_for_or_damaged(proxy: Proxy, kept: Journal) -> None:
    proxy.fault(deliver_twice, request_is(path="/twice"))
    proxy.fault(answer(429, {"Retry-After": "7"}, b"later"), request_is(path="/told"), times=None)
    proxy.fault(answer_after(500), request_is(path="/after"))
    proxy.fault(corrupt, request_is(path="/bad"))
    assert put(proxy, b"t", "/twice") == (200, b"2")
    assert [put(proxy, b"x", "/told") for _ in range(3)] == [(429, b"later")] * 3
    assert put(proxy, b"after", "/after")[0] == 500
    assert put(proxy, b"abcd", "/bad")[0] == 200
    assert kept.bodies() == [b"t", b"t", b"after", b"abbd"]


def test_a_black_hole_is_over_when_the_client_gives_up_or_the_proxy_closes(proxy: Proxy, kept: Journal) -> None:
    proxy.fault(black_hole, times=None)
    with pytest.raises(TimeoutError):
        put(proxy, timeout=0.05)
    assert kept.bodies() == []


def test_a_slow_body_arrives_whole(proxy: Proxy, kept: Journal) -> None:
    proxy.fault(slow(10_000_000))
    assert put(proxy, b"x" * 500_000)[0] == 200
    assert kept.bodies() == [b"x" * 500_000]


def test_a_server_that_is_down_refuses_and_comes_back_on_the_same_port(proxy: Proxy, kept: Journal) -> None:
    idle = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=30)
    idle.request("PUT", "/a", b"body")
    idle.getresponse().read()
    port = proxy.port
    proxy.down()
    with pytest.raises(OSError):
        idle.request("PUT", "/a", b"body")
        idle.getresponse()
    with pytest.raises(ConnectionRefusedError):
        put(proxy)
    proxy.up()
    assert put(proxy)[0] == 200 and proxy.port == port
