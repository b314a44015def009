"""Who we are to Azure: what happens when that is wrong, or nobody answers; and that no secret is ever shown."""

from __future__ import annotations

import base64
import email.utils
import logging
import os
import pickle
import socket
import ssl
import time
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
import requests
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError
from azure.storage.blob import BlobServiceClient, ContainerClient, ContainerSasPermissions, generate_container_sas
from urllib3 import HTTPSConnectionPool
from urllib3.exceptions import MaxRetryError, NameResolutionError, NewConnectionError, SSLError

from modeldata.errors import SettingsError
from modeldata.store import Unavailable, azure_auth
from modeldata.store.azure import AzureStore
from modeldata.urls import parse
from tests.support.azurite import ACCOUNT, Azurite

from .azure_kit import PATH, Fault, Network, Send, answer, content, lose_answer, lose_request, refuse_connection, time_out

pytest_plugins = ["tests.stores.azure_kit"]

KEY = base64.b64encode(b"k" * 64).decode()
SIGNATURE = "c2lnbmF0dXJlLXRoYXQtbm9ib2R5LW1heS1zZWU"
WRONG_KEY = base64.b64encode(b"w" * 64).decode()
AZ, ABFSS = "az://models/p", "abfss://models@acme.dfs.core.windows.net/p"
USUAL = "https://acme.blob.core.windows.net"


# When there is nothing


def test_without_credentials_an_operator_reads_what_to_set() -> None:
    with pytest.raises(Unavailable, match="AZURE_STORAGE_CONNECTION_STRING") as caught:
        AzureStore(parse(AZ), dict).claim(PATH, b"owner", "m")
    assert "Azure/models/p/a/data.csv" in str(caught.value)


def test_an_identity_that_gives_no_token_is_said_to_be_the_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    class Nobody:
        def get_token(self, *scopes: str, **kwargs: object) -> AccessToken:
            raise ClientAuthenticationError(f"DefaultAzureCredential failed: tried {SIGNATURE}")

    monkeypatch.setattr("azure.identity.DefaultAzureCredential", lambda **kwargs: Nobody())
    with pytest.raises(Unavailable, match=r"no identity gave a token.*set AZURE_STORAGE") as caught:
        AzureStore(parse(ABFSS), dict).length(PATH)
    assert "acme.blob.core.windows.net/models" in str(caught.value) and SIGNATURE not in spoken(caught.value)


def test_a_token_is_sent_over_https_alone() -> None:
    env = {"AZURE_STORAGE_ENDPOINT": "http://127.0.0.1:10000", "AZURE_STORAGE_ACCOUNT": "acme"}
    with pytest.raises(Unavailable, match="https only"):
        AzureStore(parse(AZ), lambda: env).length(PATH)


def test_a_service_principal_may_come_from_our_own_file(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    monkeypatch.setattr("azure.identity.ClientSecretCredential", lambda *args, **kwargs: asked.append(args) or Nothing())

    class Nothing:
        def get_token(self, *scopes: str, **kwargs: object) -> AccessToken:
            raise ClientAuthenticationError("no")

    env = {"AZURE_TENANT_ID": "t", "AZURE_CLIENT_ID": "c", "AZURE_CLIENT_SECRET": "a secret of some length"}
    with pytest.raises(Unavailable):
        AzureStore(parse(ABFSS), lambda: env).length(PATH)
    assert asked == [("t", "c", "a secret of some length")]


def test_a_file_with_credentials_that_can_not_be_read_is_waited_for() -> None:
    def credentials() -> Mapping[str, str]:
        raise SettingsError("read the credentials", "/run/secrets/azure", cause="Permission denied", hint="MODELDATA_CREDENTIALS")

    with pytest.raises(Unavailable, match="/run/secrets/azure: Permission denied"):
        AzureStore(parse(AZ), credentials).length(PATH)


def test_plain_http_to_another_host_is_refused_before_a_byte_is_sent(network: Network) -> None:
    env = {"AZURE_STORAGE_ENDPOINT": "http://acme.example", "AZURE_STORAGE_ACCOUNT": "acme", "AZURE_STORAGE_KEY": KEY}
    with pytest.raises(Unavailable, match=r"unencrypted.*MODELDATA_ALLOW_INSECURE"):
        AzureStore(parse(AZ), lambda: env).append(PATH, 0, b"x")
    assert network.sent == []


# When they are refused (B7)


class Environment(dict[str, str]):
    """Credentials that an operator changes while we run, and how often they were asked for."""

    asked = 0

    def __call__(self) -> Mapping[str, str]:
        self.asked += 1
        return dict(self)


def url_of(container: ContainerClient) -> str:
    return f"az://{container.container_name}/team/archive"


def test_the_right_key_is_found_without_a_restart(server: Azurite, container: ContainerClient) -> None:
    env = Environment(AZURE_STORAGE_CONNECTION_STRING=server.connection_string_for(WRONG_KEY))
    store = AzureStore(parse(url_of(container)), env)
    report = set()
    for _ in range(3):
        with pytest.raises(Unavailable, match="credentials are refused") as caught:
            store.append(PATH, 0, b"one\n")
        report.add(caught.value.cause)
        assert f"127.0.0.1:{server.port}/devstoreaccount1/{container.container_name}" in str(caught.value)
    assert len(report) == 1, "the same trouble, the same words"
    assert env.asked == 3
    env["AZURE_STORAGE_CONNECTION_STRING"] = server.connection_string
    store.append(PATH, 0, b"one\n")
    store.append(PATH, 4, b"two\n")
    assert content(container) == b"one\ntwo\n"
    assert env.asked == 4, "asked once, and again only after a refusal"


def sas_of(container: ContainerClient, **valid: datetime) -> str:
    permission = ContainerSasPermissions(read=True, add=True, create=True, write=True, list=True)
    token: str = generate_container_sas(
        ACCOUNT, container.container_name, account_key=Azurite("").key, permission=permission, **valid
    )
    return token


def test_a_signature_that_has_expired_is_replaced_without_a_restart(server: Azurite, container: ContainerClient) -> None:
    now = datetime.now(UTC)
    env = Environment(AZURE_STORAGE_ENDPOINT=server.endpoint, AZURE_STORAGE_ACCOUNT_NAME=ACCOUNT)
    env["AZURE_STORAGE_SAS_TOKEN"] = sas_of(container, start=now - timedelta(hours=2), expiry=now - timedelta(hours=1))
    store = AzureStore(parse(url_of(container)), env)
    with pytest.raises(Unavailable, match="credentials are refused") as caught:
        store.claim(PATH, b"owner", "m")
    assert "sig=" not in spoken(caught.value)
    env["AZURE_STORAGE_SAS_TOKEN"] = "?" + sas_of(container, expiry=now + timedelta(hours=1))
    assert store.claim(PATH, b"owner", "m")
    store.append(PATH, 0, b"one\n")
    assert store.read(PATH) == b"one\n" and list(store.walk()) == [PATH]


@pytest.mark.parametrize("key", ["not base64!", "abc"])
def test_a_key_that_is_none_is_reported_without_it(server: Azurite, container: ContainerClient, key: str) -> None:
    store = AzureStore(parse(url_of(container)), Environment(AZURE_STORAGE_CONNECTION_STRING=server.connection_string_for(key)))
    with pytest.raises(Unavailable, match="no Base64") as caught:
        store.length(PATH)
    assert key not in spoken(caught.value)


def test_a_role_that_is_missing_is_named(store: AzureStore, network: Network) -> None:
    network.fault("create", answer(403, "AuthorizationPermissionMismatch"))
    with pytest.raises(Unavailable, match=r"credentials are refused.*Storage Blob Data Contributor"):
        store.claim(PATH, b"owner", "m")


@pytest.mark.parametrize("seconds", [-3600, 3600])
def test_a_wrong_clock_is_distinguished_from_wrong_keys(store: AzureStore, network: Network, seconds: int) -> None:
    """E7"""
    theirs = email.utils.formatdate(time.time() + seconds, usegmt=True)
    network.fault("append", answer(403, "AuthenticationFailed", Date=theirs))
    with pytest.raises(Unavailable, match="clock is wrong") as caught:
        store.append(PATH, 0, b"one\n")
    assert f"{'behind' if seconds > 0 else 'ahead of'} the store's" in str(caught.value)
    assert any(f"{abs(seconds) + off} s" in str(caught.value) for off in range(-3, 4))
    assert str(abs(seconds)) not in caught.value.cause, "the cause must not change with every second"


def test_a_wrong_clock_is_also_known_by_what_the_store_says(store: AzureStore, network: Network) -> None:
    body = b"<Error><Code>AuthenticationFailed</Code><Message>Request date header too old: 'x'</Message></Error>"
    network.fault("append", answer(403, "AuthenticationFailed", body), answer(403, "RequestTimeTooSkewed"))
    for _ in range(2):
        with pytest.raises(Unavailable, match="clock"):
            store.append(PATH, 0, b"one\n")


# The account of 2017


def test_the_original_s_account_gets_its_container(server: Azurite) -> None:
    service = BlobServiceClient.from_connection_string(server.connection_string)
    container = service.get_container_client(f"c{os.urandom(6).hex()}")
    store = AzureStore(parse(url_of(container)), lambda: {"AML_MODEL_DC_STORAGE": server.connection_string})
    assert store.length(PATH) == 0
    assert store.claim(PATH, b"owner", "m")
    store.append(PATH, 0, b"one\n")
    assert content(container) == b"one\n"


def test_a_container_that_cannot_be_made_is_still_named(server: Azurite, network: Network) -> None:
    store = AzureStore(parse("az://newcomers/p"), lambda: {"AML_MODEL_DC_STORAGE": server.connection_string})
    network.fault("container", answer(403, "AuthorizationPermissionMismatch"))
    with pytest.raises(Unavailable, match="create the container 'newcomers'"):
        store.claim(PATH, b"owner", "m")
    network.fault("container", lose_answer)
    with pytest.raises(Unavailable):
        store.claim(PATH, b"owner", "m")
    assert store.claim(PATH, b"owner", "m")


# When nobody answers (B1, B2, B15)


def unresolved(send: Send, request: requests.PreparedRequest) -> requests.Response:
    pool = HTTPSConnectionPool("nowhere.blob.core.windows.net")
    why = NameResolutionError(pool.host, pool._new_conn(), socket.gaierror(-2, "Name or service not known"))  # type: ignore[arg-type]
    raise requests.ConnectionError(MaxRetryError(pool, "/?sig=" + SIGNATURE, why))


def untrusted(send: Send, request: requests.PreparedRequest) -> requests.Response:
    inner = ssl.SSLCertVerificationError(1, "certificate verify failed")
    inner.verify_message = "self-signed certificate"
    raise requests.exceptions.SSLError(MaxRetryError(HTTPSConnectionPool("x"), "/?sig=" + SIGNATURE, SSLError(inner)))


def unproxied(send: Send, request: requests.PreparedRequest) -> requests.Response:
    raise requests.exceptions.ProxyError(f"Cannot connect to proxy http://user:{SIGNATURE}@proxy")


def unconnected(send: Send, request: requests.PreparedRequest) -> requests.Response:
    raise requests.ConnectTimeout("timed out. (connect timeout=5.0)")


def unroutable(send: Send, request: requests.PreparedRequest) -> requests.Response:
    raise requests.ConnectionError(MaxRetryError(HTTPSConnectionPool("x"), "/", NewConnectionError(None, "No route to host")))  # type: ignore[arg-type]


NOBODY: dict[str, Fault] = {
    "host name is not known": unresolved,
    "TLS: self-signed certificate": untrusted,
    "HTTP proxy": unproxied,
    "no connection in time": unconnected,
    "connection is refused": refuse_connection,
    "no connection": unroutable,
    "no answer in time": time_out,
    "connection broke": lose_request,
}


@pytest.mark.parametrize("cause", NOBODY)
def test_a_store_that_is_out_of_reach_is_so_in_few_and_always_the_same_words(
    store: AzureStore, network: Network, cause: str
) -> None:
    network.fault("head", NOBODY[cause], NOBODY[cause])
    report = set()
    for _ in range(2):
        with pytest.raises(Unavailable, match=cause) as caught:
            store.length(PATH)
        report.add(caught.value.cause)
        assert SIGNATURE not in spoken(caught.value)
    assert len(report) == 1 and len(report.pop()) < 80


def test_nobody_listens_and_later_somebody_does() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and never listens
        env = {"AZURE_STORAGE_ENDPOINT": f"http://127.0.0.1:{taken.getsockname()[1]}", "AZURE_STORAGE_ACCOUNT": "acme"}
        store = AzureStore(parse(AZ), lambda: {**env, "AZURE_STORAGE_KEY": KEY})
        with pytest.raises(Unavailable, match="connection is refused"):
            store.append(PATH, 0, b"x")


def test_a_name_that_does_not_exist_is_a_matter_of_dns() -> None:
    env = {"AZURE_STORAGE_ENDPOINT": "https://nobody.invalid", "AZURE_STORAGE_ACCOUNT": "acme", "AZURE_STORAGE_KEY": KEY}
    with pytest.raises(Unavailable, match=r"nobody\.invalid/models.*\(DNS\)"):
        AzureStore(parse(AZ), lambda: env).length(PATH)


def test_what_is_on_this_host_goes_through_no_proxy(store: AzureStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else plain http to 127.0.0.1 would carry its signature to whatever HTTP_PROXY names."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    store.append(PATH, 0, b"one\n")


# No secret is shown (G5)


def spoken(error: BaseException) -> str:
    """All that a logger, a debugger or an error tracker could find in an error."""
    text = "".join(traceback.format_exception(error)) + repr(error.args) + repr(vars(error))
    assert error.__cause__ is None and error.__context__ is None, "what the SDK raised has URLs with signatures in it"
    return text + repr(pickle.loads(pickle.dumps(error)))


TROUBLE: dict[str, Fault] = {
    "none": lambda send, request: send(),
    "401": answer(401, "NoAuthenticationInformation"),
    "403": answer(403, "AuthenticationFailed"),
    "404": answer(404),
    "400": answer(400, "InvalidHeaderValue"),
    "409": answer(409, "InvalidBlobType"),
    "500": answer(500, body=b"oops"),
    "garbage": answer(400, body=b"\xff\xfe<"),
    "lost": lose_answer,
    "cut": lose_request,
    "silence": time_out,
    "dns": unresolved,
    "tls": untrusted,
}


@pytest.mark.parametrize("trouble", TROUBLE)
@pytest.mark.parametrize("by", ["key", "sas"])
def test_no_secret_is_shown_while_everybody_logs_everything(
    server: Azurite, container: ContainerClient, network: Network, caplog: pytest.LogCaptureFixture, by: str, trouble: str
) -> None:
    sas = sas_of(container, expiry=datetime.now(UTC) + timedelta(hours=1))
    secrets = {"key": [server.key], "sas": [sas, sas.partition("sig=")[2].partition("&")[0]]}[by]
    env = {"AZURE_STORAGE_ENDPOINT": server.endpoint, "AZURE_STORAGE_ACCOUNT_NAME": ACCOUNT}
    env["AZURE_STORAGE_ACCOUNT_KEY" if by == "key" else "AZURE_STORAGE_SAS_TOKEN"] = secrets[0]
    store = AzureStore(parse(url_of(container)), lambda: env)
    text = ""
    with caplog.at_level(logging.DEBUG):
        for name in ("azure", "urllib3", "requests", "msal"):
            caplog.set_level(logging.DEBUG, logger=name)
        for kind in ("create", "append", "head", "put", "get", "list"):
            network.fault(kind, TROUBLE[trouble])
        for call in (
            lambda: store.claim(PATH, b"owner", "m"),
            lambda: store.append(PATH, 0, b"one\n"),
            lambda: store.length(PATH),
            lambda: store.put("p", b"one\n"),
            lambda: store.read(PATH),
            lambda: list(store.walk()),
        ):
            try:
                text += repr(call())
            except Exception as error:
                text += spoken(error)
    assert caplog.records, "this test must see what is logged"
    text += caplog.text + "".join(repr(record.__dict__) for record in caplog.records) + repr(store)
    assert not [secret for secret in secrets if secret in text]


def test_the_log_of_every_request_is_masked_and_stays_readable(
    server: Azurite, container: ContainerClient, caplog: pytest.LogCaptureFixture
) -> None:
    sas = sas_of(container, expiry=datetime.now(UTC) + timedelta(hours=1))
    env = {"AZURE_STORAGE_ENDPOINT": server.endpoint, "AZURE_STORAGE_ACCOUNT_NAME": ACCOUNT, "AZURE_STORAGE_SAS_TOKEN": sas}
    with caplog.at_level(logging.DEBUG, logger="urllib3.connectionpool"):
        AzureStore(parse(url_of(container)), lambda: env).length(PATH)
    assert any("HEAD" in record.getMessage() and "?***" in record.getMessage() for record in caplog.records)
    assert azure_auth.READ_TIMEOUT <= 30
