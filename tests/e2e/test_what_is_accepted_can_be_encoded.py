"""Promise 2: what `collect()` accepts the shipper can encode, in every format; nothing of it lies in quarantine."""

from __future__ import annotations

import csv
import json
import math
import threading
from itertools import count
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modeldata import Archive
from modeldata.ship.pipeline import Pipeline
from modeldata.spool.files import Files
from modeldata.spool.folder import open_place
from modeldata.store import open_store
from tests.encode.support import FORMATS
from tests.snapshot.kinds_of_values import KINDS, SPAN

names = (f"c{number}" for number in count())


class Way:
    """An archive in one format and its shipper, in this process."""

    def __init__(self, folder: Path, file_format: str) -> None:
        self.root, self.format = folder / "archive", file_format
        self.archive = Archive(self.root, format=file_format, ship="off", fsync="never", min_free_bytes=0, batch_seconds=0)
        there = self.archive.settings
        self.place = open_place(there.spool_folder(), Files(), b"\1" * 16, 0)
        store = open_store(there.archive, Files())
        self.pipeline = Pipeline(self.place, store, there, files=Files(), warn=pytest.fail, may_commit=lambda: True)

    def archived(self, rows: list[dict[str, object]]) -> list[dict[str, object]]:
        """The cells of these rows, by a reader that is none of ours."""
        name = next(names)
        collector = self.archive.collector("m", name)
        for row in rows:
            assert collector.collect(row), self.archive.stats().dropped
        while self.pipeline.step().rows:
            continue
        assert not list(self.root.rglob("quarantine/*"))
        return [
            row
            for path in sorted(self.root.rglob("data*"))
            if name in path.parts and path.parent.name != "_manifest"
            for row in self._rows(path)
        ]

    def _rows(self, path: Path) -> list[dict[str, object]]:
        if self.format == "parquet":
            return pq.read_table(path).to_pylist()
        with path.open(newline="", encoding="utf-8") as file:
            if self.format == "csv":
                return list(csv.DictReader(file))  # type: ignore[arg-type]  # text only
            return list(map(json.loads, file))


@pytest.fixture(scope="module", params=FORMATS)
def way(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Way:
    return Way(tmp_path_factory.mktemp("way"), request.param)


def written(value: object) -> object:
    """The value as JSON has it: numbers, text, lists and dicts."""
    if isinstance(value, (list, tuple)):
        return [written(item) for item in value]
    if isinstance(value, dict):
        return {str(key): written(item) for key, item in value.items()}
    if value is None or isinstance(value, (bool, int)) or (isinstance(value, float) and math.isfinite(value)):
        return value
    if isinstance(value, bytes):
        import base64

        return base64.b64encode(value).decode()
    if value == SPAN:
        return "P1DT0H0M2S"
    if isinstance(value, float):
        return "NaN"
    texts = {"datetime": lambda: value.isoformat(timespec="microseconds"), "date": lambda: value.isoformat()}  # type: ignore[attr-defined]
    texts["time"] = texts["date"]
    return texts.get(type(value).__name__, lambda: str(value))()


def read(cell: object) -> object:
    """A nested cell, whether it came as JSON text or typed."""
    return json.loads(cell) if isinstance(cell, str) else cell


@pytest.mark.parametrize(("value", "form"), KINDS, ids=lambda value: type(value).__name__)
def test_each_kind_of_value_is_archived_in_every_format(way: Way, value: object, form: object) -> None:
    (row,) = way.archived([{"before": 1, "cell": [value, {"k": value}], "after": "end"}])
    assert (float(str(row["before"])), row["after"]) == (1, "end")
    found = read(row["cell"])
    if isinstance(form, int) and form > 2**64:
        assert [int(str(one), 0) for one in (found[0], found[1]["k"])] == [form] * 2  # type: ignore[index]
    else:
        assert found == [written(form), {"k": written(form)}]


_values = st.integers(0, len(KINDS) - 1)
"""Kinds by their number: hostile ones can't be shown."""
_nested = st.recursive(
    _values,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=4), inner, max_size=4)),
    max_leaves=8,
)


def _built(tree: object) -> object:
    if isinstance(tree, list):
        return list(map(_built, tree))
    return {key: _built(item) for key, item in tree.items()} if isinstance(tree, dict) else KINDS[tree][0]  # type: ignore[index]


@settings(max_examples=6, deadline=None)
@given(numbers=st.lists(_nested, min_size=1, max_size=6))
def test_any_mixture_is_archived_while_another_thread_changes_it(way: Way, numbers: list[object]) -> None:
    cells = list(map(_built, numbers))
    shared: list[object] = list(cells)
    stop = threading.Event()

    def churn() -> None:
        while not stop.is_set():
            shared.append(cells[0])
            del shared[len(cells) :]

    thread = threading.Thread(target=churn)
    thread.start()
    try:
        rows = way.archived(
            [{"number": number, "cell": cell, "shared": shared, "after": "end"} for number, cell in enumerate(cells)]
        )
    finally:
        stop.set()
        thread.join(30)
    assert [float(str(row["number"])) for row in rows] == list(range(len(cells)))
    assert {row["after"] for row in rows} == {"end"}
