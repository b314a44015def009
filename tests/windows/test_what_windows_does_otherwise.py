"""What `modeldata.windows` decides, on any platform: how files are opened, spelled, replaced, removed and made durable."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest

from modeldata import windows
from modeldata.spool.disk_kind import NETWORK
from modeldata.windows import access_of, disposition_of, drive_kind, first_that_works, flushed, long_path, patiently

SHARING, LOCKED, MAPPED, DENIED, MISSING, FULL = 32, 33, 1224, 5, 2, 112
"""Numbers of Windows' errors."""


def error_of(number: int) -> OSError:
    kinds = {MISSING: FileNotFoundError, FULL: OSError}
    error = kinds.get(number, PermissionError)(13, "as Windows says it")
    error.winerror = number  # type: ignore[attr-defined,unused-ignore] # only Windows' own errors are declared with one
    return error


class Way:
    """A call that fails with these errors of Windows, one after the other, and then is done."""

    def __init__(self, *numbers: int) -> None:
        self.numbers = list(numbers)
        self.calls = 0

    def __call__(self) -> None:
        self.calls += 1
        if self.numbers:
            raise error_of(self.numbers.pop(0))


class Clock:
    def __init__(self) -> None:
        self.now = 100.0
        self.pauses: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


# How a file is opened


def test_flags_ask_for_no_more_rights_than_they_name() -> None:
    reads, writes = 0x8000_0000, 0x4000_0000
    assert access_of(os.O_RDONLY) == reads
    assert access_of(os.O_WRONLY | os.O_CREAT) == writes
    assert access_of(os.O_RDWR | os.O_TRUNC) == reads | writes


def test_a_handle_that_appends_has_no_right_to_write_elsewhere() -> None:
    """`FILE_APPEND_DATA` without `FILE_WRITE_DATA` (0x2): NTFS then puts each write at the end."""
    access = access_of(os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    assert access & 0x4 and not access & (0x2 | 0x4000_0000 | 0x1000_0000)


@pytest.mark.parametrize(
    ("flags", "name"),
    [
        (0, "OPEN_EXISTING"),
        (os.O_TRUNC, "TRUNCATE_EXISTING"),
        (os.O_CREAT, "OPEN_ALWAYS"),
        (os.O_CREAT | os.O_TRUNC, "CREATE_ALWAYS"),
        (os.O_CREAT | os.O_EXCL, "CREATE_NEW"),
        (os.O_CREAT | os.O_EXCL | os.O_TRUNC, "CREATE_NEW"),
    ],
)
def test_flags_say_what_happens_to_a_file_that_is_there(flags: int, name: str) -> None:
    assert disposition_of(flags | os.O_RDWR) == getattr(windows, name)


def test_others_may_read_write_rename_and_remove_what_we_have_open() -> None:
    assert windows.SHARE_ALL == 0x1 | 0x2 | 0x4


def test_a_lock_lies_behind_all_data_of_any_file() -> None:
    assert 1 << 60 < windows.LOCKED_BYTE < (1 << 63) - 1


# How a path is spelled


@pytest.mark.parametrize(
    ("path", "spelled"),
    [
        ("C:\\spool\\a", "\\\\?\\C:\\spool\\a"),
        ("C:/spool/../a", "\\\\?\\C:\\a"),
        ("\\\\server\\share\\a", "\\\\?\\UNC\\server\\share\\a"),
        ("//server/share/a", "\\\\?\\UNC\\server\\share\\a"),
        ("\\\\?\\C:\\a", "\\\\?\\C:\\a"),
        ("\\\\.\\pipe\\a", "\\\\.\\pipe\\a"),
    ],
)
def test_a_path_may_be_longer_than_260_characters(path: str, spelled: str) -> None:
    assert long_path(path) == spelled
    assert long_path(spelled) == spelled


@pytest.mark.parametrize(
    "path", ["\\\\server\\share\\spool", "//server/share/spool", "\\\\?\\UNC\\server\\share\\spool", "N:\\spool"]
)
def test_a_mapped_network_drive_and_a_server_are_a_network_file_system(path: str) -> None:
    assert drive_kind(path, {"N:\\": 4}.get) in NETWORK  # type: ignore[arg-type] # no other drive is asked for


@pytest.mark.parametrize("path", ["C:\\spool", "C:/spool", "\\\\?\\C:\\spool"])
def test_a_drive_of_this_machine_is_none(path: str) -> None:
    assert drive_kind(path, {"C:\\": 3}.__getitem__) == ""


# Files that another program has open


def test_the_second_way_is_taken_where_a_system_lacks_the_first() -> None:
    first, second = Way(87), Way()
    first_that_works(first, second)
    assert (first.calls, second.calls) == (1, 1)


def test_a_way_that_works_is_the_only_one() -> None:
    first, second = Way(), Way()
    first_that_works(first, second)
    assert (first.calls, second.calls) == (1, 0)


def test_a_file_that_is_missing_is_looked_for_once() -> None:
    first, second = Way(MISSING), Way()
    with pytest.raises(FileNotFoundError):
        first_that_works(first, second)
    assert second.calls == 0


@pytest.mark.parametrize("number", [SHARING, LOCKED, MAPPED, DENIED])
def test_a_rename_or_removal_that_is_refused_is_not_waited_for(number: int) -> None:
    """A segment gets its name inside `collect()`, and the removal of segments has its own time to try again."""
    first, second = Way(number, number), Way(number, number)
    with pytest.raises(PermissionError):
        first_that_works(first, second)
    assert (first.calls, second.calls) == (1, 1)


def test_a_replace_waits_until_the_other_program_is_done() -> None:
    clock, way = Clock(), Way(SHARING, SHARING, DENIED)
    patiently(way, lambda error: True, clock, clock.sleep)
    assert way.calls == 4 and clock.pauses == [0.001, 0.002, 0.004]


def test_a_replace_ends_with_the_refusal_when_patience_is_over() -> None:
    clock, way = Clock(), Way(*[SHARING] * 10_000)
    with pytest.raises(PermissionError):
        patiently(way, windows.is_held, clock, clock.sleep)
    assert windows.PATIENCE_SECONDS <= clock.now - 100.0 <= windows.PATIENCE_SECONDS + windows.LONGEST_PAUSE
    assert max(clock.pauses) == windows.LONGEST_PAUSE


def test_nothing_is_waited_for_on_a_full_disk() -> None:
    clock, way = Clock(), Way(FULL)
    with pytest.raises(OSError):
        patiently(way, windows.is_held, clock, clock.sleep)
    assert way.calls == 1 and not clock.pauses


@pytest.mark.parametrize("number", [SHARING, LOCKED, MAPPED])
def test_a_file_that_is_open_elsewhere_is_held(number: int) -> None:
    assert windows.is_held(error_of(number))


@pytest.mark.parametrize("number", [DENIED, MISSING, FULL])
def test_a_file_to_which_we_have_no_right_is_not_held(number: int) -> None:
    assert not windows.is_held(error_of(number))
    assert not windows.is_held(PermissionError(13, "from another platform"))


@pytest.mark.parametrize(
    ("number", "target_exists", "source_is_ours", "waits"),
    [
        (SHARING, True, False, True),
        (SHARING, False, True, False),
        (DENIED, True, True, True),  # what Windows says of a target that is open
        (DENIED, True, False, False),
        (DENIED, False, True, False),
        (FULL, True, True, False),
    ],
)
def test_a_replace_is_tried_again_only_where_its_target_is_open(
    number: int, target_exists: bool, source_is_ours: bool, waits: bool
) -> None:
    assert windows.target_is_held(error_of(number), lambda: target_exists, lambda: source_is_ours) is waits


# What is durable


class Handles:
    """Handles by number: those that may write are flushed, others refuse."""

    def __init__(self, *writers: int, full: bool = False) -> None:
        self.writers = set(writers)
        self.full = full
        self.flushed: list[int] = []
        self.closed: list[int] = []

    def flush(self, handle: int) -> int:
        done = handle in self.writers and not self.full
        self.flushed += [handle] if done else []
        return int(done)

    def reopened(self, handle: int) -> int:
        self.writers.add(handle + 1000)
        return handle + 1000

    def of(self, handle: int) -> bool:
        return flushed(handle, self.flush, self.reopened, self.closed.append)


def test_a_file_that_was_opened_to_read_is_made_durable_by_a_handle_that_writes() -> None:
    handles = Handles(7)
    assert handles.of(7) and handles.of(8)
    assert handles.flushed == [7, 1008] and handles.closed == [1008]


def test_a_disk_that_refuses_is_reported_and_no_handle_stays_open() -> None:
    handles = Handles(full=True)
    assert not handles.of(8) and handles.closed == [1008]


# How a shipper is started

OUT_OF_JOB = 0x0100_0000


class Starter:
    """`subprocess.Popen` of a Windows whose job lets nobody out. It runs the process as this platform can."""

    def __init__(self) -> None:
        self.flags: list[int] = []
        self.processes: list[int] = []

    def __call__(self, command: list[str], *, creationflags: int, **options: Any) -> subprocess.Popen[bytes]:
        self.flags.append(creationflags)
        if creationflags & OUT_OF_JOB:
            raise error_of(DENIED)
        child = POPEN(command, **options)
        self.processes.append(child.pid)
        return child


POPEN = subprocess.Popen


@pytest.mark.posix("waits for the process by its number")
def test_a_shipper_has_no_window_and_keeps_its_log_also_where_it_can_not_leave_its_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    starter, log = Starter(), tmp_path / "shipper.log"
    monkeypatch.setattr(subprocess, "Popen", starter)
    code = "import os, sys; print(os.environ['WORD'], file=sys.stderr); print('lost')"
    with log.open("ab") as file, warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        windows.start([sys.executable, "-c", code], {**os.environ, "WORD": "kept"}, file.fileno())
        gc.collect()
    assert not warned, "a process that runs on is no leak"
    assert all(flags & windows.NO_WINDOW and flags & windows.OWN_GROUP for flags in starter.flags) and len(starter.flags) == 2
    os.waitpid(starter.processes[0], 0)
    assert log.read_text() == "kept\n"


def test_the_state_of_a_program_lies_where_windows_wants_it() -> None:
    assert windows.state_base({"LOCALAPPDATA": "D:\\state"}, "home") == "D:\\state"
    assert windows.state_base({}, "home") == os.path.join("home", "AppData", "Local")
