"""`modeldata compact`, `prune` and `erase` as a user runs them: what they say, what they leave alone, how they exit."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.read.kit import Shipped

from .conftest import Run
from .kit import DAY, data_files, filled, local, rows, without


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
    report = json.loads(run(*arguments, "--json")[1])
    did = json.loads(run(*done, "--json")[1])
    assert report["dry_run"] and not did["dry_run"]
    assert {**report, "dry_run": False} == did
    assert did["rows"] == sum(folder["rows"] for folder in did["folders"]) > 0


def test_the_head_of_a_rewrite_goes_where_the_settings_say(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(tmp_path)
    monkeypatch.setenv("MODELDATA_HEADS", str(tmp_path / "heads"))
    assert run("compact", "archive")[0] == 0
    (note,) = (tmp_path / "heads").rglob("*.note")
    assert note.read_text().startswith("modeldata/")
    assert run("audit", "archive", "--heads", "heads")[0] == 0


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


@pytest.mark.parametrize("age", ["soon", "-5d", "1e99d", f"{10**12}d"])
def test_an_age_that_is_none_is_a_wrong_usage(run: Run, tmp_path: Path, age: str) -> None:
    code, out, err = run("prune", "archive", "--older-than", age, "--yes")
    assert (code, out) == (2, "") and err.count("Error:") == 1


@pytest.mark.parametrize("days", ["99999999", "9" * 30])
def test_days_before_the_calendar_are_a_wrong_usage(run: Run, tmp_path: Path, days: str) -> None:
    filled(tmp_path)
    code, out, err = run("head", "m/inputs", "--archive", "archive", "--days", days)
    assert (code, out) == (2, "") and "before the calendar begins" in " ".join(err.split())


@pytest.mark.parametrize("twice", [("archive", "--archive", "other"), ("--archive", "archive", "--archive", "other")])
@pytest.mark.parametrize("command", ["erase --where customer=17 --yes", "compact", "prune --older-than 1h --yes", "audit"])
def test_two_archives_are_a_wrong_usage(run: Run, tmp_path: Path, command: str, twice: tuple[str, ...]) -> None:
    filled(tmp_path)
    before = rows(local(tmp_path))
    code, out, err = run(*command.split(), *twice)
    assert (code, out) == (2, "") and err.count("Error:") == 1
    assert rows(local(tmp_path)) == before


def test_two_conditions_are_a_wrong_usage(run: Run, tmp_path: Path) -> None:
    filled(tmp_path)
    assert run("erase", "archive", "--where", "customer = 17", "--where", "n = 1", "--yes")[0] == 2


def test_paths_with_brackets_are_shown_as_they_are(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "[prod]x[" / "b]"
    shipped = Shipped(str(folder), tmp_path / "spool")
    shipped.collect("inputs", {"customer": 17}, at=f"{DAY}T10:00:00")
    shipped.ship()
    for command in ("compact --dry-run", "erase --where customer=17", "prune --older-than 1h"):
        code, out, err = run(*command.split(), str(folder))
        assert code == 0 and "2026-11-20: 1 row" in out
    assert str(folder) in "".join(err.split())
