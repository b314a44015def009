"""The protocol between driver and tasks, without Spark: each side is called as Spark would, and dies where it hurts."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from modeldata import Archive
from modeldata.catalog.audit import COMPLETE, NOTHING, audit
from modeldata.cli.commands.doctor import examine
from modeldata.format import names
from modeldata.format.paths import day_folder
from modeldata.settings import Settings
from modeldata.spark import task
from modeldata.spark.call import AttemptFile, Call, new_call
from modeldata.spark.commit import ABANDONED_NS, Driver, sweep, sweep_quietly, uncommitted_calls
from modeldata.spark.errors import UNKNOWN, NotArchived
from modeldata.spool.files import Files
from modeldata.store import Rejected, Unavailable, open_for
from modeldata.store.archive_id import NAME
from modeldata.store.local import LocalStore
from modeldata.testing import Died, Fault, FaultyFiles
from tests.heads.kit import assert_proven
from tests.spark.archive import assert_nothing_left, rows
from tests.stores.buckets import LocalBucket
from tests.support.folding import FoldingFiles, folded_siblings

NOW = 1_795_000_000_000_000_000
LATER = NOW + ABANDONED_NS + 1
IDENTITY = {**dict.fromkeys(names.IDENTITY, "unknown"), "model_name": "m", "identifier": "inputs"}
COLUMNS = ("number", "text")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "archive"


def settings_of(root: Path, **given: object) -> Settings:
    return Settings.build({}, archive=str(root), **{"format": "parquet", **given})  # type: ignore[arg-type] # as Archive takes them


def call_of(settings: Settings) -> Call:
    return new_call(IDENTITY, COLUMNS, settings.to_env(), time_ns=NOW, hour_folders=False, correlation="order-1")


def batch(start: int, count: int) -> pa.RecordBatch:
    numbers = list(range(start, start + count))
    return pa.RecordBatch.from_pydict({"0": numbers, "1": [f"t{one}" for one in numbers]})


def attempt(call: Call, partition: int, number: int = 0) -> list[AttemptFile]:
    """One attempt of a task: three rows a partition."""
    return list(task.write_partition(call, [batch(3 * partition, 3)], partition, number))


def files(root: Path) -> dict[str, bytes]:
    return LocalBucket(root).files()


def begun(settings: Settings) -> list[tuple[str, int]]:
    return [(call.call, call.time_ns) for call in uncommitted_calls(open_for(settings, Files()))]


def numbers(root: Path) -> list[int]:
    return sorted(row["number"] for row in rows(files(root)))


def assert_audited(root: Path) -> None:
    found = audit(LocalStore(str(root), Files()))
    assert found.verdict == (COMPLETE if found.rows else NOTHING)
    assert not found.unaccounted


def test_what_all_tasks_wrote_is_there_once_with_its_own_columns(root: Path) -> None:
    settings = settings_of(root)
    call = call_of(settings)
    driver = Driver(call, settings)
    driver.begin()
    written = [one for partition in (1, 0) for one in attempt(call, partition)]
    assert numbers(root) == []
    assert driver.commit(written) == 6
    found = rows(files(root))
    assert sorted(row["number"] for row in found) == list(range(6))
    assert {row["$CorrelationId"] for row in found} == {"order-1"}
    assert len({row["$Timestamp"] for row in found}) == len({row["$RequestId"] for row in found}) == 1
    assert len({row["$Row"] for row in found}) == len({(row["$Writer"], row["$Sequence"]) for row in found}) == 6
    assert [row["number"] for row in sorted(found, key=lambda row: row["$Row"])] == list(range(6))
    assert_nothing_left(files(root))
    assert_audited(root)
    assert [len(record["batches"]) for (record,) in assert_proven(root).values()] == [2]


def test_a_second_case_of_a_model_has_a_folder_of_its_own(root: Path) -> None:
    settings, disk = settings_of(root), FoldingFiles(root)
    LocalStore(str(root), disk).put(NAME, b"{}")
    for model in ("m", "M"):
        call = call_of(settings)._replace(identity={**IDENTITY, "model_name": model})
        call = call._replace(folder=day_folder(call.identity, NOW, False))
        driver = Driver(call, settings, LocalStore(str(root), disk))
        call = driver.begin()
        driver.commit(attempt(call, 0))
    assert folded_siblings(root) == []
    assert sorted(Archive(root).read("M", "inputs")["number"].to_pylist()) == [0, 1, 2]
    assert_audited(root)


@pytest.mark.parametrize("file_format", ["csv", "jsonl", "parquet"])
def test_a_partition_of_several_files_keeps_its_numbers_and_its_rows(
    root: Path, file_format: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(task, "FILE_BYTES", 1)
    settings = settings_of(root, format=file_format)
    call = call_of(settings)
    driver = Driver(call, settings)
    driver.begin()
    written = list(task.write_partition(call, [batch(0, 2), batch(0, 0), batch(2, 3)], 7, 1))
    assert driver.commit(written) == 5
    assert [int(row["number"]) for row in rows(files(root))] == list(range(5))
    assert len(written) == 2
    assert_audited(root)


def test_of_two_attempts_of_a_partition_one_counts_and_the_other_is_gone(root: Path) -> None:
    settings = settings_of(root)
    call = call_of(settings)
    driver = Driver(call, settings)
    driver.begin()
    slow, fast = attempt(call, 0, 1), attempt(call, 0, 2)
    assert {one.path for one in slow}.isdisjoint(one.path for one in fast)
    assert driver.commit(fast) == 3
    assert numbers(root) == [0, 1, 2]
    assert_nothing_left(files(root))


def test_an_attempt_that_ends_after_the_commit_changes_nothing_and_is_swept(root: Path) -> None:
    settings = settings_of(root)
    call = call_of(settings)
    driver = Driver(call, settings)
    driver.begin()
    late = task.write_partition(call, iter([batch(0, 3)]), 0, 2, _SeesMarker(root))
    assert driver.commit(attempt(call, 0, 1)) == 3
    assert len(list(late)) == 1
    assert numbers(root) == [0, 1, 2]
    assert sweep(settings, LATER) == 1
    assert numbers(root) == [0, 1, 2]
    assert_nothing_left(files(root))


class _SeesMarker(LocalStore):
    """A task that looked for the marker while it was there."""

    def __init__(self, root: Path) -> None:
        super().__init__(str(root), Files())

    def length(self, path: str) -> int:
        return 1


def test_two_calls_of_one_moment_do_not_meet(root: Path) -> None:
    settings = settings_of(root)
    calls = [call_of(settings) for _ in range(2)]
    drivers = [Driver(call, settings) for call in calls]
    for driver in drivers:
        driver.begin()
    written = [attempt(call, 0) for call in calls]
    assert [driver.commit(one) for driver, one in zip(drivers, written, strict=True)] == [3, 3]
    assert numbers(root) == [0, 0, 1, 1, 2, 2]
    assert_nothing_left(files(root))
    assert_audited(root)


def test_a_frame_without_rows_leaves_nothing(root: Path) -> None:
    settings = settings_of(root)
    driver = Driver(call_of(settings), settings)
    driver.begin()
    assert driver.commit([]) == 0
    assert files(root) == {}


def test_given_up_is_gone(root: Path) -> None:
    settings = settings_of(root)
    call = call_of(settings)
    driver = Driver(call, settings)
    driver.begin()
    attempt(call, 0)
    driver.give_up()
    assert files(root) == {}


def test_a_driver_that_dies_anywhere_leaves_all_rows_or_none_and_the_sweep_clears_the_rest(tmp_path: Path) -> None:
    outcomes = []
    for at in itertools.count(1):
        root = tmp_path / str(at)
        settings = settings_of(root)
        died = _die_at(root, settings, at)
        before = numbers(root)
        assert before in ([], list(range(6)))
        sweep(settings, LATER)
        assert numbers(root) == before
        assert begun(settings) == []
        assert_nothing_left(files(root))
        assert_audited(root)
        outcomes.append(bool(before))
        if not died:
            break
    assert outcomes == sorted(outcomes)  # once it is there, it stays
    assert outcomes.count(False) > 10
    assert outcomes.count(True) > 1


def _die_at(root: Path, settings: Settings, at: int) -> bool:
    disk = FaultyFiles(Fault(at))
    call = call_of(settings)
    driver = Driver(call, settings, LocalStore(str(root), disk), at_once=1)
    try:
        driver.begin()
        driver.commit([one for partition in (0, 1) for one in attempt(call, partition)])
    except Died:
        return True
    return False


def test_a_call_whose_driver_is_gone_is_listed_and_a_young_one_is_left_alone(root: Path) -> None:
    settings = settings_of(root)
    call = call_of(settings)
    Driver(call, settings).begin()
    attempt(call, 0)
    assert begun(settings) == [(call.id, NOW)]
    assert sweep(settings, NOW + 1) == 0
    assert len(begun(settings)) == 1


@pytest.mark.parametrize("path_only", [True, False], ids=["this one", "the store is down"])
def test_an_attempt_that_can_not_be_removed_stops_no_other(root: Path, monkeypatch: pytest.MonkeyPatch, path_only: bool) -> None:
    settings = settings_of(root)
    calls = [call_of(settings) for _ in range(2)]
    for call in calls:
        Driver(call, settings).begin()
        attempt(call, 0)
    held, gone = [one.folder for one in uncommitted_calls(LocalStore(str(root), Files()))]

    class Holding(LocalStore):
        def clear(self, folder: str) -> None:
            if folder == held:
                error = Unavailable("remove a file of the archive", folder, cause="it is open in another program")
                error.path_only = path_only
                raise error
            super().clear(folder)

    monkeypatch.setattr("modeldata.spark.commit.open_for", lambda *_: Holding(str(root), Files()))
    with pytest.raises(Unavailable, match="another program"):
        sweep(settings, LATER)
    assert any(path.startswith(held) for path in files(root))
    assert any(path.startswith(gone) for path in files(root)) != path_only, "where the store is down, no other is asked for"
    monkeypatch.undo()
    assert sweep(settings, LATER) == (1 if path_only else 2) and begun(settings) == []


def test_a_marker_that_is_none_stops_nobody_and_is_left_alone(root: Path) -> None:
    settings = settings_of(root)
    LocalBucket(root).write("_attempts/1-odd/call.json", b"not ours")
    Driver(call_of(settings), settings).begin()
    sweep_quietly(settings, LATER)
    assert [path for path in files(root) if not path.endswith(".under-way") and "_manifest" not in path] == [
        "_attempts/1-odd/call.json"
    ]


def test_a_store_that_breaks_after_the_commit_does_not_undo_it(root: Path) -> None:
    settings = settings_of(root)
    call = call_of(settings)

    class Breaks(LocalStore):
        def clear(self, folder: str) -> None:
            raise RuntimeError("of a library")

    driver = Driver(call, settings, Breaks(str(root), Files()))
    driver.begin()
    assert driver.commit(attempt(call, 0)) == 3
    assert numbers(root) == [0, 1, 2]


def test_a_manifest_that_the_store_refuses_leaves_nothing(root: Path) -> None:
    settings = settings_of(root)
    call = call_of(settings)

    class Refuses(LocalStore):
        def put(self, path: str, data: bytes | memoryview) -> None:
            if b'"file"' in bytes(data):
                raise Rejected("put a file", path, cause="too large")
            super().put(path, data)

    driver = Driver(call, settings, Refuses(str(root), Files()))
    driver.begin()
    with pytest.raises(NotArchived, match="too large"):
        driver.commit(attempt(call, 0))
    assert numbers(root) == []
    assert_nothing_left(files(root))


def test_a_driver_that_was_taken_for_dead_can_not_commit_any_more(root: Path) -> None:
    settings = settings_of(root)
    call = call_of(settings)
    driver = Driver(call, settings)
    driver.begin()
    written = attempt(call, 0)
    kept = {one.path: files(root)[one.path] for one in written}
    assert sweep(settings, LATER) == 1
    for path, data in kept.items():
        LocalBucket(root).write(path, data)  # as if it was moved just before the sweep looked
    with pytest.raises(NotArchived, match="given up by another"):
        driver.commit(written)
    assert numbers(root) == []
    assert_nothing_left(files(root))
    assert_audited(root)


class _Shaky(LocalStore):
    """Puts of manifests are answered by nobody; `lands`: the first of them comes to be all the same."""

    def __init__(self, root: Path, *, lands: bool, failing: Callable[[], bool] = lambda: True) -> None:
        super().__init__(str(root), Files())
        self._lands = lands
        self.failing = failing

    def put(self, path: str, data: bytes | memoryview) -> None:
        if "/_manifest/" in path and self.failing():
            if self._lands:
                self._lands = False
                super().put(path, data)
            raise Unavailable("put a file", path, cause="no answer")
        super().put(path, data)


@pytest.fixture
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(task.time, "sleep", lambda seconds: None)


@pytest.mark.usefixtures("_no_waiting")
def test_a_commit_whose_answer_was_lost_counts(root: Path) -> None:
    settings = settings_of(root)
    call = call_of(settings)
    tries = itertools.count(1)
    store = _Shaky(root, lands=True, failing=lambda: next(tries) <= task.TRIES)
    driver = Driver(call, settings, store)
    driver.begin()
    assert driver.commit(attempt(call, 0)) == 3
    assert numbers(root) == [0, 1, 2]
    assert_nothing_left(files(root))


@pytest.mark.usefixtures("_no_waiting")
def test_a_commit_that_never_lands_is_given_up_when_the_store_is_back(root: Path) -> None:
    settings = settings_of(root)
    call = call_of(settings)
    tries = itertools.count(1)
    driver = Driver(call, settings, _Shaky(root, lands=False, failing=lambda: next(tries) <= task.TRIES))
    driver.begin()
    with pytest.raises(NotArchived, match="no answer"):
        driver.commit(attempt(call, 0))
    assert numbers(root) == []
    assert_nothing_left(files(root))
    assert_audited(root)


@pytest.mark.usefixtures("_no_waiting")
@pytest.mark.parametrize("lands", [True, False])
def test_an_outcome_that_nobody_knows_is_said_to_be_so_and_is_settled_later(root: Path, lands: bool) -> None:
    settings = settings_of(root)
    call = call_of(settings)
    driver = Driver(call, settings, _Shaky(root, lands=lands))
    driver.begin()
    with pytest.raises(NotArchived) as raised:
        driver.commit(attempt(call, 0))
    assert raised.value.reason == UNKNOWN
    assert "all rows of this frame are in the archive, or none" in str(raised.value)
    there = [0, 1, 2] if lands else []
    assert numbers(root) == there
    sweep(settings, LATER)
    assert numbers(root) == there
    assert_nothing_left(files(root))


def test_an_executor_that_sees_another_folder_says_so_and_writes_nothing_there(root: Path, tmp_path: Path) -> None:
    settings = settings_of(root)
    call = call_of(settings)
    Driver(call, settings).begin()
    elsewhere = settings_of(tmp_path / "another machine's")
    with pytest.raises(NotArchived, match=r"does not see what the driver wrote.*a folder that all machines share"):
        attempt(call._replace(settings=elsewhere.to_env()), 0)
    assert not (tmp_path / "another machine's").exists()


def test_files_that_are_not_where_the_driver_looks_are_not_committed(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(task.time, "sleep", lambda seconds: None)
    settings = settings_of(root)
    call = call_of(settings)
    driver = Driver(call, settings)
    driver.begin()
    written = attempt(call, 0)
    LocalBucket(root).delete(written[0].path)
    with pytest.raises(NotArchived, match="No such file"):
        driver.commit(written)
    assert files(root) == {}


def test_no_secret_travels_with_a_call(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    env: dict[str, Any] = {
        "AZURE_STORAGE_KEY": "hush-hush-hush",
        "AML_MODEL_DC_STORAGE": "AccountName=a;AccountKey=hush-hush-hush",
    }
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    settings = Settings.build({**env, "MODELDATA_ARCHIVE": str(root)})
    assert "hush" not in repr(call_of(settings))


def test_the_doctor_tells_of_a_call_whose_driver_died(root: Path) -> None:
    settings = settings_of(root)
    before = [found for found in examine(settings, Files()) if found.topic == "spark calls"]
    Driver(call_of(settings), settings).begin()
    after = [found for found in examine(settings, Files()) if found.topic == "spark calls"]
    assert before == []
    assert [(found.verdict, found.text.partition(",")[0]) for found in after] == [
        ("note", "1 under way or left by a driver that died")
    ]
