"""A row may be longer than what a parser takes at once: it comes back, and so do those beside it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.read.kit import FORMATS, Shipped

MIB = 1 << 20


@pytest.mark.parametrize("file_format", FORMATS)
@pytest.mark.parametrize("sizes", [(1, 3 * MIB, 1), (3 * MIB,), (1, MIB - 200, MIB, 1), (2 * MIB, 1, 1, 2 * MIB)])
def test_long_rows_come_back_beside_short_ones(tmp_path: Path, file_format: str, sizes: tuple[int, ...]) -> None:
    shipped = Shipped(str(tmp_path / "archive"), tmp_path / "spool", file_format, max_row_bytes=16 * MIB)
    rows = [{"number": number, "text": chr(97 + number) * size} for number, size in enumerate(sizes)]
    for row in rows:
        shipped.collect("inputs", row)
    shipped.ship()
    table = shipped.archive.read("m", "inputs", columns=["number", "text"])
    assert table.to_pylist() == rows
