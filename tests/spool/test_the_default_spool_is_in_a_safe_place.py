"""Where others could carry the default spool away, rows wait in the next place that is safe; a named spool is never moved (H61)."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from modeldata import Archive
from modeldata.cli.commands.doctor import BAD, NOTE, Finding, examine
from modeldata.settings import Settings
from modeldata.ship.spawn import child_environment
from modeldata.spool.files import Files
from modeldata.spool.location import locate_spool
from tests.cli.kit import run
from tests.support.archive import features
from tests.support.users import SERVICE, as_user, made, open_folder, root_only

__all__ = ["open_folder"]
pytestmark = pytest.mark.posix("owners and modes")


@pytest.fixture
def shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An archive that everybody may write. The state directory lies in it; the temporary directory is safe."""
    monkeypatch.delenv("MODELDATA_SPOOL", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(made(tmp_path / "archive", 0o777)))
    monkeypatch.setenv("TMPDIR", str(made(tmp_path / "temporary", 0o1777)))
    return tmp_path / "archive"


def _open(archive: Path, **given: object) -> Archive:
    return Archive(archive, ship="off", fsync="never", min_free_bytes=1, **given)  # type: ignore[arg-type]  # names of settings


def _collect(archive: Path, number: int) -> Path:
    """One row of a service that is gone then; the spool it waits in."""
    service = _open(archive)
    assert service.collector("m", "inputs", ["n"]).collect([number])
    assert service._intake.writer.place is not None
    spool = Path(service._intake.writer.place.folder)
    service.close(0)
    return spool


def _has(archive: Path) -> list[str]:
    return sorted(row[0] for row in features(archive))


def _findings(archive: Path) -> list[Finding]:
    return [one for one in examine(Settings.build({}, archive=archive, min_free_bytes=1), Files()) if one.topic == "spool"]


_SERVICE = """
import sys
from modeldata import Archive
archive = Archive(sys.argv[1], ship="off", fsync="never", min_free_bytes=1)
print([archive.collector(name, "inputs", ["n"]).collect([number]) for number in range(3) for name in ("a", "b")])
"""


@root_only
def test_a_service_whose_archive_and_home_everybody_may_write_archives_all_its_rows(open_folder: Path) -> None:
    everybodys = made(open_folder / "archive", 0o777)
    env = {"HOME": str(everybodys), "TMPDIR": str(made(open_folder / "tmp", 0o1777)), "MODELDATA_ARCHIVE": str(everybodys)}

    service = as_user(SERVICE, sys.executable, "-c", _SERVICE, str(everybodys), **env)
    status = as_user(SERVICE, sys.executable, "-m", "modeldata", "status", "--json", **env)
    drained = as_user(SERVICE, sys.executable, "-m", "modeldata", "ship", "--drain", **env)

    assert service.stdout.strip() == str([True] * 6), service.stderr
    report = json.loads(status.stdout)
    assert report["pending"] == 6 and report["spool"].startswith(env["TMPDIR"])
    assert service.stderr.count("so rows wait in") == 1 and report["spool"] in service.stderr
    assert drained.returncode == 0, drained.stderr
    assert _has(everybodys) == ["0", "0", "1", "1", "2", "2"]


def test_the_places_are_tried_in_order_and_the_warning_says_which_and_why(
    shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        last = _collect(shared, 1)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    state = _collect(shared, 2)
    shared.chmod(0o755)
    beside = _collect(shared, 3)

    assert last.parent == tmp_path / "temporary" / f"modeldata-{os.getuid()}"
    assert state.parent == tmp_path / "state" / "modeldata"
    assert beside.parent == shared
    (warning,) = [one.getMessage() for one in caplog.records if "rows wait in" in one.getMessage()]
    for part in (str(last), f"{shared} can be written by others", "0777", "chmod go-w", "a restart may empty"):
        assert part in warning


def test_doctor_and_the_service_choose_the_same_place(shared: Path) -> None:
    spool = _collect(shared, 1)

    assert locate_spool(Settings.build({}, archive=shared), Files(), os.environ).folder == str(spool)
    (works, note) = _findings(shared)
    assert works.text.endswith(str(spool))
    assert note.verdict == NOTE and str(spool) in note.text and "can be written by others" in note.text


def test_a_spool_that_was_named_is_refused_where_others_can_carry_it_away(shared: Path, caplog: pytest.LogCaptureFixture) -> None:
    service = _open(shared, spool=shared / "spool")

    assert not service.collector("m").collect([1])
    assert service.stats().dropped == {"spool_unusable": 1}
    assert "can be written by others" in caplog.text


def test_where_no_place_is_safe_rows_are_refused_and_the_best_one_is_named(
    shared: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "temporary").chmod(0o777)
    service = _open(shared)

    assert not service.collector("m").collect([1])
    assert service.stats().dropped == {"spool_unusable": 1}
    assert f"chmod go-w {shared}" in caplog.text


def test_rows_that_wait_elsewhere_are_shipped_when_the_mode_is_mended(shared: Path, tmp_path: Path) -> None:
    last = _collect(shared, 1)
    shared.chmod(0o755)
    beside = _collect(shared, 2)
    assert (last.parent, beside.parent) == (tmp_path / "temporary" / f"modeldata-{os.getuid()}", shared)
    (shared / "modeldata" / "spools").unlink(missing_ok=True)  # nothing depends on the register

    assert json.loads(run("status", "--json", "--archive", str(shared)).out)["pending"] == 2
    assert run("ship", "--drain", "--archive", str(shared)).code == 0
    assert _has(shared) == ["1", "2"]


def test_rows_in_a_place_that_is_no_longer_safe_are_reported_and_shipped_when_it_is(shared: Path) -> None:
    shared.chmod(0o755)
    beside = _collect(shared, 1)
    shared.chmod(0o777)
    assert _collect(shared, 2).parent != shared

    drained = run("ship", "--drain", "--archive", str(shared))
    assert drained.code == 1 and f"rows wait in {beside} until it is safe" in drained.err and "chmod go-w" in drained.err
    assert _has(shared) == ["2"]
    assert str(beside) in json.loads(run("status", "--json", "--archive", str(shared)).out)["last_error"]
    assert [str(beside) in one.text for one in _findings(shared) if one.verdict == BAD] == [True]

    shared.chmod(0o755)
    assert run("ship", "--drain", "--archive", str(shared)).code == 0
    assert _has(shared) == ["1", "2"]


def test_a_shipper_stays_with_the_spool_that_its_service_opened(shared: Path) -> None:
    service = _open(shared)
    assert service.collector("m", "inputs", ["n"]).collect([1])
    place = service._intake.writer.place
    assert place is not None
    shared.chmod(0o755)
    assert locate_spool(service.settings, Files(), os.environ).folder != place.folder

    environment = child_environment(place, service.settings, os.environ)
    command = [sys.executable, "-m", "modeldata", "ship", "--child"]
    child = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    try:
        assert service.flush(60)
        service.close(0)
        assert child.wait(60) == 0
    finally:
        child.kill()
    assert _has(shared) == ["1"]
