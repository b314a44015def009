"""The Azure store against a real Azurite: where an append blob ends for us: full, foreign, gone (B8, B10, B11, B12)."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest
import requests
from azure.storage.blob import BlobServiceClient, ContainerClient

from modeldata.store import Conflict, FileFull, Unavailable, azure
from modeldata.store.azure import AzureStore
from tests.support.azurite import Azurite

from .azure_kit import (
    LIMIT,
    PATH,
    Held,
    Network,
    Send,
    answer,
    blob,
    container_in,
    content,
    lose_answer,
    lose_request,
    reset,
    store_in,
)

pytest_plugins = ["tests.stores.azure_kit"]


# append: the end of a blob


def test_a_blob_with_many_blocks_or_bytes_gets_no_more_batches(
    store: AzureStore, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(azure, "MOST_BLOCKS", 2)
    assert [store.append(PATH, 0, b"1"), store.append(PATH, 1, b"2")] == [False, True]
    network.fault("append", lose_answer)
    assert store.append(PATH, 2, b"3") is True, "also where that is found out by looking"
    monkeypatch.setattr(azure, "MOST_BLOCKS", 49_500)
    monkeypatch.setattr(azure, "MOST_BYTES", 5)
    assert [store.append(PATH, 3, b"4"), store.append(PATH, 4, b"5")] == [False, True]


def test_a_full_blob_is_full(small_server: Azurite) -> None:
    """B10"""
    with container_in(small_server) as container:
        store = store_in(small_server, container)
        for at in range(LIMIT):
            store.append(PATH, at, b"x")
        with pytest.raises(FileFull):
            store.append(PATH, LIMIT, b"y")
        assert content(container) == b"x" * LIMIT


def test_the_last_block_that_fits_is_found_also_where_its_answer_is_lost(small_server: Azurite, network: Network) -> None:
    """B10 with B3: the next try of the same bytes meets a full blob, and they are in it."""
    with container_in(small_server) as container:
        store = store_in(small_server, container)
        for at in range(LIMIT - 1):
            store.append(PATH, at, b"x")
        network.fault("append", lose_answer)
        network.fault("head", lose_request)
        with pytest.raises(Unavailable):
            store.append(PATH, LIMIT - 1, b"y")
        store.append(PATH, LIMIT - 1, b"y")
        assert content(container) == b"x" * (LIMIT - 1) + b"y"
        with pytest.raises(FileFull):
            store.append(PATH, LIMIT, b"z")


def test_a_full_blob_is_full_also_where_an_earlier_try_of_these_bytes_had_no_answer(
    small_server: Azurite, network: Network
) -> None:
    with container_in(small_server) as container:
        store, held = store_in(small_server, container), Held()
        for at in range(LIMIT):
            store.append(PATH, at, b"x")
        network.fault("append", held)
        with pytest.raises(Unavailable):
            store.append(PATH, LIMIT, b"y")
        with pytest.raises(FileFull):
            store.append(PATH, LIMIT, b"y")
        assert held.deliver() == [409], "it can never land"


def test_a_sealed_blob_is_full(store: AzureStore, container: ContainerClient) -> None:
    store.append(PATH, 0, b"one\n")
    blob(container).seal_append_blob()
    store.append(PATH, 0, b"one\n")
    with pytest.raises(FileFull):
        store.append(PATH, 4, b"two\n")


# append: other people's hands (B11, B12)


def test_a_blob_that_was_deleted_is_not_begun_in_the_middle(store: AzureStore, container: ContainerClient) -> None:
    store.append(PATH, 0, b"one\n")
    blob(container).delete_blob()
    with pytest.raises(Conflict, match="gone"):
        store.append(PATH, 4, b"two\n")
    assert store.length(PATH) == 0


def test_a_blob_that_was_deleted_while_it_was_empty_is_made_again(store: AzureStore, container: ContainerClient) -> None:
    store.claim(PATH, b"owner", "m")
    blob(container).delete_blob()
    store.append(PATH, 0, b"one\n")
    assert content(container) == b"one\n"
    assert not store.claim(PATH, b"owner", "m"), "two owners could hear yes"


def test_a_blob_that_is_deleted_between_a_try_and_the_look_at_it_is_gone(
    store: AzureStore, container: ContainerClient, network: Network
) -> None:
    store.append(PATH, 0, b"one\n")

    def delete(send: Send, request: requests.PreparedRequest) -> requests.Response:
        blob(container).delete_blob()
        raise reset()

    network.fault("append", delete)
    with pytest.raises(Conflict, match="gone"):
        store.append(PATH, 4, b"two\n")


@pytest.mark.parametrize("theirs", [b"", b"t", b"theirs, and long"])
@pytest.mark.parametrize("kind", ["AppendBlob", "BlockBlob"])
def test_a_blob_that_somebody_replaced_is_left_alone(
    store: AzureStore, container: ContainerClient, kind: str, theirs: bytes
) -> None:
    store.append(PATH, 0, b"one\n")
    blob(container).delete_blob()
    if kind == "BlockBlob":
        blob(container).upload_blob(theirs)
    else:
        blob(container).create_append_blob()
        if theirs:
            blob(container).append_block(theirs)
    with pytest.raises(Conflict) as caught:
        store.append(PATH, 4, b"two\n")
    assert not isinstance(caught.value, FileFull)
    assert content(container) == theirs


@pytest.mark.parametrize("theirs", [b"two", b"two\x00", b"other bytes"])
def test_a_blob_that_somebody_grew_is_left_alone(store: AzureStore, container: ContainerClient, theirs: bytes) -> None:
    store.append(PATH, 0, b"one\n")
    blob(container).append_block(theirs)
    with pytest.raises(Conflict, match="somebody else after byte 4"):
        store.append(PATH, 4, b"two\n")
    assert content(container) == b"one\n" + theirs


def test_our_bytes_are_found_also_where_somebody_wrote_behind_them(
    store: AzureStore, container: ContainerClient, network: Network
) -> None:
    """To say `Conflict` would send them again: they would be in the archive twice."""

    def grow(send: Send, request: requests.PreparedRequest) -> requests.Response:
        send()
        blob(container).append_block(b"theirs\n")
        raise reset()

    network.fault("append", grow)
    store.claim(PATH, b"owner", "m")
    store.append(PATH, 0, b"one\n")
    with pytest.raises(Conflict):
        store.append(PATH, 4, b"two\n")


def test_a_store_that_ignores_positions_gets_nothing_more(store: AzureStore, network: Network) -> None:
    network.fault("append", answer(201, x_ms_blob_append_offset="7", x_ms_blob_committed_block_count="3"))
    for _ in range(2):
        with pytest.raises(Unavailable, match="ignores the position"):
            store.append(PATH, 0, b"one\n")
    assert network.sent == ["append"]


# no container (B8)


def test_a_missing_container_is_named_and_never_made(server: Azurite) -> None:
    service = BlobServiceClient.from_connection_string(server.connection_string)
    container = service.get_container_client(f"c{os.urandom(6).hex()}")
    store = store_in(server, container)
    calls: list[Callable[[], object]] = [
        lambda: store.claim(PATH, b"owner", "m"),
        lambda: store.append(PATH, 0, b"one\n"),
        lambda: store.append(PATH, 4, b"two\n"),
        lambda: store.put(PATH, b"one\n"),
        lambda: store.length(PATH),
        lambda: store.remove(PATH),
        lambda: store.read(PATH),
        lambda: list(store.walk()),
    ]
    for call in calls:
        with pytest.raises(Unavailable) as caught:
            call()
        assert f"create the container '{container.container_name}'" in str(caught.value)
        assert "127.0.0.1" in str(caught.value)
    container.create_container()
    store.append(PATH, 0, b"one\n")
    assert content(container) == b"one\n"


def test_a_container_that_is_deleted_is_waited_for(store: AzureStore, container: ContainerClient) -> None:
    store.append(PATH, 0, b"one\n")
    container.delete_container()
    with pytest.raises(Unavailable, match="create the container"):
        store.append(PATH, 4, b"two\n")
