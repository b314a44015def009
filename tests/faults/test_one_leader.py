"""Two leaders, never: whatever else the process does with the lock's file, and whatever others do to it."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from modeldata.errors import ModelDataError
from modeldata.settings import Settings
from modeldata.ship.pipeline import Pipeline
from modeldata.spool.files import Files
from modeldata.spool.folder import open_place
from modeldata.spool.lock import Leadership
from modeldata.store.local import LocalStore
from modeldata.testing import Fault, FaultyFiles
from tests.support.service import NOON, Service, delivered_on_disk, ship_all

_TAKE = (
    "import sys; from modeldata.spool.files import Files; from modeldata.spool.lock import Leadership; "
    "sys.exit(0 if Leadership.take(sys.argv[1], Files()) else 1)"
)
_RECORD_LOCK = (
    "import fcntl, sys\nfile = open(sys.argv[1], 'r+')\n"
    "try: fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)\nexcept OSError: sys.exit(1)\n"
    "print('held', flush=True)\nsys.stdin.read()"
)
"""How versions before this one led."""


def _another_may_lead(path: str, code: str = _TAKE) -> bool:
    done = subprocess.run([sys.executable, "-c", code, path], check=False, stdin=subprocess.DEVNULL, timeout=60)
    return done.returncode == 0


def _lead(path: str, files: Files | None = None) -> Leadership:
    lead = Leadership.take(path, files or Files())
    assert lead is not None
    return lead


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "leader.lock")


def _read(path: str) -> None:
    Path(path).read_bytes()


def _copy(path: str) -> None:
    shutil.copytree(os.path.dirname(path), os.path.dirname(path) + "-copy")


def _duplicate(path: str) -> None:
    fd = os.open(path, os.O_RDWR)
    os.close(os.dup(fd))
    os.close(fd)


@pytest.mark.parametrize("touch", [_read, _copy, _duplicate])
def test_whoever_opens_and_closes_the_lock_in_this_process_drops_nothing(path: str, touch: Callable[[str], None]) -> None:
    lead = _lead(path)
    touch(path)
    assert not _another_may_lead(path)
    assert lead.intact()
    lead.release()
    assert _another_may_lead(path)


@pytest.mark.skipif(sys.platform != "linux", reason="the lock that meets record locks is Linux's")
def test_an_older_version_and_this_one_never_lead_side_by_side(path: str) -> None:
    lead = _lead(path)
    assert not _another_may_lead(path, _RECORD_LOCK)
    lead.release()
    command = [sys.executable, "-c", _RECORD_LOCK, path]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as old:
        assert old.stdout is not None and old.stdout.readline() == "held\n"
        assert Leadership.take(path, Files()) is None and Leadership.taken(path, Files())
        old.communicate(timeout=60)
    _lead(path).release()


def test_a_segment_that_is_read_and_closed_in_this_process_is_still_held(tmp_path: Path) -> None:
    path = str(tmp_path / "segment")
    holder = os.open(path, os.O_RDWR | os.O_CREAT)
    assert Files().hold(holder)
    Path(path).read_bytes()
    stranger = os.open(path, os.O_RDWR)
    assert not Files().hold(stranger), "flock belongs to the open file, not to the process"
    os.close(stranger)
    os.close(holder)


# what is done to the lock's file under its leader


def _removed(path: str) -> None:
    os.unlink(path)


def _replaced(path: str) -> None:
    Path(path + ".new").write_bytes(Path(path).read_bytes())
    os.replace(path + ".new", path)


def _truncated(path: str) -> None:
    os.truncate(path, 0)


def _signed_by_another(path: str) -> None:
    with open(path, "r+b") as file:
        file.write(b"99")


def _folder_renamed(path: str) -> None:
    os.rename(os.path.dirname(path), os.path.dirname(path) + "-moved")


HARMS = [_removed, _replaced, _truncated, _signed_by_another, _folder_renamed]


@pytest.mark.parametrize("harm", HARMS)
def test_a_leader_whose_lock_was_meddled_with_sends_and_commits_nothing(tmp_path: Path, harm: Callable[[str], None]) -> None:
    archive, spool = str(tmp_path / "a"), str(tmp_path / "s")
    settings = Settings.build({}, archive=archive, spool=spool, min_free_bytes=0)
    service = Service(Files(), archive)
    service.settings = settings
    assert service.collect("inputs", 1)
    place = open_place(settings.spool_folder(), Files(), b"\2" * 16, NOON)
    lead = _lead(place.leader_lock)

    class Meddled(LocalStore):
        def claim(self, path: str, owner: bytes, mark: str) -> bool:
            harm(place.leader_lock)  # after the round began, before its first byte is sent
            return super().claim(path, owner, mark)

    pipeline = Pipeline(place, Meddled(archive, Files()), settings, files=Files(), warn=lambda text: None, may_commit=lead.intact)
    with pytest.raises((ModelDataError, OSError)):
        pipeline.step()
    assert not list(Path(archive).rglob("data*.csv")), "not a byte was sent"
    assert not lead.intact()
    lead.release()
    service.kill()


def test_a_descriptor_that_is_another_files_by_now_is_no_lead_and_is_left_alone(tmp_path: Path, path: str) -> None:
    lead = _lead(path)
    number = lead._fd
    os.close(number)
    stranger = os.open(tmp_path / "database", os.O_RDWR | os.O_CREAT)
    if stranger != number:
        os.dup2(stranger, number)
        os.close(stranger)

    assert not lead.intact()
    lead.release()

    os.fstat(number)
    os.close(number)


def test_a_lead_whose_descriptor_was_closed_ends_where_another_takes_it(path: str) -> None:
    """A backup may get the number, on the very same file: then it looks like ours."""
    lead = _lead(path)
    number = lead._fd
    os.close(number)
    assert os.dup2(os.open(path, os.O_RDWR), number) == number
    assert _another_may_lead(path)
    assert not lead.intact(), "the other one left its mark"
    lead.release()


def test_each_leader_has_a_higher_number_than_all_before_it(path: str) -> None:
    numbers = []
    for _ in range(4):
        lead = _lead(path)
        numbers.append(lead.number)
        lead.release()
    assert numbers == [1, 2, 3, 4]
    assert Path(path).read_bytes().startswith(b"4 ")


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
def test_a_full_disk_does_not_keep_anybody_from_leading(path: str, code: int) -> None:
    lead = _lead(path, FaultyFiles(Fault(1, code, lasting=True, names=frozenset({"pwrite"}))))
    assert lead.intact()
    assert not _another_may_lead(path)
    lead.release()


@pytest.mark.posix("locks by fcntl")
def test_where_the_kernel_has_no_such_lock_the_lead_is_held_by_another(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("fcntl.F_OFD_SETLK")
    lead = _lead(path)
    _read(path)
    stranger = os.open(path, os.O_RDWR)
    assert not Files().hold(stranger)
    os.close(stranger)
    lead.release()


_THREAD = """
import shutil, sys
from modeldata import Archive
archive = Archive(sys.argv[1], ship="thread", batch_seconds=0.0, min_free_bytes=0)
collector = archive.collector("m", "inputs", ["number", "text"])
for number in range(int(sys.argv[2]), int(sys.argv[2]) + 400):
    assert collector.collect([number, "x"])
    if number % 20 == 0:
        archive.flush(0.05)
        try:
            shutil.copytree(sys.argv[1], sys.argv[3] + str(number), symlinks=True)
        except (shutil.Error, OSError):
            pass  # files come and go under a backup
print(archive.close(60))
"""


def test_two_services_that_ship_in_threads_beside_their_backups_double_and_lose_nothing(tmp_path: Path) -> None:
    archive = str(tmp_path / "a")
    command = [sys.executable, "-c", _THREAD, archive]
    pair = [
        subprocess.Popen([*command, str(first), str(tmp_path / "backup-")], stdout=subprocess.PIPE, text=True)
        for first in (0, 1000)
    ]
    assert [process.communicate(timeout=120)[0] for process in pair] == ["True\n", "True\n"]
    found = delivered_on_disk(archive)
    assert sorted(int(number) for _, number in found) == [*range(400), *range(1000, 1400)]
    assert set(found.values()) == {1}
    ship_all(Files(), archive)
    assert delivered_on_disk(archive) == found
