"""Who we are to Azure: from the variables that its own tools know to a client that retries nothing by itself.

In this order, each passed over where it is for another account than the URL's:
1. a connection string: `AZURE_STORAGE_CONNECTION_STRING`, else `AML_MODEL_DC_STORAGE`;
2. an account (the URL's, else `AZURE_STORAGE_ACCOUNT_NAME`) and its key (`AZURE_STORAGE_ACCOUNT_KEY`) or a SAS
   (`AZURE_STORAGE_SAS_TOKEN`);
3. an identity: a service principal, a workload's, a managed one, or that of whoever is logged in with the Azure CLI.
`AZURE_STORAGE_ENDPOINT` names another server than the account's usual one.
"""

from __future__ import annotations

import io
import logging
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from azure.core.credentials import AzureNamedKeyCredential, AzureSasCredential
from azure.core.pipeline.transport import RequestsTransport
from azure.storage.blob import ContainerClient

from modeldata.errors import AML, mask, remember_secret
from modeldata.store.azure_errors import WHAT_TO_SET
from modeldata.store.credentials import first_of
from modeldata.store.endpoint import address_of, check_endpoint, is_loopback
from modeldata.store.failures import NoAccess
from modeldata.store.remote import READ_BYTES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from azure.core.credentials import TokenCredential

    from modeldata.urls import Location

CONNECT_TIMEOUT = 5.0
READ_TIMEOUT = 30.0
"""Seconds of silence; a transfer that goes on may take longer."""
PIECE_BYTES = 64 * 1024
"""Bodies above it are sent piece by piece."""

CONNECTION_STRINGS = ("AZURE_STORAGE_CONNECTION_STRING", AML)
ACCOUNTS = ("AZURE_STORAGE_ACCOUNT_NAME", "AZURE_STORAGE_ACCOUNT")
KEYS = ("AZURE_STORAGE_ACCOUNT_KEY", "AZURE_STORAGE_KEY", "AZURE_STORAGE_ACCESS_KEY")
SAS = ("AZURE_STORAGE_SAS_TOKEN",)
ENDPOINTS = ("AZURE_STORAGE_ENDPOINT", "AZURE_STORAGE_BLOB_ENDPOINT")
PRINCIPAL = ("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET")


class Access(NamedTuple):
    """Where, as whom, and with what: `key`, `sas` or (with neither) an identity. `original`: the variable of 2017."""

    endpoint: str
    account: str
    key: str = ""
    sas: str = ""
    original: bool = False

    def __repr__(self) -> str:
        return f"Access({self.endpoint!r}, {self.account!r})"


def access(location: Location, env: Mapping[str, str], *, insecure: bool = False) -> Access:
    """What `env` says about the account of `location`. Raises `NoAccess`, which says what to set."""
    login = _from_connection_string(location, env) or _from_account(location, env)
    check_endpoint(login.endpoint, f"https://account.blob.core.windows.net; see {ENDPOINTS[0]}", insecure=insecure)
    for name, value in (("ACCOUNT_KEY", login.key), ("SAS_TOKEN", login.sas)):
        remember_secret(name, value)
    return login


def _from_connection_string(location: Location, env: Mapping[str, str]) -> Access | None:
    name, text = first_of(env, CONNECTION_STRINGS)
    if not text:
        return None
    parts = parse_connection_string(text)
    account, key, sas = parts.get("accountname", ""), parts.get("accountkey", ""), parts.get("sharedaccesssignature", "")
    endpoint = first_of(env, ENDPOINTS)[1] or parts.get("blobendpoint", "")
    if not (account or endpoint) or not (key or sas):
        hint = f"{name} should be like AccountName=...;AccountKey=...;EndpointSuffix=core.windows.net"
        raise NoAccess("the connection string has no account, or neither key nor SAS", hint)
    account = account or _account_of(endpoint)
    if location.host and account != _account_of_host(location.host):
        return None
    protocol, suffix = parts.get("defaultendpointsprotocol", "https"), parts.get("endpointsuffix", "core.windows.net")
    usual = _blob_host(location.host) or f"{account}.blob.{suffix}"
    return Access(_with_account(endpoint or f"{protocol}://{usual}", account), account, key, sas.lstrip("?"), name == AML)


def _from_account(location: Location, env: Mapping[str, str]) -> Access:
    endpoint = first_of(env, ENDPOINTS)[1]
    named = first_of(env, ACCOUNTS)[1]
    account = _account_of_host(location.host) or named or (_account_of(endpoint) if endpoint else "")
    if not account:
        raise NoAccess("no storage account and no credentials are given", WHAT_TO_SET)
    key, sas = first_of(env, KEYS)[1], first_of(env, SAS)[1].lstrip("?")
    if named and named != account:
        key = sas = ""  # those are the other account's, and none of this one's business
    endpoint = endpoint or f"https://{_blob_host(location.host) or f'{account}.blob.core.windows.net'}"
    return Access(_with_account(endpoint, account), account, key, "" if key else sas)


def parse_connection_string(text: str) -> dict[str, str]:
    """`Name=value;...` → values by lower-case name."""
    pairs = (part.partition("=") for part in text.split(";"))
    return {name.strip().lower(): value.strip() for name, _, value in pairs if name.strip()}


def _account_of_host(host: str) -> str:
    return host.partition(".")[0]


def _blob_host(host: str) -> str:
    """`x.dfs.core.windows.net` → `x.blob.core.windows.net`: append blobs are only to be had there."""
    return host.replace(".dfs.", ".blob.", 1)


def _account_of(endpoint: str) -> str:
    parts = urlsplit(endpoint)
    path = parts.path.strip("/")
    return path.partition("/")[0] if path else _account_of_host(parts.hostname or "")


def _with_account(endpoint: str, account: str) -> str:
    """A server without a name of its own serves many accounts, each under its path."""
    parts = urlsplit(endpoint)
    path = parts.path.strip("/")
    if not path and address_of(parts.hostname or "") is not None:
        path = account
    return f"{parts.scheme}://{parts.netloc}/{path}".rstrip("/")


class Transport(RequestsTransport):  # type: ignore[misc]  # the SDK exports it lazily
    """Sends large bodies piece by piece, and reads an answer before anybody works with it."""

    def send(self, request: Any, **kwargs: Any) -> Any:
        """The time limit is then for a piece, not for 4 MiB on a slow line; and the SDK's own download retries never begin."""
        body = request.data
        if isinstance(body, bytes) and len(body) > PIECE_BYTES:
            request.data = io.BytesIO(body)
        return super().send(request, **{**kwargs, "stream": False})


def open_container(login: Access, container: str, env: Mapping[str, str]) -> ContainerClient:
    """A client of one container. No request is made."""
    _hide_signatures()
    return ContainerClient(
        login.endpoint,
        container,
        credential=_credential(login, env),
        transport=Transport(
            connection_timeout=CONNECT_TIMEOUT,
            read_timeout=READ_TIMEOUT,
            use_env_settings=not is_loopback(login.endpoint),  # what is on this host goes through no proxy
        ),
        retry_total=0,
        permit_redirects=False,  # rows and signatures go to no other host, whatever the answer says
        max_single_get_size=READ_BYTES,
        max_chunk_get_size=READ_BYTES,
    )


def _credential(login: Access, env: Mapping[str, str]) -> AzureNamedKeyCredential | AzureSasCredential | TokenCredential:
    if login.key:
        return AzureNamedKeyCredential(login.account, login.key)
    if login.sas:
        return AzureSasCredential(login.sas)
    return _identity(login, env)


def _identity(login: Access, env: Mapping[str, str]) -> TokenCredential:
    if not login.endpoint.startswith("https:"):
        raise NoAccess("a token is sent over https only", "give a key or a SAS")
    try:
        from azure.identity import ClientSecretCredential, DefaultAzureCredential
    except ImportError:
        raise NoAccess("an identity needs azure-identity, which is not installed", "pip install 'modeldata[azure]'") from None
    tenant, client, secret = (env.get(name, "") for name in PRINCIPAL)
    if tenant and client and secret:  # may come from a file of ours, where the SDK does not look
        remember_secret(PRINCIPAL[2], secret)
        return ClientSecretCredential(tenant, client, secret, connection_timeout=CONNECT_TIMEOUT, read_timeout=READ_TIMEOUT)
    log = logging.getLogger("azure.identity")
    if log.level == logging.NOTSET:
        log.setLevel(logging.ERROR)  # else ten lines of warnings with every try, for as long as there is no token
    return DefaultAzureCredential(
        managed_identity_client_id=client or None,
        exclude_shared_token_cache_credential=True,
        exclude_visual_studio_code_credential=True,
        exclude_powershell_credential=True,
        exclude_developer_cli_credential=True,
    )


class _Signatures(logging.Filter):
    """urllib3 logs every URL at DEBUG, and a SAS is part of the URL."""

    def filter(self, record: logging.LogRecord) -> bool:
        text = record.getMessage()
        if "sig=" in text.lower():
            record.msg, record.args = mask(text), ()
        return True


_signatures = _Signatures()


def _hide_signatures() -> None:
    logging.getLogger("urllib3.connectionpool").addFilter(_signatures)
