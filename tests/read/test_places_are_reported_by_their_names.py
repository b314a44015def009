"""What a folder's name says is what `day_folder` made it of; what numbers a manifest tells is what the rows of a file have."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modeldata.catalog.lines import ArchivedBatch, ManifestLine
from modeldata.format import names
from modeldata.format.manifest import Entry
from modeldata.format.paths import day_folder, file_format, identity_of, place_of
from modeldata.read.chunks import numbers
from tests.encode.support import TEXT

PART = st.one_of(
    TEXT, st.sampled_from(["unknown", "a-b", "id-1", "~2D", "2026", "11", "0a1b2c3d-0000-1111-2222-333344445555", "_x", "con"])
)
IDENTITIES = st.fixed_dictionaries(dict.fromkeys(names.IDENTITY, PART))


@given(identity=IDENTITIES, second=st.integers(0, 4_000_000_000), hours=st.booleans())
def test_a_folder_gives_back_the_identity_and_the_time_it_was_made_of(identity: dict[str, str], second: int, hours: bool) -> None:
    place = place_of(day_folder(identity, second * 10**9, hours))
    assert place is not None and place.start_ns <= second * 10**9 < place.end_ns
    assert place.end_ns - place.start_ns == (3600 if hours else 86_400) * 10**9
    assert dt.datetime.fromtimestamp(second, dt.UTC).strftime("%Y/%m/%d") in place.path
    assert identity_of(place.collector) == (None if "~~" in place.collector else identity), "a name that is too long has a hash"


@pytest.mark.parametrize("folder", ["", "a", "a/2026", "a/b/2026/13/01", "a/b/2026/02/30", "a/b/2026/02/03/24", "2026/01/01"])
def test_other_folders_are_no_place(folder: str) -> None:
    assert place_of(folder) is None


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("data.csv", "csv"),
        ("data-01234567-1.parquet", "parquet"),
        ("data-00112233445566778899aabb-12.jsonl", "jsonl"),
        ("data.parquet", None),
        ("data.csv.bak", None),
        ("data-x-1.csv", None),
        ("mydata.csv", None),
    ],
)
def test_names_of_data_files_are_known(name: str, form: str | None) -> None:
    assert file_format(name) == form


def _batch(log: str, calls: list[list[int]], sequences: list[tuple[str, int, int]], continues: int = 0) -> ArchivedBatch:
    rows = sum(rows * times for rows, times in calls)
    return ArchivedBatch(
        ManifestLine(log, 1, Entry({})), "data.csv", 0, 0, 0, 0, rows, 0, 0, (), (), {}, calls, sequences, continues
    )


def test_rows_are_numbered_within_their_calls_and_by_their_writers() -> None:
    one = _batch("data.csv.jsonl", [[2, 2], [3, 1]], [("w", 10, 13), ("v", 0, 2)])
    other = _batch("data.csv.jsonl", [[1, 1], [2, 1]], [("v", 3, 3), ("v", 4, 5)], continues=3)
    writers, sequences, rows = numbers([one, other])
    assert writers.to_pylist() == ["w"] * 4 + ["v"] * 6
    assert sequences.to_pylist() == [10, 11, 12, 13, 0, 1, 2, 3, 4, 5]
    assert rows.to_pylist() == [0, 1, 0, 1, 0, 1, 2, 3, 0, 1]


def test_rows_of_a_call_on_spark_are_numbered_over_its_partitions() -> None:
    writer = "00112233445566778899aabb" + "00000002"
    rows = numbers([_batch("a/_manifest/spark-00112233445566778899aabb.jsonl", [[2, 1]], [(writer, 5, 6)], continues=5)])[2]
    assert rows.to_pylist() == [(2 << 33) + 5, (2 << 33) + 6]
