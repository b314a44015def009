"""Promise 5: the spool's disk is bounded, and a full disk never stops us from freeing it (fault matrix C1, C2, C3)."""

from __future__ import annotations

import errno
import json
import os
import time
from collections import Counter
from pathlib import Path

import pytest

from modeldata.catalog.audit import BROKEN, COMPLETE, EXPLAINED, audit
from modeldata.settings import Settings
from modeldata.spool.files import Files
from modeldata.spool.folder import open_place
from modeldata.spool.quota import Quota, SpoolFull, used_bytes
from modeldata.store import open_store
from modeldata.testing import Fault, FaultyFiles
from tests.support.archive import assert_complete, features, rows
from tests.support.ledger import assert_exactly_once
from tests.support.scripts import drain, modeldata, run
from tests.support.service import (
    NOON,
    Service,
    delivered_on_disk,
    new_pipeline,
    ship_all,
)

MOST = 2_000_000


def _blocked(archive: Path) -> Path:
    """An outage: a file where the archive needs a folder."""
    archive.mkdir(parents=True, exist_ok=True)
    obstacle = archive / "a"
    obstacle.write_text("in the way")
    return obstacle


def test_drop_newest_keeps_every_accepted_row_and_counts_every_refused_one(tmp_path: Path) -> None:
    archive = str(tmp_path / "archive")
    service = Service(Files(), archive, most=MOST)
    taken = sum(service.collect("inputs", number, pad=2_000) for number in range(3_000))
    refused = 3_000 - taken
    assert taken > 500 and refused > 500
    place = service.writer.place
    assert place is not None
    assert used_bytes(place, Files()) <= MOST
    assert service.writer.drops() == {(service.shapes["inputs"].stream, "spool_full"): refused}

    ship_all(Files(), archive)
    service.writer.growth.look_again()
    assert service.collect("inputs", 3_000, pad=2_000), "room was made, so it goes on"
    service.writer.close(time.time_ns())
    ship_all(Files(), archive)

    assert delivered_on_disk(archive) == service.accepted
    found = audit(open_store(archive, Files()))
    assert (found.verdict, found.refused) == (COMPLETE, {"spool_full": refused})


def test_the_quota_is_measured_so_that_what_others_put_there_counts(tmp_path: Path) -> None:
    archive = str(tmp_path / "archive")
    service = Service(Files(), archive, most=MOST)
    assert service.collect("inputs", 1)
    place = service.writer.place
    assert place is not None
    stranger = Path(place.quarantine) / "from an earlier run"
    stranger.write_bytes(b"x" * MOST)

    refused = [service.collect("inputs", number, pad=9_000) for number in range(2, 100)].count(False)

    assert refused > 0
    stranger.unlink()
    service.writer.growth.look_again()
    assert service.collect("inputs", 100, pad=9_000), "measured again, not counted"


def test_drop_oldest_gives_up_whole_old_segments_and_names_their_rows(tmp_path: Path) -> None:
    archive = tmp_path / "archive"
    obstacle = _blocked(archive)
    service = Service(Files(), str(archive))
    for number in range(2_000):
        assert service.collect("inputs", number, pad=1_000)
    pipeline = new_pipeline(Files(), str(archive))

    given_up = pipeline.give_up_oldest(1_000_000)

    assert given_up > 500
    assert pipeline.state.drops == {"drop_oldest": given_up}
    obstacle.unlink()
    service.writer.close(time.time_ns())
    ship_all(Files(), str(archive))
    found = delivered_on_disk(str(archive))
    assert sum(found.values()) == 2_000 - given_up
    assert found == Counter({("inputs", str(number)): 1 for number in range(given_up, 2_000)}), "the oldest, not others"
    report = audit(open_store(str(archive), Files()))
    assert report.verdict == EXPLAINED
    assert [(gap.first, gap.last, gap.reason) for writer in report.writers for gap in writer.missing] == [
        (0, given_up - 1, "drop_oldest")
    ]


def test_drop_oldest_leaves_alone_what_a_frozen_round_holds(tmp_path: Path) -> None:
    archive = tmp_path / "archive"
    service = Service(Files(), str(archive))
    for number in range(300):
        assert service.collect("inputs", number, pad=1_000)
    files = FaultyFiles(Fault(1, errno.EACCES, lasting=True, names=frozenset({"write"})))
    pipeline = new_pipeline(files, str(archive))
    original = pipeline._store.append

    def down(*arguments: object) -> None:
        from modeldata.store import Unavailable

        raise Unavailable("append", "the store is down")

    pipeline._store.append = down  # type: ignore[method-assign]
    with pytest.raises(Exception, match="the store is down"):
        pipeline.step()
    for number in range(300, 3_000):
        assert service.collect("inputs", number, pad=1_000)

    given_up = pipeline.give_up_oldest(500_000)

    assert given_up > 0
    pipeline._store.append = original  # type: ignore[method-assign]
    service.writer.close(time.time_ns())
    ship_all(Files(), str(archive))
    found = delivered_on_disk(str(archive))
    assert sum(found.values()) == 3_000 - given_up
    assert all(found["inputs", str(number)] == 1 for number in range(300)), "frozen rows are sent"
    assert audit(open_store(str(archive), Files())).verdict == EXPLAINED


@pytest.mark.parametrize("at", range(1, 16))
def test_giving_up_survives_a_crash_at_any_operation(tmp_path: Path, at: int) -> None:
    archive = tmp_path / "archive"
    service = Service(Files(), str(archive))
    for number in range(1_000):
        assert service.collect("inputs", number, pad=1_000)
    from modeldata.testing import Died

    try:
        new_pipeline(FaultyFiles(Fault(at)), str(archive)).give_up_oldest(600_000)
    except Died:
        pass
    service.writer.close(time.time_ns())
    ship_all(Files(), str(archive))
    found = delivered_on_disk(str(archive))
    report = audit(open_store(str(archive), Files()))
    missing = sum(gap.last - gap.first + 1 for writer in report.writers for gap in writer.missing)
    assert report.verdict in (COMPLETE, EXPLAINED), report.as_dict()
    assert sum(found.values()) + missing == 1_000
    assert max(found.values()) == 1


def test_a_running_shipper_makes_room_before_writers_meet_the_limit(tmp_path: Path) -> None:
    _blocked(tmp_path / "archive").rename(tmp_path / "archive" / "unknown")
    done = run(
        """
    from modeldata import Archive
    archive = Archive("archive", ship="thread", when_full="drop_oldest", spool_max_bytes="8M", min_free_bytes=0)
    dc = archive.collector("m", "inputs", ["n", "pad"])
    import time
    pad = "x" * 1000
    accepted = last = 0
    for n in range(40_000):
        if dc.collect([n, pad]):
            accepted, last = accepted + 1, n
        if n % 500 == 0:
            time.sleep(0.02)
    print(accepted, last, archive.stats().bytes)
    """,
        tmp_path,
        timeout=200,
    )
    accepted, last, used = map(int, done.stdout.split())
    assert used <= 9_000_000
    (tmp_path / "archive" / "unknown").unlink()
    drain(tmp_path / "archive")
    stored = {int(n) for n, _ in features(tmp_path / "archive")}
    assert len(stored) == len(rows(tmp_path / "archive")) < accepted
    assert last in stored, "the newest rows are the ones that are kept"
    report = json.loads(modeldata("audit", str(tmp_path / "archive"), "--json").stdout)
    assert report["verdict"] != BROKEN and report["missing"]
    given_up = sum(gap["last"] - gap["first"] + 1 for gap in report["missing"])
    assert len(stored) + given_up == accepted


def test_block_waits_no_longer_than_its_ceiling_and_then_refuses(tmp_path: Path) -> None:
    run(
        """
    import time
    from modeldata import Archive
    archive = Archive("archive", ship="off", when_full="block", block_timeout="300ms", spool_max_bytes="600K", min_free_bytes=0)
    dc = archive.collector("m")
    pad = "x" * 50_000
    while dc.collect([pad]):
        pass
    before = time.monotonic()
    assert dc.collect([pad]) is False
    waited = time.monotonic() - before
    assert 0.25 < waited < 30, waited
    assert set(archive.stats().dropped) == {"spool_full"}
    """,
        tmp_path,
    )


def test_block_goes_on_as_soon_as_there_is_room(tmp_path: Path) -> None:
    run(
        """
    import shutil, threading, time, os
    from modeldata import Archive
    archive = Archive("archive", ship="thread", when_full="block", block_timeout=60, spool_max_bytes="1M", min_free_bytes=0, batch_seconds="10ms")
    dc = archive.collector("m", "inputs", ["n", "pad"])
    pad = "x" * 20_000
    accepted = sum(dc.collect([n, pad]) for n in range(500))
    assert accepted == 500, archive.stats()
    assert archive.flush(60)
    """,
        tmp_path,
    )
    assert_complete(tmp_path / "archive")
    assert len(rows(tmp_path / "archive")) == 500


def test_min_free_leaves_room_to_the_rest_of_the_machine(tmp_path: Path) -> None:
    class Small(Files):
        def free_bytes(self, path: str) -> tuple[int, int]:
            return 3_000_000, 1 << 40

    archive = str(tmp_path / "archive")
    service = Service(Small(), archive)
    service.writer.growth._quota.min_free = 2_900_000
    assert not service.collect("inputs", 1, pad=200_000)
    service.writer.growth.look_again()
    service.writer.growth._quota.min_free = 1_000_000
    assert service.collect("inputs", 2)
    assert service.writer.drops() == {(service.shapes["inputs"].stream, "no_space"): 1}


@pytest.mark.parametrize("names", [{"rename"}, {"allocate"}, {"pwrite"}, {"open"}], ids=lambda names: next(iter(names)))
def test_a_disk_that_is_full_for_the_shipper_loses_and_doubles_nothing_once_there_is_room(
    tmp_path: Path, names: set[str]
) -> None:
    archive = str(tmp_path / "archive")
    service = Service(Files(), archive)
    for number in range(50):
        assert service.collect("inputs", number)
    files = FaultyFiles(Fault(1, errno.ENOSPC, lasting=True, names=frozenset(names)))
    for _ in range(3):
        try:
            ship_all(files, archive)
        except Exception as error:
            assert "No space" in str(error) or isinstance(error, OSError)
    service.writer.close(time.time_ns())
    ship_all(Files(), archive)
    assert_exactly_once(service.attempted, service.accepted, delivered_on_disk(archive))
    assert delivered_on_disk(archive) == service.accepted


def test_the_checkpoint_is_overwritten_in_place_and_takes_no_new_room(tmp_path: Path) -> None:
    archive = str(tmp_path / "archive")
    service = Service(Files(), archive)
    sinks = Path(Settings.build({}, archive=archive).spool_folder()) / "sinks"
    sizes = []
    for number in range(6):
        assert service.collect("inputs", number)
        ship_all(Files(), archive)
        sizes.append(sorted(os.stat(path).st_blocks for path in sinks.rglob("checkpoint.*")))
    assert sizes[1] == sizes[-1] and len(sizes[-1]) == 2


def test_room_is_left_to_the_rest_of_the_machine(tmp_path: Path) -> None:
    class Small(Files):
        def free_bytes(self, path: str) -> tuple[int, int]:
            return 1_000_000, 1 << 40

    place = open_place(str(tmp_path / "spool"), Files(), b"\1" * 16, NOON)
    assert Quota(1 << 30, 500_000, Small()).grant(place, 1000, 300_000) >= 1000
    with pytest.raises(SpoolFull) as refused:
        Quota(1 << 30, 999_500, Small()).grant(place, 1000, 300_000)
    assert refused.value.reason == "no_space"
