"""Rows that wait reach the archive that they were accepted for, whatever the settings say by then."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from modeldata import Archive
from modeldata.archive import archive_of
from modeldata.settings import Settings
from modeldata.ship.drain import drain_formers
from modeldata.ship.former_spools import former_spools, pending_rows
from modeldata.ship.leader import Surroundings
from modeldata.spool import register
from modeldata.spool.files import Files
from modeldata.spool.folder import SUFFIX
from modeldata.spool.lock import Leadership
from tests.support.archive import features
from tests.support.scripts import modeldata
from tests.support.service import NOON, Service, delivered_on_disk, ship_all

ROWS = ["0", "1", "2"]


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where this user's other spools are noted."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state" / "modeldata"


def _killed_service(archives: list[Path], spool: Path | None = None) -> Settings:
    """One that collected three rows, of which nobody shipped any."""
    archive = Archive(archives, spool=spool, ship="off", fsync="never", min_free_bytes=0)
    collector = archive.collector("m", "inputs", ["n"])
    assert all(collector.collect([int(number)]) for number in ROWS)
    for lane in archive._intake.writer.lanes:
        lane.abandon()
    return archive.settings


def _settings(archives: list[Path], spool: Path | None = None) -> Settings:
    return Settings.build({}, archive=archives, spool=spool, min_free_bytes=0)


def _around(now_ns: int | None = None) -> Surroundings:
    clock = time.time_ns if now_ns is None else lambda: now_ns
    return Surroundings(Files(), print, time.monotonic, clock, lambda seconds: True, lambda: 0.5)


def _drain(settings: Settings, around: Surroundings | None = None) -> list[str]:
    return drain_formers(settings, settings.spool_folder(), around or _around(), os.environ)


def _has(archive: Path) -> list[str]:
    return sorted(row[0] for row in features(archive))


def _second_archive(at: Path) -> tuple[Settings, list[Path]]:
    _killed_service([at / "a"])
    return _settings([at / "a", at / "b"]), [at / "a"]


def _one_archive_less(at: Path) -> tuple[Settings, list[Path]]:
    _killed_service([at / "a", at / "b"])
    return _settings([at / "b"]), [at / "a", at / "b"]


def _named_root(at: Path) -> tuple[Settings, list[Path]]:
    _killed_service([at / "a"])
    return _settings([at / "a"], at / "s"), [at / "a"]


def _moved(at: Path) -> tuple[Settings, list[Path]]:
    (at / "a").mkdir()
    _killed_service([at / "a"], at / "s")
    os.rename(at / "a", at / "moved")
    return _settings([at / "moved"], at / "s"), [at / "moved"]


def _spelled_by_a_link(at: Path) -> tuple[Settings, list[Path]]:
    (at / "a").mkdir()
    (at / "link").symlink_to("a")
    _killed_service([at / "link"], at / "s")
    return _settings([at / "a"], at / "s"), [at / "a"]


def _order_of_an_older_version(at: Path) -> tuple[Settings, list[Path]]:
    before = _killed_service([at / "b", at / "a"], at / "s")
    folder = Path(before.spool_folder())
    (folder / register.NOTE).unlink()
    folder.rename(folder.parent / before.sink_key())  # it took the text as it stood
    assert before.sink_key() != before.spool_key()
    return _settings([at / "a", at / "b"], at / "s"), [at / "a", at / "b"]


CHANGES = [
    _second_archive,
    _one_archive_less,
    _named_root,
    _moved,
    pytest.param(_spelled_by_a_link, marks=pytest.mark.posix("links, which a user of Windows may not make")),
    _order_of_an_older_version,
]


@pytest.mark.parametrize("change", CHANGES)
def test_rows_that_wait_are_counted_and_shipped_after_the_archives_are_named_in_another_way(
    tmp_path: Path, change: Callable[[Path], tuple[Settings, list[Path]]]
) -> None:
    settings, archives = change(tmp_path)
    (former,) = former_spools(settings, settings.spool_folder(), Files(), os.environ)
    assert former.ours and pending_rows(former, Files()) == 3
    assert archive_of(settings).stats().pending == 3

    assert _drain(settings) == []

    for archive in archives:
        assert _has(archive) == ROWS
    assert former_spools(settings, settings.spool_folder(), Files(), os.environ) == []
    assert _drain(settings) == []
    assert all(_has(archive) == ROWS for archive in archives)
    assert archive_of(settings).stats().pending == 0


def test_the_command_line_counts_and_drains_what_an_earlier_setting_left(tmp_path: Path) -> None:
    settings, _ = _second_archive(tmp_path)
    env = {"MODELDATA_ARCHIVE": settings.archive}
    report = {one["topic"]: one for one in json.loads(modeldata("doctor", "--json", env=env).stdout)["findings"]}
    assert report["former spool"]["verdict"] == "bad" and report["former spool"]["text"].startswith("3 rows wait")
    assert json.loads(modeldata("status", "--json", env=env).stdout)["pending"] == 3
    done = modeldata("ship", "--drain", "--json", env=env)
    assert done.returncode == 0 and json.loads(done.stdout)["archived"] == 3
    assert _has(tmp_path / "a") == ROWS


def test_an_archive_that_is_not_found_is_waited_for_and_nothing_is_made_in_its_place(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    _killed_service([tmp_path / "a"], tmp_path / "s")
    os.rename(tmp_path / "a", tmp_path / "unplugged")
    settings = _settings([tmp_path / "b"], tmp_path / "s")
    later = _around(time.time_ns() + 3_600_000_000_000)

    (reason,) = _drain(settings, later)
    assert "is not found" in reason and str(tmp_path / "a") in reason
    assert not (tmp_path / "a").exists()
    os.rename(tmp_path / "unplugged", tmp_path / "a")
    assert _drain(settings, later) == []
    assert _has(tmp_path / "a") == ROWS and not _has(tmp_path / "b")


def test_a_spool_of_another_archive_is_shipped_when_its_own_service_did_not_come_back(tmp_path: Path, state: Path) -> None:
    before = _killed_service([tmp_path / "a"])
    register.remember(str(state), before.spool_folder(), Files())
    settings = _settings([tmp_path / "b"])
    assert archive_of(settings).stats().pending == 0, "those are another archive's"
    assert _drain(settings) == [] and not _has(tmp_path / "a"), "its service may be starting just now"
    assert _drain(settings, _around(time.time_ns() + 61_000_000_000)) == []
    assert _has(tmp_path / "a") == ROWS


def test_a_spool_that_somebody_ships_or_writes_is_left_alone(tmp_path: Path) -> None:
    settings, _ = _second_archive(tmp_path)
    (former,) = former_spools(settings, settings.spool_folder(), Files(), os.environ)
    lead = Leadership.take(former.place.leader_lock, Files())
    assert lead is not None
    assert _drain(settings) == [] and not _has(tmp_path / "a")
    lead.release()
    alive = Archive(tmp_path / "a", ship="off", fsync="never", min_free_bytes=0)
    assert alive.collector("m", "inputs", ["n"]).collect([7])
    assert former_spools(settings, settings.spool_folder(), Files(), os.environ) == []
    for lane in alive._intake.writer.lanes:
        lane.abandon()
    assert _drain(settings) == []
    assert _has(tmp_path / "a") == [*ROWS, "7"]


def test_a_remote_archive_is_shipped_to_only_where_the_settings_name_it(tmp_path: Path) -> None:
    """Whether our credentials are for the account that was meant is not known."""
    before = Archive("s3://one-bucket/x", spool=tmp_path / "s", ship="off", fsync="never", min_free_bytes=0)
    assert before.collector("m", "inputs", ["n"]).collect([1])
    for lane in before._intake.writer.lanes:
        lane.abandon()
    settings = _settings([tmp_path / "b"], tmp_path / "s")
    (former,) = former_spools(settings, settings.spool_folder(), Files(), os.environ)
    assert former.settings is None and former.missing == ("s3://one-bucket/x",)


def test_the_register_of_spools_is_bounded_and_forgets_what_is_gone(tmp_path: Path, state: Path) -> None:
    folders = [tmp_path / f"spool{number}" for number in range(register.MOST + 20)]
    for folder in folders:
        folder.mkdir()
        register.remember(str(state), str(folder), Files())
    known = register.remembered(str(state), Files())
    assert known == [str(folder) for folder in folders[-register.MOST :]]
    folders[-2].rmdir()
    (tmp_path / "new").mkdir()
    register.remember(str(state), str(tmp_path / "new"), Files())
    assert str(folders[-2]) not in register.remembered(str(state), Files())


# a link that is switched while the service lives


@pytest.mark.posix("links, which a user of Windows may not make")
@pytest.mark.parametrize("way", ["process", "thread"])
@pytest.mark.parametrize("named", [False, True], ids=["beside", "named"])
def test_a_link_that_is_switched_under_a_living_service_strands_no_row(tmp_path: Path, way: str, named: bool) -> None:
    for release in ("blue", "green"):
        (tmp_path / release).mkdir()
    (tmp_path / "current").symlink_to("blue")
    spool = tmp_path / "s" if named else None
    archive = Archive(tmp_path / "current" / "archive", spool=spool, ship=way, batch_seconds=0.0, min_free_bytes=0)
    collector = archive.collector("m", "inputs", ["n"])
    accepted = []
    for number in range(30):
        if number == 10:
            (tmp_path / "new").symlink_to("green")
            os.rename(tmp_path / "new", tmp_path / "current")
        if number == 20:
            assert archive.flush(60)
        assert collector.collect([number])
        accepted.append(str(number))
    assert archive.close(60)
    assert sorted([*_has(tmp_path / "blue"), *_has(tmp_path / "green")]) == sorted(accepted)


# an archive that is renamed while its service lives


def test_a_service_whose_archive_is_renamed_writes_where_its_settings_say_and_strands_no_row(tmp_path: Path) -> None:
    service = Service(Files(), str(tmp_path / "a"))
    for number in range(5):
        assert service.collect("inputs", number)
    os.rename(tmp_path / "a", tmp_path / "renamed")
    for number in range(5, 15):
        assert service.collect("inputs", number, NOON + number * 1_000_000_000)  # long enough for the rare duties
    service.kill()

    for name in ("a", "renamed"):
        ship_all(Files(), str(tmp_path / name))
    before, after = delivered_on_disk(str(tmp_path / "renamed")), delivered_on_disk(str(tmp_path / "a"))
    assert before + after == service.accepted
    assert set(before) == {("inputs", str(number)) for number in range(5)}


class Cloned(Files):
    """A disk in whose place a clone of it was mounted: the same names and inodes, another device."""

    mounted = False

    def stat(self, path: str) -> os.stat_result:
        seen = super().stat(path)
        if not self.mounted or SUFFIX not in path:
            return seen
        return os.stat_result((*seen[:2], seen.st_dev + 1, *seen[3:]), {"st_mtime_ns": seen.st_mtime_ns})


def test_a_service_whose_disk_is_replaced_by_its_clone_writes_to_a_segment_that_is_there(tmp_path: Path) -> None:
    files = Cloned()
    service = Service(files, str(tmp_path / "a"))
    assert service.collect("inputs", 0)
    (lane,) = service.writer.lanes
    before = lane.segment
    files.mounted = True
    assert service.collect("inputs", 1, NOON + 1_000_000_000)
    assert lane.segment is not before, "what is written to the old disk reaches no shipper"
    service.kill()
    ship_all(Files(), str(tmp_path / "a"))
    assert delivered_on_disk(str(tmp_path / "a")) == service.accepted
