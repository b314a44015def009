"""Segments: a living writer always holds one, each says END, damage costs no whole row."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from modeldata.spool import frame
from modeldata.spool.files import Files
from modeldata.spool.folder import SpoolFolder
from modeldata.spool.reader import OpenSegment, segment_names
from tests.support.service import (
    NOON,
    Service,
    delivered_on_disk,
    frames_of,
    new_pipeline,
    only_segment,
    segments_of,
    ship_all,
)


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
    service.kill()
    assert frames_of(Path(path))[-1][2].kind == frame.END


def test_last_frames_that_fill_the_tail_leave_room_for_END(tmp_path: Path) -> None:
    """The numbers of very many collectors, say."""
    service = Service(Files(), str(tmp_path / "a"))
    assert service.collect("inputs", 0)
    segment = service.writer.lanes[0].segment
    assert segment is not None
    segment.open_tail()
    fills = bytes(segment.limit - segment.end - frame.FRAME_BYTES)
    assert segment.append(frame.pack_frame(segment.salt, frame.TOTALS, 0, NOON, 0, 0, fills))
    assert not segment.room(1)
    segment.finish(NOON)
    assert frames_of(Path(segment.path))[-1][2].kind == frame.END


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
    service.kill()


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
    service.kill()


def test_a_frame_copied_from_another_segment_is_not_taken_for_one_of_this(tmp_path: Path) -> None:
    """Disks give back old blocks; the salt tells a frame of another segment from one of ours."""
    archive = str(tmp_path / "a")
    first, second = Service(Files(), archive), Service(Files(), archive)
    for number in range(3):
        assert first.collect("inputs", number)
    assert second.collect("inputs", 10)
    first.kill()
    second.kill()
    by_writer = {path.name[:32]: path for path in segments_of(archive).glob("*.seg")}
    source = by_writer[first.writer.lanes[0].writer_id.hex()]
    target = by_writer[second.writer.lanes[0].writer_id.hex()]
    at, content, _ = frames_of(target)[-1]
    stale = frames_of(source)[-1][1]
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
    service.kill()
    path = only_segment(archive)
    at, taken, head = frames_of(path)[0]
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
    path = only_segment(archive)
    head = bytearray(path.read_bytes()[: frame.FIRST_FRAME])
    head[20] ^= 1
    assert frame.unpack_segment_header(head) is not None, "the second copy holds"
    head[20 + frame.FIRST_FRAME // 2] ^= 1
    assert frame.unpack_segment_header(head) is None
    service.kill()
    with path.open("r+b") as file:
        file.write(head)

    ship_all(Files(), archive)

    assert delivered_on_disk(archive) == service.accepted


@pytest.mark.parametrize("size", [300_000, 5_000], ids=["in pieces", "as a whole"])
def test_a_frame_that_the_disk_refused_half_way_is_erased(tmp_path: Path, size: int) -> None:
    class Breaks(Files):
        at = 0

        def storer(self, fd, size, ours):  # type: ignore[no-untyped-def] # as in Files
            return lambda data, offset: False

        def pwrite(self, fd: int, data: bytes | memoryview, offset: int) -> int:
            if len(data) >= size * 9 // 10:
                self.at = offset
                super().pwrite(fd, data[: size // 3], offset)
                raise OSError(errno.EIO, "broken")
            return super().pwrite(fd, data, offset)

    archive = str(tmp_path / "a")
    files = Breaks()
    service = Service(files, archive)
    assert service.collect("inputs", 1)
    assert not service.collect("inputs", 2, pad=size)
    assert files.at
    newest = sorted(segments_of(archive).glob("*.seg"))[-1]
    assert not any(newest.read_bytes()[files.at : files.at + size // 3])
    service.kill()
    pipeline = ship_all(Files(), archive)
    assert pipeline.state.torn == pipeline.state.damaged == 0
    assert delivered_on_disk(archive) == service.accepted


@pytest.mark.parametrize("size", [0, 1, 63, 64, 100, frame.FIRST_FRAME])
def test_a_segment_that_was_only_begun_is_removed_without_a_word(tmp_path: Path, size: int) -> None:
    archive = str(tmp_path / "a")
    service = Service(Files(), archive)
    assert service.collect("inputs", 1)
    service.kill()
    (path,) = segments_of(archive).glob("*.seg")
    os.truncate(path, size)
    warned: list[str] = []
    pipeline = new_pipeline(Files(), archive, warned.append)
    while pipeline.step().more:
        continue
    pipeline.remove(pipeline.finished())
    assert list(segments_of(archive).iterdir()) == []
    assert (pipeline.state.damaged, pipeline.state.torn, warned) == (0, 0, [])
    assert not delivered_on_disk(archive)


def test_a_segment_that_can_not_be_read_is_tried_again_and_stops_no_other(tmp_path: Path) -> None:
    """C6: EIO on pread of one segment."""
    archive = str(tmp_path / "a")
    first, second = Service(Files(), archive), Service(Files(), archive)
    assert first.collect("inputs", 1) and second.collect("inputs", 2)
    bad = os.path.basename(first.writer.lanes[0].segment.path)  # type: ignore[union-attr]
    first.kill()
    second.kill()

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
    assert [path.name for path in segments_of(archive).glob("*.seg")] == [bad]
    files.broken = False
    pipeline.step()
    assert delivered_on_disk(archive) == first.accepted + second.accepted
