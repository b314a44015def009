"""What somebody says who answers for a store is checked: bytes that he took must be there, and he sends our rows to nobody else."""

from __future__ import annotations

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from modeldata import StoreError
from modeldata.spool.files import Files
from modeldata.store import Unavailable, open_store
from tests.support.proxy import answer, request_is

from .backends import Backend, proxy_of
from .harness import assert_delivered, host_of
from .test_lost_answers import DATA

PLACE = {"x-ms-blob-append-offset": "0", "x-ms-blob-committed-block-count": "1", "ETag": '"0x1"', "x-goog-generation": "1"}
DATED = {"Last-Modified": "Sat, 28 Nov 2026 00:00:00 GMT", "x-ms-request-server-encrypted": "true"}


@pytest.mark.parametrize("status", [200, 201])
def test_a_store_that_says_it_took_a_file_and_keeps_nothing_gets_it_again(remote: Backend, tmp_path: Path, status: int) -> None:
    host = host_of(remote, tmp_path)
    proxy_of(remote).fault(answer(status, {**PLACE, **DATED}, b"<html>welcome</html>"), remote.writes(DATA), times=3)
    host.collect()
    host.ship()
    assert len(host.warnings) >= 1, "it is reported"
    assert_delivered(remote, host)


def test_an_append_that_was_taken_and_not_kept_is_noticed_before_the_next_one(append_blob: Backend) -> None:
    """Also where nothing follows that would meet the missing bytes."""
    store = open_store(append_blob.url, Files())
    assert store.claim("day/data.csv", b"1" * 32, "0" * 8)
    proxy_of(append_blob).fault(answer(201, {**PLACE, **DATED}), request_is("PUT", query="comp=appendblock"))
    with pytest.raises(Unavailable):
        store.append("day/data.csv", 0, b"rows")
    store.append("day/data.csv", 0, b"rows")
    assert store.read("day/data.csv") == b"rows"


@pytest.fixture
def stranger() -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Another host, which takes whatever comes: (its URL, the requests that came)."""
    came: list[tuple[str, str]] = []

    class Take(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            came.append((self.command, self.path))
            self.send_response(201)
            self.send_header("ETag", '"1"')
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_HEAD = do_POST = do_DELETE = do_PUT  # noqa: N815  # names that http.server asks for

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.2", 0), Take)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.2:{server.server_port}", came
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_an_error_and_nothing_goes_to_the_other_host(
    remote: Backend, tmp_path: Path, stranger: tuple[str, list[tuple[str, str]]], status: int
) -> None:
    url, came = stranger
    host = host_of(remote, tmp_path)
    proxy_of(remote).fault(answer(status, {"Location": f"{url}/there"}), times=6)
    host.collect()
    host.ship()
    assert came == []
    assert any("another host" in warning or "connection" in warning for warning in host.warnings), host.warnings
    assert_delivered(remote, host)


@pytest.mark.parametrize("ask", ["read", "length", "put", "remove", "walk"])
def test_no_request_of_any_kind_follows_a_redirect(
    remote: Backend, stranger: tuple[str, list[tuple[str, str]]], ask: str
) -> None:
    url, came = stranger
    store = open_store(remote.url, Files())
    proxy_of(remote).fault(answer(307, {"Location": f"{url}/there"}), times=None)
    work = {
        "read": lambda: store.read("a/data.csv"),
        "length": lambda: store.length("a/data.csv"),
        "put": lambda: store.put("a/data.csv", b"rows"),
        "remove": lambda: store.remove("a/data.csv"),
        "walk": lambda: list(store.walk()),
    }[ask]
    with pytest.raises(StoreError):
        work()
    assert came == []
