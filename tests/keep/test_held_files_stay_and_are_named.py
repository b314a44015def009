"""A file that can't be removed (another program has it open, it is immutable) stays, is named, and stops no other."""

from __future__ import annotations

import errno
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from modeldata.spool.files import Files
from modeldata.store import Unavailable
from modeldata.store.local import LocalStore
from tests.support.audits import audit_at_once
from tests.support.held import HeldFiles, sharing_violation

from .conftest import Run
from .kit import DAY, VERBS, checked, compacted, data_files, erased, filled, local, rows, without

REFUSALS: dict[str, Callable[[str], OSError]] = {
    "held": sharing_violation,
    "busy": lambda path: OSError(errno.EBUSY, os.strerror(errno.EBUSY), path),
    "immutable": lambda path: OSError(errno.EPERM, os.strerror(errno.EPERM), path),
}


class Refusing(HeldFiles):
    """As `HeldFiles`, with an error of the test's choice."""

    def __init__(self, refusal: Callable[[str], OSError], *held: str) -> None:
        super().__init__(*held)
        self._refusal = refusal

    def _ask(self, path: str) -> None:
        try:
            super()._ask(path)
        except PermissionError:
            raise self._refusal(path) from None


@pytest.mark.parametrize("refusal", REFUSALS)
@pytest.mark.parametrize("verb", VERBS)
def test_a_held_file_is_named_until_a_later_run_takes_it_away(tmp_path: Path, verb: str, refusal: str) -> None:
    filled(tmp_path)
    files = Refusing(REFUSALS[refusal], "/data.csv")
    (first,) = VERBS[verb](local(tmp_path, files))
    (held,) = first.still_there
    assert held.endswith(f"{DAY.replace('-', '/')}/data.csv")
    assert f"still on disk: {held}: " in first.problem and "run the command again" in first.problem
    assert ("it is open in another program" in first.problem) is (refusal == "held")
    assert first.rows, "what could be done was done"
    assert [path.name for path in data_files(tmp_path) if path.suffix == ".csv" and path.name == "data.csv"] == ["data.csv"]
    assert audit_at_once(local(tmp_path)).still_there == [held]
    again = VERBS[verb](local(tmp_path, files))
    assert [found.still_there for found in again] == [(held,)] and all(held in found.problem for found in again)
    files.held.clear()
    assert all(not found.problem and not found.still_there for found in VERBS[verb](local(tmp_path, files)))
    assert not [path for path in data_files(tmp_path) if path.name == "data.csv"]
    assert checked(local(tmp_path)).still_there == []


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_one_held_file_stops_the_removal_of_no_other(tmp_path: Path, form: str) -> None:
    filled(tmp_path, form)
    before = rows(local(tmp_path))
    first, *others = data_files(tmp_path)
    (found,) = compacted(local(tmp_path, HeldFiles(first.name)))
    assert others and not [path for path in others if path.exists()] and first.exists()
    assert [Path(path).name for path in found.still_there] == [first.name]
    assert rows(local(tmp_path)) == before
    checked(local(tmp_path))


def test_erased_rows_are_read_by_nobody_while_their_file_is_held(tmp_path: Path) -> None:
    filled(tmp_path)
    before = rows(local(tmp_path))
    erased(local(tmp_path, HeldFiles("/data.csv")))
    assert rows(local(tmp_path)) == without(before)
    checked(local(tmp_path))


def test_what_one_erasure_could_not_remove_goes_with_another(tmp_path: Path) -> None:
    filled(tmp_path)
    erased(local(tmp_path, HeldFiles("/data.csv")), "customer = 17")
    assert erased(local(tmp_path), "n = 12345") == []
    assert not [path for path in data_files(tmp_path) if path.name == "data.csv"]


@pytest.mark.parametrize("verb", VERBS)
def test_a_claim_that_is_held_is_named_and_the_work_is_done(tmp_path: Path, verb: str) -> None:
    filled(tmp_path)
    (found,) = VERBS[verb](local(tmp_path, HeldFiles("/rewrite.lock")))
    assert [Path(path).name for path in found.still_there] == ["rewrite.lock"] and found.rows
    assert not [path for path in data_files(tmp_path) if path.name == "data.csv"]
    VERBS[verb](local(tmp_path))
    assert not list(tmp_path.rglob("rewrite.lock"))


def test_a_folder_that_takes_nothing_stops_no_other(tmp_path: Path) -> None:
    shipped = filled(tmp_path)
    shipped.collect("inputs", {"customer": 17, "n": 99}, at="2026-11-21T10:00:00")
    shipped.ship()

    class Denied(Files):
        def link(self, source: str, target: str) -> None:
            if "/20/data-" in target:
                raise OSError(errno.EROFS, os.strerror(errno.EROFS), target)
            super().link(source, target)

    first, second = erased(local(tmp_path, Denied()))
    assert (first.day, first.rows, second.day, second.rows, second.problem) == (DAY, 0, "2026-11-21", 1, "")
    assert "Read-only file system" in first.problem


@pytest.fixture
def immutable() -> Iterator[Callable[[Path], None]]:
    """Makes real files that not even root can remove."""
    made: list[Path] = []

    def protect(path: Path) -> None:
        try:
            done = subprocess.run(["chattr", "+i", str(path)], capture_output=True, check=False)
        except FileNotFoundError:
            pytest.skip("no chattr here")
        if done.returncode:
            pytest.skip("this file system or this user can't make a file immutable")
        made.append(path)

    yield protect
    for path in made:
        subprocess.run(["chattr", "-i", str(path)], capture_output=True, check=False)


def test_an_immutable_file_is_named_by_the_commands(run: Run, tmp_path: Path, immutable: Callable[[Path], None]) -> None:
    filled(tmp_path)
    (path,) = [path for path in data_files(tmp_path) if path.name == "data.csv"]
    immutable(path)
    before = rows(local(tmp_path))
    code, out, err = run("erase", "archive", "--where", "customer = 17", "--yes")
    assert code == 1 and "8 rows erased" in out and "still on disk: " in err and "data.csv: Operation not permitted" in err
    assert rows(local(tmp_path)) == without(before)
    code, out, _ = run("audit", "archive", "--json")
    assert code == 3 and [Path(each).name for each in json.loads(out)["still_there"]] == ["data.csv"]
    assert "its rows were replaced" in run("audit", "archive")[1]
    code, out, _ = run("compact", "archive", "--json")
    (folder,) = json.loads(out)["folders"]
    assert code == 1 and [Path(each).name for each in folder["still_there"]] == ["data.csv"]
    subprocess.run(["chattr", "-i", str(path)], check=True)
    assert run("erase", "archive", "--where", "customer = 17", "--yes")[0] == 0 and not path.exists()


def test_a_cleared_folder_keeps_only_what_is_held(tmp_path: Path) -> None:
    files = HeldFiles()
    store = LocalStore(str(tmp_path), files)
    for name in "abc":
        store.put(f"_attempts/1/{name}.part", b"rows")
    first = os.listdir(tmp_path / "_attempts" / "1")[0]
    files.held.add(first)
    with pytest.raises(Unavailable, match=first):
        store.clear("_attempts/1")
    assert [path.name for path in (tmp_path / "_attempts" / "1").iterdir()] == [first]
    files.held.clear()
    store.clear("_attempts/1")
    assert not (tmp_path / "_attempts" / "1").exists()


def test_an_archive_that_takes_a_file_works_also_where_a_scanner_holds_it(tmp_path: Path) -> None:
    class Scanned(Files):
        def unlink(self, path: str) -> None:
            raise sharing_violation(path)

    assert LocalStore(str(tmp_path), Scanned()).probe("11111111")


def test_what_a_dead_put_left_stops_no_other_where_it_is_held(tmp_path: Path) -> None:
    left = tmp_path / "a" / ".data.csv.1-1.under-way"
    left.parent.mkdir()
    left.write_bytes(b"half")
    os.utime(left, ns=(0, 0))
    LocalStore(str(tmp_path), HeldFiles(left.name)).put("a/data.csv", b"rows")
    assert (tmp_path / "a" / "data.csv").read_bytes() == b"rows" and left.exists()
    LocalStore(str(tmp_path), Files()).put("a/data.csv", b"rows")
