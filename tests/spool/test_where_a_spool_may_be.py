"""A spool on a disk that can't keep the promises is refused; a copy of one is no twin of it (fault matrix C15, C16)."""

from __future__ import annotations

import json
import logging
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from modeldata import Archive, SpoolError
from modeldata.settings import Settings
from modeldata.spool.files import Files
from modeldata.spool.folder import open_place
from modeldata.spool.mounts import mount_of
from tests.support.archive import manifest_lines
from tests.support.service import NOON, Service, delivered_on_disk, ship_all

MOUNTS = r"""21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
22 21 0:20 / /proc rw - proc proc rw
30 21 0:40 / /srv rw - nfs4 server:/export rw
31 30 8:2 / /srv/disk rw - xfs /dev/sdb rw
32 21 0:41 / /mnt/with\040blank rw - cifs //server/share rw
33 21 0:42 / /twice rw - ext4 /dev/sdc rw
34 21 0:43 / /twice rw - nfs server:/late rw
35 21 0:44 / /bucket rw - fuse.s3fs s3fs rw
nonsense
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "ext4"), ("/home/me/spool", "ext4"), ("/srv", "nfs4"), ("/srv/a", "nfs4"), ("/srvother", "ext4"),
        ("/srv/disk/a", "xfs"), ("/mnt/with blank/a", "cifs"), ("/twice/a", "nfs"), ("/bucket/a", "fuse.s3fs"),
    ],
)  # fmt: skip
def test_the_innermost_and_latest_mount_says_what_a_folder_is_on(path: str, kind: str) -> None:
    assert mount_of(path, MOUNTS)[1] == kind


@pytest.mark.posix("file systems by their names")
def test_this_very_machine_says_what_its_folders_are_on(tmp_path: Path) -> None:
    assert Files().file_system(str(tmp_path)) != ""
    assert Files().file_system("/proc") == "proc"


class On(Files):
    """The real disk, said to be something else."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def file_system(self, path: str) -> str:
        return self.kind


@pytest.mark.parametrize("kind", ["nfs", "nfs4", "cifs", "smb3", "ceph", "lustre", "fuse.sshfs", "fuse.rclone"])
def test_a_spool_on_a_network_file_system_is_refused_unless_the_risk_is_taken(tmp_path: Path, kind: str) -> None:
    with pytest.raises(SpoolError, match=rf"network file system \({kind}\).*MODELDATA_ALLOW_NETWORK_SPOOL"):
        open_place(str(tmp_path / "spool"), On(kind), b"\1" * 16, NOON)

    assert open_place(str(tmp_path / "spool"), On(kind), b"\1" * 16, NOON, allow_network=True).spool_id == b"\1" * 16


@pytest.mark.parametrize("kind", ["ext4", "xfs", "btrfs", "tmpfs", "overlay", "zfs", "fuse.fuse-overlayfs", "9p", ""])
def test_a_spool_on_any_other_file_system_is_opened(tmp_path: Path, kind: str) -> None:
    assert open_place(str(tmp_path / "spool"), On(kind), b"\1" * 16, NOON).spool_id == b"\1" * 16


def test_a_collector_on_a_network_spool_refuses_and_counts_and_never_raises(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(Files, "file_system", lambda self, path: "nfs4")
    archive = Archive(tmp_path / "archive", ship="off")

    assert archive.collector("m").collect([1]) is False

    assert archive.stats().dropped == {"spool_unusable": 1}
    assert "MODELDATA_SPOOL" in caplog.text and "nfs4" in caplog.text


def test_rows_for_a_remote_archive_that_wait_inside_a_container_are_warned_of_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(Files, "file_system", lambda self, path: "overlay")
    archive = Archive("s3://some-bucket/a", spool=tmp_path / "spool", ship="off")
    with caplog.at_level(logging.WARNING):
        assert archive.collector("m").collect([1])
        assert archive.collector("m").collect([2])

    assert len([one for one in caplog.records if "give it a volume" in one.getMessage()]) == 1
    caplog.clear()
    assert Archive(tmp_path / "local", ship="off").collector("m").collect([1])
    assert caplog.text == "", "a local archive in a container is gone together with its spool: nothing to warn of"


def test_a_copied_spool_takes_an_id_of_its_own_and_every_process_takes_the_same(tmp_path: Path) -> None:
    original = open_place(str(tmp_path / "spool"), Files(), b"\1" * 16, NOON)
    shutil.copytree(tmp_path / "spool", tmp_path / "copy")

    first = open_place(str(tmp_path / "copy"), Files(), b"\2" * 16, NOON)
    second = open_place(str(tmp_path / "copy"), Files(), b"\3" * 16, NOON)

    assert first.spool_id == second.spool_id != original.spool_id
    assert open_place(str(tmp_path / "spool"), Files(), b"\4" * 16, NOON).spool_id == original.spool_id
    assert json.loads((tmp_path / "copy" / "spool.json").read_text())["copy_of"] == original.spool_id.hex()


def test_a_spool_that_moved_with_its_file_system_stays_itself(tmp_path: Path) -> None:
    original = open_place(str(tmp_path / "spool"), Files(), b"\1" * 16, NOON)
    (tmp_path / "spool").rename(tmp_path / "elsewhere")

    assert open_place(str(tmp_path / "elsewhere"), Files(), b"\2" * 16, NOON).spool_id == original.spool_id


def test_a_spool_of_a_version_that_noted_no_inode_is_taken_as_it_is(tmp_path: Path) -> None:
    open_place(str(tmp_path / "spool"), Files(), b"\1" * 16, NOON)
    path = tmp_path / "spool" / "spool.json"
    note = json.loads(path.read_text())
    del note["inode"]
    path.write_text(json.dumps(note))

    assert open_place(str(tmp_path / "spool"), Files(), b"\2" * 16, NOON).spool_id == b"\1" * 16
    assert json.loads(path.read_text()) == note


@pytest.mark.parametrize("since", [0, 4])
def test_a_restored_copy_of_a_spool_never_writes_into_the_files_of_the_original(tmp_path: Path, since: int) -> None:
    archive = tmp_path / "archive"
    service = Service(Files(), str(archive))
    spool = Path(service.settings.spool_folder())
    for number in range(5):
        assert service.collect("inputs", number)
    ship_all(Files(), str(archive))
    backup = tmp_path / "backup"
    shutil.copytree(spool, backup)
    for number in range(5, 5 + since):
        assert service.collect("inputs", number)
    service.writer.close(NOON)
    ship_all(Files(), str(archive))
    before = {path: path.read_bytes() for path in archive.rglob("data*")}
    restored = shutil.copytree(backup, tmp_path / "restored")  # while the original holds its inode: it would be used again
    shutil.rmtree(spool)
    restored.rename(spool)

    later = Service(Files(), str(archive))
    for number in range(20, 24):
        assert later.collect("inputs", number)
    later.writer.close(NOON)
    ship_all(Files(), str(archive))

    assert {path: path.read_bytes() for path in before} == before
    assert sum(delivered_on_disk(str(archive)).values()) == 9 + since
    owners = {str(line["batch"])[:8] for _, line in manifest_lines(archive)}
    assert len(owners) == 2


def test_limits_of_the_process_are_reported_as_such_also_when_the_spool_is_opened(tmp_path: Path) -> None:
    import errno

    class NoFiles(Files):
        def open(self, path: str, flags: int, mode: int = 0o600) -> int:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE), path)

    archive = Archive(tmp_path / "archive", ship="off")
    archive._intake.shared.files = NoFiles()

    assert archive.collector("m").collect([1]) is False
    assert archive.stats().dropped == {"no_files": 1}


_Open = Callable[[str, int, int], int]


def test_two_threads_of_a_process_never_open_the_lock_of_the_leader_side_by_side(tmp_path: Path) -> None:
    """Closing one of two would drop the lock of the other, and a record lock lets its own process in twice."""
    from modeldata.spool.lock import Leadership

    path = str(tmp_path / "leader.lock")
    report: list[object] = []

    class Meanwhile(Files):
        def open(self, path: str, flags: int, mode: int = 0o600) -> int:
            fd = super().open(path, flags, mode)
            if not report:
                report.extend([Leadership.taken(path, Files()), Leadership.take(path, Files())])
            return fd

        def close(self, fd: int) -> None:
            if closing:
                report.append(Leadership.take(path, Files()))
            super().close(fd)

    closing = False
    lead = Leadership.take(path, Meanwhile())

    assert lead is not None and report == [True, None]
    assert _another_process_leads(path) is False
    closing = True
    lead.release()
    assert report[2] is None, "let go of before the file was closed, the close drops the next one's lock"
    assert _another_process_leads(path) is True


def _another_process_leads(path: str) -> bool:
    import subprocess
    import sys

    code = (
        "import sys; from modeldata.spool.lock import Leadership; from modeldata.spool.files import Files;"
        f"sys.exit(0 if Leadership.take({path!r}, Files()) else 1)"
    )
    return subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_what_a_dead_writer_stored_last_is_made_durable_once(tmp_path: Path) -> None:
    from modeldata.ship.checkpoint import Progress
    from modeldata.ship.watch import sync_writers

    service = Service(Files(), str(tmp_path / "archive"))
    assert service.collect("inputs", 1)
    place = service.writer.place
    assert place is not None
    service.kill()
    synced: list[int] = []

    class Watched(Files):
        def sync(self, fd: int) -> None:
            synced.append(fd)
            super().sync(fd)

    settled: set[str] = set()
    assert sync_writers(place, Progress(), Watched(), settled) == 0
    assert len(synced) == 1 and len(settled) == 1
    assert sync_writers(place, Progress(), Watched(), settled) == 0
    assert len(synced) == 1


def test_settings_name_no_archive_that_a_local_spool_would_be_beside_when_there_are_several(tmp_path: Path) -> None:
    one = Settings.build({}, archive=[str(tmp_path / "a"), str(tmp_path / "b")])

    assert len(one.archives) == 2
    assert not one.spool_folder({"XDG_STATE_HOME": str(tmp_path)}).startswith(str(tmp_path / "a"))
