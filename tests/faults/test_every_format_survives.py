"""The crash sweep for the other formats: files that are there as a whole or not at all, and lines that grow."""

from __future__ import annotations

import io
import json
import os
import random
import shutil
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from modeldata import Archive, ModelDataError
from modeldata.catalog.audit import audit
from modeldata.settings import Settings
from modeldata.spool.files import Files
from modeldata.store import open_store
from modeldata.testing import Died, Fault, FaultyFiles
from tests.support.service import finish, pipeline_of
from tests.support.spools import copy_as_itself

ROWS = 30


def _settings(folder: Path, file_format: str) -> Settings:
    return Settings.build(
        {}, archive=folder / "archive", spool=folder / "spool", format=file_format, min_free_bytes=0, batch_seconds=0
    )


def _spool(folder: Path, file_format: str) -> None:
    """Rows of two collectors and two writers: more than one batch a file."""
    for start in (0, ROWS // 2):
        archive = Archive(folder / "archive", spool=folder / "spool", format=file_format, ship="off", min_free_bytes=0)
        for name in ("inputs", "predictions"):
            collector = archive.collector("m", name, ["n", "text"])
            for number in range(start, start + ROWS // 2):
                assert collector.collect([[number, "é"]] if number % 3 else [number, "é"])
        archive.close(0)


def _read(archive: Path) -> Counter[tuple[str, int]]:
    """(identifier, number) of each row, read with json and pyarrow; a file that is half there fails."""
    found: Counter[tuple[str, int]] = Counter()
    for path in archive.rglob("data*"):
        if path.suffix not in (".jsonl", ".parquet") or "_manifest" in path.parts:
            continue
        content = path.read_bytes()
        lines = (
            pq.read_table(io.BytesIO(content)).to_pylist() if path.suffix == ".parquet" else map(json.loads, content.splitlines())
        )
        found.update((path.parts[-5], int(row["n"])) for row in lines)
    return found


EXPECTED = Counter((name, number) for name in ("inputs", "predictions") for number in range(ROWS))


def _sweep(tmp_path: Path, file_format: str, chosen: random.Random | None) -> None:
    (tmp_path / "template").mkdir()
    _spool(tmp_path / "template", file_format)
    spooled = Path(_settings(tmp_path / "template", file_format).spool_folder())
    run = tmp_path / "run"
    settings = _settings(run, file_format)

    def restore() -> None:
        shutil.rmtree(run, ignore_errors=True)
        run.mkdir()
        copy_as_itself(spooled, settings.spool_folder())

    restore()
    dry = FaultyFiles()
    finish(pipeline_of(settings, dry))
    points = range(1, len(dry.operations) + 1)
    for point in points if chosen is None else sorted(chosen.sample(points, 30)):
        restore()
        with pytest.raises((Died, ModelDataError, OSError)):
            finish(pipeline_of(settings, FaultyFiles(Fault(point))))
        finish(pipeline_of(settings, Files()))
        assert _read(run / "archive") == EXPECTED, f"killed before operation {point}"
        assert audit(open_store(settings.archive, Files())).verdict == "complete"
        assert os.listdir(os.path.join(settings.spool_folder(), "segments")) == []


@pytest.mark.parametrize("file_format", ["jsonl", "parquet"])
def test_a_shipper_killed_before_some_of_its_operations_leaves_every_row_once(tmp_path: Path, file_format: str) -> None:
    _sweep(tmp_path, file_format, random.Random(11))


@pytest.mark.faults
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("file_format", ["jsonl", "parquet"])
def test_a_shipper_killed_before_any_of_its_operations_leaves_every_row_once(tmp_path: Path, file_format: str) -> None:
    _sweep(tmp_path, file_format, None)
