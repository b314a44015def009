"""The same faults with a real kernel: SIGKILL at a system call, failing and full disks, limits, stopped processes.

Fault matrix: A2, A3, A4, A10, C1, C2, C4, C5, C13, C14, C17, D4, D10. Needs strace and either root or user namespaces; where they can't be
had the tests fail and say so.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.archive import assert_complete
from tests.support.ledger import assert_exactly_once
from tests.support.scripts import SOURCE, environment, wait_until
from tests.support.spools import copy_as_itself

ROOT = Path(__file__).parents[2]
CHANGING = "write,pwrite64,fsync,fdatasync,rename,renameat2,unlink,ftruncate,fallocate,link,mkdir"
"""What a shipper changes the world with. It sends nothing over a network."""
PREPARE = """
    import json, os, resource, signal, subprocess, sys
    from modeldata import Archive
    from tests.support.ledger import FEATURES, Book
    archive = Archive("modeldata")
    inputs = archive.collector("m", "inputs", FEATURES)
    predictions = archive.collector("m", "predictions", FEATURES)
"""


def _environment(**extra: str) -> dict[str, str]:
    path = [*os.environ.get("PYTHONPATH", "").split(os.pathsep), SOURCE, str(ROOT)]
    kept = {"MODELDATA_SHIP": "off", "MODELDATA_MIN_FREE_BYTES": "0", **extra}
    return environment(PYTHONPATH=os.pathsep.join(part for part in path if part), **kept)


def _run(command: list[str], folder: Path, timeout: float = 120, **env: str) -> subprocess.CompletedProcess[str]:
    """Run `command` in a process group that is gone afterwards, whatever happened."""
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=_environment(**env),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        out, err = process.communicate(timeout=timeout)
    finally:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.wait()
    return subprocess.CompletedProcess(command, process.returncode, out, err)


def _script(folder: Path, code: str, name: str = "service.py") -> list[str]:
    (folder / name).write_text(textwrap.dedent(PREPARE) + textwrap.dedent(code), encoding="utf-8")
    return [sys.executable, str(folder / name)]


def _ship(folder: Path, *extra: str) -> list[str]:
    return [sys.executable, "-m", "modeldata", "ship", "--archive", str(folder / "modeldata"), *extra]


def _drain(folder: Path) -> None:
    done = _run(_ship(folder, "--drain"), folder)
    assert done.returncode == 0, done.stdout + done.stderr


def _assert_once(folder: Path) -> int:
    count = assert_exactly_once(folder / "modeldata", folder)
    assert assert_complete(folder / "modeldata") == count.delivered
    assert not list((folder / "modeldata").rglob("*.seg"))
    return count.delivered


@pytest.fixture(scope="session")
def strace() -> list[str]:
    """The command; installed where it is missing."""
    if shutil.which("strace") is None:
        installed = subprocess.run(["apt-get", "install", "-y", "-q", "strace"], capture_output=True, text=True, check=False)
        if installed.returncode:
            pytest.fail("strace is needed and apt-get can't install it: " + installed.stderr[-300:])
    tried = subprocess.run(["strace", "-f", "-o", os.devnull, "true"], capture_output=True, text=True, check=False)
    if tried.returncode:
        pytest.fail("strace is there but may not trace (ptrace is forbidden here): " + tried.stderr)
    return ["strace", "-f"]  # without --seccomp-bpf: version 6.1 then never sends the signal that is to be injected


@pytest.fixture(scope="session")
def private_mounts() -> list[str]:
    """What a command is begun with so that it may mount, seen by nobody else and gone with it."""
    tried = ""
    for way in (["unshare", "-m"], ["unshare", "-rm"]):
        test = [*way, "sh", "-c", "mount -t tmpfs -o size=64k none /mnt"]
        done = subprocess.run(test, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return way
        tried += done.stderr
    pytest.fail(f"a small disk is needed: run as root, or where user namespaces are allowed: {tried}")


# A4, A5: the shipper dies at any of its system calls


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
    command = _script(tmp_path, code)
    assert _run([*command, "first"], tmp_path).returncode == -signal.SIGKILL
    _drain(tmp_path)
    for name in ("second", "third"):
        assert _run([*command, name], tmp_path).returncode == -signal.SIGKILL
    shutil.copytree(tmp_path / "modeldata", tmp_path / "template", symlinks=True)
    return tmp_path


def _restore(folder: Path) -> None:
    shutil.rmtree(folder / "modeldata")
    copy_as_itself(folder / "template", folder / "modeldata")


def _calls(strace: list[str], folder: Path) -> list[str]:
    """The changing system calls of a whole drain's shipping thread, each as strace counts them: its name and how many before it."""
    _restore(folder)
    log = folder / "trace"
    done = _run([*strace, "-o", str(log), "-e", f"trace={CHANGING}", *_ship(folder, "--drain")], folder)
    assert done.returncode == 0, done.stderr
    lines = [line.split(None, 1) for line in log.read_text().splitlines()]
    names = [what.partition("(")[0] for pid, what in lines if pid == lines[0][0] and not what.startswith(("+++", "---"))]
    return [f"{name}:signal=KILL:when={1 + names[:index].count(name)}" for index, name in enumerate(names)]


def _die_at(strace: list[str], folder: Path, call: str, *, surely: bool = True) -> None:
    command = [*strace, "-o", os.devnull, "-e", f"trace={CHANGING}", "-e", f"inject={call}"]
    done = _run([*command, *_ship(folder, "--drain")], folder)
    assert done.returncode == -signal.SIGKILL or not surely, f"{call} was never reached: {done.stdout}{done.stderr}"


@pytest.mark.parametrize("part", range(4))
def test_a_shipper_killed_at_a_system_call_loses_and_doubles_nothing(strace: list[str], spooled: Path, part: int) -> None:
    calls = _calls(strace, spooled)
    assert len(calls) > 25
    for call in random.Random(part).sample(calls[part * len(calls) // 4 : (part + 1) * len(calls) // 4], 3):
        _restore(spooled)
        _die_at(strace, spooled, call)
        _drain(spooled)
        assert _assert_once(spooled) == 183, call


@pytest.mark.faults
@pytest.mark.timeout(3600)
def test_a_shipper_killed_at_every_system_call_loses_and_doubles_nothing(strace: list[str], spooled: Path) -> None:
    for call in _calls(strace, spooled):
        _restore(spooled)
        _die_at(strace, spooled, call)
        _drain(spooled)
        assert _assert_once(spooled) == 183, call


@pytest.mark.faults
@pytest.mark.timeout(3600)
def test_a_shipper_killed_again_while_it_recovers_loses_and_doubles_nothing(strace: list[str], spooled: Path) -> None:
    calls = _calls(strace, spooled)
    chance = random.Random(5)
    for _ in range(60):
        _restore(spooled)
        first, again = chance.choice(calls), chance.choice(calls)
        _die_at(strace, spooled, first)
        _die_at(strace, spooled, again, surely=False)
        _drain(spooled)
        assert _assert_once(spooled) == 183, (first, again)


@pytest.mark.parametrize(
    "fault",
    [
        "pwrite64:error=ENOSPC:when=1", "pwrite64:error=ENOSPC:when=3", "pwrite64:error=EIO:when=5", "fdatasync:error=EIO:when=2",
        "fsync:error=EIO:when=3", "rename:error=ENOSPC:when=1", "unlink:error=EIO:when=1",
    ],
)  # fmt: skip
def test_a_shipper_whose_system_call_fails_once_goes_on_by_itself(strace: list[str], spooled: Path, fault: str) -> None:
    command = [*strace, "-o", str(spooled / "trace"), "-e", f"inject={fault}"]

    done = _run([*command, *_ship(spooled, "--drain")], spooled)

    assert "INJECTED" in (spooled / "trace").read_text(), f"{fault} was never met"
    assert done.returncode == 0, done.stdout + done.stderr
    _drain(spooled)
    assert _assert_once(spooled) == 183


# C1, C4, C5: a writer whose disk fails


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
    command = [*strace, "-o", str(tmp_path / "trace"), "-e", f"inject={fault}", *_script(tmp_path, WRITE)]

    done = _run(command, tmp_path, MODELDATA_FSYNC=fsync)

    assert done.returncode == 0, done.stderr
    assert "INJECTED" in (tmp_path / "trace").read_text(), f"{fault} was never met"
    told = json.loads(done.stdout)
    _drain(tmp_path)
    count = assert_exactly_once(tmp_path / "modeldata", tmp_path)
    assert count.delivered == count.accepted == told["accepted"], "a refused row is never in the archive"
    assert count.attempted == told["accepted"] + sum(told["dropped"].values())
    if fault.startswith("fdatasync:error=EIO"):
        assert told == {"accepted": 24, "dropped": {}, "fsync_failures": 1 if fault.endswith("5") else told["fsync_failures"]}


def test_an_fsync_that_failed_is_not_asked_again_and_the_row_goes_to_a_new_segment(strace: list[str], tmp_path: Path) -> None:
    command = [*strace, "-y", "-o", str(tmp_path / "trace"), "-e", "trace=fdatasync", "-e", "inject=fdatasync:error=EIO:when=6"]

    done = _run([*command, *_script(tmp_path, WRITE)], tmp_path, MODELDATA_FSYNC="always")

    told = json.loads(done.stdout)
    assert (told["accepted"], told["dropped"], told["fsync_failures"]) == (24, {}, 1)
    calls = [line for line in (tmp_path / "trace").read_text().splitlines() if ".seg" in line]
    failed = next(index for index, line in enumerate(calls) if "INJECTED" in line)
    file = calls[failed].partition("<")[2].partition(">")[0]
    assert not [line for line in calls[failed + 1 :] if file in line], "the kernel may have forgotten the page"
    _drain(tmp_path)
    assert _assert_once(tmp_path) == 24


def test_a_full_disk_refuses_counts_and_is_used_again_as_soon_as_there_is_room(private_mounts: list[str], tmp_path: Path) -> None:
    """C1 and C14 on a small tmpfs, first without blocks, then without inodes."""
    code = """
    def mount(options):
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", "spool"], check=True)

    def remount(options):
        subprocess.run(["mount", "-o", "remount," + options, "spool"], check=True)

    os.mkdir("spool")
    mount("size=1m")
    archive = Archive("modeldata", spool="spool", when_full="drop_newest")
    inputs = archive.collector("m", "inputs", FEATURES)
    book = Book(".", "w")
    answers = []
    while answers.count(False) < 50:
        answers.append(book.collect(inputs.collect, "x" * 1000))
    assert answers.count(True) > 300, "some were taken before it was full"
    remount("size=64m")
    import time
    deadline = time.monotonic() + 60
    while not book.collect(inputs.collect, "y"):
        assert time.monotonic() < deadline, "room, and still nothing is taken"
    again = [book.collect(inputs.collect, "z" * 1000) for _ in range(100)]
    assert all(again)
    stats = archive.stats()
    assert set(stats.dropped) <= {"no_space", "spool_full", "disk_error"}, stats.dropped
    print(json.dumps({"accepted": stats.accepted, "dropped": sum(stats.dropped.values())}))
    archive.close(0)
    os.environ["MODELDATA_SPOOL"] = "spool"
    subprocess.run([sys.executable, "-m", "modeldata", "ship", "--drain", "--archive", "modeldata"], check=True, stdout=sys.stderr)
    """
    done = _run([*private_mounts, *_script(tmp_path, code)], tmp_path)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    count = assert_exactly_once(tmp_path / "modeldata", tmp_path)
    assert count.delivered == count.accepted == told["accepted"]
    assert count.attempted == told["accepted"] + told["dropped"]


def test_a_disk_without_inodes_refuses_counts_and_goes_on(private_mounts: list[str], tmp_path: Path) -> None:
    code = """
    os.mkdir("spool")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m,nr_inodes=14", "none", "spool"], check=True)
    archive = Archive("modeldata", spool="spool")
    inputs = archive.collector("m", "inputs", FEATURES)
    book = Book(".", "w")
    assert book.collect(inputs.collect, "first")
    made = []
    try:
        for number in range(100):
            made.append(open(f"spool/{number}", "w"))
    except OSError:
        pass
    refused = 0
    while refused < 20:
        refused += not book.collect(inputs.collect, "x" * 5_000)
    for file in made:
        os.unlink(file.name)
        file.close()
    import time
    deadline = time.monotonic() + 60
    while not book.collect(inputs.collect, "again"):
        assert time.monotonic() < deadline
    stats = archive.stats()
    print(json.dumps({"accepted": stats.accepted, "dropped": stats.dropped}))
    archive.close(0)
    os.environ["MODELDATA_SPOOL"] = "spool"
    subprocess.run(["mount", "-o", "remount,nr_inodes=1000", "spool"], check=True)  # the shipper needs some, too
    subprocess.run([sys.executable, "-m", "modeldata", "ship", "--drain", "--archive", "modeldata"], check=True, stdout=sys.stderr)
    """
    done = _run([*private_mounts, *_script(tmp_path, code)], tmp_path)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    count = assert_exactly_once(tmp_path / "modeldata", tmp_path)
    assert count.delivered == count.accepted == told["accepted"]
    assert count.attempted - count.accepted == told["dropped"]["no_space"] == sum(told["dropped"].values())


def test_a_full_disk_never_stops_the_shipper_from_freeing_it(private_mounts: list[str], tmp_path: Path) -> None:
    """C2: an interrupted round is finished, and its segments removed, without one free block."""
    code = """
    from modeldata.testing import Died, Fault, FaultyFiles
    from modeldata.spool.files import Files
    from modeldata.ship.pipeline import Pipeline
    from modeldata.spool.folder import open_place
    from modeldata.store import open_store

    os.mkdir("spool")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "none", "spool"], check=True)
    archive = Archive("modeldata", spool="spool")
    inputs = archive.collector("m", "inputs", FEATURES)
    book = Book(".", "w")
    for _ in range(100):
        assert book.collect(inputs.collect, "x" * 1000)
    archive.close(0)
    settings = archive.settings

    def ship(files):
        place = open_place(settings.spool_folder(), files, os.urandom(16), 0)
        pipeline = Pipeline(place, open_store(settings.archive, files), settings, files=files, warn=print, may_commit=lambda: True)
        while pipeline.step().more:
            pass
        pipeline.remove(pipeline.finished())
        return place

    class DieWhenFrozen(FaultyFiles):
        def rename(self, source, target):
            super().rename(source, target)
            if target.endswith("/intent"):
                self.die()

    ship_once = DieWhenFrozen()
    try:
        ship(ship_once)
    except Died:
        pass
    assert ship_once.dead
    with open("spool/filler", "wb", buffering=0) as filler:
        try:
            while True:
                filler.write(bytes(4096))
        except OSError:
            pass
    place = ship(Files())
    assert not [name for name in os.listdir(place.segments) if name.endswith(".seg")]
    """
    done = _run([*private_mounts, *_script(tmp_path, code)], tmp_path)
    assert done.returncode == 0, done.stderr
    assert assert_exactly_once(tmp_path / "modeldata", tmp_path).delivered == 100


def test_an_archive_on_a_full_disk_never_shows_a_half_row(private_mounts: list[str], tmp_path: Path) -> None:
    """C17: the destination has no room for all of a batch."""
    code = """
    os.mkdir("disk")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "none", "disk"], check=True)
    archive = Archive("disk/a", spool="spool")
    inputs = archive.collector("m", "inputs", FEATURES)
    book = Book(".", "w")
    for _ in range(600):
        assert book.collect(inputs.collect, "x" * 1000)
    archive.close(0)
    os.environ["MODELDATA_SPOOL"] = "spool"
    ship = [sys.executable, "-m", "modeldata", "ship", "--drain", "--timeout", "1", "--archive", "disk/a"]
    refused = subprocess.run(ship, capture_output=True, text=True)
    assert refused.returncode == 1 and "600 are pending" in refused.stderr and "No space" in refused.stderr, refused
    for folder, _, names in os.walk("disk"):
        for name in names:
            if name.startswith("data") and name.endswith(".csv"):
                content = open(os.path.join(folder, name), "rb").read()
                assert content == b"" or content.endswith(b"\\r\\n"), "a half row"
    subprocess.run(["mount", "-o", "remount,size=64m", "disk"], check=True)
    subprocess.run(ship, check=True, stdout=sys.stderr)
    import shutil
    shutil.copytree("disk/a", "modeldata")
    """
    done = _run([*private_mounts, *_script(tmp_path, code)], tmp_path)
    assert done.returncode == 0, done.stderr
    assert assert_exactly_once(tmp_path / "modeldata", tmp_path).delivered == 600


@pytest.mark.parametrize(("limit", "reason"), [("FSIZE", "no_space"), ("NOFILE", "no_files")])
def test_a_limit_of_the_process_refuses_counts_and_goes_on_when_it_is_lifted(tmp_path: Path, limit: str, reason: str) -> None:
    code = """
    import time
    kind = getattr(resource, "RLIMIT_" + sys.argv[1])
    before = resource.getrlimit(kind)
    book = Book(".", "w")
    assert book.collect(inputs.collect, "first")
    if sys.argv[1] == "FSIZE":
        resource.setrlimit(kind, (200_000, before[1]))
    else:
        resource.setrlimit(kind, (len(os.listdir("/proc/self/fd")) - 1, before[1]))
    refused = 0
    while refused < 20:
        refused += not book.collect(inputs.collect, "x" * 5_000)
    resource.setrlimit(kind, before)
    deadline = time.monotonic() + 60
    while not book.collect(inputs.collect, "again"):
        assert time.monotonic() < deadline
    stats = archive.stats()
    print(json.dumps({"accepted": stats.accepted, "dropped": stats.dropped}))
    """
    done = _run([*_script(tmp_path, code), limit], tmp_path)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert set(told["dropped"]) == {reason}
    _drain(tmp_path)
    count = assert_exactly_once(tmp_path / "modeldata", tmp_path)
    assert count.delivered == count.accepted == told["accepted"]
    assert count.attempted - count.accepted == told["dropped"][reason]


@pytest.mark.parametrize("spool", ["/dev/full", "/proc/spool", "file/spool"])
def test_a_spool_that_can_not_be_made_refuses_and_counts(tmp_path: Path, spool: str) -> None:
    (tmp_path / "file").write_text("a file where a folder must be")
    code = """
    book = Book(".", "w")
    assert [book.collect(inputs.collect) for _ in range(10)] == [False] * 10
    assert archive.stats().dropped == {"spool_unusable": 10}, archive.stats()
    """
    done = _run(_script(tmp_path, code), tmp_path, MODELDATA_SPOOL=spool)
    assert done.returncode == 0, done.stderr


def test_a_spool_that_became_read_only_refuses_counts_and_goes_on(private_mounts: list[str], tmp_path: Path) -> None:
    """C13: EROFS, while it runs."""
    code = """
    import time
    os.mkdir("spool")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "none", "spool"], check=True)
    archive = Archive("modeldata", spool="spool")
    inputs = archive.collector("m", "inputs", FEATURES)
    subprocess.run(["mount", "-o", "remount,ro", "spool"], check=True)
    book = Book(".", "w")
    assert [book.collect(inputs.collect) for _ in range(10)] == [False] * 10
    subprocess.run(["mount", "-o", "remount,rw", "spool"], check=True)
    deadline = time.monotonic() + 60
    while not book.collect(inputs.collect, "again"):
        assert time.monotonic() < deadline
    stats = archive.stats()
    print(json.dumps({"accepted": stats.accepted, "dropped": stats.dropped}))
    archive.close(0)
    os.environ["MODELDATA_SPOOL"] = "spool"
    subprocess.run([sys.executable, "-m", "modeldata", "ship", "--drain", "--archive", "modeldata"], check=True, stdout=sys.stderr)
    """
    done = _run([*private_mounts, *_script(tmp_path, code)], tmp_path)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    count = assert_exactly_once(tmp_path / "modeldata", tmp_path)
    assert count.delivered == count.accepted == told["accepted"]
    assert count.attempted - count.accepted == sum(told["dropped"].values())


# A2: frames so large that SIGKILL tears them


def test_frames_of_16_mib_torn_by_sigkill_cost_only_themselves(tmp_path: Path) -> None:
    code = """
    import random, time
    pad = "x" * (16 << 20)
    chance = random.Random(2)

    def life(name):
        read, write = os.pipe()
        pid = os.fork()
        if pid == 0:
            book = Book(".", name)
            assert book.collect(inputs.collect, "small")
            os.write(write, b"1")
            book.collect(inputs.collect, pad)
            os.write(write, b"2")
            signal.pause()
        os.close(write)
        assert os.read(read, 1) == b"1"
        return pid, read

    def end(pid, read):
        os.kill(pid, signal.SIGKILL)
        assert os.waitpid(pid, 0)[1] == signal.SIGKILL
        os.close(read)

    def unfinished():
        "How many segments hold a beginning of a large frame and not its end, as the bytes say."
        torn = 0
        for folder, _, names in os.walk("modeldata"):
            for name in names:
                if name.endswith(".seg"):
                    content = open(os.path.join(folder, name), "rb").read()
                    torn += 1_000_000 < content.count(b"x") < len(pad)
        return torn

    def drain():
        subprocess.run([sys.executable, "-m", "modeldata", "ship", "--drain", "--archive", "modeldata"], check=True, stdout=sys.stderr)

    def large():
        "Segments made for a large frame."
        found = [os.path.join(folder, name) for folder, _, names in os.walk("modeldata") for name in names]
        return [path for path in found if path.endswith(".seg") and os.path.getsize(path) > len(pad)]

    def wait_for_a_write(before, offset):
        "Until the kernel has written something at `offset` of a large segment that was not there before."
        deadline = time.monotonic() + 60
        while not (new := set(large()) - before):
            assert time.monotonic() < deadline
        with open(new.pop(), "rb", buffering=0) as file:
            while os.pread(file.fileno(), 1, 4096 + offset) == b"\\0":
                assert time.monotonic() < deadline

    for number in range(2):  # whole ones beside them
        pid, read = life(f"whole{number}")
        assert os.read(read, 1) == b"2"
        end(pid, read)
    drain()
    tries = torn = 0
    while torn < 3 and tries < 120:
        for _ in range(6):
            tries += 1
            before = set(large())
            pid, read = life(f"w{tries}")
            wait_for_a_write(before, chance.randrange(2 << 20))
            end(pid, read)
        torn += unfinished()
        drain()
    print(json.dumps({"tries": tries, "torn": torn, "counted": archive.stats().torn, "damaged": archive.stats().damaged}))
    """
    done = _run(_script(tmp_path, code), tmp_path, 280, MODELDATA_MAX_ROW_BYTES="64M")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    print(told)
    assert told["torn"] >= 3, f"the kernel tore too few to show anything: {told}"
    assert told["counted"] >= told["torn"] and told["damaged"] == 0
    count = assert_exactly_once(tmp_path / "modeldata", tmp_path)
    assert count.accepted >= told["tries"] + 4, "the small row of each, and the two that nobody killed"
    assert count.attempted - count.delivered >= told["torn"]
    assert not list((tmp_path / "modeldata").rglob("*.seg"))


# A3, A10, D10: shippers beside each other, stopped, killed


class _Shipper:
    def __init__(self, folder: Path, name: str) -> None:
        self.log = folder / f"{name}.log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                _ship(folder), cwd=folder, env=_environment(), stdout=log, stderr=log, start_new_session=True
            )

    def signal(self, number: int) -> None:
        os.killpg(self.process.pid, number)


@pytest.fixture
def shippers(tmp_path: Path) -> Iterator[list[_Shipper]]:
    made: list[_Shipper] = []
    yield made
    for one in made:
        try:
            one.signal(signal.SIGKILL)
        except ProcessLookupError:
            pass
        one.process.wait(30)


def _leader(folder: Path) -> int | None:
    done = _run([sys.executable, "-m", "modeldata", "status", "--json", "--archive", str(folder / "modeldata")], folder)
    leader = json.loads(done.stdout)["leader"]
    return None if leader is None else int(leader["pid"])


COLLECT = """
    book = Book(".", sys.argv[1])
    for _ in range(500):
        assert book.collect(inputs.collect, "x" * 100)
"""


def _collect(folder: Path, name: str) -> None:
    done = _run([*_script(folder, COLLECT, "collect.py"), name], folder)
    assert done.returncode == 0, done.stderr


def _delivered(folder: Path) -> int:
    from tests.support.ledger import compare

    return compare(folder / "modeldata", folder).delivered


def test_a_stopped_leader_keeps_the_lead_and_goes_on_where_it_was(tmp_path: Path, shippers: list[_Shipper]) -> None:
    _collect(tmp_path, "a")
    shippers.append(_Shipper(tmp_path, "first"))
    wait_until(lambda: _leader(tmp_path) == shippers[0].process.pid, what="it leads")
    wait_until(lambda: _delivered(tmp_path) == 500)
    shippers[0].signal(signal.SIGSTOP)
    _collect(tmp_path, "b")
    other = _run(_ship(tmp_path, "--drain", "--timeout", "0.5"), tmp_path)
    assert other.returncode == 1 and str(shippers[0].process.pid) in other.stderr, "the other says who leads"
    assert _delivered(tmp_path) == 500, "there is no second leader"
    shippers[0].signal(signal.SIGCONT)
    wait_until(lambda: _delivered(tmp_path) == 1000, what="the backlog is archived")
    shippers[0].signal(signal.SIGTERM)
    assert shippers[0].process.wait(60) == 0
    assert _assert_once(tmp_path) == 1000


def test_when_the_leader_is_killed_the_one_that_waits_takes_over(tmp_path: Path, shippers: list[_Shipper]) -> None:
    _collect(tmp_path, "a")
    shippers.append(_Shipper(tmp_path, "first"))
    wait_until(lambda: _leader(tmp_path) == shippers[0].process.pid)
    shippers.append(_Shipper(tmp_path, "second"))
    wait_until(lambda: str(shippers[0].process.pid) in shippers[1].log.read_text(), what="the second says who leads and waits")
    shippers[0].signal(signal.SIGKILL)
    shippers[0].process.wait(30)
    _collect(tmp_path, "b")
    wait_until(lambda: _delivered(tmp_path) == 1000)
    assert _leader(tmp_path) == shippers[1].process.pid
    shippers[1].signal(signal.SIGTERM)
    assert shippers[1].process.wait(60) == 0
    assert _assert_once(tmp_path) == 1000


def test_a_child_that_a_leader_forked_does_not_keep_the_lead_after_its_death(tmp_path: Path) -> None:
    """D4: also a child of a C-level fork, which tells nobody."""
    code = """
    import ctypes, time
    from modeldata.spool.files import Files
    from modeldata.spool.lock import Leadership
    asked, told = os.pipe2(os.O_DIRECT)  # one read gets one write
    child = os.fork()
    if child == 0:
        lead = Leadership.take("leader.lock", Files())
        assert lead is not None and lead.intact()
        grandchild = ctypes.CDLL(None).fork() if sys.argv[1] == "c" else os.fork()
        if grandchild == 0:
            os.closerange(1, 3)  # whoever reads our output must not wait for this child
            os.write(told, b"intact" if lead.intact() else b"not intact")
            time.sleep(600)
        os.write(told, b"killed")
        signal.pause()
    answers = {os.read(asked, 100), os.read(asked, 100)}
    os.kill(child, signal.SIGKILL)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL
    assert answers == {b"not intact", b"killed"}, "a forked child leads nothing"
    assert Leadership.take("leader.lock", Files()) is not None
    """
    for way in ("c", "python"):
        done = _run([*_script(tmp_path, code), way], tmp_path)
        assert done.returncode == 0, done.stderr
