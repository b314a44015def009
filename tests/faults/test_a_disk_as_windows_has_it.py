"""On a disk that answers as Windows does, every accepted row is archived once, and nobody who collects waits for another program."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from modeldata.errors import ModelDataError
from modeldata.spool.files import Files, replace_file
from modeldata.spool.folder import SpoolFolder, note_layout, open_place
from modeldata.spool.lane import TEND_NS
from modeldata.spool.register import note_archives, remember
from tests.support.service import (
    NOON,
    Service,
    delivered_on_disk,
    finish,
    new_pipeline,
    only_segment,
    segments_of,
    ship_all,
    spool_of,
)
from tests.support.windows_files import WindowsFiles


def test_rows_of_writers_that_live_roll_and_die_are_archived_once(tmp_path: Path) -> None:
    archive, files = str(tmp_path / "archive"), WindowsFiles()
    first, second = Service(files, archive), Service(files, archive)
    for number in range(40):
        assert first.collect("inputs", number, pad=40_000)
        assert second.collect("predictions", 100 + number)
        if number % 10 == 0:
            ship_all(files, archive)
    first.kill()
    second.writer.close(NOON)
    ship_all(files, archive)
    assert delivered_on_disk(archive) == first.accepted + second.accepted
    assert not list(segments_of(archive).iterdir())
    assert not files.refusals, "we stand in our own way"


def test_a_segment_that_a_backup_reads_keeps_its_name_for_a_while_and_is_not_archived_again(tmp_path: Path) -> None:
    archive, files = str(tmp_path / "archive"), WindowsFiles()
    service = Service(files, archive)
    assert all(service.collect("inputs", number) for number in range(3))
    service.kill()
    (segment,) = segments_of(archive).iterdir()
    backup = files.open(str(segment), os.O_RDONLY)
    ship_all(files, archive)
    ship_all(files, archive)
    assert segment.exists() and delivered_on_disk(archive) == service.accepted
    files.close(backup)
    assert not segment.exists()
    ship_all(files, archive)
    assert delivered_on_disk(archive) == service.accepted


class Scanner(WindowsFiles):
    """Antivirus that opens each intent as soon as it has its name."""

    reads: int | None = None

    def replace(self, source: str, target: str) -> None:
        super().replace(source, target)
        if target.endswith("intent") and self.reads is None:
            self.reads = self.open(target, os.O_RDONLY)


def test_rows_wait_while_a_scanner_holds_the_intent_of_the_round_before_and_are_archived_once(tmp_path: Path) -> None:
    archive, files = str(tmp_path / "archive"), Scanner()
    service = Service(files, archive)
    pipeline = new_pipeline(files, archive)
    assert service.collect("inputs", 1)
    pipeline.step()
    assert files.reads is not None and service.collect("inputs", 2)
    with pytest.raises((OSError, ModelDataError)):
        pipeline.step()
    files.close(files.reads)
    finish(pipeline)
    assert delivered_on_disk(archive) == service.accepted


def test_a_shipper_may_wait_for_another_program_and_a_writer_never_does(tmp_path: Path) -> None:
    archive, files = str(tmp_path / "archive"), WindowsFiles()
    place = _opened(spool_of(archive), files)
    for layout in ({"format": "csv"}, {"format": "jsonl"}):
        note_layout(place, layout)
        note_archives(place, [layout["format"]])
        remember(str(tmp_path / "state"), str(tmp_path / layout["format"]), files)
    copy = tmp_path / "copy"
    shutil.copytree(place.folder, copy, copy_function=shutil.copyfile)
    assert _opened(copy, files).spool_id != place.spool_id  # its note was replaced
    service = Service(files, archive)
    assert service.collect("inputs", 1)
    assert not files.replaced
    ship_all(files, archive)
    assert {os.path.basename(path) for path in files.replaced} >= {"intent", "staging"}


def test_a_file_is_replaced_at_once_or_with_patience_as_its_writer_asks(tmp_path: Path) -> None:
    files, path = WindowsFiles(), str(tmp_path / "note")
    replace_file(files, path, b"first")
    assert not files.replaced
    replace_file(files, path, b"second", patient=True)
    assert files.replaced == [path] and Path(path).read_bytes() == b"second"


def _opened(folder: Path, files: WindowsFiles) -> SpoolFolder:
    return open_place(str(folder), files, os.urandom(16), NOON)


class NoVolumes(Files):
    """As Wine has it: the volume of an open file that was renamed is not known, that of a path is."""

    def fstat(self, fd: int) -> os.stat_result:
        mode, inode, _, *others = super().fstat(fd)
        return os.stat_result((mode, inode, 0, *others))


def test_a_writer_keeps_its_segment_where_the_volume_of_an_open_file_is_not_known(tmp_path: Path) -> None:
    archive, files = str(tmp_path / "archive"), NoVolumes()
    service = Service(files, archive)
    for number in range(5):
        assert service.collect("inputs", number, NOON + number * 2 * TEND_NS)  # it looks whether its file is there
    segment = only_segment(archive)
    segment.rename(tmp_path / "moved")
    assert service.collect("inputs", 5, NOON + 20 * TEND_NS)
    assert only_segment(archive) != segment
