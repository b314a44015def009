"""One server of each kind for a worker of the test run, started when it is first asked for; an archive of its own for each test."""

from __future__ import annotations

import importlib
import itertools
import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.azurite import Azurite, azurite
from tests.support.proxy import Proxy, proxying

from . import backends
from .backends import Backend
from .buckets import LocalBucket

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def azurite_server() -> Iterator[Azurite]:
    with azurite() as server:
        yield server


@pytest.fixture(scope="session")
def azurite_proxy(azurite_server: Azurite) -> Iterator[Proxy]:
    with proxying(azurite_server.url) as proxy:
        yield proxy


@pytest.fixture(scope="session")
def short_proxy() -> Iterator[tuple[Azurite, Proxy]]:
    with azurite(block_limit=backends.BLOCKS) as server, proxying(server.url) as proxy:
        yield server, proxy


def _served(module: str, name: str) -> Callable[..., Iterator[tuple[Any, Proxy]]]:
    """A server (a context manager of `tests.support`) with a proxy in front of it."""

    @pytest.fixture(scope="session")
    def serve() -> Iterator[tuple[Any, Proxy]]:
        with getattr(importlib.import_module(f"tests.support.{module}"), name)() as server, proxying(server.url) as proxy:
            yield server, proxy

    return serve


moto_and_proxy = _served("s3", "moto_server")
rclone_and_proxy = _served("s3", "rclone_s3")
gcs_and_proxy = _served("gcs", "gcs_server")


@pytest.fixture(autouse=True)
def _no_credentials_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing that a developer's own clouds left in the environment takes part."""
    for name in list(os.environ):
        if name.startswith(("AZURE_", "AWS_", "GOOGLE_", "AML_MODEL", "MODELDATA_", "STORAGE_EMULATOR")) or name.lower().endswith(
            "_proxy"
        ):
            monkeypatch.delenv(name)


def _made(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> Iterator[Backend]:
    backend.bucket.create()
    for name, value in backend.env.items():
        monkeypatch.setenv(name, value)
    if backend.proxy is not None:
        backend.proxy.heal(forget=True)
    yield backend
    if backend.proxy is not None:
        backend.proxy.heal(forget=True)
        backend.proxy.down()  # whatever still waits for an answer
        backend.proxy.up()


def _make(name: str, request: pytest.FixtureRequest) -> Backend:
    container = f"archive-{next(_numbers)}"
    if name == "local":
        return backends.local(LocalBucket(request.getfixturevalue("tmp_path") / "archive"))
    if name in ("append blob", "block blob", "sas"):
        server = request.getfixturevalue("azurite_server")
        return backends.azure(name, server, request.getfixturevalue("azurite_proxy"), container)
    if name == "short blobs":
        server, proxy = request.getfixturevalue("short_proxy")
        return backends.azure(name, server, proxy, container)
    if name == "s3":
        server, proxy = request.getfixturevalue("moto_and_proxy")
        return backends.s3(name, server.url, proxy, container)
    if name == "s3 plain":
        server, proxy = request.getfixturevalue("rclone_and_proxy")
        return backends.s3(name, server.url, proxy, container, key=server.key, secret=server.secret)
    if name == "gcs":
        server, proxy = request.getfixturevalue("gcs_and_proxy")
        return backends.gcs(server.url, proxy, container)
    raise AssertionError(name)


def _fixture(*names: str, rarely: tuple[str, ...] = ()) -> Callable[..., Iterator[Backend]]:
    """A fixture that makes an empty archive of each kind in turn; of those in `rarely` only where `make faults` asks for it."""

    @pytest.fixture(params=[*names, *(pytest.param(name, marks=pytest.mark.faults) for name in rarely)])
    def make(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Backend]:
        yield from _made(_make(request.param, request), monkeypatch)

    return make


backend = _fixture("append blob", "block blob", "s3", "s3 plain", "gcs", "local")
"""Each way to store, empty."""
remote = _fixture("append blob", "s3", rarely=("block blob", "s3 plain", "gcs"))
"""Those that are reached over a network, through a proxy."""
appending = _fixture("append blob", "local")
"""Those whose files grow."""
append_blob = _fixture("append blob")
short_blobs = _fixture("short blobs")
moto = _fixture("s3")
checking = _fixture("append blob", "block blob", "s3 plain")
"""The servers that compare a checksum with what arrived."""
keyed = _fixture("append blob", "sas", "s3 plain")
"""The servers that look at keys and signatures."""


@pytest.fixture
def short_timeouts() -> Iterator[pytest.MonkeyPatch]:
    """No test waits half a minute for a store that says nothing. What users wait is checked here; `undo()` gives it back."""
    from modeldata.store import azure_auth, object_auth

    with pytest.MonkeyPatch.context() as patch:
        for module, name in ((azure_auth, "READ_TIMEOUT"), (object_auth, "REQUEST_TIMEOUT")):
            assert getattr(module, name) <= 30
            patch.setattr(module, name, 0.5)
        yield patch
