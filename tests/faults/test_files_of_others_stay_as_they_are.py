"""A file of the archive has one owner: bytes of others are never overwritten, and no half row is left."""

from __future__ import annotations

import errno
import random
from contextlib import suppress
from pathlib import Path

import pytest

from modeldata.spool.files import Files
from modeldata.store import Conflict, Unavailable
from modeldata.store.local import LocalStore
from modeldata.testing import Died, Fault, FaultyFiles, SimulatedDisk
from tests.support.service import (
    ROOT,
    Service,
    delivered_on,
    ship_all,
)


@pytest.mark.parametrize("there", [b"ours", b"ours, and then somebody", b"other", b"ours,somebody else's rows", b"ours,r"])
def test_bytes_of_somebody_else_are_never_overwritten_or_cut(tmp_path: Path, there: bytes) -> None:
    file = tmp_path / "data.csv"
    file.write_bytes(there)
    store = LocalStore(str(tmp_path), Files())
    data = b",rows of ours"
    if there in (b"ours", b"ours,r"):
        store.append("data.csv", 4, data)
        assert file.read_bytes() == b"ours" + data
        return
    with pytest.raises(Conflict):
        store.append("data.csv", 4, data)
    assert file.read_bytes() == there


def test_a_file_that_shrank_is_never_written_to_beyond_its_end(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_bytes(b"ou")
    with pytest.raises(Conflict):
        LocalStore(str(tmp_path), Files()).append("data.csv", 4, b"rows")
    assert (tmp_path / "data.csv").read_bytes() == b"ou"


def test_a_write_that_fails_half_way_leaves_no_half_row(tmp_path: Path) -> None:
    class Short(Files):
        broken = True

        def pwrite(self, fd: int, data: bytes | memoryview, offset: int) -> int:
            if self.broken and offset > 4:
                raise OSError(errno.ENOSPC, "full")
            return super().pwrite(fd, data[:5] if self.broken else data, offset)

    (tmp_path / "data.csv").write_bytes(b"ours")
    files = Short()
    store = LocalStore(str(tmp_path), files)
    with pytest.raises(Unavailable):
        store.append("data.csv", 4, b",a row that is longer")
    assert (tmp_path / "data.csv").read_bytes() == b"ours", "a reader never meets half a row"
    files.broken = False
    store.append("data.csv", 4, b",a row that is longer")
    assert (tmp_path / "data.csv").read_bytes() == b"ours,a row that is longer"


def test_two_spools_never_write_one_file(tmp_path: Path) -> None:
    store = LocalStore(str(tmp_path), Files())
    assert store.claim("d/data.csv", b"first", "1")
    assert store.claim("d/data.csv", b"first", "1"), "ours stays ours"
    assert not store.claim("d/data.csv", b"second", "2")


def test_a_file_that_was_there_before_us_is_left_alone(tmp_path: Path) -> None:
    archive = str(tmp_path / "a")
    service = Service(Files(), archive)
    assert service.collect("inputs", 1)
    service.kill()
    folder = Path(archive, "a", "s", "i-m-1", "inputs", "2026", "11", "23")
    folder.mkdir(parents=True)
    (folder / "data.csv").write_text("somebody's,header\r\n1,2\r\n")

    ship_all(Files(), archive)

    assert (folder / "data.csv").read_text() == "somebody's,header\r\n1,2\r\n" or (folder / "data.csv").read_bytes() == (
        b"somebody's,header\r\n1,2\r\n"
    )
    (other,) = [path for path in folder.glob("data*.csv") if path.name != "data.csv"]
    assert len(other.read_text().splitlines()) == 2


def test_folders_that_a_dead_shipper_made_are_durable_before_anything_relies_on_them(tmp_path: Path) -> None:
    """Dies between mkdir and fsync; the next one finds the folder, ships, and then the power goes with every unsynced name."""

    class Unlucky(random.Random):
        def random(self) -> float:
            return 0.0

    for at in range(1, 60):
        disk = SimulatedDisk()
        disk.mkdir(ROOT)
        disk.sync_folder("/")
        service = Service(disk, sync=True)
        for number in range(3):
            assert service.collect("inputs", number)
        files = FaultyFiles(Fault(at), disk)
        with suppress(Died):
            ship_all(files, ROOT)
        ship_all(disk, ROOT)
        disk.cut(Unlucky())
        ship_all(disk, ROOT)
        assert delivered_on(disk) == service.accepted, f"died before {files.operations[-1]}"
        if not files.dead:
            return
