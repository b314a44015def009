"""Batches may be cut, parked or set aside, and files may be taken away or not grow at all: the log still says what is there."""

from __future__ import annotations

from pathlib import Path

import pytest

from modeldata.settings import Settings
from modeldata.ship.pipeline import Pipeline
from modeldata.spool.files import Files
from modeldata.spool.folder import open_place
from modeldata.store.local import LocalStore
from modeldata.store.port import Rejected
from modeldata.testing import Died
from tests.heads.kit import assert_proven, files_of
from tests.support.service import NOON, Service, finish, settings_of

POISON = b"666"


class Picky(LocalStore):
    """Refuses rows with a certain number, and can die right after a record."""

    dies = False

    def append(self, path: str, start: int, data: bytes | memoryview) -> bool:
        if "/inputs/" in path and path.endswith(".csv") and POISON in bytes(data):
            raise Rejected("append", path, cause="it finds fault with a row")
        full = super().append(path, start, data)
        if self.dies and path.startswith("_heads/"):
            raise Died("after a record")
        return full


class Objects(LocalStore):
    """Files that never grow, as on S3."""

    appends = False


def shipped_by(store: LocalStore, settings: Settings) -> Pipeline:
    place = open_place(settings.spool_folder(), Files(), b"\2" * 16, NOON)
    return Pipeline(place, store, settings, files=Files(), warn=lambda text: None, may_commit=lambda: True)


def collected(archive: object, *numbers: int) -> Service:
    service = Service(Files(), str(archive))
    for number in numbers:
        assert service.collect("inputs", number) and service.collect("predictions", number)
    return service


def block(archive: Path) -> Path:
    """A file in the place of the folder that inputs go to."""
    blocked = archive / "a/s/i-m-1/inputs/2026"
    blocked.parent.mkdir(parents=True)
    blocked.write_bytes(b"")
    return blocked


def test_a_batch_that_is_cut_is_recorded_as_its_parts_and_the_row_that_is_set_aside_as_lost(tmp_path):
    collected(tmp_path, 1, 2, 666, 4, 5).kill()
    finish(shipped_by(Picky(str(tmp_path), Files()), settings_of(tmp_path)))
    ((record, *_),) = assert_proven(tmp_path).values()
    assert len(record["batches"]) > 3 and [rows for rows, _ in record["batches"].values()].count("") == 1


def test_a_shipper_that_dies_after_the_record_sends_the_same_one_again(tmp_path):
    """Also where a batch that was parked lands before it is sent again: the next record tells of that."""
    collected(tmp_path, 1, 2, 3).kill()
    store = Picky(str(tmp_path), Files())
    store.dies, blocked = True, block(tmp_path)
    with pytest.raises(Died):
        finish(shipped_by(store, settings_of(tmp_path)))
    store.dies = False
    blocked.unlink()
    pipeline = shipped_by(store, settings_of(tmp_path))
    for _ in range(3):
        finish(pipeline)
    (records,) = assert_proven(tmp_path).values()
    assert [len(records), records[1]["landed"]] == [2, records[0]["parked"]]


def test_a_parked_batch_that_is_cut_later_is_recorded_as_its_parts(tmp_path):
    service = collected(tmp_path, 1, 666, 3, 4)
    blocked = block(tmp_path)
    pipeline = shipped_by(Picky(str(tmp_path), Files()), settings_of(tmp_path))
    pipeline.step()
    assert pipeline.parked.rows() == 4
    blocked.unlink()
    service.kill()
    finish(pipeline)
    assert not pipeline.parked, "what is parked is tried also where a round had no rows"
    (records,) = assert_proven(tmp_path).values()
    assert records[0]["parked"] == records[-1]["replaces"]


def test_where_files_never_grow_each_record_is_a_file_of_its_own(tmp_path):
    store, settings = Objects(str(tmp_path), Files()), settings_of(tmp_path)
    pipeline = shipped_by(store, settings)
    for number in range(3):
        collected(tmp_path, number).kill()
        finish(pipeline)
    (records,) = assert_proven(tmp_path).values()
    assert len(records) == len(files_of(tmp_path)) == 3


def test_a_log_that_somebody_else_wrote_to_goes_on_in_another_file(tmp_path):
    pipeline = shipped_by(LocalStore(str(tmp_path), Files()), settings_of(tmp_path))
    collected(tmp_path, 1).kill()
    finish(pipeline)
    (log,) = (tmp_path / "_heads").iterdir()
    before = log.read_bytes()
    log.write_bytes(before + b"rubbish\n")
    collected(tmp_path, 2).kill()
    finish(pipeline)
    log.write_bytes(before)  # what it wrote is not ours
    (records,) = assert_proven(tmp_path).values()
    assert len(records) == len(files_of(tmp_path)) == 2
