"""An archive and a spool that an earlier version wrote are read by this one, and by programs that are none of ours."""

from __future__ import annotations

import csv
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from zlib import crc32

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from modeldata import Archive
from modeldata.catalog.audit import Audit, audit
from modeldata.columns import ABSENT
from modeldata.settings.folders import SPOOL_PREFIX
from modeldata.ship.pipeline import Pipeline
from modeldata.spool.files import Files
from modeldata.spool.frame import SEGMENT_VERSION
from modeldata.store import open_store
from tests.compat.make_fixtures import (
    FORMATS,
    FRAME,
    LEFT,
    SPOOL_VERSION,
    TYPED,
    VALUES,
    VERSION,
    fixed,
    make_archive,
    make_spool,
    rows_of,
    unpack,
)
from tests.encode.support import assert_same
from tests.support.archive import features, manifest_lines
from tests.support.service import ship_all

Row = dict[str, object]
IDENTIFIERS = ("block", "erased", "frame", "hours", "kept", "shapes", "typed", "values")


@pytest.fixture(scope="module", params=[f"{form}-{version + 1}" for form in FORMATS for version in range(VERSION)])
def old(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    form = request.param.partition("-")[0]
    return unpack(f"archive-{request.param}", tmp_path_factory.mktemp(form) / "archive")


@pytest.fixture(scope="module", params=[f"spool-{version + 1}" for version in range(SPOOL_VERSION)])
def shipped(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Pipeline]:
    """The archive of an old spool after all of it was shipped."""
    archive = unpack(request.param, tmp_path_factory.mktemp("spool") / "archive")
    return archive, ship_all(Files(), str(archive))


def _format(old: Path) -> str:
    return old.parent.name.rstrip("0123456789")


def _ours(archive: Path, identifier: str) -> list[Row]:
    """The features, in the order in which they were collected."""
    rows = Archive(archive).scan("fixture", identifier).to_pylist()
    rows.sort(key=lambda row: (row["$Timestamp"], row["$Sequence"]))  # type: ignore[arg-type, return-value] # times, numbers
    return [{name: value for name, value in row.items() if not name.startswith("$")} for row in rows]


def _audited(archive: Path) -> Audit:
    found = audit(open_store(str(archive), Files()))
    assert not found.problems, found.problems
    assert not [pair for writer in found.writers for pair in writer.doubled]
    return found


def _data_files(archive: Path, identifier: str) -> Iterator[Path]:
    for path in sorted(archive.rglob("data*.*")):
        if identifier in path.relative_to(archive).parts and path.parent.name != "_manifest":
            yield path


def _theirs(path: Path) -> list[Row]:
    """As csv, json and pyarrow read a file."""
    if path.suffix == ".parquet":
        return pq.ParquetFile(path).read().to_pylist()
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file)) if path.suffix == ".csv" else [json.loads(line) for line in file]


@pytest.mark.parametrize(("identifier", "collected"), [("values", rows_of(VALUES)), ("typed", TYPED.to_pylist())])
def test_each_value_comes_back_as_it_was_collected(old: Path, identifier: str, collected: list[Row]) -> None:
    found = _ours(old, identifier)[:3]
    for row, wanted in zip(found, collected, strict=True):
        for name, value in wanted.items():
            assert_same(row[name], value, f"{identifier}.{name}")


def test_a_key_that_was_missing_is_missing_or_none(old: Path) -> None:
    missing = ABSENT if _format(old) == "jsonl" else None
    assert [row.get("sometimes", ABSENT) for row in _ours(old, "values")] == [1, missing, 3, 1]


def test_data_frames_and_arrays_come_back(old: Path) -> None:
    wanted = [{name: None if value is pd.NaT or value != value else value for name, value in row.items()} for row in FRAME.to_dict("records")]  # fmt: skip
    wanted[1]["f"] = float("nan")  # a number that is none is one; a text that is NaN is none
    for row, other in zip(_ours(old, "frame"), wanted, strict=True):
        assert_same(row, other)
    block = np.vstack([np.arange(6.0).reshape(3, 2), np.arange(2.0)])
    assert [list(row.values()) for row in _ours(old, "block")] == block.tolist()


def test_rows_of_several_shapes_hours_and_batches_come_back(old: Path) -> None:
    assert _ours(old, "shapes") == [{"a": 1}, {"a": 2, "b": "x"}, {"a": 0.5}]
    quote = "'" if _format(old) == "csv" else ""
    assert _ours(old, "hours") == 2 * [{"n": number, "s": f"{quote}=1+{number}"} for number in range(20)]


def test_rows_that_were_compacted_or_not_erased_come_back(old: Path) -> None:
    kept = [{"customer": number % 3, "n": number, "text": "a,\nb"} for number in range(6)]
    assert _ours(old, "kept") == [*kept, {"customer": 1, "n": 6, "text": None}]
    left = [number for number in range(6) if number % 3 != 2]
    assert [row["n"] for row in _ours(old, "erased")] == [*left, 6]


def test_the_audit_accounts_for_every_row(old: Path) -> None:
    found = _audited(old)
    missing = [(gap.first, gap.last, gap.reason) for writer in found.writers for gap in writer.missing]
    assert missing == [(2, 2, "erased"), (5, 5, "erased")]
    assert found.refused == {"unsupported_type": 2}


@pytest.mark.parametrize("identifier", IDENTIFIERS)
def test_programs_that_are_none_of_ours_read_the_same_rows(old: Path, identifier: str) -> None:
    named = {line["file"] for path, line in manifest_lines(old) if identifier in path.parts and "file" in line}
    found = [row for path in _data_files(old, identifier) if path.name in named for row in _theirs(path)]
    ours = _ours(old, identifier)
    first = next(iter(ours[0]))
    assert sorted(_plain(row.get(first)) for row in found) == sorted(_plain(row[first]) for row in ours)


def _plain(value: object) -> str:
    """Formats differ in how they write numbers, and in what they have for nothing."""
    text = "" if value is None else str(value)
    return str(float(text)) if text.lstrip("-")[:1].isdigit() else text


def test_what_the_manifest_says_of_the_bytes_of_a_file_is_true(old: Path) -> None:
    checked = 0
    for path, line in manifest_lines(old):
        if "file" not in line or "replaces" in line:
            continue
        data = (path.parent.parent / str(line["file"])).read_bytes()
        start = int(str(line["offset"]))
        content = data[start : start + int(str(line["bytes"]))]
        assert len(content) == line["bytes"], path
        assert crc32(content[-int(str(line.get("row_bytes", len(content)))) :]) == line["crc32"], path
        checked += 1
    assert checked >= 10


def test_each_version_of_a_segment_that_there_was_is_among_the_old_spools() -> None:
    versions = {each.name for each in (Path(__file__).parents[1] / "spool" / "fixtures").glob("spool-*")}
    assert versions == {f"spool-{version + 1}" for version in range(SEGMENT_VERSION)}, "python -m tests.spool.make_fixture"


def test_the_state_of_a_shipper_has_the_same_fields_as_in_the_newest_old_spool(tmp_path: Path) -> None:
    """A field that is new belongs into a fixture: raise SPOOL_VERSION and run `python -m tests.compat.make_fixtures`."""
    old, new = unpack(f"spool-{SPOOL_VERSION}", tmp_path / "old"), tmp_path / "new"
    with fixed():
        make_spool(new)
    fields = [_fields(root) for root in (old, new)]
    assert fields[0] == fields[1] and len(fields[0]) > 3


def _fields(archive: Path) -> dict[str, list[str]]:
    """The words of each file of a spool that may be names of fields, in JSON or in msgpack."""
    found: dict[str, list[str]] = {}
    for path in archive.glob(f"{SPOOL_PREFIX}*/**/*"):
        if path.is_file() and path.suffix != ".seg" and "staging" not in path.name:
            words = re.findall(rb'"(\w+)": ?|[\xa2-\xbf]([a-z_]{2,31})', path.read_bytes())
            found[path.name] = sorted({(name or text).decode() for name, text in words})
    return found


@pytest.mark.parametrize("file_format", FORMATS)
def test_the_same_rows_become_the_same_files(file_format: str, tmp_path: Path) -> None:
    old, new = unpack(f"archive-{file_format}-{VERSION}", tmp_path / "old"), tmp_path / "new"
    with fixed():
        make_archive(new, file_format)
    for root in (old, new):
        shutil.rmtree(root / "_heads", ignore_errors=True)  # they tell of host and time
    files = [sorted(path.relative_to(root) for path in root.rglob("*") if path.is_file()) for root in (old, new)]
    assert files[0] == files[1]
    for name in files[0]:
        if name.suffix == ".parquet":
            before, after = (pq.ParquetFile(root / name) for root in (old, new))
            assert after.metadata.metadata == before.metadata.metadata, name
            assert after.schema.equals(before.schema), name
            assert str(after.read().to_pydict()) == str(before.read().to_pydict()), name  # as text: NaN equals no NaN
        elif name.name != "archive.json":
            lines = [_as_first_written((root / name).read_bytes()) for root in (old, new)]
            assert lines[0] == lines[1], name


def _as_first_written(data: bytes) -> bytes:
    """Manifest lines without what the first versions did not say."""
    return re.sub(rb'"archived_ns":\d+,|"host":"[^"]*",|,"spool":"[0-9a-f]{32}"(?=[,}])', b"", data)


def test_every_row_of_an_old_spool_is_archived_once(shipped: tuple[Path, Pipeline]) -> None:
    archive, pipeline = shipped
    assert features(archive, "shipped") == [("1",), ("2",), ("3",), ("4",)]
    assert features(archive, "parked") == [("1",), ("2",), ("3",)]
    assert features(archive, "frozen") == [("1",), ("2",)]
    assert not pipeline.parked
    assert pipeline.state.torn == 1
    found = _audited(archive)
    assert (found.verdict, found.refused) == ("complete", {"unsupported_type": 1})


def test_the_input_of_every_kind_in_an_old_spool_comes_back(shipped: tuple[Path, Pipeline]) -> None:
    archive, _ = shipped
    for row, wanted in zip(_ours(archive, "values"), rows_of(VALUES), strict=True):
        for name, value in wanted.items():
            assert_same(row[name], value, name)
    arrow = [*TYPED.to_pylist(), *TYPED.slice(1).to_pylist()]
    for row, wanted in zip(_ours(archive, "arrow"), arrow, strict=True):
        assert_same(row, wanted)
    assert [list(row.values()) for row in _ours(archive, "rows")] == [[1, "a"], [2, "b"]]
    assert _ours(archive, "dict") == [{"a": 1, "b": "x"}]
    assert [row["a"] for row in _ours(archive, "dicts")] == [1, 2]
    assert [row["n"] for row in _ours(archive, "frame")] == [1, 2, 3]
    assert [list(row.values()) for row in _ours(archive, "series")] == [[1, 2, 3]]
    for row, call in zip(_ours(archive, "list"), LEFT["list"], strict=True):
        assert_same(list(row.values()), call)
    assert sorted(features(archive, "array")) == [("0", "1", "2"), ("0.0", "1.0"), ("2.0", "3.0"), ("4.0", "5.0")]
