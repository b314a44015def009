"""What is damaged in one folder or collector is named and left as it is; rows that fit are erased everywhere else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.read.kit import Shipped

from .conftest import Run
from .kit import DAY, erased, filled, local

OTHER_DAY = "2026-11-21"


def _archive(tmp_path: Path, form: str = "csv") -> Shipped:
    """Two days of `inputs`, one of `outcomes`; customer 17 is in each."""
    shipped = filled(tmp_path, form)
    shipped.collect("inputs", {"customer": 17, "n": 50, "late": 1}, at=f"{OTHER_DAY}T10:00:00")
    shipped.collect("outcomes", {"customer": 17, "n": 60}, at=f"{DAY}T10:00:00")
    shipped.ship()
    return shipped


def _day(tmp_path: Path, identifier: str, day: str) -> Path:
    (found,) = (tmp_path / "archive").glob(f"*/*/*/{identifier}/{day.replace('-', '/')}")
    return found


def _damage(tmp_path: Path, day: Path, what: str) -> None:
    """Line breaks stay: nothing but the bytes themselves tells of it."""
    path = (
        next(iter(sorted((day / "_manifest").glob("*.jsonl")))) if what == "manifest" else next(iter(sorted(day.glob("data*"))))
    )
    content = bytearray(path.read_bytes())
    content[len(content) // 3 : len(content) // 2] = b"\xff" * (len(content) // 2 - len(content) // 3)
    path.write_bytes(bytes(content))


@pytest.mark.parametrize("form", ["csv", "parquet"])
@pytest.mark.parametrize("what", ["manifest", "data"])
def test_a_damaged_day_is_named_and_all_others_are_erased(tmp_path: Path, what: str, form: str) -> None:
    _archive(tmp_path, form)
    _damage(tmp_path, _day(tmp_path, "inputs", DAY), what)
    found = {(Path(result.collector).name, result.day): result for result in erased(local(tmp_path))}
    damaged = found.pop(("inputs", DAY))
    assert damaged.rows == 0 and damaged.problem.startswith("could not look into ")
    assert {key: (result.rows, result.problem) for key, result in found.items()} == {
        ("inputs", OTHER_DAY): (1, ""),
        ("outcomes", DAY): (1, ""),
    }


def test_a_column_that_may_be_in_what_is_damaged_is_not_called_absent(tmp_path: Path) -> None:
    shipped = _archive(tmp_path)
    shipped.collect("outcomes", {"late": 1}, at=f"{OTHER_DAY}T11:00:00")
    shipped.ship()
    _damage(tmp_path, _day(tmp_path, "inputs", OTHER_DAY), "manifest")
    named = {Path(result.collector).name: result for result in erased(local(tmp_path), "late = 1")}
    assert named["outcomes"].rows == 1 and not named["outcomes"].problem
    assert (
        "could not look into " in named["inputs"].problem and f"inputs/{OTHER_DAY.replace('-', '/')}" in named["inputs"].problem
    )


def test_a_condition_that_only_damaged_rows_may_answer_is_no_wrong_name(tmp_path: Path) -> None:
    _archive(tmp_path)
    _damage(tmp_path, _day(tmp_path, "inputs", OTHER_DAY), "manifest")
    named = {Path(result.collector).name: result for result in erased(local(tmp_path), "late = 1")}
    assert "could not look into " in named["inputs"].problem and named["outcomes"].note


def test_the_command_says_so_in_its_status(run: Run, tmp_path: Path) -> None:
    _archive(tmp_path)
    _damage(tmp_path, _day(tmp_path, "inputs", DAY), "manifest")
    dry = run("erase", "archive", "--where", "customer = 17")
    assert dry[0] == 1 and "could not look into " in dry[2]
    code, out, err = run("erase", "archive", "--where", "customer = 17", "--yes")
    assert code == 1 and "outcomes 2026-11-20: 1 row erased" in out and "could not look into " in err
    report = json.loads(run("erase", "archive", "--where", "customer = 17", "--json")[1])
    assert [folder["problem"][:20] for folder in report["folders"] if folder["problem"]] == ["could not look into "]
