"""The Azure store against a real Azurite: files that are written once, and everything that reads."""

from __future__ import annotations

import os
from io import BytesIO
from typing import Any

import pytest
import requests
from azure.storage.blob import ContainerClient
from requests.adapters import HTTPAdapter
from urllib3 import HTTPResponse

from modeldata.store import Conflict, Rejected, Unavailable, azure, azure_auth, remote
from modeldata.store.azure import AzureStore
from tests.support.azurite import Azurite

from .azure_kit import (
    PATH,
    Fault,
    Held,
    Network,
    Send,
    answer,
    blob,
    content,
    damage,
    lose_answer,
    lose_request,
    refuse_connection,
    store_in,
)

pytest_plugins = ["tests.stores.azure_kit"]


# put


def test_a_file_is_put_once(server: Azurite, container: ContainerClient) -> None:
    for _ in range(2):
        store_in(server, container).put("a/part.parquet", memoryview(b"PAR1"))
    assert content(container, "a/part.parquet") == b"PAR1"
    assert blob(container, "a/part.parquet").get_blob_properties().blob_type == "BlockBlob"
    for other in (b"PAR2", b"PAR", b"PAR11"):
        with pytest.raises(Conflict, match="other content"):
            store_in(server, container).put("a/part.parquet", other)
    assert content(container, "a/part.parquet") == b"PAR1"


def test_a_file_whose_answer_is_lost_is_found(store: AzureStore, container: ContainerClient, network: Network) -> None:
    network.fault("put", lose_answer)
    store.put("a/part.parquet", b"PAR1")
    assert content(container, "a/part.parquet") == b"PAR1"
    assert network.sent.count("put") == 1


@pytest.mark.parametrize("fault", [lose_request, answer(500, "InternalError"), damage, refuse_connection])
def test_a_file_that_never_arrived_is_unavailable(
    store: AzureStore, container: ContainerClient, network: Network, fault: Fault
) -> None:
    network.fault("put", fault)
    with pytest.raises(Unavailable):
        store.put("a/part.parquet", b"PAR1")
    assert not list(container.list_blob_names())
    store.put("a/part.parquet", b"PAR1")
    assert content(container, "a/part.parquet") == b"PAR1"


def test_a_file_that_the_store_finds_fault_with_is_refused_only_if_it_can_never_land(store: AzureStore, network: Network) -> None:
    held = Held()
    network.fault("put", answer(400, "InvalidInput"), held, answer(400, "InvalidInput"))
    with pytest.raises(Rejected):
        store.put("a/part.parquet", b"PAR1")
    for _ in range(2):
        with pytest.raises(Unavailable):
            store.put("a/part.parquet", b"PAR1")
    assert held.deliver() == [201]
    store.put("a/part.parquet", b"PAR1")


def test_an_identity_that_may_create_but_not_overwrite_learns_the_same(store: AzureStore, network: Network) -> None:
    store.put("a/part.parquet", b"PAR1")
    network.fault("put", answer(403, "UnauthorizedBlobOverwrite"), answer(403, "UnauthorizedBlobOverwrite"))
    store.put("a/part.parquet", b"PAR1")
    with pytest.raises(Conflict):
        store.put("a/part.parquet", b"PAR2")


def test_a_file_of_many_blocks_is_there_as_a_whole_or_not_at_all(
    store: AzureStore, container: ContainerClient, network: Network
) -> None:
    data = os.urandom(65 * 1024 * 1024)
    network.fault("blocklist", lose_request, lose_answer)
    with pytest.raises(Unavailable):
        store.put("a/part.parquet", data)
    assert store.length("a/part.parquet") == 0
    store.put("a/part.parquet", data)
    assert content(container, "a/part.parquet") == data


# read, length, walk, remove


def test_ranges_are_read_and_end_with_the_file(store: AzureStore, monkeypatch: pytest.MonkeyPatch) -> None:
    store.append(PATH, 0, b"0123456789")
    store.claim("empty", b"owner", "m")
    for piece in (1024, 10, 4, 3):
        monkeypatch.setattr(remote, "READ_BYTES", piece)
        assert store.read(PATH) == b"0123456789"
        assert store.read(PATH, 3) == b"3456789"
        assert store.read(PATH, 3, 4) == b"3456"
        assert store.read(PATH, 8, 100) == b"89"
        assert store.read(PATH, 10) == store.read(PATH, 99, 1) == store.read(PATH, 0, 0) == store.read("empty") == b""


def test_a_file_may_grow_while_it_is_read(store: AzureStore, network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "READ_BYTES", 4)
    store.append(PATH, 0, b"01234567")

    def grow(send: Send, request: requests.PreparedRequest) -> requests.Response:
        store.append(PATH, 8, b"89")
        return send()

    network.fault("get", lambda send, request: send(), grow)
    assert store.read(PATH) == b"0123456789"


def test_what_is_not_there_has_no_length_and_can_not_be_read(store: AzureStore) -> None:
    assert store.length(PATH) == 0
    with pytest.raises(Unavailable, match="BlobNotFound"):
        store.read(PATH)


def test_an_answer_that_breaks_off_is_asked_for_again_by_nobody(store: AzureStore, network: Network) -> None:
    store.append(PATH, 0, b"0123456789")

    def cut(send: Send, request: requests.PreparedRequest) -> requests.Response:
        whole = send()
        raw = HTTPResponse(BytesIO(b"0123"), headers=dict(whole.headers), status=whole.status_code, preload_content=False)
        return HTTPAdapter().build_response(request, raw)

    network.sent.clear()
    network.fault("get", cut)
    with pytest.raises(Unavailable, match="broke"):
        store.read(PATH)
    assert network.sent == ["get"]


def test_a_walk_names_every_file_below_the_prefix_in_order(
    store: AzureStore, container: ContainerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(azure, "PAGE", 2)
    paths = ["a/_manifest/data.csv.jsonl", "a/data.csv", "b/part 1~2F.parquet", "c", "d/é/x"]
    for path in reversed(paths):
        store.put(path, path.encode())
    container.upload_blob("team/archive2/x", b"")
    container.upload_blob("team/x", b"")
    container.upload_blob("team/archive/b", b"", metadata={"hdi_isfolder": "true"})
    assert list(store.walk()) == paths
    assert store.read("d/é/x") == "d/é/x".encode()


def test_a_store_without_prefix_is_the_whole_container(server: Azurite, container: ContainerClient) -> None:
    store = store_in(server, container, prefix="")
    assert list(store.walk()) == []
    store.put("x", b"1")
    container.upload_blob("y/z", b"")
    assert list(store.walk()) == ["x", "y/z"]


def test_a_walk_that_fails_says_so(store: AzureStore, network: Network) -> None:
    network.fault("list", lose_request)
    with pytest.raises(Unavailable, match="list the archive"):
        list(store.walk())
    assert network.sent == ["list"]


def test_what_is_removed_is_gone_and_may_be_so_before(store: AzureStore, network: Network) -> None:
    store.put("x", b"1")
    network.fault("delete", lose_answer)
    with pytest.raises(Unavailable):
        store.remove("x")
    store.remove("x")
    store.remove("x")
    assert list(store.walk()) == []


# what the client does


def test_a_request_is_bounded_in_time(monkeypatch: pytest.MonkeyPatch, store: AzureStore) -> None:
    seen: list[object] = []
    through = HTTPAdapter.send

    def send(adapter: HTTPAdapter, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        seen.append(kwargs["timeout"])
        return through(adapter, request, *args, **kwargs)

    monkeypatch.setattr(HTTPAdapter, "send", send)
    store.append(PATH, 0, b"x")
    store.read(PATH)
    assert set(seen) == {(5.0, 30.0)}


def test_a_large_body_goes_piece_by_piece_so_that_a_slow_line_is_no_timeout(store: AzureStore, network: Network) -> None:
    """http.client gives `sendall` one time limit for all it is given."""
    bodies: list[object] = []

    def look(send: Send, request: requests.PreparedRequest) -> requests.Response:
        bodies.append(request.body)
        assert request.headers["Content-Length"] == str(4 * 1024 * 1024)
        return send()

    store.claim(PATH, b"owner", "m")
    network.fault("append", look)
    store.append(PATH, 0, bytes(4 * 1024 * 1024))
    assert hasattr(bodies[0], "read")
    assert azure_auth.PIECE_BYTES < 4 * 1024 * 1024


def test_a_listing_that_may_skip_names_every_file_once_where_the_server_can_not_begin_with_a_name(
    server: Azurite, container: ContainerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [f"m/{day:02}/data-{part}.csv" for day in range(12) for part in range(3)]
    for path in paths:
        blob(container, path).upload_blob(b"")
    monkeypatch.setattr(azure, "PAGE", 6)
    asked: list[str] = []

    def skip(path: str) -> str:
        asked.append(path)
        return "m/09" if path < "m/09" else ""

    assert list(store_in(server, container).walk(skip=skip)) == paths
    assert asked, "it was a listing of several pages"
