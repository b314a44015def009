"""A checkpoint that is damaged, missing or old never makes us guess (fault matrix C11)."""

from __future__ import annotations

import json
import random
import shutil
import time
from pathlib import Path

import pytest

from modeldata import SpoolError
from modeldata.catalog.audit import audit
from modeldata.settings import Settings
from modeldata.ship.checkpoint import Checkpoint, Progress
from modeldata.spool.files import Files
from modeldata.store import open_store
from tests.support.archive import manifest_lines
from tests.support.scripts import modeldata
from tests.support.service import (
    Service,
    delivered_on_disk,
    new_pipeline,
    ship_all,
)
from tests.support.spools import copy_as_itself


def _sink(archive: str) -> Path:
    settings = Settings.build({}, archive=archive)
    return Path(settings.spool_folder()) / "sinks" / settings.sink_key()


def _newest(archive: str) -> Path:
    generation, _ = Checkpoint(str(_sink(archive)), Files()).load()
    return _sink(archive) / f"checkpoint.{'ab'[generation % 2]}"


def _life(archive: str, rounds: int = 4) -> Service:
    """A service whose rows were archived round by round; its segments are still alive."""
    service = Service(Files(), archive)
    pipeline = new_pipeline(Files(), archive)
    for number in range(rounds * 5):
        assert service.collect("inputs", number)
        assert service.collect("predictions", number)
        if number % 5 == 4:
            pipeline.step()
    return service


@pytest.mark.parametrize("harm", ["zero", "truncate", "remove", "flip"])
def test_losing_the_newest_slot_loses_and_doubles_nothing(tmp_path: Path, harm: str) -> None:
    archive = str(tmp_path / "archive")
    service = _life(archive)
    slot = _newest(archive)
    content = bytearray(slot.read_bytes())
    if harm == "zero":
        slot.write_bytes(bytes(len(content)))
    elif harm == "truncate":
        slot.write_bytes(bytes(content[:30]))
    elif harm == "remove":
        slot.unlink()
    else:
        content[40] ^= 1
        slot.write_bytes(bytes(content))
    for number in range(100, 110):
        assert service.collect("inputs", number)

    service.writer.close(time.time_ns())
    ship_all(Files(), archive)

    assert delivered_on_disk(archive) == service.accepted
    assert audit(open_store(archive, Files())).verdict == "complete"


def test_any_flipped_byte_of_any_slot_loses_and_doubles_nothing(tmp_path: Path) -> None:
    template = tmp_path / "archive"
    service = _life(str(template))
    service.writer.close(time.time_ns())
    copy_as_itself(template, tmp_path / "kept")
    dice = random.Random(3)
    for slot in ("checkpoint.a", "checkpoint.b"):
        used = (_sink(str(template)) / slot).read_bytes().rstrip(b"\0")
        for at in sorted({*range(24), *dice.sample(range(24, len(used)), 25)}):
            shutil.rmtree(template)
            copy_as_itself(tmp_path / "kept", template)
            path = _sink(str(template)) / slot
            content = bytearray(path.read_bytes())
            content[at] ^= 0x40
            path.write_bytes(bytes(content))

            ship_all(Files(), str(template))

            assert delivered_on_disk(str(template)) == service.accepted, f"{slot} byte {at}"


@pytest.mark.parametrize("harm", ["damage both", "remove both"])
def test_with_both_slots_gone_nothing_is_sent_until_somebody_accepts_duplicates(tmp_path: Path, harm: str) -> None:
    archive = str(tmp_path / "archive")
    service = _life(archive)
    service.writer.close(time.time_ns())
    before = delivered_on_disk(archive)
    for name in ("checkpoint.a", "checkpoint.b"):
        path = _sink(archive) / name
        if harm == "damage both":
            path.write_bytes(b"damaged" * 10)
        else:
            path.unlink()

    with pytest.raises(SpoolError, match="--accept-duplicates"):
        new_pipeline(Files(), archive)
    refused = modeldata("ship", "--drain", "--archive", archive, "--timeout", "1")

    assert refused.returncode == 1 and "--accept-duplicates" in refused.stderr
    assert delivered_on_disk(archive) == before
    accepted = modeldata("ship", "--drain", "--accept-duplicates", "--archive", archive)
    assert accepted.returncode == 0, accepted.stderr
    assert set(delivered_on_disk(archive)) == set(service.accepted), "nothing is lost; some of it may be there twice"


def test_a_commit_is_in_both_slots_before_the_round_is_forgotten(tmp_path: Path) -> None:
    archive = str(tmp_path / "archive")
    _life(archive)
    assert sorted(path.name for path in _sink(archive).iterdir()) == ["archive.json", "begun", "checkpoint.a", "checkpoint.b"]
    first, second = (Checkpoint(str(_sink(archive)), Files())._slot(str(_sink(archive) / f"checkpoint.{x}")) for x in "ab")
    assert isinstance(first, tuple) and isinstance(second, tuple)
    assert first[1].pack() == second[1].pack()


def test_a_batch_id_never_names_other_rows_though_rounds_are_counted_again(tmp_path: Path) -> None:
    archive = str(tmp_path / "archive")
    service = _life(archive)
    service.writer.close(time.time_ns())
    for name in ("checkpoint.a", "checkpoint.b"):
        (_sink(archive) / name).unlink()
    accepted = modeldata("ship", "--drain", "--accept-duplicates", "--archive", archive)
    assert accepted.returncode == 0, accepted.stderr

    batches: dict[str, set[str]] = {}
    for _, line in manifest_lines(archive):
        batches.setdefault(line["batch"], set()).add(json.dumps([line["identity"], line.get("sequences")]))
    assert len(batches) > 8, "the same rounds, and one with all rows"
    assert all(len(rows) == 1 for rows in batches.values())


def test_a_checkpoint_torn_while_written_leaves_the_one_before(tmp_path: Path) -> None:
    slots = Checkpoint(str(tmp_path), Files())
    for generation in range(1, 6):
        state = Progress()
        state.round = generation
        state.offsets = {f"segment{number}": generation for number in range(50)}
        slots.save(generation, state)
        newest = tmp_path / ("checkpoint.a" if generation % 2 == 0 else "checkpoint.b")
        whole = newest.read_bytes() if newest.exists() else b""
        assert Checkpoint(str(tmp_path), Files()).load()[0] == generation
        if generation == 1 or not whole:
            continue
        torn = bytearray(whole)
        torn[60:200] = b"\x55" * 140
        newest.write_bytes(torn)
        found, before = Checkpoint(str(tmp_path), Files()).load()
        assert (found, before.round) == (generation - 1, generation - 1)
        newest.write_bytes(whole.replace(b"segment11", b"segment91", 1))
        assert Checkpoint(str(tmp_path), Files()).load()[0] == generation - 1, "well formed, and not what was written"
        newest.write_bytes(whole)
