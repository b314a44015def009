"""Promises 1 and 2 with the compiled part: death, faults, forks and strangers at each of its stores; and how it is left out."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from modeldata import Archive, native
from modeldata.native import accelerator, hold_up
from modeldata.spool import frame
from modeldata.spool.files import Files
from modeldata.spool.segment import Segment
from modeldata.testing import Died, Fault, FaultyFiles
from tests.support.archive import features
from tests.support.audits import audit_of
from tests.support.scripts import environment, modeldata, run
from tests.support.service import ship_all

COMPILED = pytest.mark.skipif(accelerator is None, reason="this installation has no compiled part")
ROOT = Path(__file__).parents[2]
DATA = ("[n, 1.5]", "{'a': n, 'b': 1.5}", "numpy.array([n, 7])", "[n, [1]]", "frame[n : n + 1]")


def _service(folder: Path, files: Files | None = None) -> Archive:
    archive = Archive(folder / "a", ship="off", fsync="never", min_free_bytes=0, on_error="drop")
    if files is not None:
        archive._intake.writer.growth._files = files
    return archive


def _numbers(folder: Path) -> list[int]:
    """The first values of all rows, as the shipper archives them."""
    ship_all(Files(), str(folder / "a"))
    return [int(row[0]) for row in features(folder / "a")]


@pytest.mark.parametrize("switch", ["on", "off"])
def test_every_row_is_there_after_a_kill_right_behind_the_last_call(tmp_path: Path, switch: str) -> None:
    calls = "".join(
        f"""
inputs = archive.collector("m", "inputs{at}")
if not os.fork():
    for n in range(1_000):
        assert inputs.collect({data}, "an id")
    os.kill(os.getpid(), signal.SIGKILL)
assert os.wait()[1] == signal.SIGKILL
"""
        for at, data in enumerate(DATA)
    )
    begin = """
import os, signal, numpy, pandas
from modeldata import Archive
frame = pandas.DataFrame({"a": range(1_000), "b": "text"})
archive = Archive("a", ship="off", fsync="never", min_free_bytes=0)
"""
    run(begin + calls, tmp_path, env={"MODELDATA_NATIVE": switch})
    ship_all(Files(), str(tmp_path / "a"))
    for at in range(len(DATA)):
        assert [int(row[0]) for row in features(tmp_path / "a", f"inputs{at}")] == list(range(1_000))


@COMPILED
@pytest.mark.parametrize("at", range(1, 6))
def test_a_death_before_any_store_keeps_what_was_accepted(tmp_path: Path, at: int) -> None:
    """The first stores are those of the definition; the others are of compiled calls."""
    files = FaultyFiles(Fault(at, names=frozenset({"store"})))
    archive = _service(tmp_path, files)
    inputs = archive.collector("m", "inputs")
    accepted = 0
    with pytest.raises(Died):
        for n in range(20):
            assert inputs.collect([n])
            accepted += 1
    for pool in (archive._intake.writer._free, archive._intake.writer._blank):
        pool.clear()  # the dead close nothing
    assert accepted < 12
    assert _numbers(tmp_path) == list(range(accepted))


@COMPILED
@pytest.mark.parametrize("lasting", [False, True], ids=["once", "for good"])
@pytest.mark.parametrize("at", [1, 2, 5])
def test_a_store_that_fails_loses_and_doubles_no_row(tmp_path: Path, at: int, lasting: bool) -> None:
    files = FaultyFiles(Fault(at, errno.EIO, lasting, frozenset({"store"})))
    archive = _service(tmp_path, files)
    inputs = archive.collector("m", "inputs")
    accepted = [n for n in range(20) if inputs.collect([n])]
    stats = archive.stats()
    assert (stats.accepted, sum(stats.dropped.values())) == (len(accepted), 20 - len(accepted))
    assert lasting or len(accepted) == 20
    archive.close(0)
    assert _numbers(tmp_path) == accepted
    audit = audit_of(tmp_path / "a")
    assert audit.verdict == ("complete" if accepted else "nothing found"), audit


@COMPILED
def test_a_store_that_the_disk_cut_short_is_repaired(tmp_path: Path) -> None:
    """The kernel takes a part of a frame where a limit on the size of files is met: that call is refused, and no half frame stays."""
    done = run(
        """
import json, os, resource
from modeldata import Archive
archive = Archive("a", ship="off", fsync="never", min_free_bytes=0)
inputs = archive.collector("m", "inputs")
assert inputs.collect([0, "x" * 1000]) and inputs.collect([1, "x" * 1000])
segment = archive._intake.writer.lanes[0].segment
resource.setrlimit(resource.RLIMIT_FSIZE, (segment.end + 500, resource.RLIM_INFINITY))
taken = [2] if inputs.collect([2, "x" * 1000]) else []
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
archive._intake.writer.growth.look_again()
assert inputs.collect([3, "x" * 1000])
print(json.dumps([0, 1, *taken, 3]))
os._exit(0)
""",
        tmp_path,
    )
    assert _numbers(tmp_path) == json.loads(done.stdout)
    assert audit_of(tmp_path / "a").verdict == "complete"


def _segment(folder: Path) -> Segment:
    header = frame.SegmentHeader(b"\1" * 16, b"\2" * 16, 1, 7, 0)
    return Segment(Files(), str(folder / "one.seg"), header, 65_536)


@COMPILED
def test_a_cut_file_is_left(tmp_path: Path) -> None:
    segment = _segment(tmp_path)
    assert isinstance(segment._store, accelerator.Store) and segment.append(b"a" * 64)
    os.truncate(segment.path, 300)
    assert not segment.append(b"b" * 64) and os.stat(segment.path).st_size == 300
    segment.abandon()


def test_segments_are_filled_and_left(tmp_path: Path) -> None:
    archive = _service(tmp_path)
    inputs = archive.collector("m", "inputs")
    for n in range(300):
        assert inputs.collect([n, "x" * 1_000])
        newest = archive._intake.writer.lanes[0].segment
        assert newest is not None and newest.end <= newest.limit < newest.capacity == os.stat(newest.path).st_size
    paths = list(tmp_path.rglob("*.seg"))
    assert len(paths) > 1
    archive.close(0)
    assert _numbers(tmp_path) == list(range(300))


def test_a_child_that_no_hook_has_seen_begins_with_its_own_segment(tmp_path: Path) -> None:
    run(
        """
import ctypes, os
from modeldata import Archive
archive = Archive("a", ship="off", fsync="never", min_free_bytes=0)
inputs = archive.collector("m", "inputs")
assert all(inputs.collect([n]) for n in range(5))
store, segment = archive._intake.writer.lanes[0].segment._store, archive._intake.writer.lanes[0].segment
if not (child := ctypes.PyDLL(None).fork()):  # as a C library does it: no hook of Python's runs
    refused = not store(b"x" * 64, segment.end)
    assert all(inputs.collect([n]) for n in range(100, 105))
    os._exit(not refused)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
assert all(inputs.collect([n]) for n in range(5, 10))
os._exit(0)
""",
        tmp_path,
    )
    assert sorted(_numbers(tmp_path)) == [*range(10), *range(100, 105)]


@COMPILED
def test_a_lane_that_is_taken_while_a_store_is_held_up_is_not_written(tmp_path: Path) -> None:
    archive = _service(tmp_path)
    inputs = archive.collector("m", "inputs")
    writer = archive._intake.writer
    assert inputs.collect([0])
    (first,) = writer.lanes
    assert first.segment is not None
    end, taken = first.segment.end, []

    def take() -> bool:
        if not taken:
            taken.append(writer.acquire())
        return True

    assert hold_up(first.segment._store, take)
    first._calm_until = 1 << 62
    assert inputs.collect([1])
    assert taken == [first] and first.segment.end == end and len(writer.lanes) == 2
    writer.release(first)
    archive.close(0)
    assert sorted(_numbers(tmp_path)) == [0, 1]


@COMPILED
def test_a_collector_may_be_used_while_one_of_its_stores_is_held_up(tmp_path: Path) -> None:
    archive = _service(tmp_path)
    inputs = archive.collector("m", "inputs")
    assert inputs.collect([0])
    segment, inner = archive._intake.writer.lanes[0].segment, iter([2])
    assert segment is not None and hold_up(segment._store, lambda: all(inputs.collect([n]) for n in inner))
    assert inputs.collect([1])
    archive.close(0)
    assert sorted(_numbers(tmp_path)) == [0, 1, 2]


def test_a_switch_leaves_it_out(monkeypatch: pytest.MonkeyPatch) -> None:
    for value, why in (
        ("off", "MODELDATA_NATIVE switches it off"),
        ("FALSE", "MODELDATA_NATIVE switches it off"),
        ("perhaps", "MODELDATA_NATIVE must be true or false"),
    ):
        monkeypatch.setenv("MODELDATA_NATIVE", value)
        assert native.find("accelerator") == native.find("shipper") == (None, why)
    monkeypatch.setenv("MODELDATA_NATIVE", " ")  # as any variable that is empty: not set
    assert "MODELDATA_NATIVE" not in native.find("shipper")[1]


def test_doctor_says_which_way_runs(tmp_path: Path) -> None:
    done = modeldata("doctor", "--archive", str(tmp_path / "a"), "--json")
    assert [finding["text"] for finding in json.loads(done.stdout)["findings"] if finding["topic"] == "native"] == [native.way()]
    assert ("Python's way" in native.way()) == (accelerator is None)


@COMPILED
@pytest.mark.skipif(sys.version_info >= (3, 13), reason="the module has another name from 3.13 on")
def test_another_interpreter_of_the_process_takes_pythons_way(tmp_path: Path) -> None:
    done = run(
        """
import sys
import zipfile
import _xxsubinterpreters as interpreters
import modeldata.native
assert modeldata.native.accelerator is not None
other = interpreters.create()
interpreters.run_string(other, f"import sys; sys.path[:] = {sys.path!r}; import modeldata.native as n; print(n.why_not, flush=True)")
""",
        tmp_path,
    )
    assert "interpreter" in done.stdout


@pytest.mark.faults
@pytest.mark.parametrize(
    ("mode", "compiler", "tag", "said"),
    [
        ("try", "", "manylinux", ""),
        ("try", "/no/compiler", "py3-none-any", "without its compiled part"),
        ("pure", "", "py3-none-any", ""),
    ],
)
def test_a_wheel_is_built_wherever_that_may_be(tmp_path: Path, mode: str, compiler: str, tag: str, said: str) -> None:
    done = _build(tmp_path, mode, compiler)
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    assert said in done.stderr + done.stdout
    if tag != "manylinux" or accelerator is not None:
        assert tag in wheel.name
        parts = [name for name in zipfile.ZipFile(wheel).namelist() if name.endswith(".so")]
        assert len(parts) == (2 if tag == "manylinux" else 0)


@pytest.mark.faults
def test_a_clone_is_compiled_in_place_and_what_an_earlier_source_made_never_stays(tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    shutil.copytree(ROOT / "src", clone / "src", ignore=shutil.ignore_patterns("__pycache__", "*.so"))
    shutil.copytree(ROOT / "examples/fastapi_service", clone / "examples/fastapi_service")
    for name in ("pyproject.toml", "hatch_build.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, clone)
    for mode, compiler, there in (("try", "", True), ("try", "/bin/false", False), ("try", "", True), ("pure", "", False)):
        done = _build(tmp_path / "made", mode, compiler, clone, target="wheel:editable")
        assert done.returncode == 0, done.stderr
        assert len(list(clone.rglob("*.so"))) == 2 * (there and accelerator is not None)


@pytest.mark.faults
def test_a_release_is_never_built_without_its_compiled_part(tmp_path: Path) -> None:
    done = _build(tmp_path, "require", "/no/compiler")
    assert done.returncode and "/no/compiler" in done.stderr and not list(tmp_path.glob("*.whl"))


def _build(folder: Path, mode: str, compiler: str, root: Path = ROOT, target: str = "wheel") -> subprocess.CompletedProcess[str]:
    env = environment(MODELDATA_BUILD=mode, **({"CC": compiler} if compiler else {}))
    command = [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(folder)]
    return subprocess.run(command, cwd=root, env=env, capture_output=True, text=True, timeout=120, check=False)
