"""Who we are to S3 and GCS, and what is never sent where."""

from __future__ import annotations

import builtins
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from modeldata import urls
from modeldata.store import Unavailable
from modeldata.store.failures import Kind, NoAccess
from modeldata.store.object_auth import open_client
from modeldata.store.object_errors import failure_of
from modeldata.store.objects import ObjectStore
from tests.support.proxy import answer, request_is

from .backends import Backend, proxy_of

KEYS = {"AWS_ACCESS_KEY_ID": "AKIATESTTESTTEST", "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMIK7MDENGbPxRfiCYsecret"}


def _open(url: str, env: Mapping[str, str], insecure: bool = False) -> tuple[Any, str]:
    return open_client(urls.parse(url), env, insecure=insecure)


@pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"])
def test_another_server_is_named_as_its_own_tools_have_it(name: str) -> None:
    _, server = _open("s3://bucket/x", {**KEYS, name: "https://minio.example:9000"})
    assert server == "minio.example:9000"


@pytest.mark.parametrize(
    ("url", "env"),
    [
        ("s3://bucket/x", {**KEYS, "AWS_ENDPOINT_URL": "http://minio.example:9000"}),
        ("gs://bucket/x", {"STORAGE_EMULATOR_HOST": "http://gcs.example:4443"}),
        ("gs://bucket/x", {"STORAGE_EMULATOR_HOST": "gcs.example:4443"}),
    ],
)
def test_no_credentials_cross_a_network_unencrypted_unless_that_is_allowed(url: str, env: dict[str, str]) -> None:
    with pytest.raises(NoAccess, match="unencrypted"):
        _open(url, env)
    assert _open(url, env, insecure=True)[1].startswith(("minio.example", "gcs.example"))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_this_very_host_may_be_reached_by_plain_http(host: str) -> None:
    assert _open("s3://bucket/x", {**KEYS, "AWS_ENDPOINT_URL": f"http://{host}:9000"})[1] == f"{host}:9000"


def test_a_refused_endpoint_is_reported_when_it_is_used_with_what_to_do() -> None:
    store = ObjectStore(urls.parse("s3://bucket/x"), lambda: {**KEYS, "AWS_ENDPOINT_URL": "http://minio.example"})
    with pytest.raises(Unavailable, match=r"unencrypted.*MODELDATA_ALLOW_INSECURE"):
        store.put("a", b"x")


@pytest.mark.parametrize("endpoint", ["minio:9000", "ftp://minio", "https://user:secret@minio"])
def test_an_endpoint_that_is_no_url_is_reported_without_showing_it(endpoint: str) -> None:
    with pytest.raises(NoAccess) as report:
        _open("s3://bucket/x", {**KEYS, "AWS_ENDPOINT_URL": endpoint})
    assert "secret" not in str(report.value)


def test_a_profile_is_read_by_boto3_and_without_it_is_said_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "credentials").write_text("[team]\naws_access_key_id = AKIAPROFILE\naws_secret_access_key = profile-secret\n")
    (tmp_path / "config").write_text("[profile team]\nregion = eu-central-1\n")
    files = {"AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"), "AWS_CONFIG_FILE": str(tmp_path / "config")}
    env = {"AWS_PROFILE": "team", **files}
    client, _ = _open("s3://bucket/x", env)
    assert client.credential_provider()["access_key_id"] == "AKIAPROFILE"
    assert client.config["region"] == "eu-central-1"
    assert _open("s3://bucket/x", {**env, "AWS_REGION": "us-west-2"})[0].config["region"] == "us-west-2"
    with pytest.raises(NoAccess, match="the profile gives no credentials"):
        _open("s3://bucket/x", {**env, "AWS_PROFILE": "nobody"})

    whole = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name == "boto3":
            raise ImportError(name)
        return whole(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(NoAccess, match="boto3") as report:
        _open("s3://bucket/x", env)
    assert "modeldata[s3]" in report.value.hint


def test_what_the_process_has_in_its_environment_is_not_mixed_with_what_we_were_given(
    moto: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = moto.env
    stale = {"AWS_ACCESS_KEY_ID": "AKIASTALE", "AWS_SECRET_ACCESS_KEY": "stale", "AWS_SESSION_TOKEN": "stale"}
    weak = {"AWS_SKIP_SIGNATURE": "true", "AWS_UNSIGNED_PAYLOAD": "true", "AWS_CONDITIONAL_PUT": "disabled"}
    for name, value in {**stale, **weak}.items():
        monkeypatch.setenv(name, value)
    ObjectStore(urls.parse(moto.url), lambda: given).put("a", b"rows")
    (sent,) = proxy_of(moto).seen("PUT")
    assert given["AWS_ACCESS_KEY_ID"] in sent.headers["authorization"]
    assert "x-amz-security-token" not in sent.headers and sent.headers["if-none-match"] == "*"
    assert len(sent.headers["x-amz-content-sha256"]) == 64, "what is sent is signed"
    assert "x-amz-checksum-sha256" in sent.headers


def test_a_session_is_sent_with_its_token(moto: Backend) -> None:
    ObjectStore(urls.parse(moto.url), lambda: {**moto.env, "AWS_SESSION_TOKEN": "of-this-session"}).put("a", b"rows")
    (sent,) = proxy_of(moto).seen("PUT")
    assert sent.headers["x-amz-security-token"] == "of-this-session"


def _instance(backend: Backend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
    """On an instance: no keys and no profile, and a metadata service (here, the proxy) that may have a role."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    env = {name: value for name, value in backend.env.items() if "KEY" not in name}
    return ObjectStore(urls.parse(backend.url), lambda: {**env, "AWS_METADATA_ENDPOINT": proxy_of(backend).url})


def test_the_role_of_an_instance_gives_the_keys(moto: Backend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = proxy_of(moto)
    keys = {
        "AccessKeyId": "AKIAOFTHEROLE",
        "SecretAccessKey": "s" * 40,
        "Token": "role-token",
        "Expiration": "2099-01-01T00:00:00Z",
    }
    proxy.fault(answer(200, {}, b"session"), request_is("PUT", "^/latest/api/token$"), times=None)
    proxy.fault(answer(200, {}, b"the-role"), request_is("GET", "/security-credentials/$"), times=None)
    proxy.fault(answer(200, {}, json.dumps(keys).encode()), request_is("GET", "/security-credentials/the-role$"), times=None)
    _instance(moto, tmp_path, monkeypatch).put("a", b"rows")
    sent = proxy.seen("PUT")[-1]
    assert "AKIAOFTHEROLE" in sent.headers["authorization"] and sent.headers["x-amz-security-token"] == "role-token"


@pytest.mark.parametrize("status", [403, 404, 500])
def test_an_instance_without_a_role_learns_what_to_set(
    moto: Backend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    proxy_of(moto).fault(answer(status), request_is("", "^/latest/"), times=None)
    with pytest.raises(Unavailable, match=r"no identity gave credentials.*set the keys"):
        _instance(moto, tmp_path, monkeypatch).put("a", b"rows")


WIRE = """Generic S3 error: Error performing PUT https://host/bucket/certificate/dns%20error/timeout in 5.4ms - HTTP error: error sending request

Debug source:
Generic {{ store: "S3", source: RetryError( RetryErrorImpl {{ method: PUT, uri: Some( https://host/bucket/certificate/timeout, ), retries: 0,
retry_timeout: 0ns, inner: Http( HttpError {{
                    kind: {kind},
                    source: reqwest::Error {{ kind: Request, source: {source}
"""
"""As obstore 0.12 says it."""


@pytest.mark.parametrize(
    ("kind", "source", "means", "cause"),
    [
        (
            "Connect",
            'Os { code: 111, kind: ConnectionRefused, message: "Connection refused" }',
            Kind.NOT_SENT,
            "connection refused",
        ),
        (
            "Connect",
            'ConnectError( "dns error", Custom { error: "failed to lookup address" } )',
            Kind.NOT_SENT,
            "can't be resolved",
        ),
        ("Connect", 'Custom { kind: UnexpectedEof, error: "tls handshake eof" }', Kind.NOT_SENT, "TLS"),
        ("Connect", "InvalidCertificate( UnknownIssuer )", Kind.NOT_SENT, "not trusted"),
        ("Interrupted", 'Os { code: 104, kind: ConnectionReset, message: "Connection reset by peer" }', Kind.OTHER, "broke"),
        ("Timeout", "TimedOut", Kind.OTHER, "no answer in time"),
        ("Unknown", "hyper::Error( Parse( Version ) )", Kind.OTHER, "broke"),
    ],
)
def test_a_connection_that_broke_is_not_one_that_never_was(kind: str, source: str, means: Kind, cause: str) -> None:
    """Nor is a word of the URL, or a setting of the library, what happened."""
    failure = failure_of(RuntimeError(WIRE.format(kind=kind, source=source)))
    assert failure.kind is means and cause in failure.cause and failure.unknown is (means is Kind.OTHER)


@pytest.mark.parametrize(
    "text",
    [
        "Error performing token request: Error performing GET http://169.254.169.254/computeMetadata/v1/x in 1ms - HTTP error",
        "Error performing GET http://169.254.170.2/v2/credentials in 1ms - Server returned non-2xx status code: 404 Not Found",
        "Error performing POST https://sts.eu-west-1.amazonaws.com/ in 1ms - Server returned non-2xx status code: 400 Bad Request",
    ],
)
def test_an_identity_that_gives_nothing_is_not_taken_for_the_store(text: str) -> None:
    assert failure_of(RuntimeError(text)).kind is Kind.CREDENTIALS


@pytest.mark.parametrize(
    ("text", "kind", "cause"),
    [
        ("Server returned non-2xx status code: 403 Forbidden: <Code>AccessDenied</Code>", Kind.CREDENTIALS, "credentials"),
        ("status code: 404 Not Found: <Error><Code>NoSuchBucket</Code>", Kind.NO_CONTAINER, "bucket"),
        ("status code: 404 Not Found: <Error><Code>NoSuchKey</Code>", Kind.GONE, "not there"),
        ("status code: 412 Precondition Failed", Kind.EXISTS, "412"),
        ("status code: 409 Conflict: <Code>ConditionalRequestConflict</Code>", Kind.OTHER, "409"),
        ("status code: 501 Not Implemented: <Code>NotImplemented</Code>", Kind.NO_CONDITIONS, "501"),
        ("status code: 400 Bad Request: <Code>BadDigest</Code>", Kind.OTHER, "BadDigest"),
        ("status code: 400 Bad Request: <Code>EntityTooLarge</Code>", Kind.REFUSED, "EntityTooLarge"),
        ("status code: 413 Payload Too Large", Kind.REFUSED, "413"),
        ("status code: 503 Slow Down: <Code>SlowDown</Code>", Kind.BUSY, "busy"),
        ("status code: 500 Oops: <RequestId>8FA1</RequestId>", Kind.OTHER, "status 500"),
        ("HTTP error: HttpError { kind: Connect, source: dns error: failed to lookup address", Kind.NOT_SENT, "name"),
        ("HTTP error: HttpError { kind: Connect, source: Connection refused (os error 111)", Kind.NOT_SENT, "refused"),
        ("HTTP error: HttpError { kind: Timeout, source: operation timed out", Kind.OTHER, "in time"),
        ("HTTP error at http://host/connection refused/x: HttpError { kind: Unknown", Kind.OTHER, "broke"),
        ("status code: 400 Bad Request: <Code>ExpiredToken</Code>", Kind.CREDENTIALS, "credentials"),
        ("status code: 301 Moved: <Code>PermanentRedirect</Code>", Kind.NOT_SENT, "region"),
        ("HTTP error: connection closed before message completed", Kind.OTHER, "broke"),
    ],
)
def test_what_an_answer_means_is_the_same_whatever_ids_it_carries(text: str, kind: Kind, cause: str) -> None:
    failure = failure_of(RuntimeError(text))
    assert failure.kind is kind and cause in failure.cause and failure.unknown is (kind is Kind.OTHER)
    assert "8FA1" not in failure.cause


def test_a_clock_that_is_wrong_is_reported_with_the_seconds() -> None:
    from datetime import UTC, datetime

    text = "status code: 403: <Code>RequestTimeTooSkewed</Code><ServerTime>2026-11-23T10:00:00Z</ServerTime>"
    failure = failure_of(RuntimeError(text), datetime(2026, 11, 23, 11, 0, 0, tzinfo=UTC))
    assert "clock" in failure.cause and "3600 s" in failure.cause
