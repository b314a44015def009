"""Rows of the fault matrix that no other file shows: A9, A12, C6, D2, D6, D11, D12, D13, D14, D16, E1 to E5."""

from __future__ import annotations

import csv
import errno
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from modeldata.errors import ModelDataError
from modeldata.settings import Settings
from modeldata.ship.worker import Worker
from modeldata.spool import frame
from modeldata.spool.files import Files
from modeldata.spool.folder import open_place
from modeldata.spool.lock import Leadership
from modeldata.testing import Died, Fault, FaultyFiles
from tests.support.archive import assert_complete, data_files, features
from tests.support.scripts import drain, environment, run
from tests.support.spools import copy_as_itself

from .scenario import DAY, NOON, Service, delivered_on_disk, new_pipeline, ship_all

HOUR = 3_600_000_000_000


def _segments(archive: str) -> Path:
    return Path(archive, f".modeldata-spool-{os.getuid()}", "segments")


def _killed(service: Service) -> None:
    for lane in service.writer.lanes:
        lane.abandon()


def _worker(archive: str, leadership: Leadership) -> Worker:
    settings = Settings.build({}, archive=archive, min_free_bytes=0)
    place = open_place(settings.spool_folder(), Files(), b"\2" * 16, NOON)
    return Worker(
        place, settings, leadership, files=Files(), warn=lambda text: None, monotonic=time.monotonic, wall_ns=time.time_ns,
        wait=lambda seconds: True, dice=lambda: 0.5,
    )  # fmt: skip


# A


def test_a_shipper_that_runs_out_of_memory_loses_nothing_and_tries_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from modeldata.ship import pipeline as module

    archive = str(tmp_path / "a")
    service = Service(Files(), archive)
    for number in range(20):
        assert service.collect("inputs", number)
    _killed(service)
    whole, failures = module.encode_groups, []

    def scarce(*arguments: object) -> object:
        if len(failures) < 3:
            failures.append(1)
            raise MemoryError
        return whole(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "encode_groups", scarce)
    lead = Leadership.take(str(tmp_path / "lock"), Files())
    assert lead is not None
    worker = _worker(archive, lead)
    assert [worker.attempt() for _ in range(4)] == [False, False, False, True]
    lead.release()
    assert delivered_on_disk(archive) == service.accepted


@pytest.mark.parametrize("size", [0, 1, 63, 64, 100, frame.FIRST_FRAME])
def test_a_segment_that_was_only_begun_is_removed_without_a_word(tmp_path: Path, size: int) -> None:
    archive = str(tmp_path / "a")
    service = Service(Files(), archive)
    assert service.collect("inputs", 1)
    _killed(service)
    (path,) = _segments(archive).glob("*.seg")
    os.truncate(path, size)
    warned: list[str] = []
    pipeline = new_pipeline(Files(), archive, warned.append)
    while pipeline.step().more:
        continue
    pipeline.remove(pipeline.finished())
    assert list(_segments(archive).iterdir()) == []
    assert (pipeline.state.damaged, pipeline.state.torn, warned) == (0, 0, [])
    assert not delivered_on_disk(archive)


# C


def test_a_segment_that_can_not_be_read_is_tried_again_and_stops_no_other(tmp_path: Path) -> None:
    """C6: EIO on pread of one segment."""
    archive = str(tmp_path / "a")
    first, second = Service(Files(), archive), Service(Files(), archive)
    assert first.collect("inputs", 1) and second.collect("inputs", 2)
    bad = os.path.basename(first.writer.lanes[0].segment.path)  # type: ignore[union-attr]
    _killed(first)
    _killed(second)

    class Unreadable(Files):
        broken = True

        def __init__(self) -> None:
            self.names: dict[int, str] = {}

        def open(self, path: str, flags: int, mode: int = 0o600) -> int:
            fd = super().open(path, flags, mode)
            self.names[fd] = os.path.basename(path)
            return fd

        def pread(self, fd: int, size: int, offset: int) -> bytes:
            if self.broken and self.names[fd] == bad:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            return super().pread(fd, size, offset)

    files = Unreadable()
    pipeline = new_pipeline(files, archive)
    for _ in range(3):
        pipeline.step()
        pipeline.remove(pipeline.finished())
    assert delivered_on_disk(archive) == second.accepted
    assert [path.name for path in _segments(archive).glob("*.seg")] == [bad]
    files.broken = False
    pipeline.step()
    assert delivered_on_disk(archive) == first.accepted + second.accepted


# D


def test_forks_while_threads_collect_neither_hang_nor_lose(tmp_path: Path) -> None:
    done = run(
        """
    import faulthandler, os, sys, threading, time
    from modeldata import ModelDataCollector
    sys.setswitchinterval(1e-5)
    dc = ModelDataCollector("m", "inputs", ["who", "n"])
    over = threading.Event()
    counts = {}

    def work(name):
        counts[name] = 0
        while not over.is_set():
            counts[name] += dc.collect([name, counts[name]])
            time.sleep(0.0005)  # else eight threads leave the one that forks no time

    threads = [threading.Thread(target=work, args=(f"t{n}",), daemon=True) for n in range(8)]
    for thread in threads: thread.start()
    for child in range(100):
        pid = os.fork()
        if pid == 0:
            faulthandler.dump_traceback_later(20, exit=True)  # a deadlock ends here, and says where
            ok = all(dc.collect([f"c{child}", n]) for n in range(3))
            os._exit(0 if ok else 1)
        assert os.waitpid(pid, 0)[1] == 0, child
    over.set()
    for thread in threads: thread.join(60)
    print(sum(counts.values()) + 300)
    """,
        tmp_path,
        {"MODELDATA_SHIP": "off"},
        timeout=240,
    )
    drain(tmp_path / "modeldata")
    found = features(tmp_path / "modeldata")
    assert len(found) == len(set(found)) == int(done.stdout)
    assert len([1 for who, _ in found if who.startswith("c")]) == 300
    assert assert_complete(tmp_path / "modeldata") == len(found)


def test_tasks_and_threads_of_an_event_loop_collect_without_losing_a_row(tmp_path: Path) -> None:
    run(
        """
    import asyncio
    from modeldata import ModelDataCollector
    dc = ModelDataCollector("m", "inputs", ["n", "k"])

    async def task(n):
        for k in range(50):
            assert dc.collect([n, k])
            await asyncio.sleep(0)
            assert await asyncio.to_thread(dc.collect, [n, k + 50])

    async def main():
        await asyncio.gather(*(task(n) for n in range(40)))

    asyncio.run(main())
    """,
        tmp_path,
        {"MODELDATA_SHIP": "off"},
    )
    drain(tmp_path / "modeldata")
    assert sorted(features(tmp_path / "modeldata")) == sorted((str(n), str(k)) for n in range(40) for k in range(100))


def test_two_spools_share_an_archive_and_never_a_file(tmp_path: Path) -> None:
    """D11: two hosts or containers, one destination, same model and day."""
    for host in "ab":
        env = {"MODELDATA_SHIP": "off", "MODELDATA_ARCHIVE": str(tmp_path / "archive"), "MODELDATA_SPOOL": str(tmp_path / host)}
        run(
            f"""
        from modeldata import ModelDataCollector
        dc = ModelDataCollector("m", "inputs", ["host", "n"])
        for n in range(200): assert dc.collect(["{host}", n])
        """,
            tmp_path,
            env,
        )
    ships = [
        subprocess.Popen(
            [
                sys.executable,
                "-m",
                "modeldata",
                "ship",
                "--drain",
                "--archive",
                str(tmp_path / "archive"),
                "--spool",
                str(tmp_path / host),
            ],
            env=environment(),
        )
        for host in "ab"
    ]
    assert [ship.wait(120) for ship in ships] == [0, 0]
    assert sorted(features(tmp_path / "archive")) == sorted((host, str(n)) for host in "ab" for n in range(200))
    by_file = [{line.split(",")[3] for line in path.read_text().splitlines()[1:]} for path in data_files(tmp_path / "archive")]
    assert sorted(map(sorted, by_file)) == [["a"], ["b"]]
    assert assert_complete(tmp_path / "archive") == 400


def test_processes_of_one_number_in_several_containers_are_several_writers(tmp_path: Path) -> None:
    """D12: each is process 1 of its own namespace."""
    way = next(
        (
            way
            for way in (["unshare", "-pf"], ["unshare", "-rpf"])
            if subprocess.run([*way, "true"], capture_output=True, check=False).returncode == 0
        ),
        None,
    )
    assert way is not None, "process namespaces are needed: run as root, or where user namespaces are allowed"
    script = tmp_path / "one.py"
    script.write_text(
        "import os, sys\nfrom modeldata import ModelDataCollector\nassert os.getpid() == 1\n"
        "dc = ModelDataCollector('m', 'inputs', ['who', 'n'])\n"
        "for n in range(300): assert dc.collect([sys.argv[1], n])\nos._exit(0)\n"
    )
    processes = [
        subprocess.Popen([*way, sys.executable, str(script), name], cwd=tmp_path, env=environment(MODELDATA_SHIP="off"))
        for name in "abc"
    ]
    assert [process.wait(120) for process in processes] == [0, 0, 0]
    drain(tmp_path / "modeldata")
    assert sorted(features(tmp_path / "modeldata")) == sorted((name, str(n)) for name in "abc" for n in range(300))
    assert assert_complete(tmp_path / "modeldata") == 900


def test_a_thousand_dead_segments_are_shipped_with_few_open_files(tmp_path: Path) -> None:
    archive = str(tmp_path / "a")
    first = Service(Files(), archive)
    assert first.collect("inputs", 0)
    _killed(first)
    expected = Counter(first.accepted)
    for number in range(1, 1000):
        service = Service(Files(), archive)
        lane = service.writer.fresh_lane()
        service.writer.release(lane)
        assert service.collect("inputs", number)
        service.writer.close(NOON)  # gives back what was not used, so that the test needs no room
        expected += service.accepted

    class Counting(Files):
        now = most = 0

        def open(self, path: str, flags: int, mode: int = 0o600) -> int:
            fd = super().open(path, flags, mode)
            self.now += 1
            self.most = max(self.most, self.now)
            return fd

        def close(self, fd: int) -> None:
            super().close(fd)
            self.now -= 1

    files = Counting()
    ship_all(files, archive)
    assert files.most <= 64 and files.now == 0
    assert delivered_on_disk(archive) == expected
    assert list(_segments(archive).iterdir()) == []


def test_a_reader_that_is_faster_than_the_writer_takes_each_row_once(tmp_path: Path) -> None:
    """D14: the shipper looks after each row, and removes what is finished while the writer goes on."""
    archive = str(tmp_path / "a")
    service = Service(Files(), archive)
    pipeline = new_pipeline(Files(), archive)
    for number in range(150):
        assert service.collect("inputs", number, pad=20 if number % 10 else 30_000)
        assert pipeline.step().rows == 1
        pipeline.remove(pipeline.finished())
    assert delivered_on_disk(archive) == service.accepted
    _killed(service)


def test_a_fork_after_collector_and_archive_are_gone_says_nothing(tmp_path: Path) -> None:
    done = run(
        """
    import gc, os
    from modeldata import Archive
    for way in ("off", "thread"):
        archive = Archive("a", ship=way)
        dc = archive.collector("m")
        assert dc.collect([1])
        archive.close(20 if way == "thread" else 0)
        del archive, dc
        gc.collect()
        pid = os.fork()
        if pid == 0:
            os._exit(0)
        assert os.waitpid(pid, 0)[1] == 0
    """,
        tmp_path,
    )
    assert done.stderr == ""


# E


def _days(archive: str) -> dict[str, list[int]]:
    """Day → numbers in its files, in the order of the file."""
    found: dict[str, list[int]] = {}
    for path in data_files(archive):
        with path.open(newline="") as file:
            rows = list(csv.reader(file))[1:]
        found.setdefault("/".join(path.parts[-4:-1]), []).extend(int(row[3]) for row in rows)
    return found


@pytest.mark.parametrize("back", [HOUR, DAY, 40 * DAY])
def test_a_clock_that_goes_back_loses_doubles_and_reorders_nothing(tmp_path: Path, back: int) -> None:
    archive = str(tmp_path / "a")
    service = Service(Files(), archive)
    pipeline = new_pipeline(Files(), archive)
    for number in range(30):
        assert service.collect("inputs", number, NOON + number * 1_000_000 - (back if number >= 10 else 0))
        if number % 7 == 0:
            pipeline.step()
    _killed(service)
    ship_all(Files(), archive)
    assert delivered_on_disk(archive) == service.accepted
    assert all(numbers == sorted(numbers) for numbers in _days(archive).values())
    assert sum(pipeline.state.drops.values()) == pipeline.state.gaps == 0


def test_a_clock_ten_years_ahead_or_in_1970_costs_one_file_a_day(tmp_path: Path) -> None:
    archive = str(tmp_path / "a")
    service = Service(Files(), archive)
    times = [NOON, NOON + 3650 * DAY, DAY, NOON, NOON + 3650 * DAY, DAY]
    for number in range(60):
        assert service.collect("inputs", number, times[number % 6] + number)
    _killed(service)
    ship_all(Files(), archive)
    assert {day: len(numbers) for day, numbers in _days(archive).items()} == {
        "2026/11/23": 20,
        "2036/11/20": 20,
        "1970/01/02": 20,
    }
    assert len(data_files(archive)) == 3


def test_rows_on_both_sides_of_midnight_go_to_their_own_days_whenever_the_shipper_dies(tmp_path: Path) -> None:
    """E3 and E4: also where the retry comes on the next day."""
    midnight = NOON // DAY * DAY + DAY
    archive = str(tmp_path / "a")
    source = str(tmp_path / "source")
    service = Service(Files(), source)
    for number in range(10):
        assert service.collect("inputs", number, midnight + (number - 5) * 1_000_000)
    _killed(service)
    for at in range(1, 200):
        shutil.rmtree(archive, ignore_errors=True)
        copy_as_itself(source, archive)
        files = FaultyFiles(Fault(at))
        try:
            ship_all(files, archive)
        except (Died, ModelDataError):
            pass
        ship_all(Files(), archive)
        assert _days(archive) == {"2026/11/23": [0, 1, 2, 3, 4], "2026/11/24": [5, 6, 7, 8, 9]}, at
        if not files.dead:
            break
    else:
        raise AssertionError("the sweep never came to an end")


def test_rows_of_last_week_go_to_last_weeks_file(tmp_path: Path) -> None:
    archive = str(tmp_path / "a")
    service = Service(Files(), archive)
    assert service.collect("inputs", 0, NOON - 7 * DAY)
    pipeline = new_pipeline(Files(), archive)
    pipeline.step()
    assert service.collect("inputs", 1, NOON)
    pipeline.step()
    assert service.collect("inputs", 2, NOON - 7 * DAY)
    pipeline.step()
    _killed(service)
    assert _days(archive) == {"2026/11/16": [0, 2], "2026/11/23": [1]}
    assert [path.name for path in data_files(archive)] == ["data.csv", "data.csv"]
