"""Services as their authors wrote them, started by their own commands: with `modeldata run` before it, and without."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.service.kit import Rows, read
from tests.service.servers import Answer, ask
from tests.support.scripts import environment, wait_until

BIN = Path(sys.executable).parent
OURS = "x-correlation-id"
GOOD = 20
ONLY_LOOPBACK = """
import socket

bind = socket.socket.bind

def bind_to_loopback(self, address):
    bind(self, ("127.0.0.1", address[1]) if self.family == socket.AF_INET and address[0] == "0.0.0.0" else address)

socket.socket.bind = bind_to_loopback
"""
"""For a server that listens on all interfaces, and has no option for another."""


@dataclass(frozen=True)
class Service:
    """`{port}`, `{another}` (one more), `{folder}`, `{python}` and `{bin}` of its command and its variables are filled in."""

    command: list[str]
    code: str
    path: str = "/predict"
    failing: str = "/fail"
    body: Callable[[int], Any] = lambda number: [{"x": float(number)}]
    bad_body: Any = field(default_factory=dict)
    options: tuple[str, ...] = ()
    variables: dict[str, str] = field(default_factory=dict)
    of_each: Collection[str] = ()
    """Headers that it makes for each answer: two calls never have the same."""
    headers: dict[str, str] = field(default_factory=dict)
    id_header: str = OURS
    """The header that brings the id of the caller."""
    bin: Path = BIN
    """Of the environment that has its packages."""
    anywhere: bool = False
    """It would listen on all interfaces."""
    ready: str = ""
    """A path that answers 200 once its model is loaded, for a server that listens before."""

    @property
    def python(self) -> Path:
        return self.bin / "python"


NO_TRACKING = {"DO_NOT_TRACK": "1", "BENTOML_DO_NOT_TRACK": "true"}


PAGES = Path(__file__).parents[2] / "docs" / "frameworks"


def table_of_frameworks() -> dict[str, list[str]]:
    """Of docs/frameworks/index.md, by page: package, version, hook, integration."""
    rows = re.findall(r"^\| \[.*\]\((\w+)\.md\) \| (.*) \|$", (PAGES / "index.md").read_text(encoding="utf-8"), re.MULTILINE)
    return {page: cells.split(" | ") for page, cells in rows}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


@contextmanager
def running(service: Service, folder: Path, archive: Path | None) -> Iterator[tuple[int, Callable[[], str]]]:
    """Its port, and what it said; where there is an archive, it runs below `modeldata run`."""
    (folder / "user").mkdir(exist_ok=True)
    (folder / "user" / "sitecustomize.py").write_text("OF_THE_USER = True" + ONLY_LOOPBACK * service.anywhere)
    (folder / "service.py").write_text(service.code)
    port, log = free_port(), folder / f"log-{archive is not None}"
    filled = {"port": port, "another": free_port(), "python": service.python, "bin": service.bin, "folder": folder}
    command = [part.format(**filled) for part in service.command]
    if archive is not None:
        paths = [part for path in {service.path, service.failing} for part in ("--path", path)]
        run = [str(service.python), "-m", "modeldata", "run", "--model", "m", "--archive", str(archive), *paths, *service.options]
        command = [*run, "--", *command]
    searched = os.pathsep.join([str(folder / "user"), str(folder), os.environ.get("PYTHONPATH", "")])
    variables = {name: value.format(**filled) for name, value in service.variables.items()}
    around = environment(MODELDATA_FORMAT="jsonl", MODELDATA_SHIP="off", PYTHONPATH=searched, **NO_TRACKING, **variables)
    around["PATH"] = os.pathsep.join([str(service.bin), around["PATH"]])
    with log.open("wb") as to:
        process = subprocess.Popen(command, env=around, cwd=folder, stdout=to, stderr=to, start_new_session=True)
    try:
        wait_until(lambda: process.poll() is not None or _answers(port, service.ready), 120, "a server that answers")
        assert process.poll() is None, log.read_text()
        yield port, log.read_text
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        finally:
            _end_group(process.pid)
            process.wait(20)


def _end_group(group: int) -> None:
    """What the service has left behind."""
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        pass


def _answers(port: int, ready: str) -> bool:
    with socket.socket() as caller:
        listens = caller.connect_ex(("127.0.0.1", port)) == 0
    return listens and (not ready or ask(port, ready, None, "GET")[0] == 200)


@dataclass(frozen=True)
class Found:
    rows: dict[str, Rows]
    said: str


def compared(service: Service, folder: Path) -> Found:
    """20 good requests and one that fails, to a service with `modeldata run` and to one without: all answers are equal,
    inputs and predictions of each good request are archived as a pair, and `requests` has all of them."""
    archive = folder / "archive"
    with running(service, folder, archive) as (port, said), running(service, folder, None) as (bare, _):
        answers = [_asked(service, port, number) for number in range(GOOD + 1)]
        expected = [_asked(service, bare, number) for number in range(GOOD + 1)]
    ids = [f"c-{number}" for number in range(GOOD + 1)]
    assert [headers.pop(OURS, None) for _, headers, _ in answers] == ids, said()
    assert answers == expected, said()
    rows = read(archive)
    pairs = {row["$RequestId"] for row in rows["inputs"]}
    assert pairs == {row["$RequestId"] for row in rows["predictions"]} and len(pairs) == GOOD, said()
    by_id = {row["$CorrelationId"]: row["status"] for row in rows["requests"]}
    assert by_id == dict(zip(ids, (status for status, _, _ in answers), strict=True)), said()
    assert by_id[f"c-{GOOD}"] >= 400 and set(by_id.values()) - {200} == {by_id[f"c-{GOOD}"]}
    return Found(rows, said())


def _asked(service: Service, port: int, number: int) -> Answer:
    path, body = (service.path, service.body(number)) if number < GOOD else (service.failing, service.bad_body)
    status, headers, answer = ask(port, path, body, **service.headers, **{service.id_header: f"c-{number}"})
    return status, {name: value for name, value in headers.items() if name not in service.of_each}, answer
