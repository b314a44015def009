"""Promises 2 and 5: a fork inside a call makes another writer; lanes and what refusals keep are bounded (matrix H4 to H6)."""

from __future__ import annotations

import errno
import json
import os
from collections import Counter
from pathlib import Path

import pytest

from modeldata.spool.files import Files
from modeldata.spool.quota import SpoolFull
from tests.support.archive import features
from tests.support.ledger import assert_exactly_once
from tests.support.scripts import drain, modeldata, run
from tests.support.service import (
    NOON,
    Service,
    delivered_on_disk,
    ship_all,
)

FORKS = {
    "os.fork": "os.fork()",
    "C": "ctypes.PyDLL(None).fork()",  # keeps the GIL: a child could never get it from a thread that it does not have
}
WAYS = {
    "array": """
class Forks:
    def __array__(self, dtype=None, copy=None):
        fork()
        return numpy.array([base()])
one = Forks()
ok = inputs.collect(one)
""",
    "cell": """
class Forks:
    def __str__(self):
        fork()
        return "text"
ok = inputs.collect([1000], user_correlation_id=Forks())
""",
    "refused": """
class Forks:
    def __array__(self, dtype=None, copy=None):
        fork()
        raise ValueError("no data")
assert inputs.collect(Forks()) is False
ok = False
""",
    "handler": """
signal.signal(signal.SIGUSR1, lambda number, at: fork())
class Signals:
    def __array__(self, dtype=None, copy=None):
        os.kill(os.getpid(), signal.SIGUSR1)
        return numpy.array([base()])
ok = inputs.collect(Signals())
""",
}


@pytest.mark.parametrize("fork", FORKS.values(), ids=FORKS)
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_a_fork_inside_a_call_leaves_the_parents_lane_to_the_parent(tmp_path: Path, way: str, fork: str) -> None:
    run(
        f"""
import ctypes, os, signal
import numpy
from modeldata import Archive
archive = Archive("a", ship="off", min_free_bytes=0, fsync="never")  # no thread but this one
inputs = archive.collector("m", "inputs", ["n"])
child = []
def fork():
    child.append({fork})
def base():
    return 1000 if child[0] else 2000
for n in range(10):
    assert inputs.collect([n])
{way}
log = open("accepted", "a")
if ok:
    log.write(str(1000 if "user_correlation_id" in {way!r} else base()) + chr(10))
for n in range(1, 20):
    assert inputs.collect([base() + n])
    log.write(str(base() + n) + chr(10))
log.flush()
archive._intake.writer.close(1)
if child[0]:
    os.waitpid(child[0], 0)
os._exit(0)
""",
        tmp_path,
    )
    accepted = sorted([*range(10), *map(int, (tmp_path / "accepted").read_text().split())])
    drain(tmp_path / "a")
    assert sorted(int(n) for (n,) in features(tmp_path / "a")) == accepted
    report = json.loads(modeldata("audit", str(tmp_path / "a"), "--json").stdout)
    assert report["verdict"] == "complete" and report["refused"] in ({}, {"invalid_data": 2})


@pytest.mark.posix("fork")
def test_a_fork_between_two_steps_of_an_append_is_noticed_before_the_store(tmp_path: Path) -> None:
    """A signal handler may fork there; the mark of the process is looked at with each store."""
    run(
        """
    import ctypes, os
    from modeldata import Archive
    archive = Archive("a", ship="off", fsync="never", min_free_bytes=1)
    assert archive.collector("m", "inputs").collect([1])
    segment = archive._intake.writer.lanes[0].segment
    before = segment.end
    if not (child := ctypes.PyDLL(None).fork()):  # as a C library does it: no hook of Python's runs
        os._exit(not segment.append(b"x" * 64) and segment.end == before)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1
    """,
        tmp_path,
    )


class Bad(Files):
    """A disk that takes headers and no frames."""

    def storer(self, fd, size, ours):  # type: ignore[no-untyped-def] # as in Files
        return lambda data, offset: False

    def pwrite(self, fd: int, data: bytes | memoryview, offset: int) -> int:
        if offset:
            raise OSError(errno.EIO, "bad disk")
        return super().pwrite(fd, data, offset)


def test_refused_calls_leave_no_lanes_behind_and_their_counts_stay(tmp_path: Path) -> None:
    from modeldata import Archive

    archive = Archive(tmp_path / "a", ship="off", min_free_bytes=0)
    inputs = archive.collector("m", "inputs", ["n"])
    assert all(inputs.collect([n]) for n in range(7))
    archive._intake.writer.growth._files = Bad()
    archive._intake.writer.retire(archive._intake.writer.acquire())
    for _ in range(200):
        assert not inputs.collect([1])

    assert len(archive._intake.writer.lanes) <= 2
    stats = archive.stats()
    assert (stats.accepted, sum(stats.dropped.values())) == (7, 200)


def test_a_retired_lane_goes_on_as_another_writer(tmp_path: Path) -> None:
    service = Service(Files(), str(tmp_path / "a"))
    names = set()
    for number in range(30):
        assert service.collect("inputs", number)
        (lane,) = service.writer.lanes
        names.add(lane.writer_id)
        service.writer.retire(service.writer.acquire())
    assert len(names) == 30 and sum(service.writer.accepted().values()) == 30
    ship_all(Files(), str(tmp_path / "a"))
    assert_exactly_once(service.attempted, service.accepted, delivered_on_disk(str(tmp_path / "a")))


def test_a_full_spool_keeps_nothing_of_what_was_refused(tmp_path: Path) -> None:
    service = Service(Files(), str(tmp_path / "a"), most=300_000)
    while service.collect("inputs", 1, pad=9_000):
        pass
    caught = []
    for _ in range(5):
        with pytest.raises(SpoolFull) as refused:
            service.writer.growth.new_segment(b"\3" * 16, 1, 300_000, NOON)
        caught.append(refused.value)
    assert len({id(one) for one in caught}) == 5, "an exception that is raised again grows with each caller's frames"
    assert not [
        name for name, value in (vars(service.writer) | vars(service.writer.growth)).items() if isinstance(value, BaseException)
    ]


@pytest.mark.parametrize("clock", ["stands still", "goes back"])
def test_block_ends_whatever_the_clock_does(tmp_path: Path, clock: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from modeldata.spool import growth as module

    now, slept = [1000.0], []

    def monotonic() -> float:
        now[0] -= clock == "goes back"
        return now[0]

    monkeypatch.setattr(module, "monotonic", monotonic)
    monkeypatch.setattr(module, "sleep", slept.append)
    service = Service(Files(), str(tmp_path / "a"), most=300_000)
    service.writer.growth._block_seconds = 0.1
    while service.collect("inputs", 1, pad=9_000):
        pass
    assert 0 < len(slept) <= 0.1 / module.BLOCK_LOOK_SECONDS + 1


def test_a_frozen_clock_does_not_keep_a_disk_full_that_has_room_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from modeldata.spool import growth as module

    monkeypatch.setattr(module, "monotonic", lambda: 1000.0)
    service = Service(Files(), str(tmp_path / "a"), most=300_000)
    while service.collect("inputs", 1, pad=9_000):
        pass
    service.writer.growth._quota.most = 1 << 30
    assert any(service.collect("inputs", 2, pad=9_000) for _ in range(module.REFUSED_LOOKS + 1))


def test_a_lane_that_was_interrupted_while_it_wrote_is_never_used_again(tmp_path: Path) -> None:
    from modeldata import Archive

    class Interrupted(BaseException):
        pass

    archive = Archive(tmp_path / "a", ship="off", min_free_bytes=0)
    collector = archive.collector("m", "inputs", ["n"])
    assert collector.collect([1])
    lane = archive._intake.writer.lanes[0]
    segment = lane.segment
    assert segment is not None
    before = segment.end

    def interrupt(data: bytes) -> None:
        type(segment).append(segment, data)
        raise Interrupted

    class Broken:
        def __getattr__(self, name: str) -> object:
            return interrupt if name == "append" else getattr(segment, name)

    lane.segment = Broken()  # type: ignore[assignment] # an exception between two steps of a write
    with pytest.raises(Interrupted):
        collector.collect([2])
    assert segment.end > before, "its bytes are there"
    assert collector.collect([3])
    assert all(one.segment is not segment for one in archive._intake.writer.lanes)
    assert bytes.fromhex(os.path.basename(segment.path)[:32]) not in [one.writer_id for one in archive._intake.writer.lanes]
    archive._intake.writer.close(NOON)
    ship_all(Files(), str(tmp_path / "a"))
    rows = [
        line.rsplit(",", 1)[1] for path in Path(tmp_path, "a").rglob("data*.csv") for line in path.read_text().splitlines()[1:]
    ]
    assert Counter(rows) == {"1": 1, "2": 1, "3": 1} or Counter(rows) == {"1": 1, "3": 1}
