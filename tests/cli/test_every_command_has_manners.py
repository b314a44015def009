"""What all commands have in common: `--json`, 80 columns, exit status, what is said when nothing is there."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main

from modeldata.cli.app import app
from modeldata.cli.complete import complete_collector
from tests.read.kit import Shipped
from tests.support import archive, scripts

from .kit import at_a_terminal, run
from .pages import JSON_LINES

COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined] # a group, as there are several
READING = ("head churn/inputs", "tail churn/inputs", "query 'select * from churn_inputs'", "join churn predictions inputs")
SHOWING = (*READING, "ls", "stats churn/inputs", "audit modeldata", "status", "export churn/inputs -o out.csv", "doctor")
HEAVY = ("pyarrow", "numpy", "pandas", "duckdb", "obstore", "azure")


@pytest.mark.parametrize("name", [name for name in COMMANDS if name != "run"])  # which has no output of its own
def test_every_command_takes_json_and_archive(name: str) -> None:
    assert {"--json", "--archive"} <= {option for one in COMMANDS[name].params for option in one.opts}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_explained(name: str) -> None:
    assert [one.name for one in COMMANDS[name].params if not one.help and one.name not in ("model",)] == []
    assert COMMANDS[name].help


@pytest.mark.parametrize("line", ["", *COMMANDS])
def test_help_fits_into_80_columns(line: str) -> None:
    done = run(*line.split(), "--help", tty=True)
    assert done.code == 0 and max(map(len, done.out.splitlines())) <= 80


@pytest.mark.parametrize("line", SHOWING)
def test_what_it_shows_fits_into_80_columns(here: Path, line: str) -> None:
    done = at_a_terminal(f"modeldata {line}")
    assert done.code == 0, done.err
    assert [line for line in done.out.replace(str(here), "~").splitlines() if len(line) > 80] == []


def test_a_table_of_many_columns_names_those_without_room(here: Path) -> None:
    shipped = Shipped(str(here / "wide"), here / "spool")
    shipped.collect("inputs", {f"feature number {number}": "x" * 50 for number in range(30)}, at="2026-11-20T10:00:00")
    shipped.ship()
    done = at_a_terminal("modeldata head m --archive wide")
    assert {len(line) <= 80 for line in done.out.splitlines()} == {True}
    assert "no room for" in done.err and "--columns" in done.err and "…" in done.out


def test_what_a_terminal_would_obey_is_shown_as_text(here: Path) -> None:
    shipped = Shipped(str(here / "evil"), here / "spool")
    shipped.collect("in\x1b[2Jputs", {"a\x1b[31m": "\x1b]0;t\x07 \r[bold]x[/]"}, at="2026-11-20T10:00:00", model="[red]m")
    shipped.ship()
    for line in ("head [red]m", "ls", "stats [red]m", "tail [red]m", "audit evil"):
        done = at_a_terminal(f"modeldata {line}{'' if line.startswith('audit') else ' --archive evil'}")
        assert done.code == 0, done.err
        assert "\x1b" not in done.out + done.err and "\r" not in done.out + done.err
    assert "[bold]x[" in at_a_terminal("modeldata head [red]m --archive evil").out
    assert run("head", "[red]m", "--archive", "evil", "--json").objects()[0]["a\x1b[31m"] == "\x1b]0;t\x07 \r[bold]x[/]"


EVIL = "[/b]\x1b[2J\u202e[red]"


@pytest.mark.skipif(os.name == "nt", reason="names that Windows has not")
@pytest.mark.parametrize(
    "line",
    [
        "head m/EVIL", "tail m/EVIL", "stats m/EVIL", "ls", "audit", "status", "doctor", "query", "join m EVIL p", "join m EVIL p --coverage",
        "export m/EVIL -o EVIL.csv", "compact", "compact --dry-run", "prune --older-than 1d", "prune --older-than 1d --yes",
        "erase --where x=1", "erase --where x=1 --yes", "head EVIL", "head m/EVIL --columns EVIL", "erase --where EVIL=1", "ship --drain",
    ],
)  # fmt: skip
def test_no_name_or_path_is_taken_for_markup_or_obeyed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str) -> None:
    monkeypatch.chdir(tmp_path)
    shipped = Shipped(str(tmp_path / EVIL), tmp_path / f"{EVIL}.spool")
    for identifier in (EVIL, "p"):
        row = {"x": 1, EVIL: EVIL, "nested": {EVIL: EVIL}}
        shipped.collect(identifier, row, at="2026-11-20T10:00:00", ids="a")
    shipped.ship()
    done = run(*(word.replace("EVIL", EVIL) for word in line.split()), "--archive", EVIL, tty=True, err_tty=True, columns=200)
    said = (done.out + done.err).replace("\x1b[?25", "")  # of a bar: the cursor
    assert "Traceback" not in said and "\u202e" not in said and "\x1b[2J" not in said
    assert "MarkupError" not in said and done.code in (0, 1)


@pytest.mark.parametrize("line", [*READING, "ls", "stats churn/inputs", "export churn/inputs"])
def test_an_archive_that_is_not_there_is_said_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str) -> None:
    monkeypatch.chdir(tmp_path)
    done = at_a_terminal(f"modeldata {line} --archive nowhere")
    assert (done.code, done.out, done.err.count("\n")) == (1, "", 1)
    assert "nowhere" in done.err and "nothing was archived there yet" in done.err


@pytest.mark.parametrize("line", [*READING[:2], READING[3], "ls", "stats churn/inputs", "export churn/inputs"])
def test_an_empty_archive_says_where_rows_may_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    done = at_a_terminal(f"modeldata {line} --archive empty")
    assert (done.code, done.out, done.err.count("\n")) == (1, "", 1)
    assert "modeldata status" in done.err


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("head chrun/inputs", "did you mean 'churn/inputs'?"),
        ("tail churn/inptus", "did you mean 'churn/inputs'"),
        ("ls chrun", "did you mean 'churn'?"),
        ("stats churn/inputs --columns agee", "did you mean 'age'?"),
        ("head churn", "say churn/inputs or churn/labels or churn/predictions"),
        ("export churn/inputs --model-version 7", "no version '7'"),
        ("head churn/inputs --start tomorow", "yesterday"),
    ],
)
def test_what_is_misspelt_is_answered_with_what_there_is(here: Path, line: str, said: str) -> None:
    done = at_a_terminal(f"modeldata {line}")
    assert done.code in (1, 2) and said in done.err and done.out == ""


@pytest.mark.parametrize(
    "line",
    [
        "head", "head churn/inputs --csv --json", "tail churn/inputs --days 2 --start 2026-11-20", "join churn inputs",
        "join churn inputs inputs", "export churn/inputs -o data.xls", "export churn/inputs --json", "nonsense",
        "join churn inputs predictions --look-ahead soon", "head churn/inputs --days 0", "prune --older-than soon",
    ],
)  # fmt: skip
def test_wrong_arguments_end_with_2(here: Path, line: str) -> None:
    done = at_a_terminal(f"modeldata {line}")
    assert (done.code, done.out) == (2, "") and done.err


@pytest.mark.parametrize(
    "line",
    ["head churn/inputs", "query 'select range from range(1000000)'", "ls", "export churn/inputs", "stats churn/inputs", "audit"],
)
def test_a_reader_who_leaves_is_no_error(here: Path, line: str) -> None:
    command = f"{sys.executable} -m modeldata {line} | head -n 1 >&2; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", command], env=scripts.environment(), capture_output=True, text=True, timeout=120, check=False
    )
    assert done.stdout == "0\n"
    assert len(done.stderr.splitlines()) == 1


def test_days_count_back_from_today_in_utc(here: Path) -> None:
    shipped = Shipped(str(here / "now"), here / "spool")
    shipped.collect("inputs", {"n": 1})
    shipped.collect("inputs", {"n": 2}, at="2020-01-01T00:00:00")
    shipped.ship()
    assert [row["n"] for row in run("head", "m", "--archive", "now", "--days", "2").rows()] == ["1"]


def test_the_shell_completes_collectors(here: Path) -> None:
    context = typer.Context(COMMANDS["head"])
    context.params = {"archive": str(here / "modeldata")}
    assert complete_collector(context, "churn/i") == ["churn/inputs"]
    assert len(complete_collector(context, "")) == 3
    context.params = {"archive": str(here / "nowhere")}
    assert complete_collector(context, "") == []


def test_without_duckdb_the_extra_is_named(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "duckdb", None)
    for line in ("query 'select 1'", "stats churn/inputs"):
        done = at_a_terminal(f"modeldata {line}")
        assert done.code == 1 and 'pip install "modeldata[sql]"' in done.err and done.err.count("\n") == 1


def test_without_the_extra_of_the_command_line_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "typer", None)
    done = run("ls")
    assert done.code == 1 and "pip install 'modeldata[cli]'" in done.err


def test_help_loads_nothing_heavy() -> None:
    code = f"import sys; import modeldata.cli.app; print([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], env=scripts.environment(), capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_version_is_that_of_the_package() -> None:
    import modeldata

    assert run("--version").out == f"{modeldata.__version__}\n"


@pytest.mark.parametrize("line", [f"{line} --json" for line in JSON_LINES.values()])
def test_one_object_of_json_and_nothing_else(here: Path, line: str) -> None:
    done = at_a_terminal(f"modeldata {line}")
    assert done.code == 0 and isinstance(json.loads(done.out), dict) and done.err == ""


@pytest.mark.skipif(os.name == "nt", reason="SIGTERM ends a process there without a word")
def test_a_shipper_that_is_stopped_tells_what_it_archived(tmp_path: Path) -> None:
    shipped = Shipped(str(tmp_path / "archive"), tmp_path / "spool")
    shipped.collect("inputs", {"n": 1}, {"n": 2})
    command = [sys.executable, "-m", "modeldata", "ship", "--json", "--archive", "archive", "--spool", "spool"]
    process = subprocess.Popen(command, cwd=tmp_path, env=scripts.environment(), stdout=subprocess.PIPE)
    try:
        scripts.wait_until(lambda: len(archive.rows(tmp_path / "archive")) == 2, 60, "both rows are archived")
        process.send_signal(signal.SIGTERM)
        report = json.loads(process.communicate(timeout=60)[0])
    finally:
        process.kill()
        process.wait()
    assert (report["archived"], report["pending"]) == (2, 0)
