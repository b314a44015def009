"""A bad byte costs one frame at most, is counted, and nothing loops (fault matrix C7, C8, C9, A12, G6)."""

from __future__ import annotations

import os
import struct
import time
from pathlib import Path

import pytest
import xxhash
from hypothesis import given, settings
from hypothesis import strategies as st

from modeldata.spool import frame
from modeldata.spool.reader import Damage, Frame, OpenSegment

from .conftest import FakePlan, Spool


def _xxh3(data: bytes, salt: int) -> int:
    return xxhash.xxh3_64(data, seed=salt).intdigest() & 0xFFFF_FFFF


def test_a_frame_is_laid_out_as_the_design_page_says() -> None:
    made = frame.pack_frame(7, frame.DATA, 11, 1234, 2, 5, b"datadata1", b"corr", b"req")

    assert struct.unpack_from("<4sBBHQqIIIHHI", made) == (
        b"\xf5MDf", 1, 2, 0, 11, 1234, 2, 5, 9, 4, 3, _xxh3(b"datadata1corrreq", 7),
    )  # fmt: skip
    assert struct.unpack_from("<I", made, 44)[0] == _xxh3(made[:44], 7)
    assert made[48:64] == b"datadata1corrreq"
    assert len(made) == 64


@given(
    data=st.binary(max_size=300), correlation=st.binary(max_size=60), request=st.binary(max_size=60),
    sequence=st.integers(0, 2**64 - 1), time_ns=st.integers(-(2**63), 2**63 - 1), rows=st.integers(0, 2**32 - 1),
    salt=st.integers(0, 2**32 - 1),
)  # fmt: skip
def test_every_field_of_a_frame_comes_back(
    data: bytes, correlation: bytes, request: bytes, sequence: int, time_ns: int, rows: int, salt: int
) -> None:
    made = frame.pack_frame(salt, frame.DATA, sequence, time_ns, rows, 9, data, correlation, request)
    head = frame.unpack_frame_header(made, 0, salt)

    assert head is not None
    assert (head.sequence, head.time_ns, head.rows, head.definition) == (sequence, time_ns, rows, 9)
    assert (head.data, head.correlation, head.request) == (len(data), len(correlation), len(request))
    assert head.size == len(made) and len(made) % 8 == 0
    payload = made[frame.FRAME_BYTES :][: len(data) + len(correlation) + len(request)]
    assert payload == data + correlation + request
    assert frame.payload_holds(head, payload, salt)
    if salt != 1:
        assert frame.unpack_frame_header(made, 0, 1) is None


def _small_segment(spool: Spool, frames: int = 5) -> tuple[str, bytes]:
    """A finished segment of a dead writer: its path and content."""
    plan = FakePlan()
    for number in range(frames):
        spool.append(plan, b"row %d" % number)
    spool.writer.close(time.time_ns())
    path = os.path.join(spool.place.segments, spool.names()[0])
    return path, Path(path).read_bytes()


def test_any_one_flipped_bit_costs_at_most_the_frame_it_hits(spool: Spool) -> None:
    path, whole = _small_segment(spool)
    name = os.path.basename(path)
    expected = [b"row %d" % number for number in range(5)]
    for at in range(len(whole)):
        for bit in (0x01, 0x80):
            Path(path).write_bytes(whole[:at] + bytes([whole[at] ^ bit]) + whole[at + 1 :])
            found = spool.read(name)
            rows = [one.data for one in found if isinstance(one, Frame) and one.head.kind == frame.DATA]
            missing = [one for one in expected if one not in rows]

            assert len(missing) <= 1, f"byte {at}"
            assert [one for one in rows if one not in expected] == []
            if missing:
                assert any(isinstance(one, Damage) for one in found), f"byte {at}: the loss is not reported"


def test_a_definition_survives_any_one_flipped_bit(spool: Spool) -> None:
    path, whole = _small_segment(spool, frames=1)
    for at in range(len(whole)):
        Path(path).write_bytes(whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1 :])
        kinds = [one.head.kind for one in spool.read(os.path.basename(path)) if isinstance(one, Frame)]

        assert frame.DEFINE in kinds, f"byte {at}"


def test_a_segment_cut_at_any_byte_gives_the_frames_before_the_cut(spool: Spool) -> None:
    path, whole = _small_segment(spool)
    name = os.path.basename(path)
    full = spool.read(name)
    for size in range(len(whole)):
        Path(path).write_bytes(whole[:size])
        found = spool.read(name)
        before = [one.start for one in full if isinstance(one, Frame) and one.stop <= size]
        # a frame whose padding alone is cut off is whole
        rows = [one for one in found if isinstance(one, Frame)]

        assert [one.start for one in rows][: len(before)] == before, f"cut at {size}"
        assert len(rows) <= len(before) + 1


@pytest.mark.parametrize("length", [0, 0xFFFF_FFFF, 0x8000_0000, 1 << 31, 7])
def test_a_lying_length_with_a_right_checksum_costs_that_frame_and_no_memory(spool: Spool, length: int) -> None:
    path, whole = _small_segment(spool)
    name = os.path.basename(path)
    victim = [one for one in spool.read(name) if isinstance(one, Frame) and one.head.kind == frame.DATA][2]
    salt = struct.unpack_from("<I", whole, 12)[0]
    head = bytearray(whole[victim.start : victim.start + 44])
    struct.pack_into("<I", head, 32, length)
    lying = bytes(head) + struct.pack("<I", _xxh3(bytes(head), salt))
    Path(path).write_bytes(whole[: victim.start] + lying + whole[victim.start + 48 :])

    found = spool.read(name)
    rows = [one.data for one in found if isinstance(one, Frame) and one.head.kind == frame.DATA]

    assert rows == [b"row 0", b"row 1", b"row 3", b"row 4"]
    assert [one.rows for one in found if isinstance(one, Damage)] == [1]


def test_a_frame_inside_somebodys_data_is_never_taken_for_one_of_ours(spool: Spool) -> None:
    forged = frame.pack_frame(0x1234, frame.DATA, 0, 0, 1, 1, b"forged")
    plan = FakePlan()
    spool.append(plan, b"12345678" + forged * 3)
    spool.append(plan, b"after")
    spool.writer.close(time.time_ns())
    path = Path(spool.place.segments) / spool.names()[0]
    whole = bytearray(path.read_bytes())
    at = whole.index(b"12345678") - frame.FRAME_BYTES
    whole[at] ^= 0xFF  # the frame around it is lost, so the search goes through the data
    path.write_bytes(bytes(whole))

    assert spool.data() == [b"after"]


@settings(max_examples=60, deadline=None)
@given(garbage=st.binary(min_size=1, max_size=4000))
def test_garbage_as_a_segment_is_read_to_its_end(tmp_path_factory: pytest.TempPathFactory, garbage: bytes) -> None:
    from modeldata.spool.files import Files

    spool = Spool(tmp_path_factory.mktemp("garbage") / "spool", Files())
    spool.append(FakePlan(), b"first")
    spool.writer.close(time.time_ns())
    name = "f" * 32 + "-000001.seg"
    Path(spool.place.segments, name).write_bytes(garbage)
    try:
        found = spool.read(name)
    except ValueError:
        return  # another version: left alone
    assert not any(isinstance(one, Frame) for one in found)


@pytest.mark.parametrize("size", [0, 1, 63, 64, 127, 128, 129])
def test_a_segment_that_was_only_begun_holds_nothing_and_is_no_error(spool: Spool, size: int) -> None:
    path, whole = _small_segment(spool)
    Path(path).write_bytes(whole[:size])

    assert [one for one in spool.read(os.path.basename(path)) if isinstance(one, Frame)] == []


def test_the_zeros_of_a_killed_writer_are_no_damage(spool: Spool, plan: FakePlan) -> None:
    spool.append(plan, b"only")
    for lane in spool.writer.lanes:
        lane.abandon()  # as SIGKILL leaves it: preallocated, no END

    found = spool.read(spool.names()[0])

    assert [one for one in found if isinstance(one, Damage)] == []
    assert spool.data() == [b"only"]


def test_a_torn_end_of_a_dead_writer_is_reported_once_as_torn(spool: Spool, plan: FakePlan) -> None:
    spool.append(plan, b"whole")
    spool.append(plan, b"torn" * 100)
    for lane in spool.writer.lanes:
        lane.abandon()
    path = Path(spool.place.segments) / spool.names()[0]
    content = bytearray(path.read_bytes())
    last = [one for one in spool.read(path.name) if isinstance(one, Frame)][-1]
    content[last.stop - 60 : last.stop] = bytes(60)
    path.write_bytes(bytes(content))

    found = spool.read(path.name)

    assert spool.data() == [b"whole"]
    assert [(one.torn, one.start) for one in found if isinstance(one, Damage)] == [(True, last.start)]


def test_a_page_of_zeros_between_frames_does_not_hide_what_follows(spool: Spool, plan: FakePlan) -> None:
    for number in range(300):
        spool.append(plan, b"%04d" % number)
    for lane in spool.writer.lanes:
        lane.abandon()
    path = Path(spool.place.segments) / spool.names()[0]
    content = bytearray(path.read_bytes())
    content[4096:8192] = bytes(4096)  # as a power cut leaves a page that was never written
    path.write_bytes(bytes(content))

    rows = spool.data()

    assert rows[-1] == b"0299"
    assert 300 - len(rows) <= 4096 // 64 + 2


def test_a_frame_that_its_writer_finishes_while_we_look_is_no_damage(spool: Spool, plan: FakePlan) -> None:
    """First a look at half a frame, then at the next one, whole: the first was finished in between, so it is looked at again."""
    for number in range(3):
        spool.append(plan, b"row %d" % number)
    (name,) = spool.names()
    second = [one for one in spool.read(name) if isinstance(one, Frame) and one.head.kind == frame.DATA][1]
    segment = OpenSegment(spool.place, name, spool.files)
    assert segment.alive
    real, looks = segment.read, []

    def early(size: int, offset: int) -> bytes:
        if offset == second.start and not looks:
            looks.append(offset)
            return real(size, offset)[:20].ljust(size, b"\0")  # its writer is in the middle of it
        return real(size, offset)

    segment.read = early  # type: ignore[method-assign]
    try:
        found = list(segment.frames(0))
    finally:
        segment.close()

    assert looks, "the half was seen"
    assert not [one for one in found if isinstance(one, Damage)]
    assert [one.data for one in found if isinstance(one, Frame) and one.head.kind == frame.DATA] == [b"row 0", b"row 1", b"row 2"]
