"""The `data.csv` of the 2017 original, made by the original's own Python part, is read beside ours."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from modeldata import Archive
from modeldata.catalog.batches import Catalog
from modeldata.catalog.errors import Damaged, SkippedWarning
from modeldata.format.paths import day_folder
from modeldata.spool.files import Files
from modeldata.store import open_store
from tests.oracle.original import original
from tests.read.kit import OWN, Shipped
from tests.stores.backends import PREFIX, Backend

DAY = "2017/11/23"


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A day of the original: two calls of a frame."""
    identity = {"model_management_account_id": "sub/group/acc", "webservice_name": "svc", "model_id": "id1", "model_version": "3"}
    made = original(tmp_path, "churn", "inputs", **identity)
    made.collect(pd.DataFrame({"age": [34, 52], "income": [51000.5, None], "plan": ["basic", 'pro, "plus"']}), "order-1")
    made.collect(pd.DataFrame({"age": [7], "income": [1.0], "plan": ["a\nb"]}), "")
    path = tmp_path / "archive" / made.folder() / DAY / "data.csv"
    path.parent.mkdir(parents=True)
    path.write_bytes(made.file())
    return path


def test_rows_of_the_original_are_read_with_types_inferred(old: Path, tmp_path: Path) -> None:
    found = Archive(tmp_path / "archive").read(
        "churn", "inputs", version="3", service="svc", account="sub/group/acc", model_id="id1"
    )
    assert found.column_names == [*OWN, "age", "income", "plan"]
    assert found.select(["age", "income", "plan"]).to_pydict() == {
        "age": [34, 52, 7],
        "income": [51000.5, None, 1.0],
        "plan": ["basic", 'pro, "plus"', "a\nb"],
    }
    expected = pd.read_csv(old)
    assert found.schema.field("$Timestamp").type == pa.timestamp("us", "UTC")
    assert [one.replace(tzinfo=None).isoformat() for one in found["$Timestamp"].to_pylist()] == expected["$Timestamp"].tolist()
    assert found["$CorrelationId"].to_pylist() == ["order-1", "order-1", ""]
    assert found["$Sequence"].null_count == 3, "the original did not number its rows"
    assert [row["age"] for row in Archive(tmp_path / "archive").scan("churn", "inputs").to_pylist()] == [34, 52, 7]


def test_a_row_of_the_original_that_is_damaged_is_named_and_the_rest_can_be_read(old: Path, tmp_path: Path) -> None:
    lines = old.read_bytes().splitlines(keepends=True)
    lines[2] = lines[2].replace(b",", b";", 1)
    old.write_bytes(b"".join(lines))
    with pytest.raises(Damaged, match=r"data\.csv: line 3 has 5 cells where the header has 6"):
        Archive(tmp_path / "archive").read("churn", "inputs")
    with pytest.warns(SkippedWarning, match="line 3"):
        assert Archive(tmp_path / "archive").read("churn", "inputs", errors="skip")["age"].to_pylist() == [34, 7]


def test_times_leave_out_rows_of_the_original_too(old: Path, tmp_path: Path) -> None:
    stamps = pd.to_datetime(pd.read_csv(old)["$Timestamp"], format="ISO8601").tolist()
    archive = Archive(tmp_path / "archive")
    assert archive.read("churn", "inputs", end=dt.date(2017, 11, 23)).num_rows == 0
    found = archive.read("churn", "inputs", columns=["age"], start=dt.date(2017, 11, 23))
    wanted = [age for age, stamp in zip([34, 52, 7], stamps, strict=True) if stamp >= pd.Timestamp("2017-11-23")]
    assert found.to_pydict() == {"age": wanted}


def test_old_and_new_rows_of_one_collector_are_one_table(old: Path, tmp_path: Path) -> None:
    shipped = Shipped(str(tmp_path / "archive"), tmp_path / "spool")
    identity = {"model_management_account_id": "sub/group/acc", "webservice_name": "svc", "model_id": "id1", "model_version": "3"}
    assert shipped.archive.collector("churn", "inputs", **identity).collect(pd.DataFrame({"age": [1], "plan": [2]}))
    shipped.ship()
    assert len({path.parents[2] for path in (tmp_path / "archive").rglob("data.csv")}) == 2, "one folder for the collector"
    found = shipped.archive.read("churn", "inputs")
    assert found.select(["age", "plan"]).to_pydict() == {"age": [34, 52, 7, 1], "plan": ["basic", 'pro, "plus"', "a\nb", "2"]}


def test_a_file_of_the_original_in_a_folder_of_ours_is_read_beside_it(tmp_path: Path) -> None:
    from modeldata.format import names

    shipped = Shipped(str(tmp_path / "archive"), tmp_path / "spool")
    identity = dict.fromkeys(names.IDENTITY, "unknown") | {"model_name": "m", "identifier": "inputs"}
    folder = tmp_path / "archive" / day_folder(identity, 1_795_435_200_000_000_000, False)
    folder.mkdir(parents=True)
    (folder / "data.csv").write_text("$Timestamp,$CorrelationId,$RequestId,x\n2026-11-23T10:00:00.000000,,,1\n")
    shipped.collect("inputs", [{"x": 2}], at="2026-11-23T12:00:00")
    shipped.ship()
    assert sorted(path.name for path in folder.glob("data*.csv"))[-1] == "data.csv" and len(list(folder.glob("data*.csv"))) == 2
    assert sorted(shipped.archive.read("m", "inputs")["x"].to_pylist()) == [1, 2]


@pytest.mark.parametrize("backend", ["append blob", "local"], indirect=True)
def test_a_file_of_ours_whose_first_line_is_on_its_way_is_no_original(backend: Backend) -> None:
    """Each kind of store with files that grow: claimed, appended to, and its shipper died before the manifest."""
    store = open_store(backend.url, Files())
    folder = "a/s/i-m-1/inputs/2026/11/20"
    assert store.claim(f"{folder}/data.csv", b"me\n", "12345678")
    store.append(f"{folder}/data.csv", 0, b"$Timestamp,$CorrelationId,$RequestId,x\n2026-11-20T10:00:00.000000,,,1\n")
    backend.bucket.write(f"{backend_prefix(backend)}a/s/i-m-1/labels/2026/11/20/data.csv", b"x\n1\n")
    catalog = Catalog.of(store)
    mine, theirs = (catalog.read(catalog.listings[one]) for one in (folder, folder.replace("inputs", "labels")))
    assert (mine.originals, mine.uncommitted) == ([], [f"{folder}/data.csv"])
    assert theirs.originals == ["a/s/i-m-1/labels/2026/11/20/data.csv"]


def backend_prefix(backend: Backend) -> str:
    """What the archive's paths begin with in its bucket."""
    return "" if backend.name == "local" else f"{PREFIX}/"
