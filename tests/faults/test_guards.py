"""One test for each guard that the sweeps alone would not miss: `mutants` switches the guards off and expects these to fail."""

from __future__ import annotations

import errno
import json
import os
import random
import signal
import subprocess
import sys
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest

from modeldata.errors import ModelDataError
from modeldata.settings import Settings
from modeldata.ship.checkpoint import Checkpoint, Progress
from modeldata.ship.pipeline import Pipeline
from modeldata.spool import frame
from modeldata.spool.files import Files
from modeldata.spool.folder import SpoolFolder, open_place
from modeldata.spool.lock import Leadership
from modeldata.spool.quota import Quota, SpoolFull
from modeldata.spool.reader import OpenSegment, segment_names
from modeldata.store import Conflict, Unavailable
from modeldata.store.local import LocalStore
from modeldata.testing import Died, Fault, FaultyFiles, SimulatedDisk
from tests.support.scripts import environment

from . import scenario
from .scenario import NOON, ROOT, Service, delivered, delivered_on_disk, manifest_rows, new_pipeline, ship_all


def _segments(archive: str) -> Path:
    return Path(archive, f".modeldata-spool-{os.getuid()}", "segments")


def _only_segment(archive: str) -> Path:
    (only,) = _segments(archive).glob("*.seg")
    return only


def _killed(service: Service) -> None:
    for lane in service.writer.lanes:
        lane.abandon()


def _frames(path: Path) -> list[tuple[int, bytes, frame.FrameHeader]]:
    """(offset, bytes, header) of each frame, found by its own length."""
    content = path.read_bytes()
    header = frame.unpack_segment_header(content)
    assert header is not None
    at, found = frame.FIRST_FRAME, []
    while (head := frame.unpack_frame_header(content, at, header.salt)) is not None:
        found.append((at, content[at : at + head.size], head))
        at += head.size
    return found


# numbers


def test_a_row_that_is_spooled_twice_under_one_number_is_archived_once(tmp_path: Path) -> None:
    """As after a failed fsync: the same rows in an older segment and in a newer one."""
    archive = str(tmp_path / "a")
    service = Service(Files(), archive)
    for number in range(5):
        assert service.collect("inputs", number)
    _killed(service)
    path = _only_segment(archive)
    last_at, last, _ = [one for one in _frames(path) if one[2].kind == frame.DATA][-1]
    with path.open("r+b") as file:
        file.seek(last_at + len(last))
        file.write(last)

    pipeline = ship_all(Files(), archive)

    assert delivered_on_disk(archive) == service.accepted
    assert manifest_rows(archive) == 5 and pipeline.state.gaps == 0


def test_rows_spooled_again_after_they_were_archived_are_archived_once(tmp_path: Path) -> None:
    archive = str(tmp_path / "a")
    service = Service(Files(), archive)
    assert service.collect("inputs", 0)
    pipeline = new_pipeline(Files(), archive)
    assert pipeline.step().rows == 1
    path = _only_segment(archive)
    at, content, _ = _frames(path)[-1]
    with path.open("r+b") as file:
        file.seek(at + len(content))
        file.write(content)
    _killed(service)

    pipeline.step()

    assert delivered_on_disk(archive) == service.accepted


def test_a_hole_in_the_numbers_is_told_exactly(tmp_path: Path) -> None:
    archive = str(tmp_path / "a")
    service = Service(Files(), archive)
    for number in range(3):
        assert service.collect("inputs", number)
    pipeline = new_pipeline(Files(), archive)
    assert pipeline.step().rows == 3
    for number in range(3, 10):
        assert service.collect("inputs", number)
    _killed(service)
    path = _only_segment(archive)
    data = [one for one in _frames(path) if one[2].kind == frame.DATA]
    content = bytearray(path.read_bytes())
    for at, taken, _ in data[5:7]:
        content[at : at + len(taken)] = b"\xff" * len(taken)
    path.write_bytes(content)

    pipeline.step()

    assert pipeline.state.gaps == 2
    told = [json.loads(line) for log in Path(archive).rglob("_manifest/*.jsonl") for line in log.read_text().splitlines()]
    lost = [(first, last) for line in told for _, first, last, _ in line.get("lost", ())]
    assert lost == [(5, 6)]
    assert set(delivered_on_disk(archive)) == {("inputs", str(number)) for number in (0, 1, 2, 3, 4, 7, 8, 9)}


def test_a_segment_that_could_not_be_removed_is_not_archived_again(tmp_path: Path) -> None:
    archive = str(tmp_path / "a")
    service = Service(Files(), archive)
    for number in range(5):
        assert service.collect("inputs", number)
    service.writer.close(NOON)
    pipeline = new_pipeline(Files(), archive)
    for _ in range(3):
        pipeline.step()  # and nobody removes what is finished

    other = Service(Files(), archive)
    assert other.collect("inputs", 99)
    for _ in range(4):
        pipeline.step()
    pipeline = new_pipeline(Files(), archive)
    for _ in range(4):
        pipeline.step()

    assert delivered_on_disk(archive) == service.accepted + other.accepted
    _killed(other)


# order of effects


class _Journal(FaultyFiles):
    """Remembers effects in their order, with paths for descriptors, and what of it was not yet made durable."""

    def __init__(self) -> None:
        super().__init__()
        self.names: dict[int, str] = {}
        self.events: list[tuple[str, str]] = []
        self.unsynced: set[str] = set()

    def open(self, path: str, flags: int, mode: int = 0o600) -> int:
        new = flags & os.O_CREAT and not os.path.exists(path)
        fd = super().open(path, flags, mode)
        self.names[fd] = path
        if new:
            self._changed(os.path.dirname(path))
        return fd

    def _changed(self, path: str) -> None:
        self.unsynced.add(path)

    def pwrite(self, fd: int, data: bytes | memoryview, offset: int) -> int:
        self._note("write", self.names[fd])
        self._changed(self.names[fd])
        return super().pwrite(fd, data, offset)

    def sync(self, fd: int) -> None:
        super().sync(fd)
        self.unsynced.discard(self.names[fd])

    def sync_folder(self, path: str) -> None:
        super().sync_folder(path)
        self.unsynced.discard(path)

    def rename(self, source: str, target: str) -> None:
        if source in self.unsynced:
            self.events.append(("named before it was durable", target))
        super().rename(source, target)
        self._changed(os.path.dirname(target))

    def unlink(self, path: str) -> None:
        self._note("unlink", path)
        super().unlink(path)

    def _note(self, what: str, path: str) -> None:
        self.events.append((what, path))


def _journal_of_a_round(archive: str, check: str) -> tuple[_Journal, list[set[str]]]:
    """What a round does, and what was not durable each time something happened to a path that holds `check`."""
    service = Service(Files(), archive)
    for number in range(5):
        assert service.collect("inputs", number)
    _killed(service)
    seen: list[set[str]] = []

    class Watched(_Journal):
        def _note(self, what: str, path: str) -> None:
            super()._note(what, path)
            if check in path and ".owner" not in path:
                seen.append(set(self.unsynced))

    files = Watched()
    ship_all(files, archive)
    assert seen, f"nothing happened to {check}"
    return files, seen


def _ends(paths: set[str]) -> set[str]:
    return {os.path.basename(path) for path in paths}


def test_staging_and_intent_are_durable_before_the_first_byte_is_sent(tmp_path: Path) -> None:
    archive = str(tmp_path / "a")
    files, seen = _journal_of_a_round(archive, "data.csv")
    sink = Settings.build({}, archive=archive).sink_key()
    assert not _ends(seen[0]) & {"staging", "staging.tmp", "intent", "intent.tmp", sink}
    hasty = {os.path.basename(path) for what, path in files.events if what.startswith("named before")}
    assert hasty <= {"attempt"}, "a count of deaths that a power cut takes costs nothing"
    written = [os.path.basename(path) for what, path in files.events if what == "write"]
    assert written.index("staging.tmp") < written.index("intent.tmp") < written.index("data.csv")


def test_rows_are_durable_in_the_archive_before_the_checkpoint_says_so(tmp_path: Path) -> None:
    _, seen = _journal_of_a_round(str(tmp_path / "a"), "checkpoint.")
    assert not _ends(seen[0]) & {"data.csv", "data.csv.jsonl", "23", "_manifest"}


def test_the_checkpoint_is_durable_before_a_segment_goes(tmp_path: Path) -> None:
    files, seen = _journal_of_a_round(str(tmp_path / "a"), ".seg")
    assert ("unlink", str(files.events[-1][1])) in files.events
    assert not _ends(seen[-1]) & {"checkpoint.a", "checkpoint.b"}


def test_a_segment_is_removed_only_after_the_checkpoint_is_durable(tmp_path: Path) -> None:
    files, _ = _journal_of_a_round(str(tmp_path / "a"), ".seg")
    events = [(what, os.path.basename(path)) for what, path in files.events]
    removed = next(index for index, (what, name) in enumerate(events) if what == "unlink" and name.endswith(".seg"))
    assert ("write", "data.csv") in events[:removed]
    assert {("write", "checkpoint.a"), ("write", "checkpoint.b")} & set(events[:removed])


def test_an_intent_that_was_committed_is_only_cleared(tmp_path: Path) -> None:
    """Dead between the checkpoint and the clean-up; then somebody else's rows came into that file, as is right."""
    archive = str(tmp_path / "a")
    service = Service(Files(), archive)
    assert service.collect("inputs", 1)
    sink = Path(archive, f".modeldata-spool-{os.getuid()}", "sinks", Settings.build({}, archive=archive).sink_key())

    class DieAtClear(FaultyFiles):
        def unlink(self, path: str) -> None:
            if path.endswith("/intent"):
                self.die()
            super().unlink(path)

    with pytest.raises(Died):
        new_pipeline(DieAtClear(), archive).step()
    assert (sink / "intent").exists()
    before = new_pipeline(Files(), archive)
    generation = before._generation

    assert before.step().rows == 0

    assert not (sink / "intent").exists()
    assert before._generation == generation, "nothing was committed again"
    assert sum(before.state.archived.values()) == 1
    _killed(service)


# who leads


def test_one_process_leads_and_the_next_one_only_after_it(tmp_path: Path) -> None:
    path = str(tmp_path / "leader.lock")
    code = (
        "import sys; from modeldata.spool.files import Files; from modeldata.spool.lock import Leadership; "
        "lead = Leadership.take(sys.argv[1], Files()); print(lead is not None, flush=True); lead and input()"
    )
    command = [sys.executable, "-c", code, path]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, env=environment(), text=True, **pipes) as first:  # type: ignore[call-overload]
        try:
            assert first.stdout.readline() == "True\n"
            assert Leadership.taken(path, Files())
            assert Leadership.take(path, Files()) is None
        finally:
            first.send_signal(signal.SIGKILL)
            first.wait(30)
    assert not Leadership.taken(path, Files())
    mine = Leadership.take(path, Files())
    assert mine is not None
    assert Leadership.take(path, Files()) is None, "nor another thread of this process"
    mine.release()


def test_a_forked_child_leads_nothing(tmp_path: Path) -> None:
    lead = Leadership.take(str(tmp_path / "leader.lock"), Files())
    assert lead is not None and lead.intact()
    child = os.fork()
    if child == 0:
        os._exit(0 if not lead.intact() and not Leadership.held_here else 1)
    assert os.waitpid(child, 0)[1] == 0
    lead.release()


def test_a_leader_whose_lock_was_replaced_commits_nothing(tmp_path: Path) -> None:
    archive = str(tmp_path / "a")
    service = Service(Files(), archive)
    assert service.collect("inputs", 1)
    settings = Settings.build({}, archive=archive, min_free_bytes=0)
    place = open_place(settings.spool_folder(), Files(), b"\2" * 16, NOON)
    lead = Leadership.take(place.leader_lock, Files())
    assert lead is not None
    pipeline = Pipeline(
        place, LocalStore(archive, Files()), settings, files=Files(), warn=lambda text: None, may_commit=lead.intact
    )
    os.unlink(place.leader_lock)
    Path(place.leader_lock).touch()

    with pytest.raises(ModelDataError, match="another process took the lead"):
        pipeline.step()

    assert new_pipeline(Files(), archive)._generation == 0
    lead.release()
    _killed(service)


# forks


def test_a_forked_child_lets_go_of_its_parents_segments_at_once(tmp_path: Path) -> None:
    """Not only when it collects: a child that never does must not keep its dead parent's segments from being finished."""
    archive = str(tmp_path / "a")
    service = Service(Files(), archive)
    assert service.collect("inputs", 1)
    asked, told = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(told, b"1" if not service.writer.lanes and service.writer.ours[0] else b"0")
        signal.pause()
    try:
        assert os.read(asked, 1) == b"1"
        (name,) = [path.name for path in _segments(archive).iterdir()]
        place = service.writer.place
        assert place is not None
        segment = OpenSegment(place, name, Files())
        assert segment.alive, "the parent lives"
        segment.close()
        _killed(service)
        segment = OpenSegment(place, name, Files())
        assert not segment.alive, "the child holds what its parent let go"
        segment.close()
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


# the archive's files


@pytest.mark.parametrize("there", [b"ours", b"ours, and then somebody", b"other", b"ours,somebody else's rows", b"ours,r"])
def test_bytes_of_somebody_else_are_never_overwritten_or_cut(tmp_path: Path, there: bytes) -> None:
    file = tmp_path / "data.csv"
    file.write_bytes(there)
    store = LocalStore(str(tmp_path), Files())
    data = b",rows of ours"
    if there in (b"ours", b"ours,r"):
        store.append("data.csv", 4, data)
        assert file.read_bytes() == b"ours" + data
        return
    with pytest.raises(Conflict):
        store.append("data.csv", 4, data)
    assert file.read_bytes() == there


def test_a_file_that_shrank_is_never_written_to_beyond_its_end(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_bytes(b"ou")
    with pytest.raises(Conflict):
        LocalStore(str(tmp_path), Files()).append("data.csv", 4, b"rows")
    assert (tmp_path / "data.csv").read_bytes() == b"ou"


def test_a_write_that_fails_half_way_leaves_no_half_row(tmp_path: Path) -> None:
    class Short(Files):
        broken = True

        def pwrite(self, fd: int, data: bytes | memoryview, offset: int) -> int:
            if self.broken and offset > 4:
                raise OSError(errno.ENOSPC, "full")
            return super().pwrite(fd, data[:5] if self.broken else data, offset)

    (tmp_path / "data.csv").write_bytes(b"ours")
    files = Short()
    store = LocalStore(str(tmp_path), files)
    with pytest.raises(Unavailable):
        store.append("data.csv", 4, b",a row that is longer")
    assert (tmp_path / "data.csv").read_bytes() == b"ours", "a reader never meets half a row"
    files.broken = False
    store.append("data.csv", 4, b",a row that is longer")
    assert (tmp_path / "data.csv").read_bytes() == b"ours,a row that is longer"


def test_two_spools_never_write_one_file(tmp_path: Path) -> None:
    store = LocalStore(str(tmp_path), Files())
    assert store.claim("d/data.csv", b"first", "1")
    assert store.claim("d/data.csv", b"first", "1"), "ours stays ours"
    assert not store.claim("d/data.csv", b"second", "2")


def test_a_file_that_was_there_before_us_is_left_alone(tmp_path: Path) -> None:
    archive = str(tmp_path / "a")
    service = Service(Files(), archive)
    assert service.collect("inputs", 1)
    _killed(service)
    folder = Path(archive, "a", "s", "i-m-1", "inputs", "2026", "11", "23")
    folder.mkdir(parents=True)
    (folder / "data.csv").write_text("somebody's,header\r\n1,2\r\n")

    ship_all(Files(), archive)

    assert (folder / "data.csv").read_text() == "somebody's,header\r\n1,2\r\n" or (folder / "data.csv").read_bytes() == (
        b"somebody's,header\r\n1,2\r\n"
    )
    (other,) = [path for path in folder.glob("data*.csv") if path.name != "data.csv"]
    assert len(other.read_text().splitlines()) == 2


def test_folders_that_a_dead_shipper_made_are_durable_before_anything_relies_on_them(tmp_path: Path) -> None:
    """Dies between mkdir and fsync; the next one finds the folder, ships, and then the power goes with every unsynced name."""

    class Unlucky(random.Random):
        def random(self) -> float:
            return 0.0

    for at in range(1, 60):
        disk = SimulatedDisk()
        disk.mkdir(ROOT)
        disk.sync_folder("/")
        service = Service(disk, sync=True)
        for number in range(3):
            assert service.collect("inputs", number)
        files = FaultyFiles(Fault(at), disk)
        with suppress(Died):
            ship_all(files, ROOT)
        ship_all(disk, ROOT)
        disk.cut(Unlucky())
        ship_all(disk, ROOT)
        assert delivered(disk.content, disk.paths()) == service.accepted, f"died before {files.operations[-1]}"
        if not files.dead:
            return


# limits


def test_room_is_left_to_the_rest_of_the_machine(tmp_path: Path) -> None:
    class Small(Files):
        def free_bytes(self, path: str) -> tuple[int, int]:
            return 1_000_000, 1 << 40

    place = open_place(str(tmp_path / "spool"), Files(), b"\1" * 16, NOON)
    assert Quota(1 << 30, 500_000, Small()).grant(place, 1000, 300_000) >= 1000
    with pytest.raises(SpoolFull) as refused:
        Quota(1 << 30, 999_500, Small()).grant(place, 1000, 300_000)
    assert refused.value.reason == "no_space"


# segments


@pytest.mark.parametrize("left", range(0, 2 * frame.FRAME_BYTES, frame.ALIGN))
def test_every_segment_that_its_writer_left_says_END(tmp_path: Path, left: int) -> None:
    """Also one that a row would fill to its last bytes."""
    archive = str(tmp_path / "a")
    service = Service(Files(), archive)
    assert service.collect("inputs", 0, pad=1000)
    segment = service.writer.lanes[0].segment
    assert segment is not None
    before = segment.end
    assert service.collect("inputs", 1, pad=200_000)
    overhead = segment.end - before - 200_000
    room = segment.limit - segment.end
    assert service.collect("inputs", 2, pad=room - overhead - left)
    assert service.collect("inputs", 3, pad=1000)
    path = segment.path
    _killed(service)
    assert _frames(Path(path))[-1][2].kind == frame.END


def _place(service: Service) -> SpoolFolder:
    assert service.writer.place is not None
    return service.writer.place


def test_a_living_writer_is_never_without_a_segment(tmp_path: Path) -> None:
    """Else a shipper that looks in that instant finds nobody alive, and leaves."""
    archive = str(tmp_path / "a")
    alive: list[int] = []

    class Watching(Files):
        def _look(self) -> None:
            if place is not None and made:
                seen = [OpenSegment(place, name, Files()) for name in segment_names(place, Files())]
                alive.append(sum(segment.alive for segment in seen))
                for segment in seen:
                    segment.close()

        def close(self, fd: int) -> None:
            super().close(fd)
            self._look()

        def rename(self, source: str, target: str) -> None:
            super().rename(source, target)
            if target.endswith(".seg"):
                made.append(target)
            self._look()

    made: list[str] = []
    place: SpoolFolder | None = None
    service = Service(Watching(), archive)
    assert service.collect("inputs", 0)
    place = service.writer.place
    for number in range(1, 120):
        assert service.collect("inputs", number, pad=9_000)
    assert len(made) >= 2, "it rolled"
    assert alive and min(alive) >= 1
    _killed(service)


def test_what_a_living_writer_holds_is_not_taken_for_dead(tmp_path: Path) -> None:
    """A segment is held before it has its name: at whatever moment a shipper looks, a new one is never a dead one."""
    archive = str(tmp_path / "a")
    seen: list[bool] = []

    class Watching(Files):
        def rename(self, source: str, target: str) -> None:
            super().rename(source, target)
            if target.endswith(".seg"):
                fd = Files().open(target, os.O_RDONLY)
                seen.append(Files().hold(fd))
                Files().close(fd)

    service = Service(Watching(), archive)
    assert service.collect("inputs", 1)
    assert seen == [False]
    pipeline = new_pipeline(Files(), archive)
    pipeline.step()
    assert pipeline.finished() == []
    _killed(service)


def test_a_frame_copied_from_another_segment_is_not_taken_for_one_of_this(tmp_path: Path) -> None:
    """Disks give back old blocks; the salt tells a frame of another segment from one of ours."""
    archive = str(tmp_path / "a")
    first, second = Service(Files(), archive), Service(Files(), archive)
    for number in range(3):
        assert first.collect("inputs", number)
    assert second.collect("inputs", 10)
    _killed(first)
    _killed(second)
    by_writer = {path.name[:32]: path for path in _segments(archive).glob("*.seg")}
    source = by_writer[first.writer.lanes[0].writer_id.hex()]
    target = by_writer[second.writer.lanes[0].writer_id.hex()]
    at, content, _ = _frames(target)[-1]
    stale = _frames(source)[-1][1]
    with target.open("r+b") as file:
        file.seek(at + len(content))
        file.write(stale)

    ship_all(Files(), archive)

    assert delivered_on_disk(archive) == first.accepted + second.accepted


def test_a_flipped_bit_in_a_definition_costs_no_row(tmp_path: Path) -> None:
    archive = str(tmp_path / "a")
    service = Service(Files(), archive)
    for number in range(3):
        assert service.collect("inputs", number)
    _killed(service)
    path = _only_segment(archive)
    at, taken, head = _frames(path)[0]
    assert head.kind == frame.DEFINE
    content = bytearray(path.read_bytes())
    content[at + len(taken) - 12] ^= 4
    path.write_bytes(content)

    ship_all(Files(), archive)

    assert delivered_on_disk(archive) == service.accepted


def test_a_damaged_segment_header_costs_no_row(tmp_path: Path) -> None:
    archive = str(tmp_path / "a")
    service = Service(Files(), archive)
    assert service.collect("inputs", 1)
    path = _only_segment(archive)
    head = bytearray(path.read_bytes()[: frame.FIRST_FRAME])
    head[20] ^= 1
    assert frame.unpack_segment_header(head) is not None, "the second copy holds"
    head[20 + frame.FIRST_FRAME // 2] ^= 1
    assert frame.unpack_segment_header(head) is None
    _killed(service)
    with path.open("r+b") as file:
        file.write(head)

    ship_all(Files(), archive)

    assert delivered_on_disk(archive) == service.accepted


@pytest.mark.parametrize("in_pieces", [True, False])
def test_a_frame_that_the_disk_refused_half_way_is_erased(
    tmp_path: Path, in_pieces: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not in_pieces:
        monkeypatch.setattr(scenario, "IN_PIECES", 1 << 30)

    class Breaks(Files):
        at = 0

        def pwrite(self, fd: int, data: bytes | memoryview, offset: int) -> int:
            if len(data) > 250_000:
                self.at = offset
                super().pwrite(fd, data[:100_000], offset)
                raise OSError(errno.EIO, "broken")
            return super().pwrite(fd, data, offset)

    archive = str(tmp_path / "a")
    files = Breaks()
    service = Service(files, archive)
    assert service.collect("inputs", 1)
    assert not service.collect("inputs", 2, pad=300_000)
    assert files.at
    newest = sorted(_segments(archive).glob("*.seg"))[-1]
    assert not any(newest.read_bytes()[files.at : files.at + 100_000])
    _killed(service)
    pipeline = ship_all(Files(), archive)
    assert pipeline.state.torn == pipeline.state.damaged == 0
    assert delivered_on_disk(archive) == service.accepted


# the checkpoint


def test_a_checkpoint_torn_while_written_leaves_the_one_before(tmp_path: Path) -> None:
    slots = Checkpoint(str(tmp_path), Files())
    for generation in range(1, 6):
        state = Progress()
        state.round = generation
        state.offsets = {f"segment{number}": generation for number in range(50)}
        slots.save(generation, state)
        newest = tmp_path / ("checkpoint.a" if generation % 2 == 0 else "checkpoint.b")
        whole = newest.read_bytes() if newest.exists() else b""
        assert Checkpoint(str(tmp_path), Files()).load()[0] == generation
        if generation == 1 or not whole:
            continue
        torn = bytearray(whole)
        torn[60:200] = b"\x55" * 140
        newest.write_bytes(torn)
        found, before = Checkpoint(str(tmp_path), Files()).load()
        assert (found, before.round) == (generation - 1, generation - 1)
        newest.write_bytes(whole.replace(b"segment11", b"segment91", 1))
        assert Checkpoint(str(tmp_path), Files()).load()[0] == generation - 1, "well formed, and not what was written"
        newest.write_bytes(whole)


# lanes


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
    ship = Settings.build({}, archive=tmp_path / "a", min_free_bytes=0)
    place = open_place(ship.spool_folder(), Files(), b"\2" * 16, NOON)
    pipeline = Pipeline(
        place, LocalStore(ship.archive, Files()), ship, files=Files(), warn=lambda text: None, may_commit=lambda: True
    )
    while pipeline.step().rows:
        continue
    rows = [
        line.rsplit(",", 1)[1] for path in Path(ship.archive).rglob("data*.csv") for line in path.read_text().splitlines()[1:]
    ]
    assert Counter(rows) == {"1": 1, "2": 1, "3": 1} or Counter(rows) == {"1": 1, "3": 1}


# what others put into the spool


def test_a_link_planted_in_the_spool_is_not_followed(tmp_path: Path) -> None:
    """At the name of a segment, of staging and of a checkpoint: the target keeps its bytes, and nothing of it is read."""
    archive = str(tmp_path / "a")
    service = Service(Files(), archive)
    assert service.collect("inputs", 1)
    _killed(service)
    real = _only_segment(archive)
    victim = tmp_path / "victim"
    victim.write_bytes(real.read_bytes())
    planted = real.with_name("f" * 32 + "-000001.seg")
    planted.symlink_to(victim)
    sink = Path(archive, f".modeldata-spool-{os.getuid()}", "sinks", Settings.build({}, archive=archive).sink_key())
    sink.mkdir()
    precious = tmp_path / "precious"
    precious.write_text("mine")
    (sink / "staging.tmp").symlink_to(precious)
    with pytest.raises(OSError, match=os.strerror(errno.ELOOP)):
        new_pipeline(Files(), archive).step()
    assert precious.read_text() == "mine"
    (sink / "staging.tmp").unlink()

    pipeline = new_pipeline(Files(), archive)
    assert pipeline.step().rows == 1

    assert planted.is_symlink() and victim.exists()
    assert delivered_on_disk(archive) == service.accepted


@pytest.mark.timeout(60)
def test_a_second_name_or_a_fifo_in_the_spool_is_left_alone(tmp_path: Path) -> None:
    archive = str(tmp_path / "a")
    service = Service(Files(), archive)
    assert service.collect("inputs", 1)
    _killed(service)
    other = Service(Files(), str(tmp_path / "b"))
    assert other.collect("inputs", 2)
    _killed(other)
    segments = _segments(archive)
    os.link(_only_segment(str(tmp_path / "b")), segments / ("e" * 32 + "-000001.seg"))
    os.mkfifo(segments / ("d" * 32 + "-000001.seg"))
    (segments / ("c" * 32 + "-000001.seg")).mkdir()
    for garbage in (".DS_Store", "x.seg~", "copy of a.seg"):
        (segments / garbage).write_bytes(b"garbage")

    done = subprocess.run(
        [sys.executable, "-m", "modeldata", "ship", "--drain", "--archive", archive],
        env=environment(MODELDATA_SHIP="off"), timeout=30, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert delivered_on_disk(archive) == service.accepted
    assert len(list(segments.iterdir())) == 6, "what is not ours is not removed"


def test_files_that_death_left_half_made_do_not_pile_up(tmp_path: Path) -> None:
    """A writer that dies while it makes a segment leaves a file without a name of a segment: somebody must take it away."""
    archive = str(tmp_path / "a")
    first = Service(Files(), archive)
    assert first.collect("inputs", 0)
    _killed(first)
    for at in range(1, 8):
        service = Service(FaultyFiles(Fault(at)), archive)
        try:
            service.collect("inputs", at)
        except Died:
            continue
        _killed(service)
    for left in _segments(archive).glob("*.new"):
        os.utime(left, (0, 0))  # of long ago: a writer that lives may be about to name its own
    ship_all(Files(), archive)
    from modeldata.ship.worker import Worker

    settings = Settings.build({}, archive=archive, min_free_bytes=0)
    place = open_place(settings.spool_folder(), Files(), b"\2" * 16, NOON)
    lead = Leadership.take(place.leader_lock, Files())
    assert lead is not None
    worker = Worker(
        place, settings, lead, files=Files(), warn=lambda text: None, monotonic=lambda: 1000.0, wall_ns=lambda: NOON,
        wait=lambda seconds: True, dice=lambda: 0.5,
    )  # fmt: skip
    worker.run(leave_when_idle=True)
    lead.release()
    assert sorted(os.listdir(place.segments)) == []
