"""What is in a container or bucket, as its own SDK sees it: read, changed and removed around our code and around the proxy."""

from __future__ import annotations

import contextlib
import re
import shutil
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol
from urllib.parse import quote
from xml.sax.saxutils import unescape


class Bucket(Protocol):
    """One container, bucket or folder. Paths are whole keys."""

    def create(self) -> None: ...
    def drop(self) -> None:
        """Take it away with all that is in it."""

    def files(self) -> Mapping[str, bytes]: ...
    def write(self, path: str, data: bytes) -> None:
        """Make or replace."""

    def delete(self, path: str) -> None: ...


class AzureBucket:
    def __init__(self, connection: str, name: str) -> None:
        from azure.storage.blob import BlobServiceClient

        self.client = BlobServiceClient.from_connection_string(connection).get_container_client(name)

    def create(self) -> None:
        self.client.create_container()

    def drop(self) -> None:
        self.client.delete_container()

    def files(self) -> dict[str, bytes]:
        names = list(self.client.list_blob_names())
        return {name: self.client.download_blob(name).readall() for name in names}

    def write(self, path: str, data: bytes) -> None:
        """As a block blob."""
        self.delete(path)
        self.client.upload_blob(path, data)

    def write_append_blob(self, path: str, data: bytes) -> None:
        self.delete(path)
        blob = self.client.get_blob_client(path)
        blob.create_append_blob()
        blob.append_block(data)

    def append(self, path: str, data: bytes) -> None:
        self.client.get_blob_client(path).append_block(data)

    def delete(self, path: str) -> None:
        from azure.core.exceptions import ResourceNotFoundError

        with contextlib.suppress(ResourceNotFoundError):
            self.client.delete_blob(path)


class S3Bucket:
    def __init__(self, endpoint: str, name: str, key: str, secret: str) -> None:
        import boto3
        from botocore.config import Config

        config = Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1})
        self.name = name
        self.client = boto3.client(
            "s3",
            endpoint_url=endpoint,
            aws_access_key_id=key,
            aws_secret_access_key=secret,
            region_name="us-east-1",
            config=config,
        )

    def create(self) -> None:
        self.client.create_bucket(Bucket=self.name)

    def drop(self) -> None:
        for path in self._paths():
            self.delete(path)
        self.client.delete_bucket(Bucket=self.name)

    def _paths(self) -> list[str]:
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.name)
        return [one["Key"] for page in pages for one in page.get("Contents", ())]

    def files(self) -> dict[str, bytes]:
        return {path: self.client.get_object(Bucket=self.name, Key=path)["Body"].read() for path in self._paths()}

    def write(self, path: str, data: bytes) -> None:
        self.client.put_object(Bucket=self.name, Key=path, Body=data)

    def delete(self, path: str) -> None:
        self.client.delete_object(Bucket=self.name, Key=path)


class GcsBucket:
    """By plain HTTP: there is no SDK that speaks with a server of our own."""

    def __init__(self, endpoint: str, name: str) -> None:
        self.url = f"{endpoint}/{name}"

    def _ask(self, method: str, path: str = "", data: bytes | None = None) -> bytes:
        target = self.url + (f"/{quote(path)}" if path and not path.startswith("?") else path)
        with urllib.request.urlopen(urllib.request.Request(target, data, method=method), timeout=30) as answer:
            body = answer.read()
            assert isinstance(body, bytes)
            return body

    def create(self) -> None:
        self._ask("PUT")

    def drop(self) -> None:
        self._ask("DELETE")

    def files(self) -> dict[str, bytes]:
        listed = self._ask("GET", "?list-type=2&max-keys=100000").decode()
        return {unescape(path): self._ask("GET", unescape(path)) for path in re.findall(r"<Key>([^<]*)</Key>", listed)}

    def write(self, path: str, data: bytes) -> None:
        self._ask("PUT", path, data)

    def delete(self, path: str) -> None:
        with contextlib.suppress(urllib.error.HTTPError):
            self._ask("DELETE", path)


class LocalBucket:
    def __init__(self, root: Path) -> None:
        self.root = root

    def create(self) -> None:
        self.root.mkdir()

    def drop(self) -> None:
        shutil.rmtree(self.root)

    def files(self) -> dict[str, bytes]:
        return {str(path.relative_to(self.root)): path.read_bytes() for path in self.root.rglob("*") if path.is_file()}

    def write(self, path: str, data: bytes) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_bytes(data)

    def delete(self, path: str) -> None:
        (self.root / path).unlink(missing_ok=True)
