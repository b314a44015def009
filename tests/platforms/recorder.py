"""A plugin for pytest that notes in docs/platforms.jsonl how a run ended: `-p tests.platforms.recorder --system NAME --libraries SET`.

A line is one folder of tests on one interpreter, system and set of libraries. A later run takes the place of an earlier one.
"""

from __future__ import annotations

import datetime
import json
import platform
import sysconfig
from collections import Counter
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

RESULTS = Path(__file__).parents[2] / "docs" / "platforms.jsonl"
SHOWN = ("numpy", "pyarrow", "pandas", "duckdb")
OUTCOMES = {"passed": "passed", "failed": "failed", "error": "failed", "skipped": "skipped", "xfailed": "skipped"}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--system", required=True, help="the operating system, as the table is to name it")
    parser.addoption("--libraries", required=True, help="the set of libraries: lowest, pinned or newest")


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: Any, exitstatus: int, config: pytest.Config) -> None:
    if exitstatus not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        return  # a run that was cut short, or could not load its tests, says nothing about the others
    found = [
        (report.nodeid.split("/")[1], counted)
        for outcome, counted in OUTCOMES.items()
        for report in terminalreporter.stats.get(outcome, [])
        if report.nodeid.count("/") > 1 and not report.nodeid.startswith("tests/platforms/")
    ]
    run = {
        "system": config.getoption("--system"),
        "python": interpreter(),
        "libraries": config.getoption("--libraries"),
        "day": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "versions": {name: metadata.version(name) for name in SHOWN if _installed(name)},
    }
    for folder in {folder for folder, _ in found}:
        counts = Counter(counted for name, counted in found if name == folder)
        note({**run, "tests": folder, **{counted: counts[counted] for counted in ("passed", "failed", "skipped")}})


def interpreter() -> str:
    """As in the names of wheels: 3.14.2t has no lock around the interpreter."""
    return platform.python_version() + ("t" if sysconfig.get_config_var("Py_GIL_DISABLED") else "")


def _installed(name: str) -> bool:
    try:
        return bool(metadata.version(name))
    except metadata.PackageNotFoundError:
        return False


def results() -> list[dict[str, Any]]:
    return [json.loads(line) for line in RESULTS.read_text(encoding="utf-8").splitlines()]


def note(run: dict[str, Any]) -> None:
    """A run of another patch release takes the place, too: 3.14.9 that of 3.14.8."""
    write([*(old for old in results() if _key(old) != _key(run)), run])


def write(runs: Iterable[dict[str, Any]]) -> None:
    lines = [json.dumps(run, sort_keys=True) + "\n" for run in sorted(runs, key=_key)]
    RESULTS.write_text("".join(lines), encoding="utf-8", newline="\n")


def _key(run: dict[str, Any]) -> tuple[str, ...]:
    return (run["system"], minor(run["python"]), run["libraries"], run["tests"])


def minor(python: str) -> str:
    """`3.14t` of `3.14.2t`."""
    return ".".join(python.split(".")[:2]) + ("t" if python.endswith("t") else "")
