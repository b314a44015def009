"""Services as their authors wrote them, started by their own commands: with `modeldata run` before it, and without."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
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


@dataclass(frozen=True)
class Service:
    """`{port}`, `{python}` and `{bin}` of its command are filled in."""

    command: list[str]
    code: str
    path: str = "/predict"
    failing: str = "/fail"
    body: Callable[[int], Any] = lambda number: [{"x": float(number)}]
    bad_body: Any = field(default_factory=dict)
    options: tuple[str, ...] = ()
    variables: dict[str, str] = field(default_factory=dict)
    of_each: frozenset[str] = frozenset()
    """Headers that it makes for each answer: two calls never have the same."""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


@contextmanager
def running(service: Service, folder: Path, archive: Path | None) -> Iterator[tuple[int, Callable[[], str]]]:
    """Its port, and what it said; where there is an archive, it runs below `modeldata run`."""
    (folder / "user").mkdir(exist_ok=True)
    (folder / "user" / "sitecustomize.py").write_text("OF_THE_USER = True")
    (folder / "service.py").write_text(service.code)
    port, log = free_port(), folder / f"log-{archive is not None}"
    command = [part.format(port=port, python=sys.executable, bin=BIN) for part in service.command]
    if archive is not None:
        paths = [part for path in {service.path, service.failing} for part in ("--path", path)]
        run = [sys.executable, "-m", "modeldata", "run", "--model", "m", "--archive", str(archive), *paths, *service.options]
        command = [*run, "--", *command]
    searched = os.pathsep.join([str(folder / "user"), str(folder), os.environ.get("PYTHONPATH", "")])
    around = environment(MODELDATA_FORMAT="jsonl", MODELDATA_SHIP="off", PYTHONPATH=searched, **service.variables)
    around["PATH"] = os.pathsep.join([str(BIN), around["PATH"]])
    with log.open("wb") as to:
        process = subprocess.Popen(command, env=around, cwd=folder, stdout=to, stderr=to, start_new_session=True)
    try:
        wait_until(lambda: process.poll() is not None or _answers(port), 120, "a server that answers")
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


def _answers(port: int) -> bool:
    with socket.socket() as caller:
        return caller.connect_ex(("127.0.0.1", port)) == 0


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
    assert [headers.pop(OURS, None) for _, headers, _ in answers] == [f"c-{number}" for number in range(GOOD + 1)], said()
    assert answers == expected, said()
    rows = read(archive)
    pairs = {row["$RequestId"] for row in rows["inputs"]}
    assert pairs == {row["$RequestId"] for row in rows["predictions"]} and len(pairs) == GOOD, said()
    by_id = {row["$CorrelationId"]: row["status"] for row in rows["requests"]}
    assert by_id == {f"c-{number}": status for number, (status, _, _) in enumerate(answers)}, said()
    assert by_id[f"c-{GOOD}"] >= 400 and set(by_id.values()) - {200} == {by_id[f"c-{GOOD}"]}
    return Found(rows, said())


def _asked(service: Service, port: int, number: int) -> Answer:
    path, body = (service.path, service.body(number)) if number < GOOD else (service.failing, service.bad_body)
    status, headers, answer = ask(port, path, body, x_correlation_id=f"c-{number}")
    return status, {name: value for name, value in headers.items() if name not in service.of_each}, answer
