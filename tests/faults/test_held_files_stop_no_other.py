"""A file that another program has open (antivirus, a backup, Excel) costs a wait: no row is lost or doubled, nothing else stops."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from modeldata.cli.commands.doctor import examine
from modeldata.ship.deadly_rounds import ATTEMPT, DeadlyRounds
from modeldata.ship.policy import LONGEST_RETRY
from modeldata.ship.removal import MOST_REFUSED, RETRY_SECONDS
from modeldata.ship.status import status_of
from modeldata.ship.worker import Worker
from modeldata.spool.files import Files
from modeldata.spool.lock import Leadership
from modeldata.spool.quota import used_bytes
from tests.support.held import HeldFiles
from tests.support.service import (
    NOON,
    Service,
    delivered_on_disk,
    finish,
    manifest_rows,
    new_pipeline,
    segments_of,
    settings_of,
    ship_all,
    spool_of,
    worker_of,
)  # fmt: skip


def _segments(archive: str, count: int, first: int = 0) -> list[str]:
    """As many writers that died, each with one row of its own; the names of their segments."""
    for number in range(first, first + count):
        service = Service(Files(), archive)
        assert service.collect("inputs", number)
        service.kill()
    return sorted(path.name for path in segments_of(archive).iterdir())


def _number_of_rows(archive: str) -> int:
    rows = delivered_on_disk(archive)
    assert max(rows.values()) == 1
    return len(rows)


class _Shipper:
    """A worker with a clock and a log of the test's."""

    def __init__(self, archive: str, files: Files) -> None:
        self.now = 1000.0
        self.log: list[str] = []
        lead = Leadership.take(str(spool_of(archive) / "leader.lock"), Files())
        assert lead is not None
        self.lead = lead
        self.worker: Worker = worker_of(
            settings_of(archive), lead, files=files, warn=self.log.append, monotonic=lambda: self.now, wall_ns=time.time_ns
        )

    def ticks(self, seconds: float, count: int = 3) -> None:
        for _ in range(count):
            self.worker.tick()
            self.now += seconds / count


def test_one_segment_that_is_held_stops_the_removal_of_no_other(tmp_path: Path) -> None:
    archive = str(tmp_path / "archive")
    first, *others = _segments(archive, 4)
    files = HeldFiles(first)
    pipeline = finish(new_pipeline(files, archive))
    assert [path.name for path in segments_of(archive).iterdir()] == [first] and len(others) == 3
    assert used_bytes(pipeline.place, Files()) >= (segments_of(archive) / first).stat().st_blocks * 512  # the quota counts it
    assert _number_of_rows(archive) == 4
    files.held.clear()
    again = finish(new_pipeline(files, archive))  # another shipper: the checkpoint knows what it has
    assert not list(segments_of(archive).iterdir()) and not again.removal.refused
    assert _number_of_rows(archive) == 4


def test_a_shipper_goes_on_beside_a_held_segment_says_so_once_and_removes_it_later(tmp_path: Path) -> None:
    archive = str(tmp_path / "archive")
    (name,) = _segments(archive, 1)
    files = HeldFiles(name)
    shipper = _Shipper(archive, files)
    shipper.ticks(1.0, 6)
    assert [text for text in shipper.log if name in text and "open in another program" in text] == shipper.log
    assert len(shipper.log) == 1 and files.refusals == 1  # it is not asked for at each look
    assert shipper.worker.failures == 0
    _segments(archive, 2, first=1)
    shipper.ticks(3.0)
    assert _number_of_rows(archive) == 3 and [path.name for path in segments_of(archive).iterdir()] == [name]
    files.held.clear()
    shipper.ticks(RETRY_SECONDS)
    assert not list(segments_of(archive).iterdir()) and shipper.worker.pipeline.removal.trouble() is None
    shipper.lead.release()


def test_status_and_doctor_name_a_segment_that_can_not_be_removed(tmp_path: Path) -> None:
    archive = str(tmp_path / "archive")
    (name,) = _segments(archive, 1)
    shipper = _Shipper(archive, HeldFiles(name))
    shipper.ticks(1.0)
    shipper.worker.note(force=True)
    settings = settings_of(archive)
    leader = status_of(settings, Files(), NOON).leader
    assert leader is not None and name in str(leader["unremoved"]) and "close it there" in str(leader["unremoved"])
    assert [found.text for found in examine(settings, Files()) if name in found.text] == [leader["unremoved"]]
    shipper.lead.release()


def test_rows_are_given_up_only_where_that_frees_room(tmp_path: Path) -> None:
    archive = str(tmp_path / "archive")
    count = 2 * MOST_REFUSED
    _segments(archive, count)
    pipeline = new_pipeline(HeldFiles(".seg"), archive)
    lost = sum(pipeline.give_up_oldest(1) for _ in range(count))
    assert lost == MOST_REFUSED
    assert _number_of_rows_after(archive) == count - lost


def _number_of_rows_after(archive: str) -> int:
    finish(new_pipeline(Files(), archive))
    return _number_of_rows(archive)


def test_a_round_that_fails_while_its_note_is_held_is_no_deadly_one(tmp_path: Path) -> None:
    files = HeldFiles()
    rounds = DeadlyRounds(str(tmp_path), files)
    for _ in range(5):
        files.held.clear()
        assert not rounds.begin(7)
        files.held.add(ATTEMPT)  # neither removed nor replaced, and then the freeze fails
        rounds.failed()
    files.held.clear()
    rounds.end()
    assert not (tmp_path / ATTEMPT).exists()


@pytest.mark.parametrize("held", ["inputs/2026/11/23/data.csv", "_manifest/data.csv.jsonl"])
def test_rows_wait_for_a_file_that_excel_has_open_while_other_collectors_go_on(tmp_path: Path, held: str) -> None:
    archive = str(tmp_path / "archive")
    service = Service(Files(), archive)
    assert all(service.collect(name, 1) for name in ("inputs", "predictions"))
    ship_all(Files(), archive)
    assert all(service.collect(name, 2) for name in ("inputs", "predictions"))
    service.kill()
    manifest = next(Path(archive).glob("**/inputs/**/_manifest/data*.jsonl"))
    files = HeldFiles(held if held.endswith(".csv") else str(manifest))
    shipper = _Shipper(archive, files)
    shipper.ticks(3.0)
    assert delivered_on_disk(archive)["predictions", "2"] == 1
    waits = shipper.worker.waits()
    assert waits is not None and "it is open in another program" in waits and "data" in waits and "close it there" in waits
    assert [text for text in shipper.log if "waits alone" in text and "open in another program" in text] == shipper.log
    assert not list((spool_of(archive) / "quarantine").iterdir())
    files.held.clear()
    shipper.ticks(2 * LONGEST_RETRY)
    assert shipper.worker.waits() is None and delivered_on_disk(archive) == service.accepted
    assert manifest_rows(archive) == 4
    assert [path.name for path in Path(archive).glob("**/data*.csv")] == ["data.csv", "data.csv"]
    shipper.lead.release()
