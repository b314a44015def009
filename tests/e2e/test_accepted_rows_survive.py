"""Promise 2: when `collect()` has returned True, the death of the process loses nothing and doubles nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.archive import assert_complete, data_files, features
from tests.support.scripts import drain, environment, modeldata, run, wait_until

COLLECT = """
    from modeldata import ModelDataCollector
    dc = ModelDataCollector("m", "inputs", ["number", "text"])
"""


@pytest.mark.parametrize("ship", ["off", "auto"])
def test_ten_thousand_rows_and_sigkill_right_after(tmp_path: Path, ship: str) -> None:
    done = run(
        COLLECT
        + """
    import os
    accepted = sum(dc.collect([number, "row"]) for number in range(10_000))
    assert accepted == 10_000
    os.kill(os.getpid(), 9)
    """,
        tmp_path,
        {"MODELDATA_SHIP": ship},
        check=False,
    )
    assert abs(done.returncode) == 9

    drain(tmp_path / "modeldata")

    assert features(tmp_path / "modeldata") == [(str(number), "row") for number in range(10_000)]
    assert assert_complete(tmp_path / "modeldata") == 10_000


@pytest.mark.parametrize("end", ["sys.exit(3)", "os._exit(3)", "raise RuntimeError('scoring failed')", "os.abort()", "pass"])
def test_rows_survive_every_way_a_process_can_end(tmp_path: Path, end: str) -> None:
    run(
        COLLECT
        + f"""
    import os, sys
    for number in range(50):
        assert dc.collect([number, "x"])
    {end}
    """,
        tmp_path,
        {"MODELDATA_SHIP": "off"},
        check=False,
    )

    drain(tmp_path / "modeldata")

    assert features(tmp_path / "modeldata") == [(str(number), "x") for number in range(50)]
    assert_complete(tmp_path / "modeldata")


@pytest.mark.parametrize("ship", ["process", "thread"])
def test_a_script_that_just_ends_has_its_rows_archived_without_being_asked(tmp_path: Path, ship: str) -> None:
    run(COLLECT + "    assert dc.collect([1, 'only'])\n", tmp_path, {"MODELDATA_SHIP": ship, "MODELDATA_EXIT_TIMEOUT": "60"})

    wait_until(lambda: data_files(tmp_path / "modeldata") and features(tmp_path / "modeldata") == [("1", "only")])


def test_the_child_that_ships_leaves_when_nobody_writes_any_more(tmp_path: Path) -> None:
    import json

    run(COLLECT + "    assert dc.collect([1, 'x'])\n", tmp_path)

    def left() -> bool:
        report = json.loads(modeldata("status", "--json", "--archive", str(tmp_path / "modeldata")).stdout)
        return report["pending"] == 0 and report["leader"] is None and report["archived"] == 1

    wait_until(left, what="pending 0 and no leader")


def test_what_was_pending_is_archived_by_the_next_process_that_collects(tmp_path: Path) -> None:
    run(COLLECT + "    assert dc.collect([1, 'old'])\n", tmp_path, {"MODELDATA_SHIP": "off"})
    assert data_files(tmp_path / "modeldata") == []

    run(COLLECT + "    assert dc.collect([2, 'new'])\n", tmp_path)

    wait_until(lambda: data_files(tmp_path / "modeldata") and len(features(tmp_path / "modeldata")) == 2)
    assert sorted(features(tmp_path / "modeldata")) == [("1", "old"), ("2", "new")]


def test_flush_returns_true_only_when_the_rows_are_in_the_archive(tmp_path: Path) -> None:
    done = run(
        COLLECT
        + """
    import csv, pathlib
    from modeldata import Archive
    archive = Archive("explicit")
    dc = archive.collector("m", "inputs", ["number", "text"])
    for number in range(100):
        dc.collect([number, "x"])
    assert archive.flush(60) is True
    files = list(pathlib.Path("explicit").rglob("data.csv"))
    print(sum(1 for _ in csv.reader(files[0].open(newline=""))) - 1)
    assert archive.flush(0.0) is True
    """,
        tmp_path,
    )
    assert done.stdout.strip() == "100"


def test_flush_and_close_return_false_in_time_when_nobody_ships(tmp_path: Path) -> None:
    run(
        """
    import time
    from modeldata import Archive
    archive = Archive("a", ship="off")
    dc = archive.collector("m")
    assert dc.collect([1])
    before = time.monotonic()
    assert archive.flush(0.3) is False
    assert archive.close(0.3) is False
    assert time.monotonic() - before < 30
    assert dc.collect([2]) is False
    assert archive.stats().dropped == {"closed": 1}
    assert archive.stats().accepted == 1
    """,
        tmp_path,
    )
    drain(tmp_path / "a")
    assert features(tmp_path / "a") == [("1",)]


def test_drain_exits_with_zero_only_when_nothing_is_pending(tmp_path: Path) -> None:
    archive = tmp_path / "modeldata"
    assert modeldata("ship", "--drain", "--archive", str(archive)).returncode == 0, "no spool: nothing is pending"
    run(COLLECT + "    assert dc.collect([1, 'x'])\n", tmp_path, {"MODELDATA_SHIP": "off"})
    (archive / "unknown").write_text("a file where a folder must be")

    refused = modeldata("ship", "--drain", "--timeout", "0.5", "--archive", str(archive))

    assert refused.returncode == 1
    assert "1 is pending" in refused.stderr and "unknown" in refused.stderr
    (archive / "unknown").unlink()
    assert modeldata("ship", "--drain", "--archive", str(archive)).returncode == 0
    assert features(archive) == [("1", "x")]


def test_several_processes_write_one_file_and_a_dead_ones_segments_are_taken_over(tmp_path: Path) -> None:
    code = (
        COLLECT
        + """
    import os, sys
    for number in range(2_000):
        assert dc.collect([number, sys.argv[1]])
    if sys.argv[1] in "ab":
        os.kill(os.getpid(), 9)
    """
    )
    import textwrap

    script = tmp_path / "writer.py"
    script.write_text(textwrap.dedent(code))
    writers = [subprocess.Popen([sys.executable, str(script), name], cwd=tmp_path, env=environment()) for name in "abcdef"]
    for writer in writers:
        writer.wait(120)

    drain(tmp_path / "modeldata")

    assert [path.name for path in data_files(tmp_path / "modeldata")] == ["data.csv"]
    expected = sorted((str(number), name) for number in range(2_000) for name in "abcdef")
    assert sorted(features(tmp_path / "modeldata")) == expected
    assert assert_complete(tmp_path / "modeldata") == 12_000


@pytest.mark.posix("fork")
def test_forked_children_write_as_writers_of_their_own(tmp_path: Path) -> None:
    run(
        COLLECT
        + """
    import multiprocessing, os

    def work(name):
        for number in range(100):
            assert dc.collect([number, name])

    if __name__ == "__main__":
        work("parent")
        children = []
        for child in range(10):
            pid = os.fork()
            if pid == 0:
                work(f"fork{child}")
                os._exit(0)
            children.append(pid)
        work("parent again")
        assert [os.waitpid(child, 0)[1] for child in children] == [0] * 10
        for way in ("fork", "spawn", "forkserver"):
            process = multiprocessing.get_context(way).Process(target=work, args=(way,))
            process.start()
            process.join()
            assert process.exitcode == 0
    """,
        tmp_path,
        {"MODELDATA_SHIP": "off"},
    )
    drain(tmp_path / "modeldata")

    found = features(tmp_path / "modeldata")
    names = {name for _, name in found}
    assert names == {"parent", "parent again", "fork", "spawn", "forkserver", *(f"fork{n}" for n in range(10))}
    # spawn and forkserver run the module again, but only `work` collects there
    assert sorted(found) == sorted((str(number), name) for number in range(100) for name in names)
    assert_complete(tmp_path / "modeldata")


@pytest.mark.posix("fork")
def test_a_child_that_a_library_forked_writes_as_a_writer_of_its_own(tmp_path: Path) -> None:
    """No hook of Python's runs there. Without a thread of ours: a child may wait for ever for the GIL of a thread that it does not have."""
    run(
        COLLECT
        + """
    import ctypes, os
    assert dc.collect([0, "parent"])
    pid = ctypes.CDLL(None).fork()
    for number in range(100):
        assert dc.collect([number, "child" if pid == 0 else "parent again"])
    if pid == 0:
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
    """,
        tmp_path,
        {"MODELDATA_SHIP": "off", "MODELDATA_FSYNC": "never"},
    )
    drain(tmp_path / "modeldata")

    rows = [(str(number), name) for name in ("child", "parent again") for number in range(100)]
    assert sorted(features(tmp_path / "modeldata")) == sorted([("0", "parent"), *rows])
    assert_complete(tmp_path / "modeldata")


def test_threads_collect_side_by_side_without_losing_a_row(tmp_path: Path) -> None:
    run(
        COLLECT
        + """
    import sys, threading
    sys.setswitchinterval(1e-6)

    def work(name):
        for number in range(1_000):
            assert dc.collect([number, name])

    threads = [threading.Thread(target=work, args=(f"t{n}",)) for n in range(16)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    """,
        tmp_path,
        {"MODELDATA_SHIP": "off"},
    )
    drain(tmp_path / "modeldata")

    expected = sorted((str(number), f"t{name}") for number in range(1_000) for name in range(16))
    assert sorted(features(tmp_path / "modeldata")) == expected
    assert_complete(tmp_path / "modeldata")
