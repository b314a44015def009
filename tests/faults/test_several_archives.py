"""One spool, several archives: each has all rows once, at its own pace (fault matrix B16 for local archives)."""

from __future__ import annotations

import os
import random
import shutil
from collections import Counter
from pathlib import Path

import pytest

from modeldata import Archive, ModelDataError
from modeldata.catalog.audit import audit
from modeldata.settings import Settings
from modeldata.ship.leader import Surroundings, make_fleet
from modeldata.ship.worker import Worker
from modeldata.spool.files import Files
from modeldata.spool.folder import open_place
from modeldata.spool.lock import Leadership
from modeldata.store import open_store
from modeldata.testing import Died, Fault, FaultyFiles
from tests.support.archive import features
from tests.support.scripts import wait_until
from tests.support.service import NOON
from tests.support.spools import copy_as_itself

ROWS = 40


def _spool(folder: Path, names: list[str]) -> Settings:
    """A spool for archives of these names below `folder`, with rows that wait."""
    archive = Archive([folder / name for name in names], spool=folder / "spool", ship="off", min_free_bytes=0)
    inputs = archive.collector("m", "inputs", ["n", "text"])
    for number in range(ROWS):
        assert inputs.collect([number, "x" * 500])
    archive.close(0)
    return archive.settings


class Ship:
    """A process that ships, with the clock of the test."""

    def __init__(self, settings: Settings, files: Files) -> None:
        self.now = 0.0
        self.report: list[str] = []
        place = open_place(settings.spool_folder(), files, bytes(16), NOON)
        lead = Leadership.take(place.leader_lock, files)
        assert lead is not None
        self._lead = lead
        around = Surroundings(files, self.report.append, lambda: self.now, lambda: NOON, lambda seconds: False, lambda: 0.5)
        try:
            self.workers: list[Worker] = make_fleet(place, settings, lead, around)
        except BaseException:
            self.end()
            raise

    def end(self) -> None:
        try:
            self._lead.release()
        finally:
            Leadership.held_here.clear()

    def drain(self) -> None:
        for worker in self.workers:
            worker.drain()


def _segments(settings: Settings) -> list[str]:
    return os.listdir(os.path.join(settings.spool_folder(), "segments"))


def _numbers(archive: Path) -> Counter[str]:
    return Counter(row[0] for row in features(archive))


def test_every_archive_gets_every_row_and_only_then_the_spool_lets_go(tmp_path: Path) -> None:
    settings = _spool(tmp_path, ["a", "b", "c"])
    ship = Ship(settings, Files())

    for worker in ship.workers[:2]:
        worker.drain()
    assert _segments(settings), "one archive still needs them"
    ship.workers[2].drain()
    ship.end()

    assert not _segments(settings)
    for name in "abc":
        assert _numbers(tmp_path / name) == Counter(map(str, range(ROWS)))
        assert audit(open_store(str(tmp_path / name), Files())).verdict == "complete"


def test_an_archive_that_is_down_holds_up_no_other_and_is_warned_of_once(tmp_path: Path) -> None:
    settings = _spool(tmp_path, ["down", "up"])
    (tmp_path / "down").write_text("a file, where a folder should be")
    ship = Ship(settings, Files())

    for _ in range(200):
        ship.now += 1.0
        for worker in ship.workers:
            worker.tick()

    assert _numbers(tmp_path / "up") == Counter(map(str, range(ROWS)))
    assert len([text for text in ship.report if "could not" in text]) == 1
    assert _segments(settings)
    (tmp_path / "down").unlink()
    for _ in range(100):
        ship.now += 1.0
        for worker in ship.workers:
            worker.tick()
    ship.end()
    assert _numbers(tmp_path / "down") == _numbers(tmp_path / "up") == Counter(map(str, range(ROWS)))
    assert not _segments(settings)


def test_an_archive_whose_checkpoint_is_lost_keeps_its_rows_and_stops_no_other(tmp_path: Path) -> None:
    settings = _spool(tmp_path, ["lost", "good"])
    place = open_place(settings.spool_folder(), Files(), bytes(16), NOON)
    sink = Path(place.sink(settings.only(settings.archives[0]).sink_key()))
    sink.mkdir(parents=True)
    for name in ("checkpoint.a", "checkpoint.b"):
        (sink / name).write_bytes(b"x" * 100)

    ship = Ship(settings, Files())
    ship.drain()
    ship.end()

    assert [worker.archive for worker in ship.workers] == [settings.archives[1]]
    assert _numbers(tmp_path / "good") == Counter(map(str, range(ROWS)))
    assert _segments(settings) and any("--accept-duplicates" in text for text in ship.report)


@pytest.mark.parametrize("seed", range(3))
def test_a_shipper_of_two_archives_killed_at_any_operation_loses_and_doubles_nothing_in_either(tmp_path: Path, seed: int) -> None:
    template = _spool(tmp_path / "template", ["a", "b"])
    files = FaultyFiles()
    _move(tmp_path, template)
    settings = _at(tmp_path)
    ship = Ship(settings, files)
    ship.drain()
    ship.end()
    chance = random.Random(seed)
    for at in sorted(chance.sample(range(1, len(files.operations)), 25)):
        shutil.rmtree(tmp_path / "run")
        _move(tmp_path, template)
        try:
            Ship(settings, FaultyFiles(Fault(at))).drain()
        except (Died, ModelDataError, OSError):
            pass
        Leadership.held_here.clear()

        again = Ship(settings, Files())
        again.drain()
        again.end()

        for name in "ab":
            assert _numbers(tmp_path / "run" / name) == Counter(map(str, range(ROWS))), f"killed before operation {at}"
        assert not _segments(settings)


def _at(folder: Path) -> Settings:
    return Settings.build(
        {}, archive=[folder / "run" / "a", folder / "run" / "b"], spool=folder / "run" / "spool", min_free_bytes=0
    )


def _move(folder: Path, template: Settings) -> None:
    """The same spool for archives of another folder: their names are part of its own."""
    (folder / "run").mkdir()
    copy_as_itself(template.spool_folder(), _at(folder).spool_folder())


def test_a_service_archives_to_both_and_its_stats_tell_of_each(tmp_path: Path) -> None:
    with_two = Archive([tmp_path / "a", tmp_path / "b"], spool=tmp_path / "spool", batch_seconds=0.05)
    collector = with_two.collector("m", "inputs", ["n", "text"])
    assert all(collector.collect([number, ""]) for number in range(ROWS))

    assert with_two.flush(60)
    report = with_two.stats().archives
    assert {name: (one["archived"], one["pending"]) for name, one in report.items()} == {
        str(tmp_path / "a"): (ROWS, 0),
        str(tmp_path / "b"): (ROWS, 0),
    }
    assert with_two.close(60)
    for name in "ab":
        assert _numbers(tmp_path / name) == Counter(map(str, range(ROWS)))
    wait_until(lambda: not _segments(with_two.settings), what="the spool is empty")


def test_what_one_archive_gives_up_for_room_the_others_still_get(tmp_path: Path) -> None:
    archive = Archive(
        [tmp_path / "down", tmp_path / "up"], spool=tmp_path / "spool", ship="off", min_free_bytes=0, when_full="drop_oldest",
        spool_max_bytes=2_000_000,
    )  # fmt: skip
    (tmp_path / "down").write_text("a file, where a folder should be")
    settings = archive.settings
    numbers = iter(range(1_000_000))
    accepted = []
    ship = None
    while ship is None or not any("given up" in text for text in ship.report):
        collector = archive.collector("m", "inputs", ["n", "text"])
        for number in (next(numbers) for _ in range(100)):
            if collector.collect([number, "x" * 5000]):
                accepted.append(str(number))
        archive._intake.writer.close(NOON)
        archive._intake.writer.lost_place()
        ship = ship or Ship(settings, Files())
        for _ in range(3):
            ship.now += 1.0
            ship.workers[0].tick()  # the other one is up, but slow
    (tmp_path / "down").unlink()
    for _ in range(100):
        ship.now += 1.0
        for worker in ship.workers:
            worker.tick()
    ship.end()

    assert _numbers(tmp_path / "up") == Counter(accepted), "this one was never down"
    assert _numbers(tmp_path / "down") < Counter(accepted)
    report = audit(open_store(str(tmp_path / "down"), Files()))
    assert report.verdict == "gaps, each with its reason"
    missing = sum(gap.last - gap.first + 1 for writer in report.writers for gap in writer.missing)
    assert report.rows + missing == len(accepted)
    assert audit(open_store(str(tmp_path / "up"), Files())).verdict == "complete"
