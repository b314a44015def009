"""Promise 4 over the whole way: collected → spooled → shipped in batches that the store cuts → read by a reader that is none of ours."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modeldata import Archive
from modeldata.encode.restore import restore_column
from tests.encode.support import FORMATS, MIXED, SHAPED, UNIFORM, assert_same, cells, decoded, expected
from tests.support.archive import manifest_lines
from tests.support.service import pipeline_of

OWN = {"csv": 3, "jsonl": 6, "parquet": 6}
_names = (f"c{number}" for number in itertools.count(1))


class Way:
    """One archive in one format, and a shipper for it."""

    def __init__(self, folder: Path, file_format: str, block_bytes: int) -> None:
        self.root = folder / "archive"
        self.format = file_format
        self.archive = Archive(self.root, format=file_format, ship="off", fsync="never", min_free_bytes=0, batch_seconds=0)
        self.pipeline = pipeline_of(self.archive.settings, warn=pytest.fail, block_bytes=block_bytes)

    def there_and_back(self, calls: list[object]) -> tuple[list[str], list[list[object]]]:
        """(declared types, restored values) by column, in the order of the rows."""
        name = next(_names)
        collector = self.archive.collector("m", name)
        assert all(collector.collect(call) for call in calls)
        while self.pipeline.step().rows:
            continue
        lines = [line for line in self._lines(name) if line["rows"]]
        lines.sort(key=lambda line: line["sequences"])  # type: ignore[arg-type, return-value] # one writer: by number
        types: list[str] = []
        columns: list[list[object]] = []
        for line in lines:
            types, part = self._batch(name, line)
            columns = [before + more for before, more in zip(columns or [[] for _ in part], part, strict=True)]
        numbers = [number for line in lines for _, first, last in line["sequences"] for number in range(first, last + 1)]  # type: ignore[attr-defined]
        assert numbers == list(range(len(columns[0])))
        return types, columns

    def _lines(self, name: str) -> Iterator[dict[str, object]]:
        return (line for path, line in manifest_lines(self.root) if name in path.relative_to(self.root).parts)

    def _batch(self, name: str, line: dict[str, object]) -> tuple[list[str], list[list[object]]]:
        (path,) = (path for path in self.root.rglob(str(line["file"])) if name in path.parts)
        end = int(str(line["offset"])) + int(str(line["bytes"]))
        data = path.read_bytes()[end - int(str(line["row_bytes"])) : end]
        features = line["columns"]
        types = line["types"]
        assert isinstance(features, list) and isinstance(types, list)
        own = ["$Timestamp", "$CorrelationId", "$RequestId", "$Writer", "$Sequence", "$Row"][: OWN[self.format]]
        found = cells(self.format, data, [*own, *features])[len(own) :]
        kinds = line.get("kinds") or {}
        assert isinstance(kinds, dict)
        from modeldata.columns import ABSENT

        made = []
        for feature, declared, values in zip(features, types, found, strict=True):
            there = restore_column([None if value is ABSENT else value for value in values], declared, kinds.get(feature))
            made.append([ABSENT if value is ABSENT else one for value, one in zip(values, there, strict=True)])
        return types, made


@pytest.fixture(scope="module", params=FORMATS)
def whole(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Way:
    return Way(tmp_path_factory.mktemp("whole"), request.param, 1 << 26)


@pytest.fixture(scope="module", params=FORMATS)
def cut(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Way:
    """A store that takes so little at once that nearly every batch is cut."""
    return Way(tmp_path_factory.mktemp("cut"), request.param, 200)


def _check(way: Way, values: list[object]) -> None:
    calls: list[object] = [[{"k": at, "x": value} for at, value in enumerate(values)]]
    columns = decoded(*calls)
    if columns is None:
        return
    types, found = way.there_and_back(calls)
    assert types == [column.type for column in columns]
    for one, wanted in zip(found, expected(way.format, columns), strict=True):
        assert_same(one, wanted, way.format)


@settings(max_examples=60, deadline=None)
@given(values=st.one_of(UNIFORM, MIXED, SHAPED))
def test_generated_rows_come_back_equal_and_of_their_type(whole: Way, values: list[object]) -> None:
    _check(whole, values)


@settings(max_examples=60, deadline=None)
@given(values=st.one_of(UNIFORM, MIXED, SHAPED))
def test_rows_come_back_equal_wherever_their_batch_was_cut(cut: Way, values: list[object]) -> None:
    _check(cut, values)
