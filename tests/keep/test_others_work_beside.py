"""Readers, shippers and other runs beside a rewrite, in the moment before each of its operations."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from modeldata.catalog.audit import COMPLETE
from modeldata.errors import ModelDataError, SpoolError
from modeldata.keep.job import KeepJob
from modeldata.keep.jobs import compact
from modeldata.keep.removal import Removals
from modeldata.keep.rewrite import Busy, RewriteRun, rewrite
from modeldata.ship.pipeline import Pipeline
from modeldata.spool.files import Files
from modeldata.spool.folder import open_place
from modeldata.store import Unavailable, open_for
from modeldata.store.local import LocalStore

from .kit import (
    DAY,
    LATER_NS,
    SMALL,
    SWEEP,
    VERBS,
    Stepping,
    checked,
    compacted,
    data_files,
    erased,
    every_point,
    filled,
    local,
    operations,
    rows,
    shipper,
    without,
)


@pytest.mark.parametrize(("verb", "form"), [("compact", "csv"), ("compact", "parquet"), ("erase", "jsonl")])
def test_a_reader_sees_what_was_before_or_what_is_after(tmp_path: Path, verb: str, form: str) -> None:
    filled(tmp_path, form)
    before = rows(local(tmp_path))
    after = before if verb == "compact" else without(before)
    seen = []
    VERBS[verb](local(tmp_path, Stepping(None, lambda: seen.append(rows(local(tmp_path))))))
    assert len(seen) > 20 and all(one in (before, after) for one in seen)
    assert rows(local(tmp_path)) == after


@SWEEP
@pytest.mark.parametrize(("verb", "form"), [("compact", "csv"), ("erase", "csv"), ("erase", "parquet")])
def test_what_a_shipper_adds_in_any_moment_stays(tmp_path: Path, verb: str, form: str, most: int) -> None:
    filled(tmp_path / "dry", form)
    for at in every_point(operations(tmp_path / "dry", verb), most):
        folder = tmp_path / str(at)
        shipped = filled(folder, form)
        before = rows(local(folder))
        shipped._pipeline._sender._warn = lambda text: None  # type: ignore[method-assign] # that rows wait for a file that is held

        def add(shipped: object = shipped) -> None:
            shipped.collect("inputs", {"customer": 5, "n": 1000}, at=f"{DAY}T11:00:00")  # type: ignore[attr-defined]
            try:
                shipped.ship()  # type: ignore[attr-defined]
            except Unavailable:
                return  # the file is about to go: a shipper tries again

        VERBS[verb](local(folder, Stepping(at, add)))
        shipped.ship()
        VERBS[verb](local(folder))
        found = rows(local(folder))
        kept = before if verb == "compact" else without(before)
        assert found - kept == {row: 1 for row in found if row[4] == 1000} and (found - kept).total() == 1, f"operation {at}"
        assert not kept - found, f"operation {at}"
        checked(local(folder))


def test_a_shipper_goes_on_after_its_file_was_compacted(tmp_path: Path) -> None:
    shipped = filled(tmp_path)
    compacted(local(tmp_path))
    assert [path.suffix for path in data_files(tmp_path)] == [".parquet"] * 2
    warned: list[str] = []
    shipped._pipeline._sender._warn = warned.append
    for number in range(3):
        shipped.collect("inputs", {"customer": 1, "n": number + 100}, at=f"{DAY}T12:00:0{number}")
        shipped.ship()
    assert rows(local(tmp_path)).total() == 21 and checked(local(tmp_path)).verdict == COMPLETE
    assert len(warned) == 1 and "is gone" in warned[0]


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_batch_that_a_dead_shipper_sends_again_after_its_compaction_counts_once(tmp_path: Path, form: str) -> None:
    shipped = filled(tmp_path, form)
    shipped.collect("inputs", {"customer": 8, "n": 500}, at=f"{DAY}T12:00:00")
    settings = shipped.archive.settings

    def pipeline(commits: bool) -> Pipeline:
        place = open_place(settings.spool_folder(), Files(), b"\1" * 16, 0)
        store = open_for(settings, Files())
        return shipper(place, store, settings, commits=commits)

    with pytest.raises(SpoolError):
        pipeline(False).step()  # sent, and killed before its checkpoint
    before = rows(local(tmp_path))
    compacted(local(tmp_path))
    pipeline(True).step()
    assert rows(local(tmp_path)) == before and before.total() == 19
    assert checked(local(tmp_path)).rows == 19
    compacted(local(tmp_path))
    assert rows(local(tmp_path)) == before and len(data_files(tmp_path)) == 2


@SWEEP
@pytest.mark.parametrize(
    ("first", "second"), [("compact", "compact"), ("compact", "erase"), ("erase", "compact"), ("erase", "erase")]
)
def test_two_runs_at_once_do_no_harm(tmp_path: Path, first: str, second: str, most: int) -> None:
    """The second takes the claim of the first for that of a dead run."""
    filled(tmp_path / "dry")
    for at in every_point(operations(tmp_path / "dry", first), most):
        folder = tmp_path / str(at)
        filled(folder)
        before = rows(local(folder))
        try:
            VERBS[first](local(folder, Stepping(at, lambda folder=folder: VERBS[second](local(folder)))))  # type: ignore[misc]
        except ModelDataError as error:
            raise AssertionError(f"operation {at}") from error
        after = before if (first, second) == ("compact", "compact") else without(before)
        assert rows(local(folder)) == after, f"operation {at}"
        checked(local(folder))
        compacted(local(folder))
        assert rows(local(folder)) == after and len(data_files(folder)) <= 3, f"operation {at}"


def test_a_folder_that_somebody_is_at_is_left_alone(tmp_path: Path) -> None:
    filled(tmp_path)
    store = local(tmp_path)
    (manifests,) = (tmp_path / "archive").glob("*/*/*/*/*/*/*/_manifest")
    (manifests / "rewrite.lock").write_text(json.dumps({"run": "1", "host": "other", "time_ns": LATER_NS}))
    held = KeepJob(store, "archive", {}, RewriteRun("2" * 32, "here", LATER_NS + 1))
    (found,) = compact(held, SMALL)
    assert "a run on 'other' is at it" in found.problem and found.rows == 0
    assert [path.suffix for path in data_files(tmp_path)] == [".csv"] * 2
    with pytest.raises(Busy):
        rewrite(
            store,
            str(manifests.parent.relative_to(store.root)),
            held.run,
            lambda draft: pytest.fail("not claimed"),
            Removals(store),
        )
    assert compacted(store)[0].problem == "", "a claim of half an hour is taken over"


def test_an_old_generation_that_comes_late_finds_its_number_taken(tmp_path: Path) -> None:
    """A run that slept while two others came and went must not bring back what they replaced."""
    shipped = filled(tmp_path)
    store = local(tmp_path)
    before = rows(store)
    slept: list[int] = []

    def others() -> None:
        slept.append(1)
        compacted(local(tmp_path))
        erased(local(tmp_path), "customer = 3")
        shipped.collect("inputs", {"customer": 8, "n": 500}, at=f"{DAY}T12:00:00")
        shipped._pipeline._sender._warn = lambda text: None
        shipped.ship()

    total = operations_of_the_switch(tmp_path)
    compacted(local(tmp_path, Stepping(total, others)))
    assert slept and {row[3] for row in rows(store)} == {row[3] for row in before} - {3} | {8}
    assert rows(store).total() == before.total() - 3 + 1
    checked(store)


class Meddled(LocalStore):
    """Somebody does something once, just before a file whose name ends so is put or removed."""

    def __init__(self, root: Path, end: str, do: Callable[[], None]) -> None:
        super().__init__(str(root), Files())
        self._end = end
        self._do: Callable[[], None] | None = do

    def _meddle(self, path: str) -> None:
        do = self._do
        if do is not None and path.endswith(self._end):
            self._do = None
            do()

    def put(self, path: str, data: bytes | memoryview) -> None:
        self._meddle(path)
        super().put(path, data)

    def remove(self, path: str) -> None:
        self._meddle(path)
        super().remove(path)

    def remove_if(self, path: str, size: int) -> bool:
        self._meddle(path)
        return super().remove_if(path, size)


def test_a_file_that_grows_just_before_it_would_go_stays(tmp_path: Path) -> None:
    shipped = filled(tmp_path)
    before = rows(local(tmp_path))

    def add() -> None:
        shipped.collect("inputs", {"customer": 8, "n": 500}, at=f"{DAY}T12:00:00")
        shipped.ship()

    compacted(Meddled(tmp_path / "archive", "/data.csv", add))
    assert rows(local(tmp_path)).total() == before.total() + 1 and not before - rows(local(tmp_path))
    checked(local(tmp_path))


def test_a_switch_that_comes_after_two_others_finds_its_number_taken_in_any_store(tmp_path: Path) -> None:
    """It slept before its first file: nothing informed the others."""
    filled(tmp_path)
    before = rows(local(tmp_path))

    def others() -> None:
        compacted(local(tmp_path))
        erased(local(tmp_path), "customer in (3, 4)")  # of every file: nothing of the first generation is left

    compacted(Meddled(tmp_path / "archive", ".parquet", others))
    assert rows(local(tmp_path)) == without(without(before, 3), 4)
    checked(local(tmp_path))


def test_a_batch_that_is_sent_again_after_two_generations_counts_once(tmp_path: Path) -> None:
    shipped = filled(tmp_path)
    shipped.collect("inputs", {"customer": 8, "n": 500}, at=f"{DAY}T12:00:00")
    settings = shipped.archive.settings

    def step(commits: bool) -> None:
        place = open_place(settings.spool_folder(), Files(), b"\1" * 16, 0)
        store = open_for(settings, Files())
        shipper(place, store, settings, commits=commits).step()

    with pytest.raises(SpoolError):
        step(False)  # sent, and killed before its checkpoint
    before = rows(local(tmp_path))
    compacted(local(tmp_path))
    erased(local(tmp_path), "customer in (3, 4)")  # of every file: nothing of the first generation is left
    step(True)
    assert rows(local(tmp_path)) == without(without(before, 3), 4)
    checked(local(tmp_path))


def operations_of_the_switch(folder: Path) -> int:
    """The operation that gives the manifest of the first generation its name, when the archive in `folder` is compacted."""
    from shutil import copytree

    from modeldata.testing import FaultyFiles

    copy = folder / "copy"
    copytree(folder / "archive", copy / "archive")
    files = FaultyFiles()
    compacted(local(copy, files))
    names = [(name, str(what).rpartition("/")[2]) for name, what in files.operations]
    return names.index(("link", "generation-1.jsonl")) + 1
