"""Who we are to S3 and GCS: from the variables that their own tools know to a client that retries nothing by itself.

S3: keys (`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`), a profile (`AWS_PROFILE`, `~/.aws`; by boto3), a
web identity, the role of a container or an instance. `AWS_REGION`. `AWS_ENDPOINT_URL` for other servers.
GCS: `GOOGLE_APPLICATION_CREDENTIALS`, else whoever is logged in, else the instance. `STORAGE_EMULATOR_HOST` for other servers.
"""

from __future__ import annotations

import json
import os
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import getproxies

from obstore.store import GCSStore, S3Store

from modeldata.errors import remember_secret
from modeldata.store.credentials import first_of
from modeldata.store.endpoint import check_endpoint
from modeldata.store.failures import NoAccess

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from obstore.store import S3Credential

    from modeldata.urls import Location

CONNECT_TIMEOUT = 5.0
REQUEST_TIMEOUT = 30.0
"""Seconds for a whole request."""
ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
PASSED = (
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN", "AWS_ROLE_SESSION_NAME", "AWS_METADATA_ENDPOINT", "AWS_REQUEST_PAYER",
    "AWS_SERVER_SIDE_ENCRYPTION", "AWS_SSE_KMS_KEY_ID", "AWS_VIRTUAL_HOSTED_STYLE_REQUEST", "AWS_CONDITIONAL_PUT",
)  # fmt: skip
ROLES = PASSED[:4]
PROFILE_FILES = (("credentials_file", "AWS_SHARED_CREDENTIALS_FILE"), ("config_file", "AWS_CONFIG_FILE"))
OURS = {"checksum_algorithm": "SHA256", "conditional_put": "etag", "skip_signature": False, "unsigned_payload": False}
"""What the library would else take from the process's environment. The checksum is sent along: bytes that change on the way
are refused."""
STS = "AWS_ENDPOINT_URL_STS"
AWS = ("amazonaws.com", "amazonaws.com.cn", "api.aws")
GOOGLES = ("googleapis.com", "accounts.google.com", "metadata.google.internal", "metadata")
IDENTITIES = ("169.254.169.254", "169.254.170.2", "169.254.170.23", "fd00:ec2::254", "fd00:ec2::23", *AWS[:2])
"""Who gives credentials to instances, containers and web identities."""
NOWHERE = "http://127.0.0.1:0"
"""A proxy that can't be: nothing listens on port 0."""
EMULATOR = "STORAGE_EMULATOR_HOST"
GOOGLE = "GOOGLE_APPLICATION_CREDENTIALS"

Client = S3Store | GCSStore


def open_client(location: Location, env: Mapping[str, str], *, insecure: bool) -> tuple[Client, str]:
    """A client, and the server it speaks to. No request is made. Raises `NoAccess`, which says what to set."""
    if location.scheme == "gs":
        return _open_gcs(location.container, env, insecure)
    return _open_s3(location.container, env, insecure)


def _options(endpoint: str, insecure: bool, hosts: tuple[str, ...]) -> dict[str, Any]:
    """Of every request; an endpoint over plain http only where nobody else can listen. hosts: besides the endpoint's."""
    if endpoint:
        check_endpoint(endpoint, "https://host:port", insecure=insecure)
    return {
        "client_options": {
            "allow_http": endpoint.startswith("http://"),
            "connect_timeout": timedelta(seconds=CONNECT_TIMEOUT),
            "timeout": timedelta(seconds=REQUEST_TIMEOUT),
            **_only(*(host for host in (urlsplit(endpoint).hostname, *hosts) if host)),
        },
        "retry_config": {"max_retries": 0, "retry_timeout": timedelta(0)},
    }


def _only(*hosts: str) -> dict[str, str]:
    """Let requests go to these hosts and those below them, and to no other: the library follows redirects, and can't be asked not
    to. All others would have to pass a proxy that is not there. Where the environment names a real proxy, that one decides.
    """
    return {} if getproxies() else {"proxy_url": NOWHERE, "proxy_excludes": ",".join(hosts)}


def _hosts_of(env: Mapping[str, str], names: tuple[str, ...]) -> tuple[str, ...]:
    """Of the variables among `names` that hold a URL."""
    return tuple(host for name in names if (host := urlsplit(env.get(name, "")).hostname))


def _open_s3(bucket: str, env: Mapping[str, str], insecure: bool) -> tuple[Client, str]:
    endpoint = first_of(env, ENDPOINTS)[1]
    region = first_of(env, ("AWS_REGION", "AWS_DEFAULT_REGION"))[1]
    config: dict[str, Any] = {**OURS, **{name.lower().removeprefix("aws_"): env[name] for name in PASSED if env.get(name)}}
    for name in KEYS:
        remember_secret(name, env.get(name, ""))
    if endpoint:
        config["endpoint"] = endpoint
    if region:
        config["region"] = region
    options = _options(endpoint, insecure, (*(() if endpoint else AWS), *IDENTITIES, *_hosts_of(env, (*PASSED, STS))))
    if _has_keys(env):
        options["credential_provider"] = _keys(env)
    elif _wants_profile(env):
        options["credential_provider"] = _profile(env)
    return S3Store(bucket, config=config, **options), urlsplit(endpoint).netloc or "S3"  # type: ignore[arg-type]


def _has_keys(env: Mapping[str, str]) -> bool:
    return bool(env.get(KEYS[0]) and env.get(KEYS[1]))


def _keys(env: Mapping[str, str]) -> Callable[[], S3Credential]:
    """These keys and this token, and nothing of the process's environment beside them."""
    keys: S3Credential = {
        "access_key_id": env[KEYS[0]],
        "secret_access_key": env[KEYS[1]],
        "token": env.get(KEYS[2]) or None,
        "expires_at": None,
    }
    return lambda: keys


def _wants_profile(env: Mapping[str, str]) -> bool:
    if env.get("AWS_PROFILE"):
        return True
    if any(env.get(name) for name in ROLES):
        return False
    named = (env.get(name, "") for _, name in PROFILE_FILES)
    return any(os.path.exists(os.path.expanduser(path)) for path in (*filter(None, named), "~/.aws/credentials", "~/.aws/config"))


def _profile(env: Mapping[str, str]) -> Any:
    try:
        import boto3
        import botocore.session
        from botocore.exceptions import BotoCoreError
        from obstore.auth.boto3 import Boto3CredentialProvider
    except ImportError:
        raise NoAccess("a profile is read by boto3, which is not installed", "pip install 'modeldata[s3]'") from None
    core = botocore.session.Session(profile=env.get("AWS_PROFILE") or None)
    for variable, name in PROFILE_FILES:
        if env.get(name):
            core.set_config_variable(variable, env[name])
    try:
        return Boto3CredentialProvider(boto3.Session(botocore_session=core))
    except (BotoCoreError, ValueError) as error:
        raise NoAccess(f"the profile gives no credentials ({type(error).__name__})", "see AWS_PROFILE and ~/.aws") from None


def _open_gcs(bucket: str, env: Mapping[str, str], insecure: bool) -> tuple[Client, str]:
    emulator = env.get(EMULATOR, "")
    config: dict[str, Any] = {}
    if emulator:
        emulator = emulator if "://" in emulator else f"http://{emulator}"
        nobody = {"gcs_base_url": emulator, "disable_oauth": True, "client_email": "", "private_key": "", "private_key_id": ""}
        config["service_account_key"] = json.dumps(nobody)
    elif env.get(GOOGLE):
        config["application_credentials"] = env[GOOGLE]
    options = _options(emulator, insecure, (*GOOGLES, *IDENTITIES))
    try:
        return GCSStore(bucket, config=config, **options), urlsplit(emulator).netloc or "GCS"  # type: ignore[arg-type]
    except Exception as error:
        raise NoAccess(f"there are no credentials ({type(error).__name__})", f"set {GOOGLE}") from None
