"""A service without a home, without a temporary directory, on a read-only disk: it goes on, and says what to set (H62)."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from modeldata import Archive, SpoolError
from modeldata.cli.commands.doctor import BAD, NOTE, examine
from modeldata.settings import Settings
from modeldata.settings.folders import state_folder
from modeldata.spool.files import Files
from tests.read.kit import Shipped
from tests.support.archive import features
from tests.support.scripts import environment

REMOTE = "s3://some-bucket/a"


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """No folder can be written, as on the read-only root of a bare container."""
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    monkeypatch.delenv("MODELDATA_SPOOL", raising=False)


@pytest.mark.usefixtures("nowhere")
@pytest.mark.parametrize("url", [REMOTE, "one,two", "az://container/a"])
def test_rows_that_can_wait_nowhere_are_refused_counted_and_the_setting_is_named(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    archive = Archive(url, ship="off")
    collector = archive.collector("m")

    assert [collector.collect([number]) for number in range(50)] == [False] * 50

    assert archive.stats().dropped == {"spool_unusable": 50}
    assert "MODELDATA_SPOOL" in str(archive.stats().last_error)
    assert archive.flush(0) is False and archive.close(0) is False
    assert len([one for one in caplog.records if "set MODELDATA_SPOOL" in one.getMessage()]) == 1
    assert len(archive._intake.writer.lanes) == 1


@pytest.mark.usefixtures("nowhere")
def test_a_local_archive_needs_no_home(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "archive", ship="thread", batch_seconds=0)

    assert archive.collector("m", "in", ["n"]).collect([1]) and archive.close(60)
    assert features(tmp_path / "archive") == [("1",)]


@pytest.mark.usefixtures("nowhere")
def test_doctor_says_what_to_set_where_rows_can_wait_nowhere() -> None:
    found = list(examine(Settings.build({}, archive="one,two"), Files()))

    said = [one.text for one in found if one.verdict == BAD and one.topic == "spool"]
    assert len(said) == 1 and "set MODELDATA_SPOOL" in said[0] and "home" in said[0]


def test_an_archive_is_read_without_any_place_for_a_spool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.cli.kit import run

    shipped = Shipped(str(tmp_path / "archive"), tmp_path / "spool", "csv")
    shipped.collect("inputs", {"a": 1}, ids="x", at="2026-11-20T10:00:00", model="m")
    shipped.ship()
    monkeypatch.setattr("modeldata.settings.folders.temporary_state", lambda env: None)
    monkeypatch.setattr("modeldata.settings.folders._home_state", lambda env: None)

    done = run("ls", "--archive", f"{tmp_path}/archive,{tmp_path}/other")
    assert done.code == 0, done.err


def test_rows_that_wait_in_the_temporary_directory_are_warned_of_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("modeldata.settings.folders._home_state", lambda env: None)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    archive = Archive("s3://some-bucket/a", ship="off")
    assert archive.collector("m").collect([1]) and archive.collector("n").collect([2])

    assert archive._intake.writer.place is not None and archive._intake.writer.place.folder.startswith(str(tmp_path))
    assert len([one for one in caplog.records if "a restart may empty" in one.getMessage()]) == 1
    archive.close(0)
    caplog.clear()
    assert Archive(tmp_path / "local", ship="off").collector("m").collect([1])
    assert Archive(REMOTE, spool=tmp_path / "spool", ship="off").collector("m").collect([1])
    assert caplog.text == ""

    found = list(examine(Settings.build({}, archive=f"{tmp_path}/a,{tmp_path}/b"), Files()))
    assert [one.verdict for one in found if "a restart may empty" in one.text] == [NOTE]


def test_the_temporary_directory_is_one_that_can_be_written_and_never_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("modeldata.settings.folders._home_state", lambda env: None)
    monkeypatch.chdir(tmp_path)
    user = f"modeldata-{os.getuid()}"
    monkeypatch.setattr(os, "access", lambda path, mode: os.fspath(path) in (str(tmp_path), "/var/tmp", "."))
    assert state_folder({"TMPDIR": "/nonexistent", "TMP": str(tmp_path)}) == str(tmp_path / user)
    assert state_folder({"TMPDIR": "."}) == f"/var/tmp/{user}"
    monkeypatch.setattr(os, "access", lambda path, mode: os.fspath(path) == str(tmp_path))
    with pytest.raises(SpoolError, match="set MODELDATA_SPOOL"):
        state_folder({})


CODE = """
import logging, sys
heard = []
class Heard(logging.Handler):
    def emit(self, record): heard.append(record.getMessage())
logging.getLogger().addHandler(Heard())
from modeldata import Archive
archive = Archive(sys.argv[1])
collector = archive.collector("m")
assert [collector.collect([n]) for n in range(3)] == [False] * 3
dropped = archive.stats().dropped
assert dropped == {"spool_unusable": 3}, dropped
assert archive.flush(1) is False
assert len(heard) == 1 and "MODELDATA_SPOOL" in heard[0], heard
"""


@pytest.mark.skipif(
    sys.platform != "linux" or os.getuid() != 0 or shutil.which("unshare") is None, reason="needs root and unshare"
)
@pytest.mark.parametrize("url", [REMOTE, "/mnt/archive"])
def test_a_root_that_can_only_be_read_costs_rows_and_never_the_service(url: str) -> None:
    """A real one: every mount is read-only, the user has no entry, no home."""
    prepare = "mount -o remount,ro,bind / 2>/dev/null || mount --bind / / ; mount -o remount,ro,bind /; "
    prepare += "for at in /tmp /var/tmp /dev/shm /run; do mount -t tmpfs -o ro none $at 2>/dev/null; done; "
    user = "exec setpriv --reuid=54321 --regid=54321 --clear-groups " + '"$0" -c "$1" "$2"'
    bare = {
        name: value for name, value in environment().items() if name not in ("HOME", "TMPDIR", "TEMP", "TMP", "XDG_STATE_HOME")
    }
    done = subprocess.run(
        ["unshare", "-m", "/bin/sh", "-c", prepare + user, sys.executable, CODE, url],
        env=bare, cwd="/", capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    if "unshare" in done.stderr or "mount" in done.stderr:
        pytest.skip("no mounts of our own here")
    assert done.returncode == 0, done.stderr
