"""The sidecar in a thread of this process, or as the command that a user starts."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from modeldata import Archive
from modeldata.service.sidecar.app import Sidecar
from modeldata.service.sidecar.recent import Recent
from tests.cli.kit import run
from tests.service.servers import ask, uvicorn_of
from tests.support.archive import rows_of
from tests.support.scripts import environment

Rows = list[dict[str, Any]]


@contextmanager
def sidecar(folder: Path, token: str | None = None, **settings: Any) -> Iterator[int]:
    """Its port. What was posted is in the archive `folder` when this ends."""
    archive = Archive(folder, **{"format": "jsonl", "ship": "thread", **settings})
    try:
        with uvicorn_of(Sidecar(archive, "service", token, Recent()).app) as port:
            yield port
    finally:
        waits = archive.settings.ship != "off"
        assert archive.close(60 if waits else 0) or not waits


def started(folder: Path, *arguments: str, **variables: str) -> tuple[subprocess.Popen[str], int]:
    """The command and its port."""
    command = [sys.executable, "-m", "modeldata", "sidecar", str(folder), "--port", "0", "--json", *arguments]
    env = environment(MODELDATA_FORMAT="jsonl", MODELDATA_SHIP="off", **variables)
    process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise AssertionError(process.communicate()[1])
    return process, int(json.loads(line)["url"].rpartition(":")[2])


def post(port: int, path: str, body: Any, **headers: str) -> tuple[int, dict[str, Any]]:
    """Status and JSON of the answer."""
    status, _, answer = ask(port, path, body, **headers)
    return status, json.loads(answer)


def archived(folder: Path) -> Rows:
    """All rows, with `@path`. What still waits is shipped first."""
    assert run("ship", "--drain", "--archive", str(folder)).code == 0
    files = {"/" + str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.jsonl")}
    return [dict(row) for row in rows_of({name: data for name, data in files.items() if not name.startswith("/.")})]


def values(rows: Rows) -> Rows:
    """Only what was collected, ours aside."""
    return [{name: value for name, value in row.items() if name[0] not in "$@"} for row in rows]
