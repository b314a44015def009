"""Frames read many at a time are the frames that the careful way finds, whatever happened to the bytes (fault matrix C7, C8, C9)."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modeldata.spool import bulk, frame
from modeldata.spool.bulk import FrameRun, runs
from modeldata.spool.files import Files
from modeldata.spool.reader import Damage, Frame, OpenSegment

from .conftest import FakePlan, Spool

Told = tuple[object, ...]


def _one_by_one(segment: OpenSegment, start: int) -> list[Told]:
    return [_told(found) for found in segment.frames(start)]


def _told(found: Frame | Damage) -> Told:
    if isinstance(found, Damage):
        return ("damage", found.start, found.stop, found.rows, found.torn)
    head = found.head
    numbers = (head.kind, head.flags, head.sequence, head.time_ns, head.rows, head.definition)
    return (found.start, found.stop, *numbers, found.data, found.correlation, found.request)


def _many_at_a_time(segment: OpenSegment, start: int) -> list[Told]:
    report: list[Told] = []
    for found in runs(segment, start):
        if isinstance(found, Damage):
            report.append(_told(found))
            continue
        stops = [found.part(slice(number, number + 1)).stop for number in range(len(found))]
        assert found.stop == stops[-1]
        report += [_of_run(found, number, stop) for number, stop in enumerate(stops)]
    return report


def _of_run(found: FrameRun, number: int, stop: int) -> Told:
    head = found.heads[number]
    numbers = tuple(int(head[name]) for name in ("kind", "flags", "sequence", "time_ns", "rows", "definition"))
    at = int(found.starts[number]) + int(head["data"])
    ids = found.content[at : at + int(head["correlation"])]
    at += len(ids)
    return (found.place(number), stop, *numbers, found.data(number), ids, found.content[at : at + int(head["request"])])


def _data(found: list[Told]) -> list[Told]:
    return [one for one in found if one[0] != "damage" and one[2] == frame.DATA]


def _same(spool: Spool, name: str, start: int = 0) -> list[Told]:
    """What both ways find; fails where they differ."""
    try:
        segment = OpenSegment(spool.place, name, spool.files)
    except ValueError:
        return []  # another version: left alone
    try:
        expected = _one_by_one(segment, start)
        assert _many_at_a_time(segment, start) == expected
    finally:
        segment.close()
    return expected


def _finished(spool: Spool, datas: list[bytes]) -> Path:
    plans = [FakePlan("stream", ("x",)), FakePlan("stream", ("y",))]
    for number, data in enumerate(datas):
        spool.append(plans[number % 7 == 3], data)
    spool.writer.close(time.time_ns())
    return Path(spool.place.segments) / spool.names()[0]


@pytest.fixture(params=[bulk.FIRST_WINDOW, 320], ids=["one window", "windows smaller than the file"])
def window(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(bulk, "FIRST_WINDOW", request.param)
    monkeypatch.setattr(bulk, "WINDOW", 4 * request.param)
    return int(request.param)


def test_any_one_flipped_byte_is_seen_alike(spool: Spool, window: int) -> None:
    path = _finished(spool, [b"row %d" % number for number in range(9)])
    whole = path.read_bytes()[:1600]
    assert b"row 8" in whole
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x41]) + whole[at + 1 :])
        _same(spool, path.name)


def test_a_segment_cut_anywhere_is_seen_alike(spool: Spool, window: int) -> None:
    path = _finished(spool, [b"row %d" % number for number in range(9)])
    whole = path.read_bytes()[:1600]
    for size in range(0, len(whole), 3):
        path.write_bytes(whole[:size])
        _same(spool, path.name)


def test_equal_and_odd_sizes_and_large_frames_come_in_order(spool: Spool, window: int) -> None:
    equal = [b"%08d" % number for number in range(700)]
    odd = [b"x" * (number * 37 % 500) for number in range(700)]
    _finished(spool, [*equal, *odd, b"L" * 20_000, *equal[:20], b"M" * 700_000, *odd[:5], *equal])
    rows = 0
    for name in spool.names():
        found = _same(spool, name)
        rows += len(_data(found))
        for one in found[:: 1 + len(found) // 20]:
            assert isinstance(one[1], int)
            _same(spool, name, one[1])

    assert rows == 2127


@settings(max_examples=150, deadline=None)
@given(
    sizes=st.lists(st.one_of(st.just(8), st.integers(0, 90)), min_size=1, max_size=60),
    blows=st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=70)), max_size=4),
    small=st.booleans(),
)
def test_any_bytes_are_seen_alike(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], blows: list[tuple[float, bytes]], small: bool
) -> None:
    folder = tmp_path_factory.mktemp("any")
    spool = Spool(folder / "spool", Files())
    path = _finished(spool, [os.urandom(size) for size in sizes])
    content = bytearray(path.read_bytes()[: 1200 + sum(sizes) + 64 * len(sizes)])
    for where, what in blows:
        at = int(where * len(content))
        content[at : at + len(what)] = what
    path.write_bytes(bytes(content))
    with pytest.MonkeyPatch.context() as patch:
        if small:
            patch.setattr(bulk, "FIRST_WINDOW", 400)
            patch.setattr(bulk, "WINDOW", 1200)
        _same(spool, path.name)
    shutil.rmtree(folder)


def test_a_lying_length_with_a_right_checksum_is_seen_alike(spool: Spool, window: int) -> None:
    path = _finished(spool, [b"row %d" % number for number in range(40)])
    whole = path.read_bytes()
    segment = OpenSegment(spool.place, path.name, spool.files)
    victim = [one for one in segment.frames(0) if isinstance(one, Frame) and one.head.kind == frame.DATA][20]
    segment.close()
    for length in (0, 8, 16, 64, 1 << 20, 0xFFFF_FFFF):
        head = bytearray(whole[victim.start : victim.start + frame.FRAME.size])
        head[32:36] = length.to_bytes(4, "little")
        lying = bytes(head) + frame.CRC.pack(frame.checksum(bytes(head), segment.salt))
        path.write_bytes(whole[: victim.start] + lying + whole[victim.start + len(lying) :])
        found = _same(spool, path.name)

        assert len(_data(found)) == 39


def test_a_living_segment_ends_where_its_writer_is(spool: Spool, plan: FakePlan, window: int) -> None:
    for number in range(300):
        spool.append(plan, b"%04d" % number)
    (name,) = spool.names()
    found = _same(spool, name)
    last = found[-1]
    spool.append(plan, b"one more")

    assert isinstance(last[1], int)
    assert [one[8] for one in _same(spool, name, last[1])] == [b"one more"]


def test_what_is_kept_of_a_window_is_not_much_more_than_its_frames(spool: Spool, plan: FakePlan) -> None:
    for number in range(100):
        spool.append(plan, b"%04d" % number)
    segment = OpenSegment(spool.place, spool.names()[0], spool.files)
    found = [one for one in runs(segment, 0) if isinstance(one, FrameRun)]
    segment.close()

    assert sum(len(one.content) for one in found) <= 2 * sum(int(one.sizes.sum()) for one in found)


@pytest.mark.parametrize("version", [1, 2])
def test_segments_of_every_version_are_seen_alike(version: int, tmp_path: Path) -> None:
    stored = Path(__file__).parent / "fixtures" / f"spool-{version}"
    spool = Spool(tmp_path / "spool", Files())
    spool.append(FakePlan(), b"")
    seen = 0
    for path in stored.rglob("*.seg"):
        shutil.copy(path, spool.place.segments)
        found = _same(spool, path.name)
        seen += len(_data(found))
    spool.writer.close(time.time_ns())

    assert seen
