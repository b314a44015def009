"""Ways to store: a server (or a folder), an archive of its own in it, and a look at it that is not ours."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, unquote

from tests.support.azurite import Azurite
from tests.support.proxy import Match, Proxy, request_is

from .buckets import AzureBucket, Bucket, GcsBucket, LocalBucket, S3Bucket

PREFIX = "team/archive"
BLOCKS = 3
"""What a blob of `short_blobs` takes."""
WRONG_KEY = base64.b64encode(bytes(64)).decode()


@dataclass
class Backend:
    """An empty archive at `url`. With a server, all of our requests go through `proxy`; `bucket` goes around it.

    env: the variables for the endpoint and the credentials (set already); `env_for` makes those of another endpoint.
    late_statuses: what the server says to a write that comes too late, or again.
    secrets: what must not be seen anywhere.
    """

    name: str
    url: str
    bucket: Bucket
    dialect: str = "local"
    proxy: Proxy | None = None
    container: str = ""
    write_query: str | None = None
    late_statuses: tuple[int, ...] = ()
    settings: dict[str, object] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()
    wrong_env: dict[str, str] = field(default_factory=dict)
    """Credentials that the store refuses."""
    env_for: Callable[[str], dict[str, str]] = lambda endpoint: {}

    @property
    def env(self) -> dict[str, str]:
        return self.env_for(self.proxy.url) if self.proxy is not None else {}

    def files(self) -> Mapping[str, bytes]:
        return self.bucket.files()

    def data_files(self) -> list[str]:
        """Paths of files with rows."""
        return sorted(path for path in self.files() if "/_manifest/" not in path and "_heads/" not in path)

    def writes(self, path: str) -> Match:
        """The requests that write to files whose path matches."""
        return request_is("PUT|POST", path, self.write_query)

    def append(self, path: str, data: bytes) -> None:
        """As a foreign writer does."""
        if isinstance(self.bucket, AzureBucket):
            self.bucket.append(path, data)
        else:
            self.bucket.write(path, self.files()[path] + data)

    def replace(self, path: str, data: bytes, *, block_blob: bool) -> None:
        if isinstance(self.bucket, AzureBucket) and not block_blob:
            self.bucket.write_append_blob(path, data)
        else:
            self.bucket.write(path, data)

    def error(self, code: str, message: str = "The server says no.") -> bytes:
        """The body of an answer that refuses, as this kind of store says it."""
        if self.dialect == "gcs-json":
            return json.dumps({"error": {"code": 0, "message": message, "errors": [{"reason": code}]}}).encode()
        return f'<?xml version="1.0" encoding="utf-8"?><Error><Code>{code}</Code><Message>{message}</Message></Error>'.encode()

    def error_headers(self, code: str) -> dict[str, str]:
        headers = {"Content-Type": "application/xml"}
        return {**headers, "x-ms-error-code": code} if self.dialect == "azure" else headers

    @property
    def skew_code(self) -> str:
        return "AuthenticationFailed" if self.dialect == "azure" else "RequestTimeTooSkewed"


def local(root: LocalBucket) -> Backend:
    return Backend("local", str(root.root), root)


def azure(name: str, server: Azurite, proxy: Proxy, container: str) -> Backend:
    """Append blobs (CSV), or block blobs (Parquet); with "sas", by a signature instead of the account's key."""
    block = name == "block blob"
    sas = _sas(server)

    def env_for(endpoint: str, key: str = server.key, signed: str = sas) -> dict[str, str]:
        blob = f"BlobEndpoint={endpoint}/{server.account};"
        keyed = f"AccountName={server.account};AccountKey={key};"
        return {"AZURE_STORAGE_CONNECTION_STRING": blob + (f"SharedAccessSignature={signed};" if name == "sas" else keyed)}

    signature = sas.partition("sig=")[2].partition("&")[0]
    return Backend(
        name,
        f"az://{container}/{PREFIX}",
        AzureBucket(server.connection_string, container),
        "azure",
        proxy,
        container,
        None if block else "comp=appendblock",
        (409, 412),
        {"format": "parquet"} if block else {},
        (server.key,) if name != "sas" else (signature, unquote(signature)),
        wrong_env=env_for(proxy.url, WRONG_KEY, sas.replace(signature, quote(WRONG_KEY[:44], safe=""))),
        env_for=env_for,
    )


def _sas(server: Azurite) -> str:
    from azure.storage.blob import AccountSasPermissions, ResourceTypes, generate_account_sas

    return generate_account_sas(
        server.account,
        server.key,
        ResourceTypes(container=True, object=True),
        AccountSasPermissions(read=True, write=True, delete=True, list=True, add=True, create=True),
        datetime.now(UTC) + timedelta(days=1),
    )


S3_KEY, S3_SECRET, S3_TOKEN = "AKIATESTTESTTEST", "wJalrXUtnFEMIK7MDENGbPxRfiCYsecret", "FwoGZXIvYXdzEBYaDtokenTOKENtoken"


def s3(
    name: str, endpoint: str, proxy: Proxy, bucket: str, *, key: str = S3_KEY, secret: str = S3_SECRET, token: str = ""
) -> Backend:
    """CSV objects. Of a server with conditional writes, a late one is refused; of another it writes the same bytes again."""

    def env_for(endpoint: str, secret: str = secret) -> dict[str, str]:
        env = {"AWS_ENDPOINT_URL": endpoint, "AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret}
        return {**env, "AWS_SESSION_TOKEN": token} if token else env

    return Backend(
        name,
        f"s3://{bucket}/{PREFIX}",
        S3Bucket(endpoint, bucket, key, secret),
        "s3",
        proxy,
        bucket,
        late_statuses=(200,) if name == "s3 plain" else (412, 409),
        secrets=(secret, token) if token else (secret,),
        wrong_env=env_for(proxy.url, "another-secret-than-that-of-the-store"),
        env_for=env_for,
    )


def gcs(endpoint: str, proxy: Proxy, bucket: str) -> Backend:
    return Backend(
        "gcs",
        f"gs://{bucket}/{PREFIX}",
        GcsBucket(endpoint, bucket),
        "s3",
        proxy,
        bucket,
        late_statuses=(412,),
        env_for=lambda endpoint: {"STORAGE_EMULATOR_HOST": endpoint},
    )


def proxy_of(backend: Backend) -> Proxy:
    assert backend.proxy is not None
    return backend.proxy
