"""`modeldata compact`, `prune` and `erase` as a user runs them: what they say, what they leave alone, how they exit."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .conftest import Run
from .kit import data_files, filled, local, rows, without


def test_compact_tells_what_it_did_day_by_day(run: Run, tmp_path: Path) -> None:
    filled(tmp_path)
    before = rows(local(tmp_path))
    code, out, err = run("compact", "archive")
    assert (code, err) == (0, "")
    assert "inputs 2026-11-20: 18 rows compacted, 2 files" in out
    assert rows(local(tmp_path)) == before
    assert [path.suffix for path in data_files(tmp_path)] == [".parquet", ".parquet"]
    assert run("compact", "archive") == (0, "", "modeldata: nothing to do: " + str(tmp_path / "archive") + "\n")


@pytest.mark.parametrize(
    ("arguments", "done"),
    [
        (("compact", "archive", "--dry-run"), ("compact", "archive")),
        (("prune", "archive", "--older-than", "1h"), ("prune", "archive", "--older-than", "1h", "--yes")),
        (("erase", "archive", "--where", "customer = 17"), ("erase", "archive", "--where", "customer = 17", "--yes")),
    ],
)
def test_a_dry_run_tells_the_same_and_changes_nothing(
    run: Run, tmp_path: Path, arguments: tuple[str, ...], done: tuple[str, ...]
) -> None:
    filled(tmp_path)
    before = {path: path.read_bytes() for path in (tmp_path / "archive").rglob("*") if path.is_file()}
    code, out, err = run(*arguments)
    assert code == 0 and "would be" in out and "nothing was changed" in err
    assert {path: path.read_bytes() for path in (tmp_path / "archive").rglob("*") if path.is_file()} == before
    told = json.loads(run(*arguments, "--json")[1])
    did = json.loads(run(*done, "--json")[1])
    assert told["dry_run"] and not did["dry_run"]
    assert {**told, "dry_run": False} == did
    assert did["rows"] == sum(folder["rows"] for folder in did["folders"]) > 0


def test_erase_takes_the_rows_of_one_subject_only(run: Run, tmp_path: Path) -> None:
    filled(tmp_path)
    before = rows(local(tmp_path))
    code, out, _ = run("erase", "archive", "--where", "customer = 17", "--yes")
    assert code == 0 and "8 rows erased" in out
    assert rows(local(tmp_path)) == without(before)


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("custommer = 17", "customer"),
        ("customer = ", "a condition in DuckDB's SQL"),
        ("customer in (select n from read_csv('/etc/passwd'))", "could not"),
    ],
)
def test_a_condition_that_is_none_says_what_to_write(run: Run, tmp_path: Path, where: str, said: str) -> None:
    filled(tmp_path)
    before = rows(local(tmp_path))
    code, out, err = run("erase", "archive", "--where", where, "--yes")
    assert code == 1 and out == "" and said in err
    assert rows(local(tmp_path)) == before


def test_a_misspelt_model_names_the_near_one(run: Run, tmp_path: Path) -> None:
    filled(tmp_path)
    code, _, err = run("compact", "archive", "--model", "n")
    assert code == 1 and "'m'" in err


def test_an_age_that_is_none_is_a_wrong_usage(run: Run, tmp_path: Path) -> None:
    assert run("prune", "archive", "--older-than", "soon")[0] == 2
