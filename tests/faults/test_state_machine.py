"""Any history of collecting, dying, forking, shipping, outages, full disks, power cuts and clock moves, made up by hypothesis.

The oracle of reliability.md §3: what was attempted, accepted and delivered, kept by the test alone. At the end of each history
everything is healed and shipped; then nothing may be lost, doubled, foreign, mangled, or in the folder of another day.
"""

from __future__ import annotations

import csv
import errno
import io
import json
import os
import random
import time
from collections import Counter
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from modeldata.errors import ModelDataError
from modeldata.ship.checkpoint import Progress
from modeldata.ship.pipeline import Pipeline
from modeldata.ship.watch import sync_writers
from modeldata.testing import Died, Fault, FaultyFiles, SimulatedDisk
from modeldata.testing.faults import CHANGING
from tests.support.service import DAY, NOON, ROOT, Service, new_pipeline

csv.field_size_limit(1 << 30)

SPOOL = ".modeldata-spool-"
MOVES = (1_000_000, 3_000_000_000, 12 * 3_600_000_000_000, DAY, -3_600_000_000_000, -DAY, 3650 * DAY, -NOON + DAY)
"""Nanoseconds that the clock may jump, the last one to 1970."""
PADS = (0, 20, 700, 5_000, 70_000, 300_000)
"""Characters of a row: from nothing to more than is stored in one piece."""


class World(SimulatedDisk):
    """The simulated disk, which can also be full, and whose archive can be away while its spool is not."""

    def __init__(self) -> None:
        super().__init__()
        self.is_full = False
        self.is_away = False
        self._names: dict[int, str] = {}

    def _room(self, path: str) -> None:
        if self.is_full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)

    def _reach(self, path: str) -> None:
        if self.is_away and path.startswith(ROOT + "/") and SPOOL not in path:
            raise OSError(errno.EIO, os.strerror(errno.EIO), path)

    def open(self, path: str, flags: int, mode: int = 0o600) -> int:
        self._reach(path)
        if flags & os.O_CREAT and path not in self.paths():
            self._room(path)
        fd = super().open(path, flags, mode)
        self._names[fd] = path
        return fd

    def allocate(self, fd: int, size: int) -> bool:
        if self.fstat(fd).st_size < size:
            self._room(self._names[fd])
        return super().allocate(fd, size)

    def pwrite(self, fd: int, data: bytes | memoryview, offset: int) -> int:
        self._reach(self._names[fd])
        room = self.fstat(fd).st_size - offset
        if self.is_full and room < len(data):
            if room <= 0:
                self._room(self._names[fd])
            data = data[:room]  # a short write, as a full disk makes them
        return super().pwrite(fd, data, offset)

    def truncate(self, fd: int, size: int) -> None:
        self._reach(self._names[fd])
        super().truncate(fd, size)

    def sync(self, fd: int) -> None:
        self._reach(self._names[fd])
        super().sync(fd)

    def mkdir(self, path: str, mode: int = 0o700) -> None:
        self._reach(path)
        self._room(path)
        super().mkdir(path, mode)

    def link(self, source: str, target: str) -> None:
        self._reach(target)
        super().link(source, target)


class Life(RuleBasedStateMachine):
    """One host: processes that collect, a shipper, a disk, a clock."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.world.mkdir(ROOT)
        self.world.sync_folder("/")
        self.now = NOON
        self.numbers = 0
        self.services: list[tuple[Service, FaultyFiles]] = []
        self.pipeline: Pipeline | None = None
        self.attempted: set[tuple[str, str]] = set()
        self.accepted: set[tuple[str, str]] = set()
        self.refused: set[tuple[str, str]] = set()
        self.unsynced: set[tuple[str, str]] = set()
        self.days: dict[tuple[str, str], str] = {}
        self.chance = random.Random(0)

    @initialize(seed=st.integers(0, 2**32))
    def begin(self, seed: int) -> None:
        self.chance = random.Random(seed)

    # processes

    @precondition(lambda self: len(self.services) < 4)
    @rule(always=st.booleans(), most=st.sampled_from([1 << 30, 1 << 30, 900_000]))
    def start_a_process(self, always: bool, most: int) -> None:
        files = FaultyFiles(None, self.world)
        service = Service(files, sync=always, most=most)
        service.writer._random = self.chance.randbytes
        service.writer._start()
        self.services.append((service, files))

    @precondition(lambda self: self.services)
    @rule(
        which=st.integers(0, 3),
        identifier=st.sampled_from(["inputs", "predictions"]),
        rows=st.integers(1, 12),
        pad=st.sampled_from(PADS),
    )
    def collect(self, which: int, identifier: str, rows: int, pad: int) -> None:
        service, files = self.services[which % len(self.services)]
        for _ in range(rows):
            self.numbers += 1
            self.now += self.chance.randrange(50_000_000)
            key = (identifier, str(self.numbers))
            self.attempted.add(key)
            self.days[key] = time.strftime("%Y/%m/%d", time.gmtime(self.now // 1_000_000_000))
            service.writer.growth.look_again()  # don't wait for the next look at the disk
            try:
                taken = service.collect(identifier, self.numbers, self.now, pad)
            except Died:
                self.services.remove((service, files))
                return
            if not taken:
                self.refused.add(key)
                continue
            self.accepted.add(key)
            if not service.writer._sync:
                self.unsynced.add(key)

    @precondition(lambda self: self.services)
    @rule(which=st.integers(0, 3))
    def another_thread_collects(self, which: int) -> None:
        writer = self.services[which % len(self.services)][0].writer
        writer.release(writer.fresh_lane())

    @precondition(lambda self: self.services)
    @rule(which=st.integers(0, 3), turn=st.integers(1, 3))
    def threads_take_turns(self, which: int, turn: int) -> None:
        self.services[which % len(self.services)][0].writer._free.rotate(turn)

    @precondition(lambda self: self.services)
    @rule(which=st.integers(0, 3))
    def kill(self, which: int) -> None:
        _, files = self.services.pop(which % len(self.services))
        with suppress(Died):
            files.die()

    @precondition(lambda self: self.services)
    @rule(which=st.integers(0, 3), at=st.integers(1, 12), code=st.sampled_from([None, errno.EIO, errno.ENOSPC]))
    def trouble_awaits_a_process(self, which: int, at: int, code: int | None) -> None:
        """It will die before its n-th operation from now on, or that operation fails."""
        files = self.services[which % len(self.services)][1]
        names = frozenset() if code is None else CHANGING
        files.fault, files._count = Fault(at, code, names=names), 0

    @precondition(lambda self: self.services)
    @rule(which=st.integers(0, 3))
    def fork_and_the_parent_is_gone(self, which: int) -> None:
        self.services[which % len(self.services)][0].writer.after_fork()

    @precondition(lambda self: self.services)
    @rule(which=st.integers(0, 3))
    def end_well(self, which: int) -> None:
        service, files = self.services.pop(which % len(self.services))
        with suppress(Died):
            service.writer.close(self.now)
            files.die()

    # the shipper

    @rule()
    def ship_a_step(self) -> None:
        try:
            if self.pipeline is None:
                self.pipeline = new_pipeline(FaultyFiles(None, self.world))
            self.pipeline.step()
        except (ModelDataError, OSError):
            return  # tried again later

    @precondition(lambda self: self.pipeline is not None)
    @rule()
    def remove_what_is_finished(self) -> None:
        assert self.pipeline is not None
        with suppress(OSError):
            self.pipeline.remove(self.pipeline.finished())

    @rule(at=st.integers(1, 60), code=st.sampled_from([None, None, errno.EIO, errno.ENOSPC]))
    def a_new_shipper_meets_trouble(self, at: int, code: int | None) -> None:
        self.kill_the_shipper()
        files = FaultyFiles(Fault(at, code), self.world)
        with suppress(Died, ModelDataError, OSError):
            pipeline = new_pipeline(files)
            for _ in range(3):
                pipeline.step()
                pipeline.remove(pipeline.finished())
        with suppress(Died):
            files.die()

    @rule()
    def kill_the_shipper(self) -> None:
        pipeline, self.pipeline = self.pipeline, None
        if pipeline is not None:
            files = pipeline._files
            assert isinstance(files, FaultyFiles)
            with suppress(Died):
                files.die()

    @precondition(lambda self: self.services)
    @rule()
    def keep_the_spool_durable(self) -> None:
        """What the shipper does each second with fsync="interval"; it covers what living writers wrote."""
        place = next((service.writer.place for service, _ in self.services if service.writer.place is not None), None)
        if place is None or sync_writers(place, Progress(), self.world, set()):
            return
        alive = {os.path.join(place.segments, name) for service, _ in self.services for name in service.writer.positions()}
        if alive.issuperset(path for path in self.world.paths() if path.startswith(place.segments)):
            self.unsynced.clear()

    # the world

    @rule(move=st.sampled_from(MOVES))
    def move_the_clock(self, move: int) -> None:
        self.now = max(DAY, self.now + move)

    @rule()
    def an_instant_before_midnight(self) -> None:
        self.now = self.now // DAY * DAY + DAY - 60_000_000

    @rule()
    def cut_the_power(self) -> None:
        for _, files in self.services:
            files.dead = True
        self.services.clear()
        self.pipeline = None
        self.world.cut(self.chance)
        self.accepted -= self.unsynced  # they may be there, and need not
        self.unsynced.clear()

    @rule()
    def the_store_goes_away(self) -> None:
        self.world.is_away = True

    @rule()
    def the_store_comes_back(self) -> None:
        self.world.is_away = False

    @rule()
    def the_disk_fills(self) -> None:
        self.world.is_full = True

    @rule()
    def the_disk_has_room_again(self) -> None:
        self.world.is_full = False

    # the oracle

    def teardown(self) -> None:
        self.world.is_away = self.world.is_full = False
        while self.services:
            self.kill(0)
        self.kill_the_shipper()
        pipeline = new_pipeline(self.world)
        for _ in range(500):
            done = pipeline.step()
            pipeline.remove(pipeline.finished())
            if not done.rows and not done.more:
                break
        else:
            raise AssertionError("the shipper never comes to an end")

        found = self._delivered()
        lost = self.accepted - set(found)
        assert not lost, f"lost {len(lost)}: {sorted(lost)[:5]}"
        doubled = {key: times for key, times in found.items() if times > 1}
        assert not doubled, f"doubled {len(doubled)}: {sorted(doubled)[:5]}"
        foreign = set(found) - self.attempted
        assert not foreign, f"foreign {len(foreign)}: {sorted(foreign)[:5]}"
        assert not set(found) & self.refused, "a refused row is in the archive"
        assert sum(pipeline.state.archived.values()) == sum(found.values()) == self._told()
        assert [name for name in self.world.listdir(pipeline.place.segments) if name.endswith(".seg")] == []

    def _delivered(self) -> Counter[tuple[str, str]]:
        found: Counter[tuple[str, str]] = Counter()
        for path in self.world.paths():
            if not path.endswith(".csv") or SPOOL in path or not self.world.content(path):
                continue  # a power cut can leave the name of a file of which nothing was written
            reader = csv.reader(io.StringIO(self.world.content(path).decode(), newline=""))
            assert next(reader)[3:] == ["number", "text"], f"mangled: {path}"
            identifier, *day = path.split("/")[-5:-1]
            for row in reader:
                assert len(row) == 5 and set(row[4]) <= {"x"} and row[3].isdigit(), f"mangled in {path}: {row[:4]}"
                key = (identifier, row[3])
                found[key] += 1
                assert "/".join(day) == self.days.get(key), f"{key} of {self.days.get(key)} is in {path}"
        return found

    def _told(self) -> int:
        """Rows that the manifests tell of."""
        logs = [path for path in self.world.paths() if "/_manifest/" in path and path.endswith(".jsonl") and SPOOL not in path]
        return sum(json.loads(line)["rows"] for path in logs for line in self.world.content(path).decode().splitlines())


_RUN = settings(deadline=None, suppress_health_check=list(HealthCheck), print_blob=True)


def test_no_history_loses_doubles_or_mangles_a_row() -> None:
    run_state_machine_as_test(Life, settings=settings(_RUN, max_examples=60, stateful_step_count=40))


@pytest.mark.faults
@pytest.mark.timeout(3600)
def test_no_history_of_very_many_loses_doubles_or_mangles_a_row() -> None:
    run_state_machine_as_test(Life, settings=settings(_RUN, max_examples=3_000, stateful_step_count=80))
