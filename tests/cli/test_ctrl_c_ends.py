"""Ctrl-C ends every command with 130 and one line, and no thread of a library holds up or aborts an end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.scripts import environment

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals of a shell")

WORKING = """
import sys, threading, time
from modeldata.cli import main
from modeldata.settings import Settings
{patch}
sys.argv = ["modeldata", *sys.argv[1:]]
sys.exit(main())
"""
SLOW_SETTINGS = """
def build(*_, **__):
    print("working", file=sys.stderr, flush=True)
    time.sleep(3600)
Settings.build = build
"""
DEAF_SETTINGS = """
def build(*_, **__):
    print("working", file=sys.stderr, flush=True)
    while True:
        try:
            time.sleep(3600)
        except KeyboardInterrupt:
            pass  # as a library that computes and never returns to Python
Settings.build = build
"""
SAID_BEFORE_SQL = """
from modeldata.read.reader import Reader
asked = Reader.sql
def sql(self, *given, **named):
    answer = asked(self, *given, **named)
    print("working", file=sys.stderr, flush=True)
    return answer
Reader.sql = sql
"""
LINES = (
    "head churn/inputs", "tail churn/inputs", "query 'select 1'", "join churn inputs predictions", "export churn/inputs -o out.csv",
    "ls", "stats churn/inputs", "audit", "status", "doctor", "compact", "prune --older-than 9d", "erase --where age=1",
)  # fmt: skip
ENDLESS = (
    "select plan, count(*), avg(age) from churn_inputs, (select unnest(range(100000000)) k) group by all order by 2",
    "select sum(hash(a.range + b.range + age) % 7) from churn_inputs, range(3000000) a, range(3000000) b",
)


def interrupted(here: Path, patch: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A command that was interrupted as soon as it said that it is at work."""
    command = [sys.executable, "-c", WORKING.format(patch=patch), *arguments]
    process = subprocess.Popen(
        command, cwd=here, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        assert process.stderr is not None and process.stderr.readline() == "working\n"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    finally:
        process.kill()
        process.wait()
    return subprocess.CompletedProcess(command, process.returncode, out, err)


@pytest.mark.parametrize("line", LINES)
def test_every_command_ends_with_130_and_one_line(here: Path, line: str) -> None:
    import shlex

    done = interrupted(here, SLOW_SETTINGS, *shlex.split(line))
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "modeldata: interrupted\n")


@pytest.mark.parametrize("sql", ENDLESS)
def test_a_query_that_duckdb_would_work_on_for_hours_ends_so_too(here: Path, sql: str) -> None:
    done = interrupted(here, SAID_BEFORE_SQL, "query", sql)
    assert (done.returncode, done.stderr) == (130, "modeldata: interrupted\n")


def test_what_does_not_hear_it_is_ended(here: Path) -> None:
    done = interrupted(here, DEAF_SETTINGS, "ls")
    assert (done.returncode, done.stderr) == (130, "modeldata: interrupted\n")


def test_an_export_that_is_interrupted_leaves_no_file(here: Path) -> None:
    patch = """
from modeldata.cli.commands import export
def write(*_):
    print("working", file=sys.stderr, flush=True)
    time.sleep(3600)
export._write = write
"""
    done = interrupted(here, patch, "export", "churn/inputs", "-o", "out.csv")
    assert done.returncode == 130 and os.listdir(here) == ["modeldata"]


def test_ctrl_c_that_is_ignored_stays_ignored(here: Path) -> None:
    """So does a shell for what it runs in the background."""
    patch = """
import os, signal
signal.signal(signal.SIGINT, signal.SIG_IGN)
build = Settings.build
def interrupt(*given, **named):
    os.kill(os.getpid(), signal.SIGINT)
    return build(*given, **named)
Settings.build = interrupt
"""
    done = subprocess.run(
        [sys.executable, "-c", WORKING.format(patch=patch), "ls"], cwd=here, env=environment(), capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"") and b"churn/inputs" in done.stdout


@pytest.mark.parametrize("arguments", [["query", "select * from churn_inputs", "-n", "3"], ["query", "selec"]])
def test_threads_of_duckdb_meet_no_end_of_python(here: Path, arguments: list[str]) -> None:
    """They may be in the middle of our rows then: now and then that ended with SIGABRT, or never."""
    patch = "import atexit; atexit.register(print, 'the end of Python', file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", WORKING.format(patch=patch), *arguments], cwd=here, env=environment(), capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    assert "the end of Python" not in done.stderr
    assert (done.returncode, len(done.stdout.splitlines())) == ((0, 4) if "-n" in arguments else (1, 0))
