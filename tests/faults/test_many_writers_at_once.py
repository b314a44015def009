"""Fault matrix, D: threads, tasks, forks, containers and hosts that collect side by side."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from modeldata.spool.files import Files
from tests.support.archive import assert_complete, data_files, features
from tests.support.scripts import drain, environment, run
from tests.support.service import (
    NOON,
    Service,
    delivered_on_disk,
    new_pipeline,
    segments_of,
    ship_all,
)


@pytest.mark.posix("fork")
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


@pytest.mark.parametrize("way", ["off", "thread", "process"])
def test_stats_flush_and_close_import_nothing_in_the_thread_that_calls_them(tmp_path: Path, way: str) -> None:
    """A child that is forked meanwhile could never end its own archive."""
    done = run(
        """
    import os, sys, threading
    from modeldata import Archive
    archive = Archive("modeldata")
    collector = archive.collector("m", identifier="inputs")
    collector.collect({"n": 1})
    imported = []

    def look():
        archive.stats()
        archive.flush(0.1)
        archive.stats()
        archive.close()
        archive.stats()

    class Watch:
        def find_spec(self, name, path=None, target=None):
            imported.append((threading.current_thread().name, name))

    sys.meta_path.insert(0, Watch())
    caller = threading.Thread(target=look, name="caller")
    caller.start()
    caller.join()
    print([name for thread, name in imported if thread == "caller"])
    """,
        tmp_path,
        {"MODELDATA_SHIP": way, "MODELDATA_FSYNC": "interval"},
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("way", ["off", "thread", "process", "auto"])
def test_collect_imports_nothing_in_the_thread_that_calls_it(tmp_path: Path, way: str) -> None:
    """A child that is forked meanwhile would inherit the lock of that import, and wait for it for ever."""
    done = run(
        """
    import sys, threading
    from modeldata import ModelDataCollector
    dc = ModelDataCollector("m", "inputs", ["n"])
    many = ModelDataCollector("m", "many")
    imported = []

    class Bad:
        def __iter__(self): raise ValueError("of the data")
        def __repr__(self): raise ValueError("of the data")

    def collect():
        for value in (1, None, "text", b"bytes", 1.5, Bad(), {"deep": [1, Bad()]}, Bad):
            dc.collect([value])
            dc.collect(value)
            many.collect({"cell": value}, "some id")

    class Watch:
        def find_spec(self, name, path=None, target=None):
            imported.append((threading.current_thread().name, name))

    sys.meta_path.insert(0, Watch())
    caller = threading.Thread(target=collect, name="caller")
    caller.start()
    caller.join()
    print([name for thread, name in imported if thread == "caller"])
    """,
        tmp_path,
        {"MODELDATA_SHIP": way, "MODELDATA_FSYNC": "interval"},
    )
    assert done.stdout.strip() == "[]"


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
    first.kill()
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
    assert list(segments_of(archive).iterdir()) == []


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
    service.kill()


@pytest.mark.posix("fork")
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
