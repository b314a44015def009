"""Writes docs/cli.md: what each command says of itself, and what it shows. `python -m tests.cli.reference`; a test holds it true."""

from __future__ import annotations

import inspect
import os
import pty
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from typer.main import get_command

from modeldata.cli.app import app
from tests.read.kit import Shipped
from tests.support.scripts import environment

PAGE = Path(__file__).parents[2] / "docs" / "cli.md"
SHOWN = "/srv/models"
"""Where the archive of the page is said to be."""
EXAMPLES: dict[str, list[list[str]]] = {
    "ls": [["ls"]],
    "head": [["head", "churn/inputs", "-n", "3"]],
    "tail": [["tail", "churn/inputs", "-n", "2"]],
    "stats": [["stats", "churn/inputs"]],
    "query": [
        ["query"],
        ["query", "SELECT region, count(*) AS n, avg(income) AS mean FROM churn_inputs GROUP BY region ORDER BY region"],
    ],
    "join": [["join", "churn", "inputs", "predictions", "labels", "--columns", "age,score,label", "--end", "2026-11-20T10:01"]],
    "export": [["export", "churn/inputs", "rows.parquet", "--start", "2026-11-21"]],
    "compact": [["compact", "--dry-run"]],
    "prune": [["prune", "--older-than", "1h", "--model", "churn"]],
    "erase": [["erase", "--where", "age = 24"]],
    "audit": [["audit"]],
}
HEAD = f"""# The command line

    pip install "modeldata[cli,sql]"

Rows go to stdout, everything else to stderr. In a terminal rows are a table that fits; in a pipe they are CSV with a header (`modeldata query "..." > rows.csv`); with
`--json` each is an object on a line. Every command has `--json`. `modeldata --install-completion` teaches your shell.

| exit status | |
|---|---|
| 0 | done, or nothing to do |
| 1 | not done, or something is wrong; the reason is on stderr |
| 2 | wrong arguments |
| 3 | `audit` alone: rows are missing, each with a reason that was recorded |

The archive is MODELDATA_ARCHIVE, else `./modeldata`; `--archive` says otherwise. A COLLECTOR is MODEL/IDENTIFIER, such as `churn/inputs`; MODEL alone, if it has only one.

This page is written by the commands themselves; what they show here is the archive that the tests make, at `{SHOWN}`.
"""


def page() -> str:
    """All of docs/cli.md. Makes an archive, and runs the examples in a terminal of 80 columns."""
    from tests.cli.conftest import fill

    commands: dict[str, Any] = dict(get_command(app).commands)  # type: ignore[attr-defined] # a group, as there are several
    parts = [HEAD]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        fill(Shipped(str(folder / "archive"), folder / "spool"))
        panel = ""
        for title, command in commands.items():
            if command.rich_help_panel != panel:
                panel = command.rich_help_panel
                parts.append(f"## {panel}\n")
            parts.append(_command(title, command, folder))
    return "\n".join(parts)


def _command(name: str, command: Any, folder: Path) -> str:
    made = [f"### {name}\n", inspect.cleandoc(command.help or "") + "\n"]
    rows = []
    for one in command.params:
        if one.name == "help":
            continue
        shown = ", ".join(f"`{text}`" for text in one.opts) if one.param_type_name == "option" else f"`{one.name.upper()}`"
        default = one.default if isinstance(one.default, str | int | float) and not isinstance(one.default, bool) else None
        told = re.sub(r"\s+", " ", one.help or "").replace("|", "\\|")
        rows.append(f"| {shown} | {told}{'' if default in (None, '') else f' (default: {default})'} |")
    if rows:
        made.append("\n".join(["| | |", "|---|---|", *rows]) + "\n")
    made += [_example(arguments, folder) for arguments in EXAMPLES.get(name, [])]
    return "\n".join(made)


def _example(arguments: list[str], folder: Path) -> str:
    typed = " ".join(f'"{one}"' if re.search(r"[ <>=(*]", one) else one for one in arguments)
    lines = [f"    $ modeldata {typed}", *(f"    {line}".rstrip() for line in shown(arguments, folder))]
    return "\n".join(lines) + "\n"


def shown(arguments: list[str], folder: Path) -> list[str]:
    """What a terminal of 80 columns shows, stdout and stderr as they come."""
    ours, theirs = pty.openpty()
    env = environment(MODELDATA_ARCHIVE=str(folder / "archive"), COLUMNS="80", TERM="dumb", PYTHONPATH=os.pathsep.join(sys.path))
    with subprocess.Popen([sys.executable, "-m", "modeldata", *arguments], env=env, cwd=folder, stdout=theirs, stderr=theirs):
        os.close(theirs)
        found = b""
        while True:
            try:
                piece = os.read(ours, 65536)
            except OSError:  # Linux says so when the other side is closed
                break
            if not piece:
                break
            found += piece
        os.close(ours)
    text = found.decode().replace("\r\n", "\n").replace(str(folder / "archive"), SHOWN)
    return [line.rstrip() for line in text.splitlines()]


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(PAGE)
