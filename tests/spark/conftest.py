"""An empty archive for a Spark test, in a folder or in a cloud that its executors reach, too."""

from __future__ import annotations

import itertools
import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.stores.buckets import Bucket, LocalBucket
from tests.support.spark import Clouds

PREFIX = "team/archive"
_numbers = itertools.count(1)


@dataclass
class Place:
    """An empty archive, and a look at it that is not ours: `bucket`."""

    url: str
    bucket: Bucket
    prefix: str = ""

    def files(self) -> dict[str, bytes]:
        """Content by path below the archive."""
        found = self.bucket.files()
        return {path.removeprefix(self.prefix): data for path, data in found.items() if path.startswith(self.prefix)}


@pytest.fixture
def cloud_env(clouds: Clouds, monkeypatch: pytest.MonkeyPatch) -> None:
    """The driver sees what the executors see."""
    for name, value in clouds.env.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def place(request: pytest.FixtureRequest, tmp_path: Path, clouds: Clouds, cloud_env: None) -> Place:
    """A new archive in the kind of store that a test is parametrized with; in a folder without that."""
    kind = getattr(request, "param", "folder")
    if kind == "folder":
        return Place(str(tmp_path / "archive"), LocalBucket(tmp_path / "archive"))
    name = f"spark-{os.getpid()}-{next(_numbers)}"
    bucket = clouds.make[kind](name)
    bucket.create()
    return Place(f"{kind}://{name}/{PREFIX}", bucket, f"{PREFIX}/")
