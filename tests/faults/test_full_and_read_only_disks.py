"""Disks that are full or read-only, and limits of the process: what is refused is counted, and it goes on.

Fault matrix: C1, C2, C13, C14, C17. Needs root or user namespaces; where they can't be had the tests fail and say so.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.kernel import drain_folder, run_alone, service_script
from tests.support.ledger import assert_noted_once


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
    done = run_alone([*private_mounts, *service_script(tmp_path, code)], tmp_path)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    count = assert_noted_once(tmp_path / "modeldata", tmp_path)
    assert count.delivered == count.accepted == report["accepted"]
    assert count.attempted == report["accepted"] + report["dropped"]


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
    done = run_alone([*private_mounts, *service_script(tmp_path, code)], tmp_path)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    count = assert_noted_once(tmp_path / "modeldata", tmp_path)
    assert count.delivered == count.accepted == report["accepted"]
    assert count.attempted - count.accepted == report["dropped"]["no_space"] == sum(report["dropped"].values())


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
    done = run_alone([*private_mounts, *service_script(tmp_path, code)], tmp_path)
    assert done.returncode == 0, done.stderr
    assert assert_noted_once(tmp_path / "modeldata", tmp_path).delivered == 100


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
    done = run_alone([*private_mounts, *service_script(tmp_path, code)], tmp_path)
    assert done.returncode == 0, done.stderr
    assert assert_noted_once(tmp_path / "modeldata", tmp_path).delivered == 600


@pytest.mark.posix("limits of a process")
@pytest.mark.parametrize(("limit", "reason"), [("FSIZE", "no_space"), ("NOFILE", "no_files")])
def test_a_limit_of_the_process_refuses_counts_and_goes_on_when_it_is_lifted(tmp_path: Path, limit: str, reason: str) -> None:
    code = """
    import resource, time
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
    done = run_alone([*service_script(tmp_path, code), limit], tmp_path)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert set(report["dropped"]) == {reason}
    drain_folder(tmp_path)
    count = assert_noted_once(tmp_path / "modeldata", tmp_path)
    assert count.delivered == count.accepted == report["accepted"]
    assert count.attempted - count.accepted == report["dropped"][reason]


@pytest.mark.posix("/proc and /dev")
@pytest.mark.parametrize("spool", ["/dev/full", "/proc/spool", "file/spool"])
def test_a_spool_that_can_not_be_made_refuses_and_counts(tmp_path: Path, spool: str) -> None:
    (tmp_path / "file").write_text("a file where a folder must be")
    code = """
    book = Book(".", "w")
    assert [book.collect(inputs.collect) for _ in range(10)] == [False] * 10
    assert archive.stats().dropped == {"spool_unusable": 10}, archive.stats()
    """
    done = run_alone(service_script(tmp_path, code), tmp_path, MODELDATA_SPOOL=spool)
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
    done = run_alone([*private_mounts, *service_script(tmp_path, code)], tmp_path)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    count = assert_noted_once(tmp_path / "modeldata", tmp_path)
    assert count.delivered == count.accepted == report["accepted"]
    assert count.attempted - count.accepted == sum(report["dropped"].values())
