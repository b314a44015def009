"""A frame of any size fits the segment that is made for it: at most one new segment a call, whatever lies at a segment's end."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from modeldata import Archive
from tests.support.archive import features
from tests.support.scripts import drain

PAGE = 4096
SIZES = [pages * PAGE + more for pages in (16, 64, 1_030) for more in (-3_000, -2_048, -1_100, -800, -500, -100, 0, 700)]
"""Bytes around whole pages: below and above the first segment's usual size, and above the largest one's."""


@pytest.mark.parametrize("form", ["text", "frame"])
@pytest.mark.parametrize("size", SIZES)
def test_a_first_call_of_any_size_takes_one_segment(tmp_path: Path, size: int, form: str) -> None:
    archive = Archive(tmp_path / "a", ship="off", fsync="never", min_free_bytes=0, max_row_bytes=64 << 20)
    data = ["x" * size] if form == "text" else np.zeros((size // 8, 1))
    assert archive.collector("m", "in").collect(data), archive.stats().dropped
    assert len(list((tmp_path / "a").rglob("*.seg"))) == 1
    archive.close(0)


def test_calls_that_grow_are_all_archived(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "a", ship="off", fsync="never", min_free_bytes=0, max_row_bytes=64 << 20)
    collector = archive.collector("m", "in", ["text"])
    texts = ["x" * size for size in SIZES]
    assert all(collector.collect([text]) for text in texts)
    archive.close(0)
    drain(tmp_path / "a")
    assert sorted(len(text) for (text,) in features(tmp_path / "a")) == sorted(SIZES)
