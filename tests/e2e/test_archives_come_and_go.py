"""Promises 2 and 5: archives made for each request or tenant leave nothing behind, and lose no row."""

from __future__ import annotations

import copy
import gc
import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import modeldata
from modeldata import Archive, ModelDataCollector
from modeldata.intake.shared import MOST_UNUSED, _known
from modeldata.spool.files import Files
from tests.support.archive import assert_complete, features
from tests.support.scripts import environment, run, wait_until
from tests.support.service import ship_all

OFF = {"ship": "off", "fsync": "never", "min_free_bytes": 1}


def _descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def _collect_once(folder: Path, number: int, **settings: object) -> bool:
    return Archive(folder, **{**OFF, **settings}).collector("m", "inputs", ["n"]).collect([number])


@pytest.mark.posix("/proc")
def test_an_archive_for_each_request_leaves_no_descriptor_and_loses_no_row(tmp_path: Path) -> None:
    before = _descriptors()
    assert all(_collect_once(tmp_path, number) for number in range(60))
    assert _descriptors() <= before
    ship_all(Files(), str(tmp_path))
    assert sorted(int(n) for (n,) in features(tmp_path)) == list(range(60))
    assert_complete(tmp_path)


@pytest.mark.posix("/proc")
def test_an_archive_for_each_tenant_leaves_no_descriptor_and_a_bounded_memory(tmp_path: Path) -> None:
    before = _descriptors()
    for tenant in range(MOST_UNUSED + 20):
        assert _collect_once(tmp_path / str(tenant), tenant)
    assert _descriptors() <= before
    assert sum(not shared.busy() for shared in _known.values()) <= MOST_UNUSED + 1
    ship_all(Files(), str(tmp_path / "3"))
    assert features(tmp_path / "3") == [("3",)]


def test_what_a_dropped_archive_waits_with_takes_little_room(tmp_path: Path) -> None:
    """A segment begins with 256 KiB; END gives back what was not used."""
    assert _collect_once(tmp_path, 1)
    sizes = [path.stat().st_size for path in tmp_path.rglob("*.seg")]
    assert len(sizes) == 1 and sizes[0] < 4096


def test_archives_of_equal_settings_share_one_writer_and_one_dropped_takes_nothing_from_the_others(tmp_path: Path) -> None:
    first, second = Archive(tmp_path, **OFF), Archive(str(tmp_path), **OFF)
    kept = first.collector("m", "inputs", ["n"])
    assert kept.collect([1]) and second.collector("m", "inputs", ["n"]).collect([2])
    assert len(list(tmp_path.rglob("*.seg"))) == 1
    del second
    gc.collect()
    assert kept.collect([3])
    assert len(list(tmp_path.rglob("*.seg"))) == 1
    assert Archive(tmp_path, **{**OFF, "batch_seconds": 5})._intake.writer is not first._intake.writer


def test_with_a_thread_that_ships_the_rows_of_dropped_archives_are_archived_and_the_thread_leaves(tmp_path: Path) -> None:
    for number in range(5):
        assert _collect_once(tmp_path, number, ship="thread", batch_seconds=0)
    shared = next(shared for shared in _known.values() if shared.settings.archive == str(tmp_path))
    wait_until(lambda: sorted(features(tmp_path)) == [(str(number),) for number in range(5)])
    wait_until(lambda: not shared.busy(), what="the thread leaves")


def test_a_closed_archive_refuses_what_comes_after_and_counts_it_while_an_equal_one_goes_on(tmp_path: Path) -> None:
    first, second = Archive(tmp_path, **OFF), Archive(tmp_path, **OFF)
    of_first, of_second = (archive.collector("m", "inputs", ["n"]) for archive in (first, second))
    assert of_first.collect([1]) and of_second.collect([2])
    first.close(0)
    assert of_first.collect([3]) is False
    assert first.collector("m", "inputs", ["n"]).collect([4]) is False
    assert of_second.collect([5])
    assert first.stats().dropped == second.stats().dropped == {"closed": 2}
    second.close(0)
    assert of_second.collect([6]) is False
    ship_all(Files(), str(tmp_path))
    assert sorted(features(tmp_path)) == [("1",), ("2",), ("5",)]


def test_flush_of_another_archive_of_equal_settings_waits_for_the_rows_of_the_first_also_when_that_is_dropped(
    tmp_path: Path,
) -> None:
    settings = {**OFF, "ship": "thread", "batch_seconds": 30}
    kept = Archive(tmp_path, **settings)
    assert kept.collector("m", "inputs", ["n"]).collect([1])
    assert Archive(tmp_path, **settings).collector("m", "inputs", ["n"]).collect([2])
    assert Archive(tmp_path, **settings).flush(60)
    assert sorted(features(tmp_path)) == [("1",), ("2",)]
    assert Archive(tmp_path, **settings).stats().accepted == 2


def test_flush_of_a_spool_that_was_removed_is_not_true(tmp_path: Path) -> None:
    archive = Archive(tmp_path, **OFF)
    collector = archive.collector("m", "inputs", ["n"])
    assert collector.collect([1])
    shutil.rmtree(archive.settings.spool_folder())
    assert archive.flush(5) is False
    assert Archive(tmp_path, **OFF).flush(5) is False
    assert archive.close(0) is False


def test_flush_of_a_segment_that_was_removed_is_not_true(tmp_path: Path) -> None:
    archive = Archive(tmp_path, **OFF)
    assert archive.collector("m", "inputs", ["n"]).collect([1])
    for segment in tmp_path.rglob("*.seg"):
        segment.unlink()
    assert archive.flush(0.2) is False


def test_the_default_archive_is_flushed_at_the_end_of_a_script_by_a_public_name(tmp_path: Path) -> None:
    done = run(
        """
    import modeldata
    from modeldata import Archive, ModelDataCollector
    ModelDataCollector("m", "inputs", ["n"]).collect([1])
    ModelDataCollector("m", "inputs", ["n"]).collect([2])
    assert modeldata.flush(60)
    print(modeldata.default_archive().stats().accepted, Archive().stats().accepted, Archive().flush(60))
    """,
        tmp_path,
        env={"MODELDATA_BATCH_SECONDS": "30", "MODELDATA_MIN_FREE_BYTES": "1"},
    )
    assert done.stdout.split() == ["2", "2", "True"]
    assert sorted(features(tmp_path / "modeldata")) == [("1",), ("2",)]
    assert {"flush", "default_archive"} <= set(modeldata.__all__)


def test_a_closed_default_archive_is_followed_by_a_new_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MODELDATA_SHIP", "off")
    monkeypatch.setenv("MODELDATA_MIN_FREE_BYTES", "1")
    old = modeldata.default_archive()
    old.close(0)
    collector = ModelDataCollector("m")
    assert collector.collect([1])
    assert modeldata.default_archive()._intake is not old._intake
    modeldata.default_archive().close(0)


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_a_collector_can_be_pickled_with_settings_identity_and_names(tmp_path: Path, protocol: int) -> None:
    archive = Archive(tmp_path, **OFF, hour_folders=True, max_row_bytes=1000)
    collector = archive.collector("m", "inputs", ["n"], webservice_name="s", model_version="7")
    collector.collect([1])
    again = pickle.loads(pickle.dumps(collector, protocol))
    assert again.identity == collector.identity
    assert again._intake.settings == archive.settings
    assert again.collect([2]) and again.collect(["x" * 2000]) is False
    assert pickle.loads(pickle.dumps(collector.collect, protocol))([3])
    assert pickle.loads(pickle.dumps(archive, protocol))._intake.writer is archive._intake.writer
    archive._intake.writer.close(1)
    ship_all(Files(), str(tmp_path))
    assert sorted(features(tmp_path)) == [("1",), ("2",), ("3",)]


def test_in_another_process_it_collects_as_a_writer_of_its_own(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "a", **OFF)
    collector = archive.collector("m", "inputs", ["n"])
    assert collector.collect([1])
    (tmp_path / "pickled").write_bytes(pickle.dumps({"collectors": [collector, collector]}))
    code = "import pickle; c, d = pickle.load(open('pickled', 'rb'))['collectors']; assert c is d and c.collect([2])"
    for _ in range(2):
        subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment(), check=True, timeout=60)
    archive._intake.writer.close(1)
    ship_all(Files(), str(tmp_path / "a"))
    assert sorted(features(tmp_path / "a")) == [("1",), ("2",), ("2",)]
    assert_complete(tmp_path / "a")


def test_a_copy_of_what_has_a_collector_has_the_same_collector(tmp_path: Path) -> None:
    archive = Archive(tmp_path, **OFF)
    collector = archive.collector("m")

    class Model:
        def __init__(self) -> None:
            self.inputs = collector
            self.archive = archive

    model = Model()
    for copied in (copy.deepcopy(model), copy.copy(model), copy.deepcopy([model])[0]):
        assert copied.inputs is collector and copied.archive is archive


def test_a_pickle_holds_no_secret_of_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("AWS_SECRET_ACCESS_KEY", "AZURE_STORAGE_KEY", "AML_MODEL_DC_STORAGE"):
        monkeypatch.setenv(variable, "AccountName=a;AccountKey=hunter2hunter2hunter2")
    pickled = pickle.dumps(Archive(tmp_path, **OFF).collector("m"))
    assert b"hunter2" not in pickled
