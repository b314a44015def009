"""What a reader says where there is nothing, or something else than was meant: each answer names what helps."""

from __future__ import annotations

import builtins
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from modeldata import Archive
from modeldata.catalog.errors import DoesNotFit, MissingExtra, NotThere
from modeldata.errors import ModelDataError, SettingsError, StoreError
from tests.cli.kit import run
from tests.read.kit import FORMATS, OWN, Shipped


@pytest.fixture
def shipped(tmp_path: Path) -> Shipped:
    made = Shipped(str(tmp_path / "archive"), tmp_path / "spool")
    for model, identifier in (("churn", "inputs"), ("churn", "predictions"), ("fraud", "inputs")):
        made.collect(identifier, [{"age": 34, "income": 5.5}], model=model)
    made.ship()
    return made


@pytest.mark.parametrize(
    ("model", "identifier", "says"),
    [
        ("chrun", "inputs", r"no model 'chrun' \(did you mean 'churn'\?\)"),
        ("Churn", "inputs", r"no model 'Churn' \(did you mean 'churn'\?\)"),
        ("something else", "inputs", r"no model 'something else' \(there is 'churn' or 'fraud'\)"),
        ("churn", "input", r"no identifier 'input' of model 'churn' \(did you mean 'inputs'\?\)"),
        ("churn", "default", r"no identifier 'default' of model 'churn' \(there is 'inputs' or 'predictions'\)"),
    ],
)
def test_a_misspelt_name_is_answered_with_near_ones(shipped: Shipped, model: str, identifier: str, says: str) -> None:
    with pytest.raises(NotThere, match=says):
        shipped.archive.read(model, identifier)


def test_a_misspelt_column_is_answered_with_near_ones(shipped: Shipped) -> None:
    with pytest.raises(NotThere, match=r"no column 'agee' \(did you mean 'age'\?\)"):
        shipped.archive.read("churn", "inputs", columns=["agee"])


def test_another_version_is_answered_with_those_there_are(shipped: Shipped) -> None:
    with pytest.raises(NotThere, match=r"no version '7' of model 'churn' \(there is 'unknown'\)"):
        shipped.archive.read("churn", "inputs", version="7")


def test_no_archive_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(NotThere, match="nothing was archived there yet, or it is another folder"):
        Archive(tmp_path / "nowhere").read("churn")
    (tmp_path / "empty").mkdir()
    with pytest.raises(NotThere, match="it has no collectors"):
        Archive(tmp_path / "empty").read("churn")


def test_a_collector_without_rows_is_said(shipped: Shipped, tmp_path: Path) -> None:
    (manifest,) = (path for path in (tmp_path / "archive").rglob("data.csv.jsonl") if "predictions" in path.parts)
    manifest.write_bytes(b"")
    with pytest.raises(NotThere, match=r"no rows of churn predictions.*modeldata audit"):
        shipped.archive.read("churn", "predictions")


def test_a_missing_library_is_named_with_what_to_install(shipped: Shipped, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *arguments: Any, **options: Any) -> Any:
        if name in ("duckdb", "polars", "pandas"):
            raise ImportError(name)
        return real(name, *arguments, **options)

    scan = shipped.archive.scan("churn", "inputs")
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtra, match=r'pip install "modeldata\[sql\]"'):
        shipped.archive.sql("select 1")
    with pytest.raises(MissingExtra, match=r'pip install "modeldata\[sql\]"'):
        scan.to_duckdb()
    with pytest.raises(MissingExtra, match="pip install polars"):
        scan.to_polars()
    with pytest.raises(MissingExtra, match="pip install pandas"):
        scan.to_pandas()


def test_arguments_that_can_not_be_meant_are_refused(shipped: Shipped) -> None:
    with pytest.raises(TypeError, match=r"no argument 'begin'; there are .*start"):
        shipped.archive.read("churn", "inputs", begin="2026-01-01")  # type: ignore[call-arg]
    with pytest.raises(SettingsError, match=r"columns=\['age'\]"):
        shipped.archive.read("churn", "inputs", columns="age")
    with pytest.raises(SettingsError, match="errors='ignore'"):
        shipped.archive.read("churn", "inputs", errors="ignore")  # type: ignore[typeddict-item]


@pytest.mark.parametrize(
    ("question", "says"),
    [
        ({"version": 2.5}, "2.5 is no name"),
        ({"columns": 5}, "columns=5"),
        ({"columns": [None]}, "None is no name"),
        ({"start": 1_700_000_000}, r"1700000000 is no time.*datetime\.fromtimestamp"),
        ({"end": np.int64(5)}, "is no time"),
        ({"start": np.datetime64("NaT")}, "is no time"),
        ({"start": np.datetime64("12026-01-01")}, "is no time"),
        ({"start": "the other day"}, "the other day"),
        ({"types": {"age": "strng"}}, "strng.*its name"),
        ({"types": {"age": int}}, "int.*its name"),
    ],
)
def test_an_argument_of_another_kind_is_said_with_what_to_give(shipped: Shipped, question: dict[str, Any], says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        shipped.archive.read("churn", "inputs", **question)


def test_a_misspelt_name_among_types_is_answered_with_near_ones(shipped: Shipped) -> None:
    for question in ({"types": {"agee": pa.string()}}, {"types": {"agee": pa.string()}, "columns": ["income"]}):
        with pytest.raises(NotThere, match=r"no column 'agee' \(did you mean 'age'\?\)"):
            shipped.archive.read("churn", "inputs", **question)  # type: ignore[arg-type] # mypy wants a TypedDict
    done = run("head", "churn/inputs", "--text", "agee", "--archive", shipped.archive.settings.archive)
    assert done.code == 1 and "did you mean 'age'?" in done.err


def test_types_of_columns_that_only_one_of_several_collectors_has_are_fine(shipped: Shipped) -> None:
    shipped.collect("labels", [{"left": True}], model="churn", ids="a")
    shipped.collect("inputs", [{"age": 1, "income": 1.0}], model="churn", ids="a")
    shipped.ship()
    joined = shipped.archive.join("churn", "labels", "inputs", types={"age": pa.string()})
    assert joined.table["inputs.age"].to_pylist() == ["1"]


@pytest.mark.parametrize("file_format", FORMATS)
def test_what_is_meant_is_understood(tmp_path: Path, file_format: str) -> None:
    made = Shipped(str(tmp_path / "archive"), tmp_path / "spool", file_format)
    assert made.archive.collector("m", "inputs", model_version="2").collect([[1, 5], [2, 5]])
    made.ship()
    read = made.archive.read
    assert read("m", "inputs", version=2)["0"].to_pylist() == [1, 2]
    assert read("m", "inputs", columns=[1])["1"].to_pylist() == [5, 5]
    assert read("m", "inputs", types={"0": "string"})["0"].to_pylist() == ["1", "2"]
    year = np.datetime64("2026")
    assert read("m", "inputs", start=year, end=year + 1000).num_rows == 2
    assert read("m", "inputs", end=year).num_rows == 0
    assert read("m", "inputs", start="0001-01-01", end="9999-12-31").num_rows == 2
    assert read("m", "inputs", columns=[]).num_rows == read("m", "inputs", columns=[], start=year).num_rows == 2
    assert sum(batch.num_rows for batch in made.archive.scan("m", "inputs", columns=[])) == 2


def test_every_answer_is_an_error_of_ours() -> None:
    assert issubclass(NotThere, StoreError) and issubclass(NotThere, LookupError)
    assert issubclass(MissingExtra, ModelDataError) and issubclass(MissingExtra, ImportError)


def test_a_scan_that_meets_a_wider_value_says_how_to_read_it(tmp_path: Path) -> None:
    made = Shipped(str(tmp_path / "archive"), tmp_path / "spool")
    for number in (1, 2**70, 3):
        made.collect("inputs", [{"x": number}], at=f"2026-11-0{1 + number % 7}T10:00:00")
        made.ship()
    made.collect("inputs", [{"x": 5}], at="2026-11-09T10:00:00")
    made.ship()
    scan = made.archive.scan("m", "inputs")
    with pytest.raises(DoesNotFit, match=r"column 'x' has values of type decimal.*types=\{'x': pyarrow\.string\(\)\}"):
        list(scan)
    found = scan.to_arrow()["x"]
    assert found.type == pa.decimal128(38, 0) and sorted(found.to_pylist()) == [1, 3, 5, 2**70]


def test_several_versions_and_services_are_read_together_or_by_name(tmp_path: Path) -> None:
    made = Shipped(str(tmp_path / "archive"), tmp_path / "spool")
    for version, service in (("1", "a"), ("2", "a"), ("2", "b")):
        collector = made.archive.collector(
            "m", "inputs", model_version=version, webservice_name=service, model_id="id-with-hyphens"
        )
        assert collector.collect([{"v": f"{version}{service}"}])
    made.ship()
    read = made.archive.read
    assert sorted(read("m", "inputs")["v"].to_pylist()) == ["1a", "2a", "2b"]
    assert sorted(read("m", "inputs", version="2")["v"].to_pylist()) == ["2a", "2b"]
    assert read("m", "inputs", version="2", service="b", model_id="id-with-hyphens")["v"].to_pylist() == ["2b"]


def test_names_that_are_hashed_in_paths_are_found(tmp_path: Path) -> None:
    made = Shipped(str(tmp_path / "archive"), tmp_path / "spool")
    name = "m" * 300
    made.collect("inputs", [{"x": 1}], model=name)
    made.ship()
    assert made.archive.read(name, "inputs")["x"].to_pylist() == [1]


def test_a_scan_gives_every_kind_of_frame_and_may_be_read_again(shipped: Shipped) -> None:
    scan = shipped.archive.scan("churn", "inputs")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert scan.to_arrow().column_names == [*OWN, "age", "income"]
        assert scan.to_pandas()["age"].tolist() == scan.to_polars()["age"].to_list() == [34]
        assert scan.to_duckdb().aggregate("sum(age), max(income)").fetchall() == [(34, 5.5)]
        assert scan.to_reader().read_all().num_rows == sum(batch.num_rows for batch in scan) == len(scan.to_pylist()) == 1
