"""Every store keeps every sentence of the port."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from modeldata.spool.files import Files
from modeldata.store import Store, open_store
from modeldata.testing import AppendConformance, StoreConformance
from tests.support.azurite import Azurite
from tests.support.gcs import gcs_server
from tests.support.s3 import S3Server, moto_server, rclone_s3

from .buckets import AzureBucket, GcsBucket, S3Bucket

_names = (f"conformance-{number}" for number in itertools.count(1))


class _Opened:
    """On an archive that a fixture made: `url` and what it takes to open it."""

    url: str
    env: dict[str, str]

    def open(self) -> Store:
        return open_store(self.url, Files(), credentials=lambda: self.env)


class TestLocal(_Opened, AppendConformance, StoreConformance):
    @pytest.fixture(autouse=True)
    def _place(self, tmp_path: Path) -> None:
        self.url, self.env = str(tmp_path / "archive"), {}


class TestAzure(_Opened, AppendConformance, StoreConformance):
    @pytest.fixture(autouse=True)
    def _place(self, azurite_server: Azurite) -> None:
        name = next(_names)
        AzureBucket(azurite_server.connection_string, name).create()
        self.url, self.env = f"az://{name}/a/b", {"AZURE_STORAGE_CONNECTION_STRING": azurite_server.connection_string}


def _keys(server: S3Server) -> dict[str, str]:
    names = {"AWS_ENDPOINT_URL": server.url, "AWS_REGION": "us-east-1"}
    return {**names, "AWS_ACCESS_KEY_ID": server.key, "AWS_SECRET_ACCESS_KEY": server.secret}


@pytest.fixture(scope="module")
def moto_alone() -> Iterator[S3Server]:
    with moto_server() as server:
        yield server


@pytest.fixture(scope="module")
def rclone_alone() -> Iterator[S3Server]:
    with rclone_s3() as server:
        yield server


class TestS3(_Opened, StoreConformance):
    @pytest.fixture(autouse=True)
    def _place(self, moto_alone: S3Server) -> None:
        name = next(_names)
        S3Bucket(moto_alone.url, name, moto_alone.key, moto_alone.secret).create()
        self.url, self.env = f"s3://{name}/a/b", _keys(moto_alone)


class TestS3WithoutConditions(_Opened, StoreConformance):
    conditional = False

    @pytest.fixture(autouse=True)
    def _place(self, rclone_alone: S3Server) -> None:
        name = next(_names)
        S3Bucket(rclone_alone.url, name, rclone_alone.key, rclone_alone.secret).create()
        self.url, self.env = f"s3://{name}/a/b", _keys(rclone_alone)


class TestGcs(_Opened, StoreConformance):
    @pytest.fixture(autouse=True)
    def _place(self) -> Iterator[None]:
        with gcs_server() as server:
            name = next(_names)
            GcsBucket(server.url, name).create()
            self.url, self.env = f"gs://{name}/a/b", {"STORAGE_EMULATOR_HOST": server.url}
            yield
