"""Where credentials for Azure are looked up, and in which order. Pure: nothing is asked of any server."""

from __future__ import annotations

import base64
from collections.abc import Mapping

import pytest

from modeldata.store.azure_auth import Access, access
from modeldata.store.failures import NoAccess
from modeldata.urls import parse

KEY = base64.b64encode(b"k" * 64).decode()
SIGNATURE = "c2lnbmF0dXJlLXRoYXQtbm9ib2R5LW1heS1zZWU"
WRONG_KEY = base64.b64encode(b"w" * 64).decode()
AZ, ABFSS = "az://models/p", "abfss://models@acme.dfs.core.windows.net/p"
USUAL = "https://acme.blob.core.windows.net"


def found(url: str, env: Mapping[str, str], *, insecure: bool = False) -> tuple[str, str, str, str]:
    one = access(parse(url), env, insecure=insecure)
    return one.endpoint, one.account, one.key, one.sas


def test_a_connection_string_is_asked_first() -> None:
    text = f"DefaultEndpointsProtocol=https;AccountName=acme;AccountKey={KEY};EndpointSuffix=core.chinacloudapi.cn"
    others = {"AZURE_STORAGE_ACCOUNT_NAME": "other", "AZURE_STORAGE_ACCOUNT_KEY": WRONG_KEY}
    china = "https://acme.blob.core.chinacloudapi.cn"
    assert found(AZ, {"AZURE_STORAGE_CONNECTION_STRING": text, **others}) == (china, "acme", KEY, "")
    assert found(AZ, {"AML_MODEL_DC_STORAGE": text, **others}) == (china, "acme", KEY, "")
    both = {"AZURE_STORAGE_CONNECTION_STRING": text, "AML_MODEL_DC_STORAGE": f"AccountName=old;AccountKey={KEY}"}
    assert found(AZ, both) == (china, "acme", KEY, "")


def test_a_connection_string_may_have_a_signature_and_an_endpoint() -> None:
    text = f"BlobEndpoint=https://acme.blob.core.windows.net/;SharedAccessSignature=?sv=1&sig={SIGNATURE}"
    assert found(AZ, {"AZURE_STORAGE_CONNECTION_STRING": text}) == (USUAL, "acme", "", f"sv=1&sig={SIGNATURE}")


@pytest.mark.parametrize("account", ["AZURE_STORAGE_ACCOUNT_NAME", "AZURE_STORAGE_ACCOUNT"])
@pytest.mark.parametrize("key", ["AZURE_STORAGE_ACCOUNT_KEY", "AZURE_STORAGE_KEY", "AZURE_STORAGE_ACCESS_KEY"])
def test_an_account_has_a_key_under_the_names_that_are_in_use(account: str, key: str) -> None:
    assert found(AZ, {account: "acme", key: KEY}) == (USUAL, "acme", KEY, "")


def test_an_account_has_a_signature_or_an_identity() -> None:
    named = {"AZURE_STORAGE_ACCOUNT_NAME": "acme"}
    assert found(AZ, {**named, "AZURE_STORAGE_SAS_TOKEN": "?sv=1&sig=x"}) == (USUAL, "acme", "", "sv=1&sig=x")
    assert found(AZ, named) == found(ABFSS, {}) == (USUAL, "acme", "", "")


def test_the_account_of_the_url_is_the_one_that_is_used() -> None:
    assert found(ABFSS, {"AZURE_STORAGE_ACCOUNT_KEY": KEY}) == (USUAL, "acme", KEY, "")
    elsewhere = "abfss://models@onelake.dfs.fabric.microsoft.com/p"
    assert found(elsewhere, {})[0] == "https://onelake.blob.fabric.microsoft.com"


def test_secrets_of_another_account_stay_where_they_are() -> None:
    theirs = {"AZURE_STORAGE_CONNECTION_STRING": f"AccountName=other;AccountKey={KEY}"}
    assert found(ABFSS, theirs) == (USUAL, "acme", "", "")
    assert found(ABFSS, {**theirs, "AZURE_STORAGE_ACCOUNT_KEY": WRONG_KEY}) == (USUAL, "acme", WRONG_KEY, "")
    assert found(ABFSS, {"AZURE_STORAGE_ACCOUNT": "other", "AZURE_STORAGE_KEY": KEY}) == (USUAL, "acme", "", "")


@pytest.mark.parametrize("name", ["AZURE_STORAGE_ENDPOINT", "AZURE_STORAGE_BLOB_ENDPOINT"])
def test_another_endpoint_takes_the_place_of_the_usual_one(name: str) -> None:
    assert found(AZ, {name: "https://blobs.acme.example/", "AZURE_STORAGE_ACCOUNT": "acme"})[0] == "https://blobs.acme.example"
    text = f"AccountName=acme;AccountKey={KEY};BlobEndpoint=https://one.example"
    assert found(AZ, {"AZURE_STORAGE_CONNECTION_STRING": text})[0] == "https://one.example"
    assert found(AZ, {"AZURE_STORAGE_CONNECTION_STRING": text, name: "https://two.example"})[0] == "https://two.example"


def test_a_server_without_a_name_has_the_account_in_its_path() -> None:
    named = {"AZURE_STORAGE_ACCOUNT": "acme", "AZURE_STORAGE_KEY": KEY}
    for endpoint in ("http://127.0.0.1:10000", "http://localhost:10000/acme", "http://[::1]:10000/", "https://10.0.0.1"):
        assert found(AZ, {**named, "AZURE_STORAGE_ENDPOINT": endpoint})[0] == endpoint.removesuffix("/acme").rstrip("/") + "/acme"
    assert found(AZ, {"AZURE_STORAGE_ENDPOINT": "http://127.0.0.1:10000/acme", "AZURE_STORAGE_KEY": KEY})[1] == "acme"


def test_plain_http_is_for_this_host_alone_unless_it_is_allowed() -> None:
    """G7"""
    text = f"DefaultEndpointsProtocol=http;AccountName=acme;AccountKey={KEY}"
    for env in ({"AZURE_STORAGE_CONNECTION_STRING": text}, {"AZURE_STORAGE_ENDPOINT": "http://acme.example"}):
        with pytest.raises(NoAccess, match="unencrypted"):
            found(AZ, env)
        assert found(AZ, env, insecure=True)[0].startswith("http://acme.")


@pytest.mark.parametrize("endpoint", ["acme.example", "ftp://acme.example", "https://", f"https://user:{SIGNATURE}@acme.example"])
def test_an_endpoint_that_is_no_url_is_reported_without_it(endpoint: str) -> None:
    with pytest.raises(NoAccess) as caught:
        found(AZ, {"AZURE_STORAGE_ENDPOINT": endpoint, "AZURE_STORAGE_ACCOUNT": "acme"})
    assert SIGNATURE not in str(caught.value) + caught.value.hint


@pytest.mark.parametrize("text", ["nonsense", "AccountName=acme", f"AccountKey={KEY}", ";;=;"])
def test_a_connection_string_that_lacks_something_is_reported_without_it(text: str) -> None:
    with pytest.raises(NoAccess, match="connection string") as caught:
        found(AZ, {"AZURE_STORAGE_CONNECTION_STRING": text})
    assert KEY not in str(caught.value) + caught.value.hint and "AccountKey=..." in caught.value.hint


def test_what_was_found_shows_no_secret() -> None:
    assert repr(Access(USUAL, "acme", KEY, SIGNATURE)) == f"Access({USUAL!r}, 'acme')"
