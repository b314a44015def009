"""The guide of 2017 reads a day's folder with `/*` and the header option. So it is read here: from a local folder, and from what Azure has."""

from __future__ import annotations

import glob
import itertools
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest

from modeldata import Archive
from tests.support.azurite import Azurite
from tests.support.scripts import modeldata

from .buckets import AzureBucket

KEYS: dict[str, str] = {}
_numbers = itertools.count(1)
ROWS = [(number, f"text, {number}", number / 4) for number in range(50)]


def _collect(url: str, spool: Path) -> None:
    for part, columns in (((0, 30), ["n", "text", "score"]), ((30, 50), ["n", "text", "score", "extra"])):
        archive = Archive(url, spool=spool, ship="off", min_free_bytes=0)
        frame = pd.DataFrame(ROWS[slice(*part)], columns=["n", "text", "score"])
        if "extra" in columns:
            frame["extra"] = 1
        assert archive.collector("m", "inputs").collect(frame)
        archive.close(0)
        done = modeldata("ship", "--drain", "--archive", url, "--spool", str(spool), env=KEYS)
        assert done.returncode == 0, done.stderr


@pytest.fixture(params=["local", "azurite"])
def day(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the day, as whoever copies it (or mounts it) has it."""
    root = tmp_path / "archive"
    if request.param == "local":
        _collect(str(root), tmp_path / "spool")
    else:
        server: Azurite = request.getfixturevalue("azurite_server")
        name = f"guide-{next(_numbers)}"
        bucket = AzureBucket(server.connection_string, name)
        bucket.create()
        monkeypatch.setitem(KEYS, "AZURE_STORAGE_CONNECTION_STRING", server.connection_string)
        _collect(f"az://{name}", tmp_path / "spool")
        for path, content in bucket.files().items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(content)
    (found,) = {path.parent for path in root.rglob("data.csv")}
    assert (found / "_manifest").is_dir() and len(list(found.glob("data*.csv"))) == 2, "a second header went to a second file"
    return found


def test_pandas_and_duckdb_read_the_folder_of_a_day(day: Path) -> None:
    frames = pd.concat([pd.read_csv(path) for path in sorted(glob.glob(f"{day}/*.csv"))])
    assert sorted(zip(frames["n"], frames["text"], frames["score"], strict=True)) == ROWS
    found = duckdb.sql(f"select n, text, score from read_csv('{day}/*', header=true, union_by_name=true) order by n").fetchall()
    assert found == ROWS


@pytest.mark.spark
def test_spark_reads_the_folder_of_a_day(spark: Any, day: Path) -> None:
    read = spark.read.format("csv").option("header", "true").option("inferSchema", "true")
    one = read.load(f"{day}/data.csv").collect()
    assert sorted((row["n"], row["text"], row["score"]) for row in one) == ROWS[:30]
    parts = [read.load(path).select("n", "text", "score") for path in sorted(glob.glob(f"{day}/*.csv"))]
    everything = parts[0].unionByName(parts[1]).collect()
    assert sorted((row["n"], row["text"], row["score"]) for row in everything) == ROWS
    assert read.load(f"{day}/*").count() == len(ROWS), "the manifests are not read as data"
