"""One byte that the disk changes in `staging` or `intent` stops no round: nothing is lost, doubled or changed."""

from __future__ import annotations

import random
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from modeldata.errors import SpoolError
from modeldata.spool.files import Files
from modeldata.spool.lock import Leadership
from modeldata.store.local import LocalStore
from modeldata.testing import Died
from tests.support.scripts import modeldata
from tests.support.service import NOON, Service, delivered_on_disk, manifest_rows, new_pipeline, ship_all

SENT = [0, 2, None]
"""Appends to the archive before the shipper dies; None: all of them."""


def _life(archive: Path, sent: int | None, patch: pytest.MonkeyPatch) -> Counter[tuple[str, str]]:
    """A round that a shipper left behind, with so many appends done."""
    service = Service(Files(), str(archive))
    for number in range(6):
        assert service.collect("inputs", number)
        assert service.collect("predictions", number)
    service.kill()
    left = [1 << 30 if sent is None else sent]
    append = LocalStore.append

    def dying(store: LocalStore, path: str, start: int, data: bytes) -> bool:
        left[0] -= 1
        if left[0] < 0:
            raise Died
        return append(store, path, start, data)

    pipeline = new_pipeline(Files(), str(archive))
    with patch.context() as only_here:
        only_here.setattr(LocalStore, "append", dying)
        only_here.setattr(pipeline, "_commit", _die)
        with pytest.raises(Died):
            pipeline.step()
    return service.accepted


def _die(after: object) -> None:
    raise Died


def _flip(archive: Path, name: str, at: float) -> None:
    (path,) = archive.glob(f".modeldata-spool-*/sinks/*/{name}")
    content = bytearray(path.read_bytes())
    content[int(at * len(content))] ^= 0x08
    path.write_bytes(content)


def _assert_it_goes_on(archive: Path, name: str, at: float, sent: int | None, patch: pytest.MonkeyPatch) -> None:
    rows = _life(archive, sent, patch)
    _flip(archive, name, at)
    ship_all(Files(), str(archive))
    assert delivered_on_disk(str(archive)) == rows, f"{name}, byte at {at:.4f}"
    assert manifest_rows(str(archive)) == sum(rows.values())
    shutil.rmtree(archive)


@pytest.mark.parametrize("name", ["staging", "intent"])
@pytest.mark.parametrize("sent", SENT)
def test_a_round_with_one_damaged_byte_is_sent_as_it_was(
    tmp_path: Path, name: str, sent: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for at in (0.0, 0.3, 0.6, 0.999):
        _assert_it_goes_on(tmp_path / "archive", name, at, sent, monkeypatch)


@pytest.mark.faults
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", ["staging", "intent"])
@pytest.mark.parametrize("sent", SENT)
def test_a_round_with_any_damaged_byte_is_sent_as_it_was(
    tmp_path: Path, name: str, sent: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    dice = random.Random(7)
    for _ in range(300):
        _assert_it_goes_on(tmp_path / "archive", name, dice.random(), sent, monkeypatch)


def _ruin(archive: Path, name: str) -> None:
    """Both copies of each batch, or both halves of the intent."""
    (path,) = archive.glob(f".modeldata-spool-*/sinks/*/{name}")
    content = path.read_bytes()
    path.write_bytes(bytes(byte ^ 0x08 for byte in content))


def _cut(archive: Path, name: str) -> None:
    (path,) = archive.glob(f".modeldata-spool-*/sinks/*/{name}")
    path.write_bytes(path.read_bytes()[:40])


def _remove(archive: Path, name: str) -> None:
    (path,) = archive.glob(f".modeldata-spool-*/sinks/*/{name}")
    path.unlink() if name == "staging" else path.write_bytes(b"")


@pytest.mark.parametrize("harm", [_ruin, _cut, _remove], ids=["all bytes", "cut", "removed or empty"])
@pytest.mark.parametrize(("name", "sent"), [("staging", 2), ("intent", 1), ("intent", None)])
def test_a_round_that_is_damaged_beyond_repair_is_made_again_where_that_is_accepted(
    tmp_path: Path, name: str, sent: int | None, harm: Callable[[Path, str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = tmp_path / "archive"
    rows = _life(archive, sent, monkeypatch)
    service = Service(Files(), str(archive))  # its rows wait behind the round, and are in the one that is made in its place
    assert service.collect("inputs", 100)
    service.writer.close(NOON)
    rows += service.accepted
    harm(archive, name)
    with pytest.raises(SpoolError, match="--accept-duplicates"):
        ship_all(Files(), str(archive))

    done = modeldata("ship", "--drain", "--accept-duplicates", "--archive", str(archive))

    assert done.returncode == 0, done.stderr
    assert "possible duplicates" in done.stderr and "13 rows" in done.stderr
    found = delivered_on_disk(str(archive))
    assert set(found) == set(rows) and not found - rows - rows
    assert list(archive.glob(".modeldata-spool-*/sinks/*/intent.lost"))
    assert not list(archive.glob(".modeldata-spool-*/segments/*.seg"))


def test_only_a_damaged_round_is_made_again_and_only_where_nobody_ships(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = tmp_path / "archive"
    rows = _life(archive, 2, monkeypatch)
    (lock,) = archive.glob(".modeldata-spool-*/")
    lead = Leadership.take(str(lock / "leader.lock"), Files())
    assert lead is not None
    busy = modeldata("ship", "--drain", "--timeout", "0", "--accept-duplicates", "--archive", str(archive))
    lead.release()
    assert busy.returncode == 1 and "stop it first" in busy.stderr
    done = modeldata("ship", "--drain", "--accept-duplicates", "--archive", str(archive))
    assert done.returncode == 0 and "possible duplicates" not in done.stderr
    assert delivered_on_disk(str(archive)) == rows
    assert not list(archive.glob(".modeldata-spool-*/sinks/*/*.lost"))
