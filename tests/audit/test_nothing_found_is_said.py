"""An audit of a place without an archive proves nothing, and says so."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from modeldata.catalog.audit import BROKEN, COMPLETE, NOTHING
from tests.audit.kit import Harmed, audited
from tests.support.scripts import modeldata

ORIGINAL = "sub/group/acc/svc/id-m-1/inputs/2017/10/01/data.csv"


def test_a_place_that_is_not_there_ends_with_1_and_near_names(tmp_path: Path) -> None:
    harmed = Harmed(tmp_path)
    done = modeldata("audit", str(tmp_path / "archvie"))
    assert done.returncode == 1 and NOTHING in done.stdout
    assert str(harmed.root) in done.stdout.replace("\n", "")


@pytest.mark.parametrize("step", ["unknown/unknown", "unknown", ".."])
def test_a_folder_above_or_below_the_archive_names_the_archive(tmp_path: Path, step: str) -> None:
    harmed = Harmed(tmp_path)
    (harmed.root / "unknown" / "unknown" / "empty").mkdir(exist_ok=True)
    wrong = harmed.root / "unknown" / "unknown" / "empty" if step.startswith("unknown") else tmp_path / "other"
    wrong.mkdir(exist_ok=True)
    done = modeldata("audit", str(wrong), "--json")
    report = json.loads(done.stdout)
    assert (done.returncode, report["verdict"]) == (1, NOTHING)
    if step.startswith("unknown"):
        assert report["hints"] == [f"an archive that may be meant: {harmed.root}"]


def test_an_unrelated_folder_is_not_complete(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "table").mkdir()
    (tmp_path / "table" / "data.csv").write_text("a,b\n1,2\n")
    found = audited(tmp_path)
    assert (found.verdict, found.unaccounted) == (NOTHING, ["table/data.csv"])


def test_files_of_2017_beside_ours_are_named_and_harm_nothing(tmp_path: Path) -> None:
    harmed = Harmed(tmp_path)
    old = harmed.root / ORIGINAL
    old.parent.mkdir(parents=True)
    old.write_text("$Timestamp,$CorrelationId,$RequestId,a\n2017-10-01T00:00:00,,,1\n")
    found = audited(harmed.root)
    assert (found.verdict, found.unaccounted) == (COMPLETE, [ORIGINAL])


@pytest.mark.parametrize("file_format", ["csv", "jsonl", "parquet"])
def test_files_that_are_ours_by_name_and_have_no_manifest_are_broken(tmp_path: Path, file_format: str) -> None:
    harmed = Harmed(tmp_path, file_format)
    for log in harmed.logs:
        log.unlink()
    found = audited(harmed.root)
    assert found.verdict == BROKEN
    assert all(any(path.name in problem for problem in found.problems) for path in harmed.files)
