"""On any platform, between processes: rows of services that are ended, a shipper that is ended, files that others have open."""

from __future__ import annotations

import csv
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from modeldata import Archive
from modeldata.catalog.audit import COMPLETE, audit
from modeldata.settings import Settings
from modeldata.ship.status import existing_place, leader_note
from modeldata.spool.files import Files
from modeldata.store.local import LocalStore
from tests.keep.kit import VERBS
from tests.read.kit import Shipped
from tests.support.archive import data_files
from tests.support.scripts import drain, environment, wait_until

SECONDS = 200
"""How long is waited for processes: starts take long in Wine."""
ROWS = 4_000
"""Of each service; the one that is ended has accepted half of them by then."""
SHIP = ("-m", "modeldata", "ship")
SERVICE = """
import sys
from modeldata import ModelDataCollector
first, count = int(sys.argv[1]), int(sys.argv[2])
inputs = ModelDataCollector("m", identifier="inputs", feature_names=["n"])
for n in range(first, first + count):
    assert inputs.collect([n]), inputs.archive.stats()
    print(n, flush=True)
sys.stdin.read()
"""
HOLDER = """
import sys
path, shared = sys.argv[1], sys.argv[2] == "shared"
if shared and sys.platform == "win32":
    import _winapi
    handle = _winapi.CreateFile(path, _winapi.GENERIC_READ, 7, 0, _winapi.OPEN_EXISTING, 0, 0)
else:
    file = open(path, "rb")
print("open", flush=True)
sys.stdin.read()
"""


@contextmanager
def python(*arguments: str, archive: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that ships only where it is asked to. It is ended without a word."""
    process = subprocess.Popen(
        [sys.executable, *arguments],
        env=environment(MODELDATA_ARCHIVE=str(archive), MODELDATA_SHIP="off"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def cells(archive: Path, name: str) -> list[int]:
    """A column of all rows, as the csv module reads them."""
    found = []
    for path in data_files(archive):
        with path.open(newline="", encoding="utf-8") as file:
            found += [int(row[name]) for row in csv.DictReader(file)]
    return sorted(found)


def lines_in(archive: Path) -> int:
    """With the header of each file."""
    return sum(path.read_bytes().count(b"\n") for path in data_files(archive))


def first_lines(process: subprocess.Popen[str], count: int) -> list[str]:
    assert process.stdout is not None
    return [process.stdout.readline().strip() for _ in range(count)]


def leader_of(archive: Path) -> object:
    """The process that ships, as its note says."""
    place = existing_place(Settings.build({}, archive=str(archive)), Files())
    return (leader_note(place, Files()) or {}).get("pid") if place else None


def audited(archive: Path) -> tuple[str, int]:
    found = audit(LocalStore(str(archive), Files()))
    return found.verdict, found.rows


@pytest.mark.faults
def test_rows_of_three_services_are_archived_once_though_one_and_its_shipper_are_ended(tmp_path: Path) -> None:
    archive = tmp_path / "archive"
    with python(*SHIP, archive=archive) as shipper, python(*SHIP, archive=archive) as other:
        wait_until(lambda: leader_of(archive) in (shipper.pid, other.pid), SECONDS, "somebody ships")
        leader, successor = (shipper, other) if leader_of(archive) == shipper.pid else (other, shipper)
        with (
            python("-c", SERVICE, "0", str(ROWS), archive=archive) as first,
            python("-c", SERVICE, str(ROWS), str(ROWS), archive=archive) as second,
            python("-c", SERVICE, str(2 * ROWS), str(ROWS), archive=archive) as ended,
        ):
            accepted = first_lines(ended, ROWS // 2)
            wait_until(lambda: data_files(archive), SECONDS, "rows are archived")
            leader.kill()
            ended.kill()
            assert ended.stdout is not None
            accepted += ended.stdout.read().split()
            assert first_lines(first, ROWS)[-1] == str(ROWS - 1) and first_lines(second, ROWS)[-1] == str(2 * ROWS - 1)
        count = 2 * ROWS + len(accepted)
        wait_until(lambda: leader_of(archive) == successor.pid, SECONDS, "the other shipper leads")
        wait_until(lambda: lines_in(archive) > count, SECONDS, "all rows are archived")
    drain(archive)
    assert cells(archive, "n")[:count] == list(range(count))
    extra = cells(archive, "n")[count:]
    assert extra in ([], [count]), "a row may be accepted before its process could say so"
    assert audited(archive) == (COMPLETE, count + len(extra))


@pytest.mark.parametrize("sharing", ["shared", "alone"])
@pytest.mark.parametrize("verb", sorted(VERBS))
def test_what_a_reader_keeps_from_being_removed_is_named_and_goes_later(tmp_path: Path, verb: str, sharing: str) -> None:
    """A program of Windows that does not share a file for removal keeps it, whatever we do."""
    root, kept = tmp_path / "archive", sharing == "alone" and sys.platform == "win32"
    life = Shipped(str(root), tmp_path / "spool")
    life.collect("inputs", *({"customer": n % 20, "n": n} for n in range(60)), at="2026-11-20T12:00:00")
    life.ship()
    life.archive.close()
    (data,) = data_files(root)
    store = LocalStore(str(root), Files())
    with python("-c", HOLDER, str(data), sharing, archive=root) as holder:
        assert first_lines(holder, 1) == ["open"]
        report = " ".join(outcome.problem for outcome in VERBS[verb](store))
        if kept:
            assert data.name in report and "open in another program" in report and data.exists()
        else:
            assert not report or (sys.platform == "win32" and data.name in report), "Wine shows its name until it is closed"
    assert data.exists() == kept, "where the reader shared it for removal, it is gone when the reader closes it"
    assert not any(outcome.problem for outcome in VERBS[verb](store))
    assert not data.exists()
    expected = {"compact": range(60), "prune": [], "erase": [n for n in range(60) if n % 20 != 17]}[verb]
    rows = Archive(root).read("m", "inputs")["n"].to_pylist() if verb != "prune" else []
    assert sorted(rows) == list(expected)
    assert cells(root, "n") == (list(expected) if verb == "erase" else [])


def test_names_that_differ_by_case_are_two_collectors(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "archive", ship="thread", min_free_bytes=0)
    for number, name in enumerate(("churn", "Churn")):
        assert archive.collector(name, "inputs", ["n"]).collect([number])
    assert archive.flush(SECONDS)
    archive.close()
    for number, name in enumerate(("churn", "Churn")):
        assert archive.read(name, "inputs")["n"].to_pylist() == [number]
    assert audited(tmp_path / "archive") == (COMPLETE, 2)
