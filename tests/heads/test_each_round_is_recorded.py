"""What is archived is in a log of heads: each batch, the last numbers of each writer, and who lived when."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import msgpack

from modeldata.ship.outbox import MAGIC, Outbox
from modeldata.spool.files import Files
from modeldata.spool.lock import Leadership
from modeldata.testing import Died, Fault, FaultyFiles
from tests.heads.kit import assert_proven, ends_of, files_of, logs_of
from tests.support.service import (
    NOON,
    Service,
    delivered_on_disk,
    finish,
    new_pipeline,
    pipeline_of,
    settings_of,
    ship_all,
    sink_of,
    worker_of,
)

HOUR = 3_600_000_000_000
INPUTS = "a/s/i/m/1/inputs"
FOLDER = "a/s/i-m-1/inputs/2026/11/23"


def only_log(archive: Path) -> list[dict[str, object]]:
    (records,) = assert_proven(archive).values()
    return records


def test_each_batch_is_recorded_with_the_hash_of_its_rows_and_of_its_line(tmp_path):
    service = Service(Files(), str(tmp_path))
    for number in range(4):
        service.collect("inputs", number)
        service.collect("predictions", number)
        new_pipeline(Files(), str(tmp_path)).step()
    service.kill()
    ship_all(Files(), str(tmp_path))
    records = only_log(tmp_path)
    assert len(records) == 5 and sum(len(record.get("batches", ())) for record in records) == 8


def test_the_last_number_of_each_writer_and_collector_is_recorded(tmp_path):
    services = [Service(Files(), str(tmp_path)) for _ in range(2)]
    for number in range(5):
        services[number % 2].collect("inputs", number)
    for service in services:
        service.kill()
    ship_all(Files(), str(tmp_path))
    assert sorted(ends_of(only_log(tmp_path))[INPUTS].values()) == [1, 2]


def test_numbers_that_are_lost_count_as_reached(tmp_path):
    service = Service(Files(), str(tmp_path))
    for number in range(5):
        service.collect("inputs", number)
    service.kill()
    pipeline = new_pipeline(Files(), str(tmp_path))
    assert pipeline.give_up_oldest(1) == 5
    other = Service(Files(), str(tmp_path))
    other.collect("predictions", 0)
    pipeline.step()
    (record,) = only_log(tmp_path)
    assert list(record["ends"][INPUTS].values()) == [4]  # type: ignore[index]
    other.kill()


def test_a_round_without_anything_to_say_adds_nothing(tmp_path):
    service = Service(Files(), str(tmp_path))
    service.collect("inputs", 0)
    pipeline = new_pipeline(Files(), str(tmp_path))
    pipeline.step()
    before = files_of(tmp_path)
    for _ in range(3):
        assert pipeline.step() == (0, False)
    assert files_of(tmp_path) == before


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> int:
        return self.now


def test_a_living_writer_without_rows_is_recorded_once_an_hour(tmp_path):
    clock = Clock()
    service = Service(Files(), str(tmp_path))
    service.collect("inputs", 0)
    lead = Leadership.take(pipeline_of(settings_of(tmp_path)).place.leader_lock, Files())
    assert lead is not None
    worker = worker_of(settings_of(tmp_path), lead, wall_ns=clock)
    worker.pipeline.step()
    (writer,) = only_log(tmp_path)[0]["writers"]  # type: ignore[misc]
    for minutes in range(0, 180, 10):
        clock.now = NOON + minutes * HOUR // 60
        worker.tick()
    records = only_log(tmp_path)
    assert [record["time_ns"] for record in records] == [NOON, NOON + HOUR, NOON + 2 * HOUR]
    assert all(record["writers"][writer]["alive_ns"] == record["time_ns"] for record in records)  # type: ignore[index]
    assert records[-1]["writers"][writer]["accepted"] == {INPUTS: 1}  # type: ignore[index]
    service.kill()
    clock.now += HOUR // 2
    worker.drain()
    last = only_log(tmp_path)[-1]["writers"][writer]  # type: ignore[index]
    assert (last["ended"], last["alive_ns"]) == (True, NOON + 2 * HOUR)
    lead.release()


def test_a_writer_that_fills_many_segments_ends_once(tmp_path):
    service = Service(Files(), str(tmp_path))
    for number in range(40):
        service.collect("inputs", number, pad=200_000)
        if number % 10 == 0:
            new_pipeline(Files(), str(tmp_path)).step()
    service.kill()
    ship_all(Files(), str(tmp_path))
    writers = [record["writers"] for record in only_log(tmp_path) if record.get("writers")]
    assert [seen["ended"] for each in writers for seen in each.values()].count(True) == 1  # type: ignore[attr-defined]
    assert all(seen["ended"] for seen in writers[-1].values())  # type: ignore[attr-defined]


def test_a_writer_ends_only_with_its_last_segment(tmp_path):
    """A round may be full before the writer's last segment."""
    service = Service(Files(), str(tmp_path))
    for number in range(5):
        service.collect("inputs", number, pad=200_000)
    service.kill()
    pipeline = new_pipeline(Files(), str(tmp_path))
    pipeline._gatherer._most = 100_000
    while pipeline.step().rows:
        pass
    records = only_log(tmp_path)
    ended = [seen["ended"] for record in records for seen in record.get("writers", {}).values()]  # type: ignore[attr-defined]
    assert ended == [False] * (len(ended) - 1) + [True]
    assert len(records) > 2


def test_manifest_lines_say_when_and_where_and_by_which_spool(tmp_path):
    service = Service(Files(), str(tmp_path))
    service.collect("inputs", 0)
    service.kill()
    pipeline = pipeline_of(settings_of(tmp_path))
    finish(pipeline)
    (line,) = (tmp_path / FOLDER / "_manifest" / "data.csv.jsonl").read_text().splitlines()
    record = only_log(tmp_path)[0]
    assert f'"spool":"{record["spool"]}"' in line and f'"host":"{record["host"]}"' in line and '"archived_ns":' in line


def test_a_shipper_killed_anywhere_leaves_each_batch_in_one_record(tmp_path):
    def life(fault: Fault | None) -> FaultyFiles:
        shutil.rmtree(tmp_path, ignore_errors=True)
        service = Service(Files(), str(tmp_path))
        for number in range(3):
            service.collect("inputs", number)
        service.kill()
        files = FaultyFiles(fault)
        try:
            ship_all(files, str(tmp_path))
        except Died:
            ship_all(Files(), str(tmp_path))
        (records,) = assert_proven(tmp_path).values()
        assert delivered_on_disk(tmp_path) == service.accepted and len(records) == 1
        return files

    for at in range(1, len(life(None).operations) + 1, 2):
        life(Fault(at))


def test_a_lost_checkpoint_begins_another_log_and_never_forks_one(tmp_path):
    service = Service(Files(), str(tmp_path))
    service.collect("inputs", 0)
    new_pipeline(Files(), str(tmp_path)).step()
    shutil.rmtree(sink_of(tmp_path))
    service.collect("inputs", 1)
    service.kill()
    ship_all(Files(), str(tmp_path))
    logs = assert_proven(tmp_path)
    assert len(logs) == 2
    assert len({name.partition("-")[0] for name in logs}) == 1


def test_the_first_record_of_a_log_names_all_numbers_that_are_known(tmp_path):
    """Also those that an earlier version archived, which kept no log."""
    service = Service(Files(), str(tmp_path))
    service.collect("inputs", 0)
    pipeline = new_pipeline(Files(), str(tmp_path))
    pipeline.step()
    shutil.rmtree(tmp_path / "_heads")
    state = pipeline.state.copy()
    state.heads = type(state.heads)()
    pipeline._save(state)
    service.collect("predictions", 1)
    service.kill()
    finish(pipeline)
    (records,) = logs_of(files_of(tmp_path)).values()
    assert set(records[0]["ends"]) == {INPUTS, "a/s/i/m/1/predictions"}


def test_a_parked_batch_is_recorded_as_parked_and_as_landed_once_it_is_there(tmp_path):
    service = Service(Files(), str(tmp_path))
    (tmp_path / FOLDER).mkdir(parents=True)
    os.mkfifo(tmp_path / FOLDER / "data.csv")
    service.collect("inputs", 0)
    service.collect("predictions", 0)
    pipeline = new_pipeline(Files(), str(tmp_path))
    assert pipeline.step().rows == 1
    (record,) = logs_of(files_of(tmp_path))[pipeline.state.heads.name]
    (parked,) = record["parked"]
    assert len(record["batches"]) == 2 and parked in record["batches"]
    os.unlink(tmp_path / FOLDER / "data.csv")
    assert pipeline.step().rows == 1
    pipeline.step()
    last = only_log(tmp_path)[-1]
    assert last["landed"] == [parked] and "parked" not in last
    service.kill()


def test_where_heads_can_not_be_written_rows_are_archived_and_a_new_log_begins_later(tmp_path):
    clock, warnings = Clock(), list[str]()
    service = Service(Files(), str(tmp_path))
    service.collect("inputs", 0)
    (tmp_path / "_heads").write_bytes(b"")
    pipeline = pipeline_of(settings_of(tmp_path), warn=warnings.append)
    pipeline._recorder._wall_ns = clock
    assert pipeline.step().rows == 1
    service.collect("inputs", 1)
    assert pipeline.step().rows == 1
    assert len([text for text in warnings if "_heads" in text]) == 1
    (tmp_path / "_heads").unlink()
    clock.now += HOUR
    service.collect("inputs", 2)
    assert pipeline.step().rows == 1
    (records,) = logs_of(files_of(tmp_path)).values()
    assert list(records[0]["ends"][INPUTS].values()) == [2]
    assert len(records[0]["batches"]) == 1
    service.kill()


def test_an_earlier_version_finds_all_but_the_record_in_an_intent(tmp_path, monkeypatch):
    """Before this version an item had thirteen fields, and a round no records."""
    collected, seen = Service(Files(), str(tmp_path)), list[bytes]()
    collected.collect("inputs", 0)
    freeze = Outbox.freeze
    monkeypatch.setattr(
        Outbox, "freeze", lambda self, intent, staging: (seen.append(intent.pack()), freeze(self, intent, staging))
    )
    new_pipeline(Files(), str(tmp_path)).step()
    body = seen[0][: len(seen[0]) // 2][len(MAGIC) + 4 :]
    content = msgpack.unpackb(body)
    assert [len(fields) for fields in content["items"]] == [13]
    assert len(content["records"]) == 1
    collected.kill()


def test_a_copied_spool_begins_a_log_of_its_own(tmp_path):
    service = Service(Files(), str(tmp_path))
    service.collect("inputs", 0)
    pipeline = new_pipeline(Files(), str(tmp_path))
    pipeline.step()
    state = pipeline.state.copy()
    state.spool = "ab" * 16
    pipeline._save(state)
    service.collect("inputs", 1)
    service.kill()
    finish(pipeline)
    assert len(assert_proven(tmp_path)) == 2
