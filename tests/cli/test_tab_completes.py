"""TAB in a shell completes what is in the archive, by the shells' own protocol. What can't be known at once completes nothing."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import scripts

HEAVY = ("pyarrow", "numpy", "pandas", "duckdb", "obstore", "rich.console", "modeldata.cli.commands.ship", "modeldata.read.scan")
PYTHON = (sys.executable, "-m", "modeldata")


def asked(words: str, shell: str, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """What a shell runs when TAB is pressed after `words`."""
    line = f"modeldata {words}"
    parts = line.split(" ")
    protocol = {
        "bash": {"COMP_WORDS": line, "COMP_CWORD": str(len(parts) - 1)},
        "zsh": {"_TYPER_COMPLETE_ARGS": line},
        "fish": {"_TYPER_COMPLETE_ARGS": line, "_TYPER_COMPLETE_FISH_ACTION": "get-args"},
    }[shell]
    environment = scripts.environment(_MODELDATA_COMPLETE=f"complete_{shell}", **protocol, **variables)
    return subprocess.run(command or PYTHON, env=environment, capture_output=True, text=True, timeout=60, check=False)


def completed(words: str, **variables: str) -> list[str]:
    done = asked(words, "bash", **variables)
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("head ch", ["churn/inputs", "churn/labels", "churn/predictions"]),
        ("stats churn/p", ["churn/predictions"]),
        ("ls churn/l", ["churn/labels"]),
        ("export nothing", []),
        ("join ch", ["churn"]),
        ("join churn predictions in", ["inputs"]),
        ("compact --identifier la", ["labels"]),
        ("compact modeldata --model c", ["churn"]),
        ("tail churn/inputs --columns in", ["income"]),
        ("tail churn/inputs --columns age,", ["age,income", "age,plan"]),
        ("tail churn/inputs --text p", ["plan"]),
        ("join churn predictions labels --columns s", ["score"]),
        ("head churn/inputs --service un", ["unknown"]),
        ("audit --vers", []),
        ("prune --older-than 9d --model-version unk", ["unknown"]),
        ("he", ["head"]),
    ],
)
def test_names_are_completed_from_the_archive(here: Path, words: str, expected: list[str]) -> None:
    assert completed(words) == expected


def test_an_archive_that_is_named_before_is_looked_at(here: Path) -> None:
    (here / "modeldata").rename(here / "elsewhere")
    assert completed("head ch") == []
    assert completed("head --archive elsewhere churn/i") == ["churn/inputs"]
    assert completed("compact elsewhere --model c") == ["churn"]
    assert completed("head churn/i", MODELDATA_ARCHIVE=str(here / "elsewhere")) == ["churn/inputs"]


def test_our_own_columns_are_completed_after_a_quoted_dollar(here: Path) -> None:
    assert completed("head churn/inputs --columns '$Corr") == ["$CorrelationId"]
    assert "$CorrelationId" not in completed("head churn/inputs --columns ")


def test_zsh_and_fish_are_answered_in_their_own_form(here: Path) -> None:
    assert re.findall(r'"([^"]+)"', asked("head churn/i", "zsh").stdout) == ["churn/inputs"]
    assert asked("head churn/i", "fish").stdout.split() == ["churn/inputs"]


def test_a_real_bash_offers_them(here: Path) -> None:
    """The script that `--show-completion` prints, loaded by bash, and its function called as bash calls it."""
    variables = scripts.environment(_MODELDATA_COMPLETE="source_bash")
    script = subprocess.run(PYTHON, env=variables, capture_output=True, text=True, timeout=60, check=True).stdout
    assert "complete" in script
    (here / "bin").mkdir()
    program = here / "bin" / "modeldata"
    program.write_text(f'#!/bin/sh\nexec {shlex.join(PYTHON)} "$@"\n')
    program.chmod(0o755)
    function = re.search(r"(\w+)\(\)", script)
    assert function
    text = f'{script}\nCOMP_WORDS=(modeldata head churn/); COMP_CWORD=2\n{function[1]} modeldata\nprintf "%s\\n" "${{COMPREPLY[@]}}"\n'
    environment = scripts.environment(PATH=f"{here / 'bin'}{os.pathsep}{os.environ['PATH']}")
    done = subprocess.run(["bash", "-c", text], env=environment, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == ["churn/inputs", "churn/labels", "churn/predictions"]


@pytest.mark.parametrize("url", ["s3://nowhere-at-all/archive", "az://nobody/there", "not-there", "bad://\0", "file.txt", ""])
def test_an_archive_that_can_not_be_looked_at_completes_nothing_and_says_nothing(here: Path, url: str) -> None:
    (here / "file.txt").write_text("no archive")
    words = f"head --archive {shlex.quote(url)} ch" if "\0" not in url else "head --archive bad:// ch"
    done = asked(words, "bash")
    assert (done.stdout.strip(), done.stderr) == ("", "") or url == ""


SLOW = """
import sys, time
from modeldata.store.local import LocalStore
LocalStore.walk = lambda *given, **named: time.sleep(3600)
from modeldata.cli import main
sys.argv = ["modeldata"]
main()
"""


def test_a_disk_that_does_not_answer_holds_no_shell(here: Path) -> None:
    done = asked("head ch", "bash", sys.executable, "-c", SLOW)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_manifest_that_is_damaged_completes_nothing(here: Path) -> None:
    for path in (here / "modeldata").rglob("_manifest/*.jsonl"):
        path.write_text("no JSON\n")
    assert completed("head churn/inputs --columns a") == []
    assert completed("head churn/i") == ["churn/inputs"]


def test_nothing_is_imported_that_takes_long(here: Path) -> None:
    for words in ("head ch", "head churn/inputs --columns a"):
        done = asked(words, "bash", sys.executable, "-X", "importtime", "-m", "modeldata")
        imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
        assert done.stdout.strip() and "typer" in imported
        assert imported & set(HEAVY) == set()


def test_no_year_is_listed_for_names_and_one_day_for_columns(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import typer

    from modeldata.cli import complete
    from modeldata.spool.files import Files

    listed: list[str] = []
    listdir = Files.listdir
    monkeypatch.setattr(Files, "listdir", lambda self, path: listed.append(path) or listdir(self, path))
    context = typer.Context(typer.main.get_command(typer.Typer(callback=lambda: None)))
    context.params = {"archive": "modeldata", "collector": "churn/inputs"}
    assert complete.complete_collector(context, "churn/i") == ["churn/inputs"]
    assert [path for path in listed if re.search(r"/\d{4}(/|$)", path)] == []
    assert complete.complete_columns(context, "") == ["age", "income", "plan"]
    days = {path for path in listed if re.search(r"/\d{4}/\d\d/\d\d", path)}
    assert days and all("2026/11/22" in path for path in days)
