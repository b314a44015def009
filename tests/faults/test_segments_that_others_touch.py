"""Promise 1: no state of the disk or of a descriptor kills the service, and no file of the service is written (matrix H1 to H3).

What is archived is read by the csv module; how a service ended is what its parent saw.
"""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest

from modeldata.spool import frame
from modeldata.spool.files import Files
from modeldata.spool.segment import DIRECT_BYTES, Segment
from tests.support.archive import features
from tests.support.audits import audit_of
from tests.support.scripts import drain, modeldata, run

BEGIN = """
import glob, os
from modeldata import Archive
archive = Archive("a", ship="off", fsync={fsync!r}, min_free_bytes=0)
inputs = archive.collector("m", "inputs", ["n", "pad"])
def segment():
    return max(glob.glob("a/.modeldata-spool-*/segments/*.seg"))
"""
SIZES = {"small": 10, "direct": DIRECT_BYTES + 100}
LONG = pytest.mark.faults
FSYNC = ["never", pytest.param("always", marks=LONG)]


def _numbers(folder: Path) -> list[int]:
    drain(folder / "a")
    return [int(n) for n, _ in features(folder / "a")]


@pytest.mark.parametrize("fsync", FSYNC)
@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize("cut", [0, 5_000, *(pytest.param(cut, marks=LONG) for cut in (100, 4_096, 200_000))])
def test_a_segment_cut_from_outside_costs_what_was_cut_and_nothing_that_comes_after(
    tmp_path: Path, cut: int, size: int, fsync: str
) -> None:
    """To nothing, into its header, at a page, into a page, behind all that is written."""
    run(
        BEGIN.format(fsync=fsync)
        + f"""
for n in range(20):
    assert inputs.collect([n, "x" * {size}])
os.truncate(segment(), {cut})
for n in range(20, 30):
    assert inputs.collect([n, "x" * {size}])
os._exit(0)
""",
        tmp_path,
    )
    found = _numbers(tmp_path)
    assert found == sorted(set(found)) and found[-10:] == list(range(20, 30))
    gaps = [gap for writer in audit_of(tmp_path / "a").writers for gap in writer.missing]
    missing = [number for gap in gaps for number in range(gap.first, gap.last + 1)]
    assert missing == [number for number in range(20) if number not in found]


def test_rows_that_were_cut_off_last_are_named_when_the_service_ends_well(tmp_path: Path) -> None:
    run(
        BEGIN.format(fsync="never")
        + """
for n in range(20):
    assert inputs.collect([n, "x" * 1000])
os.truncate(segment(), 10_000)
archive.close()
""",
        tmp_path,
    )
    kept = _numbers(tmp_path)
    report = json.loads(modeldata("audit", str(tmp_path / "a"), "--json").stdout)
    assert 0 < len(kept) < 20
    assert [(gap["first"], gap["last"]) for gap in report["missing"]] == [(len(kept), 19)]


@pytest.mark.parametrize("how", ["os.unlink(segment())", "os.rename(segment(), 'elsewhere')", "shutil.rmtree('a')"])
def test_after_a_segment_was_removed_rows_go_to_another(tmp_path: Path, how: str) -> None:
    run(
        BEGIN.format(fsync="never")
        + f"""
import shutil, time
assert inputs.collect([0, "x"])
{how}
deadline = time.monotonic() + 60
while not glob.glob("a/.modeldata-spool-*/segments/*.seg"):
    inputs.collect([1, "x"])
    assert time.monotonic() < deadline
assert inputs.collect([2, "x"])
os._exit(0)
""",
        tmp_path,
    )
    assert 2 in _numbers(tmp_path)


CLOSERS = [pytest.param("os.closerange(3, 256)", id="all"), pytest.param("os.close(ours)", id="one", marks=LONG)]
USES = {
    "small": "inputs.collect([1, 'x'])",
    "large": f"inputs.collect([1, 'x' * {2 * DIRECT_BYTES}])",
    "pieces": "inputs.collect(numpy.zeros((400, 200)))",
    "end": "archive.close()",
    "retire": "archive._intake.writer.retire(archive._intake.writer.acquire())",
    "nothing": "None",
}


@pytest.mark.posix("/proc and /dev")
@pytest.mark.parametrize("fsync", FSYNC)
@pytest.mark.parametrize("close", CLOSERS)
@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_a_descriptor_that_is_a_file_of_the_service_by_now_is_not_written_cut_or_closed(
    tmp_path: Path, use: str, close: str, fsync: str
) -> None:
    done = run(
        BEGIN.format(fsync=fsync)
        + f"""
import numpy
assert inputs.collect([0, "x"])
(ours,) = [int(fd) for fd in os.listdir("/proc/self/fd") if os.path.realpath("/proc/self/fd/" + fd).endswith(".seg")]
{close}
files = [open(f"ledger{{n}}", "w+b", buffering=0) for n in range(8)]
for file in files:
    file.write(b"precious" * 100_000)
print({use})
archive.close()
for file in files:
    file.write(b"!")  # fails where it was closed
""",
        tmp_path,
    )
    for path in tmp_path.glob("ledger*"):
        assert path.read_bytes() == b"precious" * 100_000 + b"!"
    if "collect" in use:
        assert "True" in done.stdout
        drain(tmp_path / "a")
        stored = {row[0] for row in features(tmp_path / "a")}
        assert stored >= {"0", "1"} or "0.0" in stored


@pytest.mark.posix("modes of files")
def test_a_file_that_was_only_given_another_mode_goes_on_being_written(tmp_path: Path) -> None:
    """Kubernetes changes group and mode of a volume's files under a service."""
    segment = _segment(tmp_path, Files())
    assert segment.append(b"a" * 64)
    os.chmod(segment.path, 0o660)
    assert segment.append(b"b" * 64) and segment.append(b"c" * 64)
    end = frame.FIRST_FRAME
    assert Path(segment.path).read_bytes()[end : end + 192] == b"a" * 64 + b"b" * 64 + b"c" * 64
    segment.abandon()


def test_a_second_name_for_a_segment_ends_its_use(tmp_path: Path) -> None:
    """The reader leaves files with two names alone, so no more rows go there."""
    segment = _segment(tmp_path, Files())
    os.link(segment.path, tmp_path / "another name")
    assert not segment.append(b"a" * 64) and not segment.append(b"b" * DIRECT_BYTES)
    segment.abandon()


def _segment(folder: Path, files: Files) -> Segment:
    header = frame.SegmentHeader(b"\1" * 16, b"\2" * 16, 1, 7, 0)
    return Segment(files, str(folder / "one.seg"), header, 65_536)


class NoQuickWay(Files):
    """A platform without ctypes."""

    def storer(self, fd, size, ours):  # type: ignore[no-untyped-def] # as in Files
        return lambda data, offset: False


@pytest.mark.parametrize("files", [Files(), NoQuickWay()], ids=["quick", "through os"])
def test_both_ways_to_store_see_that_a_file_is_another(tmp_path: Path, files: Files) -> None:
    segment = _segment(tmp_path, files)
    assert segment.append(b"a" * 64)
    other = os.open(tmp_path / "other", os.O_RDWR | os.O_CREAT)
    os.pwrite(other, bytes(65_536), 0)
    os.dup2(other, segment._fd)

    assert not segment.append(b"b" * 64)
    assert not segment.append(b"b" * DIRECT_BYTES)
    assert not segment.append_pieces([b"b" * 64], lambda check: b"h" * frame.FRAME_BYTES, None)
    with pytest.raises(OSError, match="changed by others"):
        segment.sync()
    segment.withdraw(64)
    taken = segment._fd
    segment.finish(1)

    assert os.fstat(taken).st_size == 65_536 and os.pread(other, 65_536, 0) == bytes(65_536)
    os.close(taken)
    os.close(other)


@pytest.mark.posix("limits of a process")
@pytest.mark.parametrize("limit", [300_000, 500_000])
def test_a_limit_on_the_size_of_files_refuses_and_counts(tmp_path: Path, limit: int) -> None:
    done = run(
        BEGIN.format(fsync="never")
        + f"""
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
said = [inputs.collect([n, "x" * 9_000]) for n in range(200)]
print(said.count(True), said.count(False), sum(archive.stats().dropped.values()))
os._exit(0)
""",
        tmp_path,
    )
    taken, refused, counted = map(int, done.stdout.split())
    assert taken and refused == counted and len(_numbers(tmp_path)) == taken


@pytest.mark.posix("calls of POSIX")
@pytest.mark.parametrize(
    "code", [errno.EOPNOTSUPP, *(pytest.param(code, marks=LONG) for code in (errno.EINVAL, errno.ENOSYS, errno.ENODEV))]
)
@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_rows_are_taken_where_room_can_not_be_reserved(tmp_path: Path, code: int, size: int) -> None:
    run(
        f"""
import os
def no(*arguments):
    raise OSError({code}, os.strerror({code}))
os.posix_fallocate = no
"""
        + BEGIN.format(fsync="never")
        + f"""
for n in range(100):
    assert inputs.collect([n, "x" * {size}]), archive.stats().dropped
os._exit(0)
""",
        tmp_path,
    )
    assert _numbers(tmp_path) == list(range(100))


@pytest.mark.parametrize("answer", ["(0, 0)", "(-4096, -4096)", "(-1, 1 << 40)", "no()"])
def test_rows_are_taken_where_a_file_system_does_not_say_how_large_it_is(tmp_path: Path, answer: str) -> None:
    run(
        f"""
from modeldata.spool.files import Files
def no():
    raise OSError(38, "not implemented")
Files.free_bytes = lambda self, path: {answer}
"""
        + BEGIN.format(fsync="never")
        + "assert inputs.collect([1, 'x'])\nos._exit(0)\n",
        tmp_path,
    )
    assert _numbers(tmp_path) == [1]
