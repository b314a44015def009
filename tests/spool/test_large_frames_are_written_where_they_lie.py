"""A large frame is not copied together first: piece by piece into the segment, then its header."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modeldata.snapshot.buffers import LARGE, Buffers, copy_if_small
from modeldata.spool.files import Files
from modeldata.spool.frame import FRAME_BYTES
from modeldata.spool.reader import Frame
from modeldata.spool.segment import DIRECT_BYTES

from .conftest import FakePlan, Spool


class Unreserved(Files):
    """A platform on which room can't be reserved."""

    def allocate(self, fd: int, size: int) -> bool:
        return False


def _stored(spool: Spool, *contents: bytes | Buffers) -> list[bytes]:
    plan = FakePlan()
    for content in contents:
        spool.append(plan, content)  # type: ignore[arg-type] # as a lane takes it
    return spool.data()


@pytest.mark.parametrize("files", [Files(), Unreserved()], ids=["reserved", "unreserved"])
@pytest.mark.parametrize("size", [0, 1, DIRECT_BYTES - 1, DIRECT_BYTES, DIRECT_BYTES + 1, LARGE, LARGE + 3, 5 << 20])
def test_a_frame_of_any_size_comes_back_from_bytes_and_from_pieces(tmp_path: Path, files: Files, size: int) -> None:
    whole = os.urandom(size)
    pieces = Buffers([whole[: size // 3], memoryview(whole)[size // 3 : size // 2], b"", whole[size // 2 :]])
    spool = Spool(tmp_path / "spool", files)

    assert len(pieces) == size
    assert _stored(spool, whole, pieces, b"behind") == [whole, whole, b"behind"]


@settings(max_examples=30, deadline=None)
@given(sizes=st.lists(st.integers(0, 3 * DIRECT_BYTES), min_size=1, max_size=8))
def test_frames_in_pieces_and_in_one_lie_behind_each_other(tmp_path_factory: pytest.TempPathFactory, sizes: list[int]) -> None:
    contents = [bytes([number % 251]) * size for number, size in enumerate(sizes)]
    mixed: list[bytes | Buffers] = [
        content if number % 2 else Buffers([content[:7], memoryview(content)[7:]]) for number, content in enumerate(contents)
    ]
    assert _stored(Spool(tmp_path_factory.mktemp("spool"), Files()), *mixed) == contents


def test_data_that_changes_while_it_is_stored_spoils_no_frame(tmp_path: Path) -> None:
    """Another thread of the service may write into an array in just that moment: then these rows are what was stored of it."""
    shared = bytearray(b"a" * LARGE)

    class Meddling(Files):
        def pwrite(self, fd: int, data: bytes | memoryview, offset: int) -> int:
            done = super().pwrite(fd, data, offset)
            if len(data) == LARGE:
                shared[:] = b"b" * LARGE
            return done

    spool = Spool(tmp_path / "spool", Meddling())
    assert _stored(spool, b"before", Buffers([memoryview(shared), memoryview(shared)]), b"behind") == [
        b"before", b"a" * LARGE + b"b" * LARGE, b"behind",
    ]  # fmt: skip


def test_the_header_comes_last_so_that_a_reader_sees_all_of_a_frame_or_none(tmp_path: Path) -> None:
    seen: list[list[object]] = []
    look: list[Callable[[], list[object]]] = []

    class Watched(Files):
        def pwrite(self, fd: int, data: bytes | memoryview, offset: int) -> int:
            done = super().pwrite(fd, data, offset)
            if look and len(data) != FRAME_BYTES:  # a piece of the payload, not the header
                seen.append(look[0]())
            return done

    spool = Spool(tmp_path / "spool", Watched())
    plan, large = FakePlan(), b"y" * DIRECT_BYTES
    for content in (b"before", b"x" * LARGE):
        spool.append(plan, content)  # type: ignore[arg-type] # as a lane takes it
    before = _read(spool)
    look.append(lambda: _read(spool))
    spool.append(plan, Buffers([large, memoryview(large)]))  # type: ignore[arg-type] # as a lane takes it

    assert len(seen) >= 2 and all(now == before for now in seen)
    assert spool.data() == [b"before", b"x" * LARGE, large * 2]


def _read(spool: Spool) -> list[object]:
    """What a reader meets: the content of frames, and the kind of anything else, above all of a damaged frame."""
    return [item.data if isinstance(item, Frame) else type(item) for name in spool.names() for item in spool.read(name)]


def test_small_pieces_are_put_together_and_large_ones_are_left_where_they_are() -> None:
    large = bytearray(LARGE)
    assert copy_if_small([b"a", memoryview(b"b")]) == b"ab"
    left = copy_if_small([b"a", memoryview(large)])
    assert isinstance(left, Buffers) and left.buffers[1].obj is large  # type: ignore[union-attr] # a view, not bytes
