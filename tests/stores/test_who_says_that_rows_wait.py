"""Where a store is down, each side says what it means for the user: a shipper that rows wait, a reader and Spark that they don't."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from modeldata import Archive
from modeldata.settings import Settings
from modeldata.spark import task
from modeldata.spark.call import new_call
from modeldata.spark.commit import Driver
from modeldata.spark.errors import NotArchived
from modeldata.spool.files import Files
from modeldata.store import Unavailable
from modeldata.store.archive_id import NAME, identify
from modeldata.store.local import LocalStore
from tests.cli.kit import run
from tests.spark.test_a_call_is_archived_whole_or_not_at_all import IDENTITY, NOW

DOWN = "s3://bucket/archive"
WAITS = "rows stay in the spool"


@pytest.fixture(autouse=True)
def _nobody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    names = {"AWS_ACCESS_KEY_ID": "key-of-nobody", "AWS_SECRET_ACCESS_KEY": "secret-of-nobody", "AWS_REGION": "us-east-1"}
    for name, value in {**names, "AWS_ENDPOINT_URL": "http://127.0.0.1:9"}.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize("command", [("head", "churn/inputs"), ("audit",), ("prune", "--older-than", "90d", "--yes")])
def test_a_reader_of_a_store_that_is_down_hears_of_no_spool(command: tuple[str, ...]) -> None:
    done = run(*command, "--archive", DOWN)
    assert done.code != 0
    assert "connection refused" in done.err and WAITS not in done.err


def test_a_drain_to_a_store_that_is_down_says_where_the_rows_are(tmp_path: Path) -> None:
    archive = Archive(DOWN, spool=str(tmp_path / "spool"), ship="off")
    assert archive.collector("churn", "inputs").collect([1])
    archive.close(0)
    done = run("ship", "--drain", "--json", "--archive", DOWN, "--spool", str(tmp_path / "spool"), "--timeout", "0")
    message = json.loads(done.out)["message"]
    assert "connection refused" in message and WAITS in message


def test_spark_says_that_no_row_is_in_the_archive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(task.time, "sleep", lambda seconds: None)
    settings = Settings.build({}, archive=DOWN)
    call = new_call(IDENTITY, ("n",), settings.to_env(), time_ns=NOW, hour_folders=False)
    with pytest.raises(NotArchived, match=r"connection refused .*no row of this frame is in the archive") as raised:
        Driver(call, settings).begin()
    assert WAITS not in str(raised.value)


def test_an_id_that_another_host_makes_between_two_looks_is_taken(tmp_path: Path) -> None:
    class Late(LocalStore):
        looks = 0

        def read(self, path: str, start: int = 0, size: int | None = None) -> bytes:
            self.looks += 1
            if self.looks == 1:
                self.put(NAME, json.dumps({"version": 1, "id": "theirs"}).encode())
                raise Unavailable("read the archive", path, cause="it is not there")
            return super().read(path, start, size)

    assert identify(Late(str(tmp_path), Files()), Files(), "ours").id == "theirs"
