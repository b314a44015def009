"""docs/cli.md and the outputs in docs/getting-started.md, made by running the commands: `python -m tests.cli.pages`."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import typer.main

from modeldata.cli.app import app
from modeldata.settings.folders import SPOOL_PREFIX, user_name
from modeldata.spool.files import Files
from tests.support import scripts

from . import fleet
from .kit import at_a_terminal, fill, run

DOCS = Path(__file__).parents[2] / "docs"
CLI, STARTED = DOCS / "cli.md", DOCS / "getting-started.md"
HOME = "/home/you/shop"
"""What a page calls the folder that its commands were run in."""

HEAD = """# The command line

Made by `python -m tests.cli.pages`, which runs the commands; a test keeps it true. The archive of the examples has three days of
a model `churn`: inputs, predictions, and labels for every third call. Install:
`pip install '.[cli,sql]'`. Of the extras, `query`, `stats`, `erase` and `--where` need `sql`; all need `cli`. The archive is local here; all commands work
on every store ([stores.md](stores.md)).

- **Which rows**: a collector is `MODEL/IDENTIFIER` (`churn/inputs`); `MODEL` is enough where it has only one. A misspelt name is
  answered with near names. Names may have a `/` of their own: `team/churn/inputs` is whichever of `team` and `churn/inputs`, or
  `team/churn` and `inputs`, is there. Where both are, the error says how to name each: with `~2F` for the `/` inside a name, as in
  the archive's folders (`team~2Fchurn/inputs`).
- **Which archive**: `--archive`, else `MODELDATA_ARCHIVE`, else `modeldata.toml` ([settings.md](settings.md#the-settings-file)), else `./modeldata`: a folder, `az://`, `s3://`, `gs://`. A command that
  takes nothing else by position takes the archive there, too: `modeldata audit s3://bucket/archive`.
- **stdout** has rows and results, **stderr** all else: warnings, counts, progress. A reader who leaves early (`| head`) is no error.
- **Form**: rows are a table at a terminal and CSV in a pipe. `--table`, `--csv` and `--json` choose. A table is for eyes: at a terminal long
  cells are cut where there is no room, and columns without room are named on stderr. In a pipe it is as wide as it has to be. The CSV and JSON of a row are whole. `--json` of rows is one object a
  line. `--json` of all else is one object, with the keys that its command names below. `audit`, `compact`, `prune` and `erase` of several archives give them as `archives`.
- **Times** are UTC, unless they say a zone: `2026-11-23`, `2026-11-23T12:00`, `2026-11` (its first day), `today`, `yesterday`, `now`, `7d` (ago). **Durations** have a unit (`500ms`, `30s`, `15min`, `12h`, `90d`, `4w`) or are ISO 8601 (`PT1H30M`);
  `--interval` and `--timeout` take bare seconds, too.
- **TAB** completes commands and options, and from a local archive collectors, models, services, versions and columns:
  `modeldata --install-completion`. An archive that does not answer in 0.2 s completes nothing.

| exit status | |
|---|---|
| 0 | done; `tail -f`, `ship`: ended by Ctrl-C; a reader of stdout left; stdout was closed |
| 1 | not done, or something is wrong, such as a full disk behind stdout; the reason is on stderr |
| 2 | wrong arguments |
| 3 | `audit`: rows are missing, each with a reason that was recorded |
| 4 | `audit`: a part could not be read; what could is as it should be |
| 130 | Ctrl-C: within a second, whatever is at work. `ship` finishes its round first; `tail -f` ends with 0 |
"""

EXAMPLES = {
    "init": ("modeldata init --json",),
    "coverage": ("modeldata coverage --archive fleet",),
    "ls": ("modeldata ls",),
    "head": ("modeldata head churn/inputs -n 5", "modeldata head churn/inputs -n 2 --where 'age > 60'", "modeldata head churn/inputs -n 2 --json --columns '$CorrelationId,age,plan'"),
    "tail": ("modeldata tail churn/predictions -n 3", "modeldata tail churn/predictions -n 2 --where 'score > 0.9'"),
    "query": (
        "modeldata query 'SELECT plan, count(*) AS n, avg(score) AS score FROM churn_inputs"
        ' JOIN churn_predictions USING ("$CorrelationId") GROUP BY plan ORDER BY score\'',
        "modeldata query 'SELECT avg(agee) FROM churn_inputs'",
        "modeldata query 'SELECT plan, age FROM churn_inputs' -o plans.parquet",
    ),
    "join": (
        "modeldata join churn predictions inputs labels --columns score,age,left -n 4",
        "modeldata join churn predictions inputs labels --coverage --json",
    ),
    "export": ("modeldata export churn/inputs --start 2026-11-22 -o inputs.parquet",),
    "stats": ("modeldata stats churn/inputs",),
    "audit": ("modeldata audit",),
    "ship": ("modeldata ship --drain",),
    "status": ("modeldata status",),
    "doctor": ("modeldata doctor",),
    "compact": ("modeldata compact --dry-run --identifier labels",),
    "prune": ("modeldata prune --older-than 1d --identifier inputs",),
    "erase": ("modeldata erase --where 'age = 18'",),
}  # fmt: skip
JSON_LINES = {
    "ship": "ship --drain", "status": "status", "audit": "audit", "doctor": "doctor", "ls": "ls", "stats": "stats churn/inputs",
    "join": "join churn predictions inputs --coverage", "export": "export churn/labels -o labels.csv", "compact": "compact --dry-run",
    "prune": "prune --older-than 1d", "erase": "erase --where 'age = 18'",
}  # fmt: skip
"""What is run with `--json`, for its keys. All else prints rows, or works for long."""
NOTES = {
    "tail": "With `-f`: `modeldata tail -f churn/inputs --json | jq .age` prints ages as they arrive, until Ctrl-C.",
    "demo": "It shows some forty lines: the service, the files, the rows, and what collecting cost.",
    "head": "A name that is misspelt: `modeldata head chrun/inputs` ends with 1 and *did you mean 'churn/inputs'?*",
}


def cli_page() -> str:
    """The whole page."""
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as made:
        folder = Path(made).resolve()
        patch.setattr(Files, "sync", lambda self, fd: None)
        fill(folder)
        (folder / "archive").rename(folder / "modeldata")
        with working_in(folder), fleet.afternoon():
            fleet.fill(folder)
            commands = typer.main.get_command(app).commands  # type: ignore[attr-defined] # a group
            parts = [HEAD, block("modeldata --help", folder)]
            for name in commands:
                parts += [f"## modeldata {name}", help_of(name), *(block(line, folder) for line in EXAMPLES.get(name, ()))]
                parts += [NOTES[name]] if name in NOTES else []
                parts += [keys_of(name)] if name in JSON_LINES else []
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def help_of(name: str) -> str:
    return f"```text\n{run(name, '--help', tty=True).out.strip()}\n```"


def keys_of(name: str) -> str:
    """The keys of the one object that `--json` prints."""
    done = at_a_terminal(f"modeldata {JSON_LINES[name]} --json")
    return f"`modeldata {JSON_LINES[name]} --json` prints one object: {_keys(json.loads(done.out))}."


def _keys(found: dict[str, object]) -> str:
    """Of lists of objects, also the keys of each."""
    texts = []
    for key, value in found.items():
        inner = value[0] if isinstance(value, list) and value else None
        texts.append(f"`{key}`" + (f" (each: {_keys(inner)})" if isinstance(inner, dict) else ""))
    return ", ".join(texts)


def block(line: str, folder: Path) -> str:
    """A command and what a terminal then shows: stderr after stdout."""
    return f"```console\n$ {line}\n{shown(line, folder)}```"


def shown(line: str, folder: Path) -> str:
    done = at_a_terminal(line)
    return (done.out + done.err).replace(str(folder), HOME).replace(SPOOL_PREFIX + user_name(os.environ), SPOOL_PREFIX + "1000")


@contextmanager
def working_in(folder: Path) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("XDG_STATE_HOME", str(folder / ".state"))  # no spool that this machine has had
        for name in list(os.environ):
            if name.startswith(scripts.OURS):
                patch.delenv(name)
        yield


BLOCK = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)


def refreshed(page: str) -> str:
    """A page whose blocks of Python and of `console` were run from top to bottom in one folder, with what was then shown."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made).resolve()
        with working_in(folder):
            return BLOCK.sub(lambda found: _refreshed(found[1], found[2], folder), page)


def _refreshed(kind: str, text: str, folder: Path) -> str:
    if kind == "python":
        named = re.match(r"# (\w+\.py)\n", text)
        if named:
            (folder / named[1]).write_text(text, encoding="utf-8")
        else:
            scripts.run(text, folder)
            settle(folder)
    elif kind == "console":
        text = "".join(f"$ {line}\n{_typed(line, folder)}" for line in re.findall(r"^\$ (.*)$", text, re.MULTILINE))
    return f"```{kind}\n{text}```"


def _typed(line: str, folder: Path) -> str:
    """A line of a shell: variables before it, then `modeldata` or `python`."""
    words = shlex.split(line)
    variables = {}
    while "=" in words[0]:
        name, _, value = words.pop(0).partition("=")
        variables[name] = value
    if words[0] == "modeldata":
        assert not variables, line
        return shown(line, folder)
    assert words[0] == "python", line
    done = subprocess.run(
        [sys.executable, *words[1:]], cwd=folder, env=scripts.environment(**variables), capture_output=True, text=True, timeout=120,
        check=True,
    )  # fmt: skip
    settle(folder)
    return done.stdout


def settle(folder: Path) -> None:
    """Wait until what was collected is in the archive."""
    if (folder / "modeldata").exists():
        scripts.drain(folder / "modeldata")


_UNSTABLE = re.compile(r"\d{4}-\d\d-\d\d(?:[ T]\d\d:\d\d(?::\d\d(?:\.\d+)?)?)?|\d+ batches")


def stable(page: str) -> str:
    """A page without what is different at each run: when it was, and how many batches the rows came in."""
    return _UNSTABLE.sub(lambda found: re.sub(r"\d+", "0", found[0]), page)


if __name__ == "__main__":
    CLI.write_text(cli_page(), encoding="utf-8")
    if stable(made := refreshed(STARTED.read_text(encoding="utf-8"))) != stable(STARTED.read_text(encoding="utf-8")):
        STARTED.write_text(made, encoding="utf-8")
