"""Compaction makes one file of a day whose columns changed their type: each value as it was, the column of one type."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from modeldata import Archive
from tests.encode.support import assert_same
from tests.keep.kit import compacted, data_files, local
from tests.read.kit import Shipped

DRIFTS: dict[str, tuple[list[object], str]] = {
    "whole numbers, then fractions": ([1, 1.5, None], "double"),
    "a number, then text": ([1, "a"], "string"),
    "a flag, then a number": ([True, 1], "double"),
    "text, then a number": (["a", 1], "string"),
    "beyond a double, then a fraction": ([2**60, 1.5], "string"),
    "no value at all": ([None, None], "double"),
}


def compacted_archive(tmp_path: Path, *batches: tuple[int, object]) -> Path:
    """Each value was a batch of its own, of a day of January."""
    shipped = Shipped(str(tmp_path / "archive"), tmp_path / "spool", "parquet")
    for day, value in batches:
        shipped.collect("in", {"x": value}, at=f"2026-01-{day:02d}T03:04:05")
        shipped.ship()
    compacted(local(tmp_path))
    return tmp_path / "archive"


@pytest.mark.parametrize("name", DRIFTS)
def test_a_day_of_drifting_types_becomes_one_file(name: str, tmp_path: Path) -> None:
    values, kind = DRIFTS[name]
    archive = compacted_archive(tmp_path, *((2, value) for value in values))
    files = data_files(tmp_path)
    assert {str(pq.read_schema(path).field("x").type) for path in files} == {kind}
    found = [row["x"] for row in Archive(archive).scan("m", "in").to_pylist()]
    assert sorted(map(repr, found)) == sorted(map(repr, values))
    assert_same(sorted(found, key=repr), sorted(values, key=repr))


def test_a_day_without_a_value_keeps_the_type_that_its_column_had(tmp_path: Path) -> None:
    compacted_archive(tmp_path, (2, "a"), (3, None), (3, None))
    assert {str(pq.read_schema(path).field("x").type) for path in data_files(tmp_path)} == {"string"}
