"""`ls` and `stats`, and what a command says where there is nothing, or something else than was asked for."""

from __future__ import annotations

import json
import statistics
from collections import Counter
from pathlib import Path

import pytest

from tests.cli.conftest import WORDS, Run
from tests.read.kit import Shipped


def test_ls_lists_collectors_with_their_rows_and_times(run: Run) -> None:
    ran = run("ls")
    assert (ran.code, ran.err) == (0, "")
    lines = [line.split() for line in ran.out.splitlines()]
    assert [(line[0], line[1]) for line in lines[1:]] == [
        ("churn/inputs", "60"),
        ("churn/labels", "20"),
        ("churn/predictions", "50"),
    ]
    assert lines[1][-4:] == ["2026-11-20", "10:00", "2026-11-22", "10:11"]
    assert max(map(len, ran.out.splitlines())) <= 80


def test_ls_as_json_tells_the_whole_identity(run: Run, archive: Path) -> None:
    told = json.loads(run("ls", "*/inputs", "--json").out)
    (one,) = told["collectors"]
    assert told["archive"] == str(archive)
    assert (one["model_name"], one["identifier"], one["model_version"], one["rows"], one["days"]) == (
        "churn",
        "inputs",
        "unknown",
        60,
        3,
    )
    files = [path for path in archive.rglob("data*.csv") if "/inputs/" in str(path)]
    assert (one["files"], one["bytes"]) == (len(files), sum(path.stat().st_size for path in files))


def test_ls_counts_what_was_compacted_once(run: Run, tmp_path: Path) -> None:
    shipped = Shipped(str(tmp_path / "other"), tmp_path / "spool")
    for at in range(3):
        shipped.collect("inputs", {"x": at}, at=f"2026-11-2{at}T10:00:00")
        shipped.ship()
    before = json.loads(run("ls", "--json", "--archive", str(tmp_path / "other")).out)["collectors"][0]
    assert run("compact", str(tmp_path / "other")).code == 0
    after = json.loads(run("ls", "--json", "--archive", str(tmp_path / "other")).out)["collectors"][0]
    assert (before["rows"], before["files"]) == (after["rows"], after["files"]) == (3, 3)


def test_stats_describe_each_column(run: Run) -> None:
    told = json.loads(run("stats", "churn/inputs", "--json", "--top", "4").out)
    columns = {one["name"]: one for one in told["columns"]}
    ages = [20 + call + row for call in range(12) for row in range(5)]
    age, region, note = columns["age"], columns["region"], columns["note"]
    assert (told["rows"], list(columns)) == (60, ["age", "income", "region", "note"])
    assert (age["type"], age["nulls"], age["low"], age["high"]) == ("int64", 0, min(ages), max(ages))
    assert age["mean"] == pytest.approx(statistics.mean(ages)) and abs(age["quantiles"]["0.5"] - statistics.median(ages)) <= 1
    width = (max(ages) - min(ages)) / 10
    assert age["histogram"] == [Counter(min(9, int((one - min(ages)) / width)) for one in ages)[bin_] for bin_ in range(10)]
    assert {(one["value"], one["rows"]) for one in region["top"]} == {(word, 15) for word in WORDS}
    assert (note["nulls"], note["different"], note["low"]) == (48, 1, "a,\nb")


def test_stats_fit_into_a_terminal(run: Run) -> None:
    ran = run("stats", "churn/inputs")
    assert ran.code == 0 and max(map(len, ran.out.splitlines())) <= 80
    assert "churn/inputs: 60 rows" in ran.out and "north 15" in ran.out


def test_stats_of_odd_values_do_not_stumble(run: Run, tmp_path: Path) -> None:
    shipped = Shipped(str(tmp_path / "other"), tmp_path / "spool", "parquet")
    shipped.collect(
        "inputs", {'a "b"': float("nan"), "l": [1], "d": {"x": 1}, "b": b"\x00", "none": None, "one": 5.0, "inf": float("inf")}
    )
    shipped.collect("inputs", {'a "b"': 1.5, "l": [], "d": {"x": 2}, "b": b"", "none": None, "one": 5.0, "inf": 2.0})
    shipped.ship()
    told = json.loads(run("stats", "m/inputs", "--json", "--archive", str(tmp_path / "other")).out)
    columns = {one["name"]: one for one in told["columns"]}
    assert columns['a "b"']["mean"] == 1.5 and columns["one"]["histogram"][0] == 2
    assert run("stats", "m/inputs", "--archive", str(tmp_path / "other")).code == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("head", "chrun/inputs"), "did you mean 'churn'"),
        (("head", "churn/input"), "did you mean 'inputs'"),
        (("head", "churn"), "one of churn/inputs, churn/labels, churn/predictions"),
        (("stats", "churn/inputs", "--columns", "agee"), "did you mean 'age'"),
        (("head", "churn/inputs", "--version", "7"), "no version '7'"),
        (("head", "churn/inputs", "--start", "yesterday"), "2026-11-23"),
        (("tail", "churn/inputs", "--archive", "not-there"), "not-there"),
        (("ls", "--archive", "not-there"), "No such file"),
        (("export", "churn/inputs", "rows.doc"), "--format"),
        (("join", "churn", "inputs"), "two or more"),
        (("join", "churn", "inputs", "labels", "--on", "luck"), "correlation"),
        (("join", "churn", "inputs", "labels", "--look-ahead", "soon"), "7d"),
    ],
)
def test_a_wrong_word_is_answered_with_the_right_ones(run: Run, arguments: tuple[str, ...], said: str) -> None:
    ran = run(*arguments)
    assert (ran.code, ran.out) == (1, "") and said in ran.err, ran
    assert ran.err.startswith("modeldata: ") and "Traceback" not in ran.err


def test_an_empty_archive_says_where_rows_may_be(run: Run, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert "no collectors" in run("ls", "--archive", "empty").err
    ran = run("head", "m/inputs", "--archive", "empty")
    assert ran.code == 1 and "modeldata status" in ran.err


@pytest.mark.parametrize("command", ["ls", "head", "tail", "stats", "query", "join", "export", "compact", "prune", "erase"])
def test_every_command_has_help_that_fits(run: Run, command: str) -> None:
    ran = run(command, "--help")
    assert ran.code == 0 and max(map(len, ran.out.splitlines())) <= 80


def test_a_missing_library_is_named_with_its_extra(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "duckdb", None)
    for arguments in (("query", "select 1"), ("stats", "churn/inputs")):
        ran = run(*arguments)
        assert ran.code == 1 and 'pip install "modeldata[sql]"' in ran.err, ran
