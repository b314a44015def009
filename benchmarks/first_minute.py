"""From nothing to the first output: how many commands, how long, how many megabytes? Each tool in an environment of its own.

The tool is installed in an empty environment as its own first page says, without pip's cache. Then that page's first output
is made with two rows. The tools answer different questions: only modeldata and sqlite-utils keep the rows themselves. "Before"
is modeldata with the first page that it had until it was written for strangers.
"""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import sections
from benchmarks.peer_env import ROOT

NAME = "first-minute"
TIMEOUT = 900


class Tool(NamedTuple):
    """What a newcomer types. program: Python that is saved and run, or the arguments of a command of the tool."""

    name: str
    installs: list[str]
    program: str | list[str]
    output: str
    """A pattern for the file that is there at the end."""
    what: str
    revision: str = ""
    """Of this repository, where it is not the present one: its first page says `pip install '.[cli,sql]'`."""


BEFORE = "84ff298"
"""The last one before the README was written for strangers."""
BEFORE_IS = ('"Before" is modeldata with the first page that it had until it was written for strangers.',)
MODELDATA = """
from modeldata import Archive

archive = Archive("modeldata")
inputs = archive.collector("churn", "inputs", ["age", "income"])
inputs.collect([[34, 51_000.0], [52, 38_000.0]], user_correlation_id="order-17")
assert archive.flush(60)
"""
WHYLOGS = """
import pandas as pd
import whylogs

results = whylogs.log(pd.DataFrame({"age": [34, 52], "income": [51_000.0, 38_000.0]}))
results.writer("local").option(base_dir=".").write()
"""
EVIDENTLY = """
import pandas as pd
from evidently import Report
from evidently.presets import DataSummaryPreset

rows = pd.DataFrame({"age": [34, 52], "income": [51_000.0, 38_000.0]})
Report([DataSummaryPreset()]).run(rows, None).save_html("report.html")
"""
INSERT = ["sqlite-utils", "insert", "data.db", "inputs", "-"]
ROWS = '[{"age": 34, "income": 51000.0}, {"age": 52, "income": 38000.0}]'
TOOLS = (
    Tool("modeldata", [str(ROOT)], MODELDATA, "modeldata/**/data.csv", "the rows, in CSV"),
    Tool(
        "modeldata, before",
        ["[cli,sql]"],
        MODELDATA,
        "modeldata/**/data.csv",
        "the rows, in CSV",
        BEFORE,
    ),
    Tool(
        "sqlite-utils", ["sqlite-utils"], ["sqlite-utils", "insert", "data.db", "inputs", "-"], "data.db", "the rows, in SQLite"
    ),
    Tool("whylogs", ["whylogs", "pandas"], WHYLOGS, "**/*.bin", "a profile; the rows are not kept"),
    Tool("evidently", ["evidently", "pandas<3"], EVIDENTLY, "report.html", "a report; the rows are not kept"),
)


def main() -> None:
    began = time.perf_counter()
    runs = [_measured(tool) for tool in TOOLS]
    for run in runs:
        print(run)
    sections.keep(NAME, {"runs": runs}, time.perf_counter() - began, quick=False)


def _measured(tool: Tool) -> dict[str, Any]:
    """Seconds of each step and megabytes, or why it can't be had."""
    with tempfile.TemporaryDirectory(prefix="first-minute-") as made:
        folder = Path(made)
        venv, work = folder / "venv", folder / "work"
        work.mkdir()
        _timed([sys.executable, "-m", "venv", str(venv)], work)
        before = _size(venv)
        pip = [str(venv / "bin" / "python"), "-m", "pip", "install", "--quiet", "--no-cache-dir", "--disable-pip-version-check"]
        try:
            installed = _timed([*pip, *(tool.installs if not tool.revision else [_checked_out(tool.revision, folder)])], work)
            first = _first_output(tool, venv, work)
        except subprocess.CalledProcessError as error:
            return {"name": tool.name, "what": tool.what, "why": " ".join(error.stderr.split())[-200:]}
        megabytes = (_size(venv) - before) / 1e6
    extras = tool.installs[0 if tool.revision else 1 :]
    return {
        "name": tool.name, "installs": extras, "what": tool.what, "commands": 2, "lines": len(_lines(tool)),
        "megabytes": round(megabytes), "install_seconds": round(installed, 1), "first_seconds": round(first, 2),
    }  # fmt: skip


def _checked_out(revision: str, folder: Path) -> str:
    """What pip takes for it."""
    packed = subprocess.run(["git", "archive", revision], cwd=ROOT, capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(packed)) as content:
        content.extractall(folder / "before", filter="data")
    return f"{folder / 'before'}[cli,sql]"


def _lines(tool: Tool) -> list[str]:
    """The lines that a newcomer writes."""
    return tool.program.strip().splitlines() if isinstance(tool.program, str) else []


def _first_output(tool: Tool, venv: Path, work: Path) -> float:
    if isinstance(tool.program, str):
        (work / "first.py").write_text(tool.program, encoding="utf-8")
        seconds = _timed([str(venv / "bin" / "python"), "first.py"], work)
    else:
        seconds = _timed([str(venv / "bin" / tool.program[0]), *tool.program[1:]], work, ROWS)
    assert list(work.glob(tool.output)), f"{tool.name} made no {tool.output}"
    return seconds


def _timed(command: list[str], folder: Path, typed: str = "") -> float:
    began = time.perf_counter()
    subprocess.run(command, cwd=folder, input=typed, capture_output=True, text=True, check=True, timeout=TIMEOUT)
    return time.perf_counter() - began


def _size(folder: Path) -> int:
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def page() -> None:
    """Draws the section of docs/performance.md."""
    sections.draw(NAME, section, plotted=False)


def section(run: dict[str, Any]) -> str:
    """The page's section."""
    lines = [
        "## The first minute",
        "",
        "How long does it take from an empty environment to the first output? Each tool is installed with pip, without a cache,",
        "as its own first page says. Two rows go in. The tools answer different questions, so look at the last column, too.",
        *(BEFORE_IS if any("before" in tool["name"] for tool in run["runs"]) else ()),
        "",
        "| tool | commands | lines of Python | installed | `pip install` | first output | what it is |",
        "|---|---|---|---|---|---|---|",
        *(_row(tool) for tool in run["runs"]),
        "",
        f"{run['machine']}, Python {run['python']}, {run['at'][:10]}, load {run['load']} at the end.",
        "To measure it again: `python -m benchmarks first_minute`.",
    ]
    return "\n".join(lines)


def _row(tool: dict[str, Any]) -> str:
    if "why" in tool:
        return f"| {tool['name']} | | | | | | could not be installed or run: {tool['why']} |"
    times = f"{tool['install_seconds']:.0f} s | {tool['first_seconds']:.1f} s"
    name = " and ".join([tool["name"], *(f"`{each}`" for each in tool["installs"])])
    return f"| {name} | {tool['commands']} | {tool['lines']} | {tool['megabytes']} MB | {times} | {tool['what']} |"
