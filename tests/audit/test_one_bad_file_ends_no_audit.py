"""One file or folder that can't be read is named; all else is audited."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from modeldata.catalog.audit import BROKEN, UNPROVEN
from modeldata.spool.files import Files
from modeldata.store import ReadStore, Unavailable, open_store
from tests.audit.kit import Harmed, audited, store_at
from tests.support.s3 import moto_server
from tests.support.scripts import modeldata


class Denying:
    """A store that denies what some path has in it, as S3 does with objects in an archive class."""

    def __init__(self, store: ReadStore, word: str) -> None:
        self._store = store
        self._word = word

    def _check(self, path: str) -> None:
        if self._word in path:
            raise Unavailable("read the archive", path, cause="status 403 (InvalidObjectState)")

    def walk(
        self, folder: str = "", wanted: Callable[[str], bool] | None = None, skip: Callable[[str], str] | None = None
    ) -> Iterator[str]:
        return self._store.walk(folder, wanted, skip)

    def length(self, path: str) -> int:
        return self._store.length(path)

    def unfinished_puts(self, folder: str) -> dict[str, int]:
        return self._store.unfinished_puts(folder)

    def claimed(self, path: str) -> bool:
        return self._store.claimed(path)

    def read(self, path: str, start: int = 0, size: int | None = None) -> bytes:
        self._check(path)
        return self._store.read(path, start, size)


@pytest.mark.parametrize("what", ["data file", "manifest"])
@pytest.mark.parametrize("file_format", ["csv", "parquet"])
def test_a_file_that_is_denied_is_named_and_the_rest_is_audited(tmp_path: Path, what: str, file_format: str) -> None:
    harmed = Harmed(tmp_path, file_format)
    harmed.add(2, "predictions")
    path = harmed.files[0] if what == "data file" else harmed.logs[0]
    denied = str(path.relative_to(harmed.root))
    found = audited(Denying(store_at(harmed.root), denied))
    assert found.verdict == UNPROVEN
    assert found.rows == (9 if what == "data file" else 6 if file_format == "parquet" else 3)
    assert denied in found.unread[0] and "InvalidObjectState" in found.unread[0]
    harmed.files[-1].write_bytes(b"x" * harmed.files[-1].stat().st_size)
    assert audited(Denying(store_at(harmed.root), denied)).verdict == BROKEN, "what is known to be wrong comes first"


class DenyingFiles(Files):
    """A disk that does not list some folder."""

    def __init__(self, denied: str) -> None:
        super().__init__()
        self._denied = denied

    def listdir(self, path: str) -> list[str]:
        if path == self._denied:
            raise PermissionError(13, "Permission denied")
        return super().listdir(path)


def test_a_folder_that_is_denied_is_named_and_the_rest_is_audited(tmp_path: Path) -> None:
    harmed = Harmed(tmp_path)
    harmed.add(2, "predictions")
    day = harmed.files[-1].parent
    found = audited(open_store(str(harmed.root), DenyingFiles(str(day))))
    assert (found.verdict, found.rows) == (UNPROVEN, 6)
    assert str(day) in found.unread[0]


@pytest.mark.parametrize("kind", ["link", "folder", "empty"])
def test_what_is_no_regular_file_is_named(tmp_path: Path, kind: str) -> None:
    harmed = Harmed(tmp_path, "parquet")
    path = harmed.files[0]
    path.unlink()
    if kind == "link":
        path.symlink_to("/etc/passwd")
    elif kind == "folder":
        path.mkdir()
    else:
        path.touch()
    found = audited(harmed.root)
    assert found.verdict in (BROKEN, UNPROVEN) and found.rows == 6
    assert path.name in " ".join([*found.problems, *found.unread])


def test_an_object_in_an_archive_class_ends_the_audit_with_4(tmp_path: Path) -> None:
    import boto3

    with moto_server() as server:
        env = {
            "AWS_ENDPOINT_URL": server.url, "AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": server.key,
            "AWS_SECRET_ACCESS_KEY": server.secret,
        }  # fmt: skip
        client = boto3.client(
            "s3", endpoint_url=server.url, region_name="us-east-1", aws_access_key_id=server.key,
            aws_secret_access_key=server.secret,
        )  # fmt: skip
        client.create_bucket(Bucket="archive")
        harmed = Harmed(tmp_path)
        for path in harmed.root.rglob("*"):
            if path.is_file() and ".owner" not in path.name:
                frozen = path == harmed.files[0]
                client.put_object(
                    Bucket="archive", Key=str(path.relative_to(harmed.root)), Body=path.read_bytes(),
                    StorageClass="GLACIER" if frozen else "STANDARD",
                )  # fmt: skip
        done = modeldata("audit", "s3://archive", env=env)
    assert done.returncode == 4, done.stdout + done.stderr
    assert "could not be read" in done.stdout and "6 rows in 2 batches" in done.stdout
