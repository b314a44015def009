"""Crash-point sweeps: die before every operation, recover, compare (fault matrix A4, A5, C2, C17; reliability.md 5.2.2)."""

from __future__ import annotations

import errno
import random
import shutil
from collections import Counter
from pathlib import Path

import pytest

from modeldata.errors import ModelDataError
from modeldata.spool.files import Files
from modeldata.testing import Died, Fault, FaultyFiles
from tests.heads.kit import assert_proven
from tests.support.ledger import assert_exactly_once
from tests.support.service import DAY, NOON, Service, delivered_on_disk, manifest_rows, segments_of, ship_all, spool_of
from tests.support.spools import copy_as_itself

Rows = Counter[tuple[str, str]]
SHARES = 8
"""Parts of a long sweep, so that several workers can have it."""


@pytest.fixture
def template(tmp_path: Path) -> tuple[Path, Rows]:
    """A spool with rows of two collectors, two days, two dead writers, two batches for one file; a first part already archived."""
    archive = str(tmp_path / "template")
    first = Service(Files(), archive)
    for number in range(5):
        assert first.collect("inputs", number)
    ship_all(Files(), archive)
    for number in range(5, 12):
        assert first.collect("inputs", number)
        assert first.collect("predictions", number, NOON + DAY * (number % 2))
    second = Service(Files(), archive)
    for number in range(12, 20):
        assert second.collect("inputs", number, nested=number > 15)
    first.writer.close(NOON)
    second.kill()
    return tmp_path / "template", first.accepted + second.accepted


def _copy(template: Path, name: str) -> str:
    """The same spool under the same path each time: an archive's path is part of what its checkpoint is for."""
    target = template.parent / "archive"
    shutil.rmtree(target, ignore_errors=True)
    copy_as_itself(template, target)
    sinks = spool_of(target) / "sinks"
    from modeldata.settings import Settings

    (only,) = sinks.iterdir()
    only.rename(sinks / Settings.build({}, archive=str(target)).sink_key())
    return str(target)


def _ship_until_death(archive: str, fault: Fault) -> FaultyFiles:
    files = FaultyFiles(fault)
    try:
        ship_all(files, archive)
    except (Died, ModelDataError, OSError):
        pass
    return files


def _operations(template: Path) -> int:
    files = FaultyFiles()
    ship_all(files, _copy(template, "dry"))
    return len(files.operations)


def _assert_all_there(archive: str, expected: Rows, *, recorded: bool = True) -> None:
    """recorded: each batch is in a record. Not where the disk failed just when the record was written: rows go on without."""
    ship_all(Files(), archive)
    found = delivered_on_disk(archive)
    assert found == expected
    assert manifest_rows(archive) == sum(expected.values())
    assert_proven(archive, complete=recorded)
    assert not list(segments_of(archive).iterdir())


def test_a_shipper_killed_before_any_of_its_operations_loses_and_doubles_nothing(template: tuple[Path, Rows]) -> None:
    source, expected = template
    total = _operations(source)
    assert total > 30
    for at in range(1, total + 1):
        archive = _copy(source, str(at))
        files = _ship_until_death(archive, Fault(at))
        assert files.dead, f"operation {at} was never reached"
        _assert_all_there(archive, expected)


@pytest.mark.parametrize(
    ("lasting", "code"),
    [
        pytest.param(False, errno.EIO, id="once-EIO"),
        pytest.param(True, errno.ENOSPC, id="for good-ENOSPC"),
        pytest.param(False, errno.ENOSPC, id="once-ENOSPC", marks=pytest.mark.faults),
        pytest.param(True, errno.EIO, id="for good-EIO", marks=pytest.mark.faults),
    ],
)
def test_a_shipper_whose_disk_fails_at_any_operation_recovers(template: tuple[Path, Rows], code: int, lasting: bool) -> None:
    source, expected = template
    for at in range(1, _operations(source) + 1):
        archive = _copy(source, str(at))
        _ship_until_death(archive, Fault(at, code, lasting))
        _assert_all_there(archive, expected, recorded=False)


def _pairs(template: tuple[Path, Rows], pairs: list[tuple[int, int]]) -> None:
    source, expected = template
    for first, second in pairs:
        archive = _copy(source, f"{first}-{second}")
        _ship_until_death(archive, Fault(first))
        _ship_until_death(archive, Fault(second))
        _assert_all_there(archive, expected)


def test_a_crash_during_the_recovery_from_a_crash_loses_and_doubles_nothing(template: tuple[Path, Rows]) -> None:
    total = _operations(template[0])
    every = [(first, second) for first in range(1, total + 1) for second in range(1, total + 1)]
    _pairs(template, random.Random(1).sample(every, 60))


@pytest.mark.faults
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("share", range(SHARES))
def test_every_pair_of_crashes_loses_and_doubles_nothing(template: tuple[Path, Rows], share: int) -> None:
    total = _operations(template[0])
    _pairs(template, [(first, second) for first in range(1 + share, total + 1, SHARES) for second in range(1, total + 1)])


def test_a_writer_killed_before_any_of_its_operations_keeps_what_it_accepted(tmp_path: Path) -> None:
    def life(files: Files, archive: str) -> Service:
        service = Service(files, archive)
        try:
            for number in range(30):
                service.collect("inputs", number, pad=20 if number % 7 else 40_000)
                service.collect("predictions", number)
            service.writer.close(NOON)
        except Died:
            pass
        return service

    dry = FaultyFiles()
    life(dry, str(tmp_path / "dry"))
    for at in range(1, len(dry.operations) + 1):
        archive = str(tmp_path / f"run{at}")
        service = life(FaultyFiles(Fault(at)), archive)
        ship_all(Files(), archive)
        assert_exactly_once(service.attempted, service.accepted, delivered_on_disk(archive))
        shutil.rmtree(archive)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EDQUOT, errno.EMFILE], ids=lambda code: errno.errorcode[code])
def test_a_writer_whose_disk_fails_once_at_any_operation_counts_what_it_refuses(tmp_path: Path, code: int) -> None:
    dry = FaultyFiles()
    service = Service(dry, str(tmp_path / "dry"))
    for number in range(20):
        service.collect("inputs", number, pad=20 if number % 7 else 40_000)
    for at in range(1, len(dry.operations) + 1):
        archive = str(tmp_path / f"run{at}")
        service = Service(FaultyFiles(Fault(at, code)), archive)
        for number in range(20):
            service.collect("inputs", number, pad=20 if number % 7 else 40_000)
            service.writer.growth.look_again()  # don't wait for the next look at the disk
        service.kill()
        ship_all(Files(), archive)
        found = delivered_on_disk(archive)
        assert_exactly_once(service.attempted, service.accepted, found)
        assert found == service.accepted, "a refused row is never in the archive"
        shutil.rmtree(archive)
