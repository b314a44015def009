"""`compact` and `erase` with `--engine spark`: the same outcome as on one machine, each folder by a task of an executor."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from modeldata.catalog.audit import COMPLETE, EXPLAINED
from modeldata.cli import run as run_command
from modeldata.cli.ctrl_c import CtrlC
from modeldata.errors import StoreError
from modeldata.settings import Settings
from modeldata.spark.rewriting import on_executors
from modeldata.spool.files import Files
from modeldata.store import open_store
from tests.keep.kit import checked, job, rows, without
from tests.read.kit import Shipped
from tests.spark.conftest import Place

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = [
    pytest.mark.spark,
    pytest.mark.timeout(300),
    pytest.mark.filterwarnings("ignore:PySpark does not yet fully support pandas:FutureWarning"),
]


def filled(place: Place, folder: Path) -> None:
    """Four days of one collector, in several files each."""
    shipped = Shipped(place.url, folder / "spool", "parquet")
    for number in range(8):
        at = f"2026-10-{1 + number // 2:02d}T10:00:00"
        shipped.collect("inputs", *({"customer": 17 + row % 2, "n": 10 * number + row} for row in range(6)), at=at)
        shipped.ship()


def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *arguments: str) -> dict[str, Any]:
    monkeypatch.setattr("sys.argv", ["modeldata", *arguments, "--json"])
    try:
        code = run_command(CtrlC())
    except SystemExit as end:
        code = int(end.code or 0)
    report: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert code == 0, report
    return report


@pytest.mark.parametrize("place", ["folder", "s3"], indirect=True)
def test_folders_are_rewritten_by_executors(
    spark: SparkSession, place: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(place, tmp_path)
    store = open_store(place.url, Files())
    before = rows(store)
    report = run(capsys, monkeypatch, "compact", place.url, "--engine", "spark")
    assert [(one["day"], one["rows"], one["files"]) for one in report["folders"]] == [
        (f"2026-10-0{day}", 12, 2) for day in range(1, 5)
    ]
    assert rows(store) == before and checked(store).verdict == COMPLETE
    report = run(capsys, monkeypatch, "erase", place.url, "--where", "customer = 17", "--yes", "--engine", "spark")
    assert report["rows"] == 24
    assert rows(store) == without(before) and checked(store).verdict == EXPLAINED


def test_an_executor_that_sees_another_folder_changes_nothing(spark: SparkSession, place: Place, tmp_path: Path) -> None:
    from functools import partial

    from modeldata.catalog.batches import Catalog
    from modeldata.keep.compact import Sizes
    from modeldata.keep.jobs import compact_one

    filled(place, tmp_path)
    store = open_store(place.url, Files())
    places = [one.place for one in Catalog.of(store).listings.values() if one.place]
    elsewhere = Settings.build({}, archive=str(tmp_path / "not-shared"))
    (tmp_path / "not-shared").mkdir()
    work = partial(compact_one, job(store), sizes=Sizes(), dry=False)
    with pytest.raises(Exception, match="does not see what the driver listed") as report:
        list(on_executors(spark, elsewhere)(work, places))
    assert StoreError.__name__ in str(report.value)
    assert checked(store).verdict == COMPLETE
