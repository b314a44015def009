"""Writers that die inside a large frame, and shippers beside each other that are stopped and killed. Fault matrix: A2, A3, A10, D4, D10."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.kernel import assert_once, end_group, kernel_environment, run_alone, service_script, ship_command
from tests.support.ledger import assert_noted_once, compare
from tests.support.scripts import wait_until


@pytest.mark.posix("fork")
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
    done = run_alone(service_script(tmp_path, code), tmp_path, 280, MODELDATA_MAX_ROW_BYTES="64M")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    print(report)
    assert report["torn"] >= 3, f"the kernel tore too few to show anything: {report}"
    assert report["counted"] >= report["torn"] and report["damaged"] == 0
    count = assert_noted_once(tmp_path / "modeldata", tmp_path)
    assert count.accepted >= report["tries"] + 4, "the small row of each, and the two that nobody killed"
    assert count.attempted - count.delivered >= report["torn"]
    assert not list((tmp_path / "modeldata").rglob("*.seg"))


class _Shipper:
    def __init__(self, folder: Path, name: str) -> None:
        self.log = folder / f"{name}.log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                ship_command(folder), cwd=folder, env=kernel_environment(), stdout=log, stderr=log, start_new_session=True
            )

    def signal(self, number: int) -> None:
        os.killpg(self.process.pid, number)


@pytest.fixture
def shippers(tmp_path: Path) -> Iterator[list[_Shipper]]:
    made: list[_Shipper] = []
    yield made
    for one in made:
        end_group(one.process)
        one.process.wait(30)


def _leader(folder: Path) -> int | None:
    done = run_alone([sys.executable, "-m", "modeldata", "status", "--json", "--archive", str(folder / "modeldata")], folder)
    leader = json.loads(done.stdout)["leader"]
    return None if leader is None else int(leader["pid"])


COLLECT = """
    book = Book(".", sys.argv[1])
    for _ in range(500):
        assert book.collect(inputs.collect, "x" * 100)
"""


def _collect(folder: Path, name: str) -> None:
    done = run_alone([*service_script(folder, COLLECT, "collect.py"), name], folder)
    assert done.returncode == 0, done.stderr


def _delivered(folder: Path) -> int:
    return compare(folder / "modeldata", folder).delivered


@pytest.mark.posix("signals that stop a process")
def test_a_stopped_leader_keeps_the_lead_and_goes_on_where_it_was(tmp_path: Path, shippers: list[_Shipper]) -> None:
    _collect(tmp_path, "a")
    shippers.append(_Shipper(tmp_path, "first"))
    wait_until(lambda: _leader(tmp_path) == shippers[0].process.pid, what="it leads")
    wait_until(lambda: _delivered(tmp_path) == 500)
    shippers[0].signal(signal.SIGSTOP)
    _collect(tmp_path, "b")
    other = run_alone(ship_command(tmp_path, "--drain", "--timeout", "0.5"), tmp_path)
    assert other.returncode == 1 and str(shippers[0].process.pid) in other.stderr, "the other says who leads"
    assert _delivered(tmp_path) == 500, "there is no second leader"
    shippers[0].signal(signal.SIGCONT)
    wait_until(lambda: _delivered(tmp_path) == 1000, what="the backlog is archived")
    shippers[0].signal(signal.SIGTERM)
    assert shippers[0].process.wait(60) == 0
    assert assert_once(tmp_path) == 1000


def test_when_the_leader_is_killed_the_one_that_waits_takes_over(tmp_path: Path, shippers: list[_Shipper]) -> None:
    _collect(tmp_path, "a")
    shippers.append(_Shipper(tmp_path, "first"))
    wait_until(lambda: _leader(tmp_path) == shippers[0].process.pid)
    shippers.append(_Shipper(tmp_path, "second"))
    wait_until(lambda: str(shippers[0].process.pid) in shippers[1].log.read_text(), what="the second says who leads and waits")
    end_group(shippers[0].process)
    shippers[0].process.wait(30)
    _collect(tmp_path, "b")
    wait_until(lambda: _delivered(tmp_path) == 1000)
    assert _leader(tmp_path) == shippers[1].process.pid
    if sys.platform != "win32":
        shippers[1].signal(signal.SIGTERM)
        assert shippers[1].process.wait(60) == 0
    assert assert_once(tmp_path) == 1000


@pytest.mark.posix("fork")
def test_a_child_that_a_leader_forked_does_not_keep_the_lead_after_its_death(tmp_path: Path) -> None:
    """D4: also a child of a C-level fork, which tells nobody."""
    code = """
    import ctypes, time
    from modeldata.spool.files import Files
    from modeldata.spool.lock import Leadership
    asked, reported = os.pipe2(os.O_DIRECT)  # one read gets one write
    child = os.fork()
    if child == 0:
        lead = Leadership.take("leader.lock", Files())
        assert lead is not None and lead.intact()
        grandchild = ctypes.CDLL(None).fork() if sys.argv[1] == "c" else os.fork()
        if grandchild == 0:
            os.closerange(1, 3)  # whoever reads our output must not wait for this child
            os.write(reported, b"intact" if lead.intact() else b"not intact")
            time.sleep(600)
        os.write(reported, b"killed")
        signal.pause()
    answers = {os.read(asked, 100), os.read(asked, 100)}
    os.kill(child, signal.SIGKILL)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL
    assert answers == {b"not intact", b"killed"}, "a forked child leads nothing"
    assert Leadership.take("leader.lock", Files()) is not None
    """
    for way in ("c", "python"):
        done = run_alone([*service_script(tmp_path, code), way], tmp_path)
        assert done.returncode == 0, done.stderr
