"""SIGKILL at any system call of the shipper, and system calls that fail: nothing is lost or doubled.

Fault matrix: A4, A5, C1, C2, C4, C5. Needs strace; where it can't be had the tests fail and say so.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
from pathlib import Path

import pytest

from tests.support.kernel import CHANGING, assert_once, drain_folder, run_alone, service_script, ship_command
from tests.support.ledger import assert_noted_once
from tests.support.spools import copy_as_itself

pytestmark = pytest.mark.posix("strace")

TRIES = 3


@pytest.fixture
def spooled(tmp_path: Path) -> Path:
    """A folder with a part already archived, and rows of two dead writers waiting."""
    code = """
    book = Book(".", sys.argv[1])
    for number in range(60):
        assert book.collect(inputs.collect if number % 3 else predictions.collect, "x" * (number * 7))
    assert book.collect(inputs.collect, "y" * 300_000)
    os.kill(os.getpid(), signal.SIGKILL)
    """
    command = service_script(tmp_path, code)
    assert run_alone([*command, "first"], tmp_path).returncode == -signal.SIGKILL
    drain_folder(tmp_path)
    for name in ("second", "third"):
        assert run_alone([*command, name], tmp_path).returncode == -signal.SIGKILL
    shutil.copytree(tmp_path / "modeldata", tmp_path / "template", symlinks=True)
    return tmp_path


def _restore(folder: Path) -> None:
    shutil.rmtree(folder / "modeldata")
    copy_as_itself(folder / "template", folder / "modeldata")


def _calls(strace: list[str], folder: Path) -> list[str]:
    """The changing system calls of a whole drain's shipping thread, each as strace counts them: its name and how many before it."""
    _restore(folder)
    log = folder / "trace"
    done = run_alone([*strace, "-o", str(log), "-e", f"trace={CHANGING}", *ship_command(folder, "--drain")], folder)
    assert done.returncode == 0, done.stderr
    lines = [line.split(None, 1) for line in log.read_text().splitlines()]
    names = [what.partition("(")[0] for pid, what in lines if pid == lines[0][0] and not what.startswith(("+++", "---"))]
    return [f"{name}:signal=KILL:when={1 + names[:index].count(name)}" for index, name in enumerate(names)]


def _dies_at(strace: list[str], folder: Path, call: str) -> bool:
    command = [*strace, "-o", os.devnull, "-e", f"trace={CHANGING}", "-e", f"inject={call}"]
    return run_alone([*command, *ship_command(folder, "--drain")], folder).returncode == -signal.SIGKILL


def _die_at(strace: list[str], folder: Path, call: str) -> None:
    """From the beginning. On a busy machine one drain may need a call less than another."""
    for _ in range(TRIES):
        _restore(folder)
        if _dies_at(strace, folder, call):
            return
    raise AssertionError(f"{call} was never reached")


@pytest.mark.parametrize("part", range(4))
def test_a_shipper_killed_at_a_system_call_loses_and_doubles_nothing(strace: list[str], spooled: Path, part: int) -> None:
    calls = _calls(strace, spooled)
    assert len(calls) > 25
    for call in random.Random(part).sample(calls[part * len(calls) // 4 : (part + 1) * len(calls) // 4], 3):
        _die_at(strace, spooled, call)
        drain_folder(spooled)
        assert assert_once(spooled) == 183, call


@pytest.mark.faults
@pytest.mark.timeout(3600)
def test_a_shipper_killed_at_every_system_call_loses_and_doubles_nothing(strace: list[str], spooled: Path) -> None:
    for call in _calls(strace, spooled):
        _die_at(strace, spooled, call)
        drain_folder(spooled)
        assert assert_once(spooled) == 183, call


@pytest.mark.faults
@pytest.mark.timeout(3600)
def test_a_shipper_killed_again_while_it_recovers_loses_and_doubles_nothing(strace: list[str], spooled: Path) -> None:
    calls = _calls(strace, spooled)
    chance = random.Random(5)
    for _ in range(60):
        first, again = chance.choice(calls), chance.choice(calls)
        _die_at(strace, spooled, first)
        _dies_at(strace, spooled, again)
        drain_folder(spooled)
        assert assert_once(spooled) == 183, (first, again)


@pytest.mark.parametrize(
    "fault",
    [
        "pwrite64:error=ENOSPC:when=1", "pwrite64:error=ENOSPC:when=3", "pwrite64:error=EIO:when=5", "fdatasync:error=EIO:when=2",
        "fsync:error=EIO:when=3", "rename:error=ENOSPC:when=1", "unlink:error=EIO:when=1",
    ],
)  # fmt: skip
def test_a_shipper_whose_system_call_fails_once_goes_on_by_itself(strace: list[str], spooled: Path, fault: str) -> None:
    command = [*strace, "-o", str(spooled / "trace"), "-e", f"inject={fault}"]

    done = run_alone([*command, *ship_command(spooled, "--drain")], spooled)

    assert "INJECTED" in (spooled / "trace").read_text(), f"{fault} was never met"
    assert done.returncode == 0, done.stdout + done.stderr
    drain_folder(spooled)
    assert assert_once(spooled) == 183


WRITE = """
    import modeldata
    book = Book(".", "w")
    answers = [book.collect(inputs.collect, "x" * (300_000 if number % 4 == 3 else 50)) for number in range(24)]
    stats = archive.stats()
    print(json.dumps({"accepted": stats.accepted, "dropped": stats.dropped, "fsync_failures": archive._intake.writer.fsync_failures}))
"""


@pytest.mark.parametrize("fsync", ["always", "interval"])
@pytest.mark.parametrize(
    "fault",
    [
        "fdatasync:error=EIO:when=2", "fdatasync:error=EIO:when=5", "pwrite64:error=EIO:when=4", "pwrite64:error=ENOSPC:when=5+2",
        "pwrite64:error=EIO:when=3+", "fallocate:error=ENOSPC:when=1", "fallocate:error=ENOSPC:when=2+", "fallocate:error=EIO:when=2",
        "fsync:error=EIO:when=2",
    ],
)  # fmt: skip
def test_a_writer_whose_system_call_fails_counts_what_it_refuses(
    strace: list[str], tmp_path: Path, fault: str, fsync: str
) -> None:
    if fault.startswith("fdatasync") and fsync == "interval":
        fault = "ftruncate:error=EIO:when=1"  # what else a writer calls, where it does not sync
    command = [*strace, "-o", str(tmp_path / "trace"), "-e", f"inject={fault}", *service_script(tmp_path, WRITE)]

    done = run_alone(command, tmp_path, MODELDATA_FSYNC=fsync)

    assert done.returncode == 0, done.stderr
    assert "INJECTED" in (tmp_path / "trace").read_text(), f"{fault} was never met"
    report = json.loads(done.stdout)
    drain_folder(tmp_path)
    count = assert_noted_once(tmp_path / "modeldata", tmp_path)
    assert count.delivered == count.accepted == report["accepted"], "a refused row is never in the archive"
    assert count.attempted == report["accepted"] + sum(report["dropped"].values())
    if fault.startswith("fdatasync:error=EIO"):
        assert report == {"accepted": 24, "dropped": {}, "fsync_failures": 1 if fault.endswith("5") else report["fsync_failures"]}


def test_an_fsync_that_failed_is_not_asked_again_and_the_row_goes_to_a_new_segment(strace: list[str], tmp_path: Path) -> None:
    command = [*strace, "-y", "-o", str(tmp_path / "trace"), "-e", "trace=fdatasync", "-e", "inject=fdatasync:error=EIO:when=6"]

    done = run_alone([*command, *service_script(tmp_path, WRITE)], tmp_path, MODELDATA_FSYNC="always")

    report = json.loads(done.stdout)
    assert (report["accepted"], report["dropped"], report["fsync_failures"]) == (24, {}, 1)
    calls = [line for line in (tmp_path / "trace").read_text().splitlines() if ".seg" in line]
    failed = next(index for index, line in enumerate(calls) if "INJECTED" in line)
    file = calls[failed].partition("<")[2].partition(">")[0]
    assert not [line for line in calls[failed + 1 :] if file in line], "the kernel may have forgotten the page"
    drain_folder(tmp_path)
    assert assert_once(tmp_path) == 24
