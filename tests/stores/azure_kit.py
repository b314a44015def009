"""For the tests of the Azure store: an Azurite, a container of its own for each test, and a network that can fail.

The network is patched below the SDK and above the sockets (`requests` sends through it), so that what an SDK makes of a lost
answer is part of what is tested. Test modules load this with `pytest_plugins` (PYTEST_DONT_REWRITE: they have imported it before).
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from azure.storage.blob import BlobServiceClient, ContainerClient
from requests.adapters import HTTPAdapter
from urllib3 import HTTPResponse
from urllib3.exceptions import ProtocolError

from modeldata.store.azure import AzureStore
from modeldata.urls import parse
from tests.support.azurite import Azurite, azurite

PATH = "a/data.csv"
LIMIT = 3
"""Blocks of an append blob of the server with a lowered limit."""

Send = Callable[[], requests.Response]
Fault = Callable[[Send, requests.PreparedRequest], requests.Response]


class Network:
    """What lies between this process and every server: faults for the next requests of a kind, and a log."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self._faults: list[tuple[str, Fault]] = []

    def fault(self, kind: str, *faults: Fault) -> None:
        """For the next requests of this kind: `append`, `create`, `put`, `head`, `get`, `list`, one each."""
        self._faults += [(kind, fault) for fault in faults]

    def send(self, send: Send, request: requests.PreparedRequest) -> requests.Response:
        kind = kind_of(request)
        self.sent.append(kind)
        for one in self._faults:
            if one[0] == kind:
                self._faults.remove(one)
                return one[1](send, request)
        return send()


def kind_of(request: requests.PreparedRequest) -> str:
    query = parse_qs(urlsplit(str(request.url)).query)
    if request.method == "PUT":
        named = {"appendblock": "append", "block": "block", "blocklist": "blocklist"}
        made = "create" if request.headers.get("x-ms-blob-type") == "AppendBlob" else "put"
        return "container" if "restype" in query else named.get(query.get("comp", [""])[0], made)
    return "list" if query.get("comp") == ["list"] else str(request.method).lower()


def reset() -> requests.ConnectionError:
    return requests.ConnectionError(ProtocolError("Connection aborted.", ConnectionResetError(104, "Connection reset by peer")))


def lose_answer(send: Send, request: requests.PreparedRequest) -> requests.Response:
    send()
    raise reset()


def lose_request(send: Send, request: requests.PreparedRequest) -> requests.Response:
    raise reset()


def time_out(send: Send, request: requests.PreparedRequest) -> requests.Response:
    raise requests.ReadTimeout("Read timed out. (read timeout=30)")


def refuse_connection(send: Send, request: requests.PreparedRequest) -> requests.Response:
    raise requests.ConnectionError(ConnectionRefusedError(111, "Connection refused"))


def damage(send: Send, request: requests.PreparedRequest) -> requests.Response:
    request.body = b"X" + bytes(request.body or b"")[1:]  # type: ignore[arg-type]
    return send()


class Held:
    """Requests that the network keeps and delivers later, while the client has long given up."""

    def __init__(self) -> None:
        self._sends: list[Send] = []

    def __call__(self, send: Send, request: requests.PreparedRequest) -> requests.Response:
        self._sends.append(send)
        return time_out(send, request)

    def deliver(self) -> list[int]:
        return [send().status_code for send in self._sends]


def answer(status: int, code: str = "", body: bytes | None = None, **headers: str) -> Fault:
    def fault(send: Send, request: requests.PreparedRequest) -> requests.Response:
        report = {"x-ms-error-code": code} if code else {}
        content = f"<Error><Code>{code}</Code><Message>No.</Message></Error>".encode() if body is None else body
        said = {**report, "Content-Type": "application/xml", **{name.replace("_", "-"): value for name, value in headers.items()}}
        raw = HTTPResponse(BytesIO(content), headers=said, status=status, reason="said", preload_content=False)
        return HTTPAdapter().build_response(request, raw)

    return fault


@pytest.fixture(scope="session")
def server() -> Iterator[Azurite]:
    with azurite() as running:
        yield running


@pytest.fixture(scope="session")
def small_server() -> Iterator[Azurite]:
    """Its append blobs take LIMIT blocks."""
    with azurite(block_limit=LIMIT) as running:
        yield running


@contextlib.contextmanager
def container_in(server: Azurite) -> Iterator[ContainerClient]:
    """Empty, and seen without our code."""
    service = BlobServiceClient.from_connection_string(server.connection_string, retry_total=0, use_env_settings=False)
    made = service.create_container(f"c{os.urandom(6).hex()}")
    yield made
    with contextlib.suppress(Exception):
        made.delete_container()


@pytest.fixture
def container(server: Azurite) -> Iterator[ContainerClient]:
    with container_in(server) as made:
        yield made


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> Network:
    made, through = Network(), HTTPAdapter.send

    def send(adapter: HTTPAdapter, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        return made.send(lambda: through(adapter, request, *args, **kwargs), request)

    monkeypatch.setattr(HTTPAdapter, "send", send)
    return made


def store_in(server: Azurite, container: ContainerClient, prefix: str = "team/archive") -> AzureStore:
    env = {"AZURE_STORAGE_CONNECTION_STRING": server.connection_string}
    return AzureStore(parse(f"az://{container.container_name}/{prefix}"), lambda: env)


@pytest.fixture
def store(server: Azurite, container: ContainerClient) -> AzureStore:
    return store_in(server, container)


def blob(container: ContainerClient, path: str = PATH) -> Any:
    return container.get_blob_client(f"team/archive/{path}")


def content(container: ContainerClient, path: str = PATH) -> bytes:
    found = blob(container, path).download_blob().readall()
    assert isinstance(found, bytes)
    return found
