"""The Azure store against a real Azurite: claims and appends. Every outcome, above all those that look like another."""

from __future__ import annotations

import os
import re

import pytest
from azure.storage.blob import ContainerClient

from modeldata.store import Rejected, Store, Unavailable
from modeldata.store.azure import AzureStore
from modeldata.urls import parse
from tests.support.azurite import Azurite

from .azure_kit import (
    PATH,
    Fault,
    Held,
    Network,
    answer,
    blob,
    content,
    damage,
    lose_answer,
    lose_request,
    refuse_connection,
    store_in,
    time_out,
)

pytest_plugins = ["tests.stores.azure_kit"]


def test_it_is_a_store_and_asks_for_nothing_before_it_is_used() -> None:
    def credentials() -> dict[str, str]:
        raise AssertionError("asked")

    store: Store = AzureStore(parse("az://models"), credentials)
    assert store.appends and store.block_bytes == 4 * 1024 * 1024


# claim


def test_a_claimed_file_is_an_empty_append_blob_that_names_the_spool(store: AzureStore, container: ContainerClient) -> None:
    assert store.claim(PATH, b"owner", "spool8")
    seen = blob(container).get_blob_properties()
    assert (seen.blob_type, seen.size) == ("AppendBlob", 0)
    assert seen.metadata["modeldata_spool"] == "spool8" and re.fullmatch("[0-9a-f]{64}", seen.metadata["modeldata_owner"])


def test_a_claim_holds_for_its_owner_alone_also_after_a_restart(server: Azurite, container: ContainerClient) -> None:
    assert store_in(server, container).claim(PATH, b"owner", "spool8")
    assert store_in(server, container).claim(PATH, b"owner", "spool8"), "made before, still empty"
    store_in(server, container).append(PATH, 0, b"x\n")
    assert store_in(server, container).claim(PATH, b"owner", "spool8")
    assert not store_in(server, container).claim(PATH, b"other", "spool8")
    assert content(container) == b"x\n"


def test_names_that_others_took_are_not_ours(store: AzureStore, container: ContainerClient) -> None:
    """B12"""
    blob(container, "block").upload_blob(b"")
    blob(container, "append").create_append_blob()
    store.claim("sealed", b"owner", "m")
    blob(container, "sealed").seal_append_blob()
    assert not any(store.claim(path, b"owner", "m") for path in ("block", "append", "sealed"))


@pytest.mark.parametrize("fault", [lose_answer, lose_request, answer(500), refuse_connection])
def test_a_claim_without_an_answer_is_repeated_until_it_is_known(store: AzureStore, network: Network, fault: Fault) -> None:
    network.fault("create", fault)
    with pytest.raises(Unavailable):
        store.claim(PATH, b"owner", "m")
    assert network.sent == ["create"], "nothing is retried behind our back"
    assert store.claim(PATH, b"owner", "m")


# append


def test_appends_come_one_after_the_other(store: AzureStore, container: ContainerClient) -> None:
    store.claim(PATH, b"owner", "m")
    assert store.append(PATH, 0, b"one\n") is False
    assert store.append(PATH, 4, memoryview(b"two\n")) is False
    assert content(container) == b"one\ntwo\n"
    assert store.length(PATH) == 8


def test_an_append_that_is_repeated_is_there_once(server: Azurite, container: ContainerClient) -> None:
    for _ in range(2):
        store_in(server, container).append(PATH, 0, b"one\n")
        store_in(server, container).append(PATH, 4, b"two\n")
    store_in(server, container).append(PATH, 0, b"one\n")
    assert content(container) == b"one\ntwo\n"


def test_an_append_whose_answer_is_lost_is_found(store: AzureStore, container: ContainerClient, network: Network) -> None:
    """B3"""
    store.claim(PATH, b"owner", "m")
    network.fault("append", lose_answer, lose_answer)
    store.append(PATH, 0, b"one\n")
    store.append(PATH, 4, b"two\n")
    assert content(container) == b"one\ntwo\n"
    assert network.sent.count("append") == 2


@pytest.mark.parametrize("fault", [lose_request, time_out, answer(500, "InternalError"), answer(502, body=b"\xff\xfe<")])
def test_an_append_that_never_arrived_is_unavailable_and_lands_at_the_next_try(
    store: AzureStore, container: ContainerClient, network: Network, fault: Fault
) -> None:
    store.claim(PATH, b"owner", "m")
    network.fault("append", fault)
    with pytest.raises(Unavailable):
        store.append(PATH, 0, b"one\n")
    assert network.sent == ["create", "append", "head"], "one attempt, one look"
    store.append(PATH, 0, b"one\n")
    assert content(container) == b"one\n"


def test_a_late_request_lands_once_whoever_wins(store: AzureStore, container: ContainerClient, network: Network) -> None:
    """B5, in both orders."""
    store.claim(PATH, b"owner", "m")
    first, second = Held(), Held()
    network.fault("append", first)
    with pytest.raises(Unavailable):
        store.append(PATH, 0, b"one\n")
    assert first.deliver() == [201]
    store.append(PATH, 0, b"one\n")
    network.fault("append", second)
    with pytest.raises(Unavailable):
        store.append(PATH, 4, b"two\n")
    store.append(PATH, 4, b"two\n")
    assert second.deliver() == [412]
    assert content(container) == b"one\ntwo\n"


def test_a_log_that_nobody_claimed_is_made_by_its_first_line(store: AzureStore, container: ContainerClient) -> None:
    store.append("a/_manifest/data.csv.jsonl", 0, b"{}\n")
    store.append("a/_manifest/data.csv.jsonl", 3, b"{}\n")
    assert content(container, "a/_manifest/data.csv.jsonl") == b"{}\n{}\n"
    assert blob(container, "a/_manifest/data.csv.jsonl").get_blob_properties().blob_type == "AppendBlob"


def test_nothing_to_append_changes_nothing(store: AzureStore) -> None:
    store.claim(PATH, b"owner", "m")
    assert store.append(PATH, 0, b"") is False
    assert store.length(PATH) == 0


def test_a_large_batch_is_sent_whole(store: AzureStore, container: ContainerClient) -> None:
    data = os.urandom(store.block_bytes)
    store.append(PATH, 0, data)
    assert content(container) == data


def test_a_batch_that_is_damaged_on_the_way_is_not_stored(
    store: AzureStore, container: ContainerClient, network: Network
) -> None:
    """B13"""
    store.claim(PATH, b"owner", "m")
    network.fault("append", damage)
    with pytest.raises(Unavailable, match="Md5Mismatch"):
        store.append(PATH, 0, b"one\n")
    store.append(PATH, 0, b"one\n")
    assert content(container) == b"one\n"


@pytest.mark.parametrize(("status", "code"), [(503, "ServerBusy"), (429, "TooManyRequests"), (500, "InternalError")])
def test_a_store_that_asks_for_time_is_not_asked_again_at_once(
    store: AzureStore, container: ContainerClient, network: Network, status: int, code: str
) -> None:
    """B6"""
    store.claim(PATH, b"owner", "m")
    network.fault("append", answer(status, code, Retry_After="37"))
    with pytest.raises(Unavailable, match=f"{status} {code}") as caught:
        store.append(PATH, 0, b"one\n")
    assert caught.value.retry_after == 37
    assert network.sent == ["create", "append"]


# append: refused


@pytest.mark.parametrize(("status", "code"), [(413, "RequestBodyTooLarge"), (400, "InvalidInput"), (413, "")])
def test_bytes_that_the_store_finds_fault_with_are_refused(store: AzureStore, network: Network, status: int, code: str) -> None:
    """B9"""
    store.claim(PATH, b"owner", "m")
    network.fault("append", answer(status, code))
    with pytest.raises(Rejected, match=f"{status} {code}".strip()):
        store.append(PATH, 0, b"one\n")
    assert network.sent == ["create", "append", "head"], "an earlier process may have landed them"


def test_bytes_that_are_there_are_not_refused(store: AzureStore, network: Network) -> None:
    store.append(PATH, 0, b"one\n")
    network.fault("append", answer(400, "InvalidInput"))
    store.append(PATH, 0, b"one\n")


def test_bytes_that_may_still_land_are_not_refused(store: AzureStore, container: ContainerClient, network: Network) -> None:
    held = Held()
    store.claim(PATH, b"owner", "m")
    network.fault("append", held, answer(400, "InvalidInput"))
    for _ in range(2):
        with pytest.raises(Unavailable):
            store.append(PATH, 0, b"one\n")
    assert held.deliver() == [201]
    store.append(PATH, 0, b"one\n")
    network.fault("append", answer(400, "InvalidInput"))
    with pytest.raises(Rejected):
        store.append(PATH, 4, b"two\n")
    assert content(container) == b"one\n"


@pytest.mark.parametrize("fault", [answer(500, "InternalError"), answer(503, "ServerBusy"), answer(408), lose_request])
def test_an_answer_that_settles_nothing_is_remembered(store: AzureStore, network: Network, fault: Fault) -> None:
    store.claim(PATH, b"owner", "m")
    network.fault("append", fault, answer(400, "InvalidInput"))
    for _ in range(2):
        with pytest.raises(Unavailable):
            store.append(PATH, 0, b"one\n")


@pytest.mark.parametrize("fault", [refuse_connection, answer(403, "AuthenticationFailed"), answer(404, "ContainerNotFound")])
def test_bytes_that_were_never_taken_can_be_refused(store: AzureStore, network: Network, fault: Fault) -> None:
    store.claim(PATH, b"owner", "m")
    network.fault("append", fault, answer(400, "InvalidInput"))
    with pytest.raises(Unavailable):
        store.append(PATH, 0, b"one\n")
    with pytest.raises(Rejected):
        store.append(PATH, 0, b"one\n")


@pytest.mark.parametrize("body", [b"", b"<Error><Code>ServerBusy</Code></Error>", b"<html>", b"{}"])
def test_an_error_that_the_sdk_can_not_read_still_has_its_status(store: AzureStore, network: Network, body: bytes) -> None:
    store.claim(PATH, b"owner", "m")
    network.fault("append", answer(503, "", body, Retry_After="5"))
    with pytest.raises(Unavailable, match="it answered 503") as caught:
        store.append(PATH, 0, b"one\n")
    assert caught.value.retry_after == 5


@pytest.mark.parametrize("code", ["InvalidHeaderValue", "InvalidResourceName", "Md5Mismatch", "LeaseIdMissing", ""])
def test_what_is_not_the_fault_of_the_bytes_is_unavailable(store: AzureStore, network: Network, code: str) -> None:
    store.claim(PATH, b"owner", "m")
    network.fault("append", answer(412 if code == "LeaseIdMissing" else 400, code))
    with pytest.raises(Unavailable, match=f"it answered 4.. ?{code}"):
        store.append(PATH, 0, b"one\n")


def test_more_than_an_append_can_take_is_refused(store: AzureStore, network: Network) -> None:
    with pytest.raises(Rejected, match="104857600 at once"):
        store.append(PATH, 0, memoryview(bytes(100 * 1024 * 1024 + 1)))
    assert network.sent == []
