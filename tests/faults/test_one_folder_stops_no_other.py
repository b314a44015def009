"""What can't land waits alone: a folder or a file of the archive that takes nothing stops no other collector, and nobody's rows are
lost or doubled, whatever dies meanwhile."""

from __future__ import annotations

import errno
import os
import random
import shutil
import socket
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from modeldata import Archive, ModelDataError
from modeldata.settings.folders import SPOOL_PREFIX
from modeldata.spool.files import Files
from modeldata.testing import Died, Fault, FaultyFiles
from tests.support.service import NOON, Service, delivered_on_disk, finish, manifest_rows, new_pipeline, pipeline_of, ship_all

pytestmark = pytest.mark.posix("folders that are blocked by links, pipes and sockets")

DAY = "a/s/i-m-1/inputs/2026/11/23"
"""Where the collector that is blocked has its rows."""


def _collect(archive: Path) -> Counter[tuple[str, str]]:
    service = Service(Files(), str(archive))
    for number in range(6):
        assert service.collect("inputs", number)
        assert service.collect("predictions", number)
    service.kill()
    return service.accepted


def _only(rows: Counter[tuple[str, str]], name: str) -> Counter[tuple[str, str]]:
    return Counter({key: times for key, times in rows.items() if key[0] == name})


def _link(folder: Path) -> None:
    (folder / "data.csv").symlink_to("/nonexistent")


def _fifo(folder: Path) -> None:
    os.mkfifo(folder / "data.csv")


def _socket(folder: Path) -> None:
    here = os.getcwd()
    os.chdir(folder)  # the name of a socket must be short
    try:
        socket.socket(socket.AF_UNIX).bind("data.csv")
    finally:
        os.chdir(here)


def _folder_of_manifests(folder: Path) -> None:
    (folder / "_manifest").symlink_to("/nonexistent")


def _file_for_folder(folder: Path) -> None:
    folder.rmdir()
    folder.touch()


def _clear(folder: Path) -> None:
    shutil.rmtree(folder) if folder.is_dir() else folder.unlink()


@pytest.mark.parametrize("block", [_fifo, _socket, _folder_of_manifests, _file_for_folder], ids=lambda block: block.__name__)
def test_a_folder_that_takes_nothing_stops_no_other_and_its_rows_come_when_it_does(
    tmp_path: Path, block: Callable[[Path], None]
) -> None:
    archive = tmp_path / "archive"
    rows = _collect(archive)
    (archive / DAY).mkdir(parents=True)
    block(archive / DAY)
    pipeline = ship_all(Files(), str(archive))
    assert _only(rows, "predictions") == delivered_on_disk(str(archive))
    assert pipeline.parked.rows() == 6
    later = _collect(archive)
    ship_all(Files(), str(archive))
    assert _only(rows + later, "predictions") == delivered_on_disk(str(archive))
    _clear(archive / DAY)
    assert not ship_all(Files(), str(archive)).parked
    assert delivered_on_disk(str(archive)) == rows + later
    assert manifest_rows(str(archive)) == sum((rows + later).values())


@pytest.mark.parametrize("block", [_link, lambda folder: (folder / "data.csv").mkdir()], ids=["link", "folder"])
def test_a_link_or_a_folder_in_the_place_of_a_file_is_left_alone_and_rows_go_beside_it(
    tmp_path: Path, block: Callable[[Path], None]
) -> None:
    archive = tmp_path / "archive"
    rows = _collect(archive)
    (archive / DAY).mkdir(parents=True)
    block(archive / DAY)
    assert not ship_all(Files(), str(archive)).parked
    assert delivered_on_disk(str(archive)) == rows


class Denied(FaultyFiles):
    """A disk on which one folder belongs to somebody else from the n-th write of a file in it on."""

    def __init__(self, after: int = 0, fault: Fault | None = None) -> None:
        super().__init__(fault) if fault else super().__init__()
        self.left = after

    def open(self, path: str, flags: int, mode: int = 0o600) -> int:
        if f"{DAY}/" in path and flags & os.O_RDWR:
            if self.left <= 0:
                raise PermissionError(errno.EACCES, "Permission denied", path)
            self.left -= 1
        return super().open(path, flags, mode)


@pytest.mark.parametrize("after", [0, 1, 3, 5])
def test_a_folder_that_is_closed_in_the_middle_of_its_batch_loses_and_doubles_nothing(tmp_path: Path, after: int) -> None:
    archive = str(tmp_path / "archive")
    rows = _collect(tmp_path / "archive")
    ship_all(Denied(after), archive)
    assert _only(rows, "predictions") == _only(delivered_on_disk(archive), "predictions")
    rows += _collect(tmp_path / "archive")
    ship_all(Denied(), archive)
    ship_all(Files(), archive)
    assert delivered_on_disk(archive) == rows
    assert manifest_rows(archive) == sum(rows.values())


def _life(archive: str, blocked: Denied, healed: FaultyFiles) -> None:
    """Rows are parked, others come behind them, the folder opens again."""
    try:
        ship_all(blocked, archive)
        ship_all(healed, archive)
    except (Died, ModelDataError, OSError):
        pass


def _sweep(tmp_path: Path, chosen: random.Random | None, after: int) -> None:
    source, archive = tmp_path / "template", tmp_path / "archive"

    def restore() -> Counter[tuple[str, str]]:
        for folder in (source, archive):
            shutil.rmtree(folder, ignore_errors=True)
        return _collect(archive)

    restore()
    blocked, healed = Denied(after), FaultyFiles()
    _life(str(archive), blocked, healed)
    first, second = len(blocked.operations), len(healed.operations)
    assert first > 30 and second > 5
    points = range(1, first + second + 1)
    for point in points if chosen is None else sorted(chosen.sample(points, 6)):
        rows = restore()
        if point <= first:
            _life(str(archive), Denied(after, Fault(point)), FaultyFiles())
        else:
            _life(str(archive), Denied(after), FaultyFiles(Fault(point - first)))
        ship_all(Denied(), str(archive))
        assert not ship_all(Files(), str(archive)).parked
        assert delivered_on_disk(str(archive)) == rows, f"killed before operation {point}"
        assert manifest_rows(str(archive)) == sum(rows.values()), f"killed before operation {point}"


@pytest.mark.parametrize("after", [0, 3])
def test_a_shipper_killed_while_it_parks_or_sends_what_is_parked_loses_and_doubles_nothing(tmp_path: Path, after: int) -> None:
    _sweep(tmp_path, random.Random(5), after)


@pytest.mark.faults
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("after", range(5))
def test_a_shipper_killed_at_any_moment_of_parking_loses_and_doubles_nothing(tmp_path: Path, after: int) -> None:
    _sweep(tmp_path, None, after)


class Closed(Files):
    """An archive that became somebody else's: it can be read, and takes nothing."""

    def open(self, path: str, flags: int, mode: int = 0o600) -> int:
        if SPOOL_PREFIX not in path and flags & os.O_RDWR:
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return super().open(path, flags, mode)


@pytest.mark.parametrize("day", [0, 1], ids=["files that are there", "new files"])
@pytest.mark.parametrize("folders", [1, 2], ids=["one folder", "two folders"])
def test_an_archive_that_takes_nothing_at_all_parks_nothing(tmp_path: Path, day: int, folders: int) -> None:
    """Its rows stay in the segments, where every limit and policy finds them."""
    archive = tmp_path / "archive"
    rows = _collect(archive)
    ship_all(Files(), str(archive))  # the archive is known by now, and its rows have their files
    service = Service(Files(), str(archive))
    for name in ("inputs", "predictions")[:folders]:
        assert service.collect(name, 9, NOON + day * 86_400_000_000_000)
    service.writer.close(NOON)
    pipeline = new_pipeline(Closed(), str(archive))
    for _ in range(3):
        with pytest.raises(ModelDataError, match="Permission denied"):
            pipeline.step()
    (sink,) = archive.glob(".modeldata-spool-*/sinks/*")
    assert not [path.name for path in sink.iterdir() if path.name.startswith("parked")]
    assert list(archive.glob(".modeldata-spool-*/segments/*.seg"))
    assert not ship_all(Files(), str(archive)).parked
    assert delivered_on_disk(str(archive)) == rows + service.accepted


def test_rows_that_wait_alone_are_pending_and_flush_is_not_true(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "archive", spool=tmp_path / "spool", ship="off", min_free_bytes=0)
    bad, good = (archive.collector("m", name, ["n"]) for name in ("bad", "good"))
    assert bad.collect([1]) and good.collect([2])
    day = time.strftime("unknown/unknown/unknown-m-unknown/bad/%Y/%m/%d", time.gmtime())
    (tmp_path / "archive" / day).parent.mkdir(parents=True)
    (tmp_path / "archive" / day).touch()
    finish(pipeline_of(archive.settings))
    stats = archive.stats()
    assert (stats.archived, stats.pending) == (1, 1)
    assert archive.flush(0.2) is False
    (tmp_path / "archive" / day).unlink()
    finish(pipeline_of(archive.settings))
    assert archive.flush(0.2) is True
    assert (archive.stats().archived, archive.stats().pending) == (2, 0)
    archive.close(0)


@pytest.mark.parametrize("at", range(4))
def test_a_damaged_byte_in_what_is_parked_costs_no_row(tmp_path: Path, at: int) -> None:
    archive = tmp_path / "archive"
    rows = _collect(archive)
    (archive / DAY).mkdir(parents=True)
    _fifo(archive / DAY)
    ship_all(Files(), str(archive))
    parked = sorted(archive.glob(".modeldata-spool-*/sinks/*/parked-*"))
    assert len(parked) == 2, "an intent and its bytes"
    for path in parked:
        content = bytearray(path.read_bytes())
        content[len(content) * at // 4] ^= 0x10
        path.write_bytes(content)
    _clear(archive / DAY)
    assert not ship_all(Files(), str(archive)).parked
    assert delivered_on_disk(str(archive)) == rows


def test_a_shipper_killed_between_parking_and_commit_parks_once(tmp_path: Path) -> None:
    archive = tmp_path / "archive"
    rows = _collect(archive)
    pipeline = new_pipeline(Denied(), str(archive))
    pipeline._commit = _die  # type: ignore[method-assign]  # the moment that is wanted
    with pytest.raises(Died):
        pipeline.step()
    assert pipeline.parked.rows() == 6
    again = ship_all(Denied(), str(archive))
    assert again.parked.rows() == 6, "the round was sent again, and what was parked of it is parked once"
    assert not ship_all(Files(), str(archive)).parked
    assert delivered_on_disk(str(archive)) == rows


def _die(after: object) -> None:
    raise Died


def test_rows_of_a_folder_that_opens_again_keep_their_order(tmp_path: Path) -> None:
    """Also where it opens just before a later round: rows that were parked come first."""
    archive = str(tmp_path / "archive")
    ship_all(Files(), archive)
    service = Service(Files(), archive)
    for number in range(3):
        assert service.collect("inputs", number)
        ship_all(Denied(), archive)
    for number in range(3, 6):
        assert service.collect("inputs", number)
        pipeline = new_pipeline(Files(), archive)
        pipeline.step(parked_too=False)
    ship_all(Files(), archive)
    lines = (Path(archive) / DAY / "data.csv").read_text().splitlines()[1:]
    assert [line.split(",")[3] for line in lines] == ["0", "1", "2", "3", "4", "5"]
    service.writer.close(NOON)
