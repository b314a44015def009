"""The example service as the demo sees it: where its files are, a process that runs it, clients that ask it."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import httpx

from modeldata.errors import ModelDataError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from contextlib import AbstractContextManager

START_SECONDS = 120.0
"""The longest to wait for the service; on a cold disk the import of scikit-learn takes most of it."""
STOP_SECONDS = 10.0
OURS = ("MODELDATA_", "AML_MODEL_DC_", "SERVICE_NAME")
"""Variables that would change what the demo shows."""

Row = dict[str, float]


def example_folder() -> Path:
    """The example `fastapi_service`: beside this file where it was installed, in `examples/` of a clone."""
    installed = Path(__file__).with_name("demo_example")
    return installed if installed.is_dir() else Path(__file__).parents[3] / "examples" / "fastapi_service"


class Measured(NamedTuple):
    """What the service measured. Times in nanoseconds."""

    calls: list[tuple[str, int, int, bool]]
    """For each `collect()`: identifier, rows, time, accepted."""
    requests: list[tuple[str, int]]
    """For each request: path, time."""


class Service:
    """The example in a process of its own, on a free port of this host. A context manager: the process ends with it."""

    def __init__(self, archive: Path) -> None:
        self._environment = _environment(os.environ, archive)
        self.url = ""

    def __enter__(self) -> Service:
        command = [sys.executable, "-P", "-m", "modeldata.cli.demo_server", str(example_folder())]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, env=self._environment, stdin=pipe, stdout=pipe, text=True)
        try:
            self.url = f"http://127.0.0.1:{self._port()}"
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def _port(self) -> int:
        with self._at_most(START_SECONDS):
            line = self._process.stdout.readline() if self._process.stdout else ""
        if not line.strip().isdecimal():
            raise ModelDataError("start the example service", str(example_folder()), cause="it ended", hint="see above")
        return int(line)

    def stop(self) -> Measured:
        """Let it answer what it has begun and leave. What it measured."""
        assert self._process.stdin and self._process.stdout
        self._process.stdin.close()
        with self._at_most(STOP_SECONDS):
            told = self._process.stdout.read()
            self._process.wait()
        try:
            return Measured(**json.loads(told))
        except ValueError as error:
            raise ModelDataError("stop the example service", cause="it did not say what it measured") from error

    def _at_most(self, seconds: float) -> AbstractContextManager[object]:
        return _Alarm(seconds, self._process)

    def _end(self) -> None:
        """Whatever happened: no process stays behind."""
        process = self._process
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()
        try:
            process.wait(STOP_SECONDS)
        except (subprocess.TimeoutExpired, KeyboardInterrupt):
            process.kill()
            process.wait()


class _Alarm:
    """Kills a process that takes too long, so that a read from its pipe ends."""

    def __init__(self, seconds: float, process: subprocess.Popen[str]) -> None:
        self._timer = threading.Timer(seconds, process.kill)
        self._timer.daemon = True

    def __enter__(self) -> None:
        self._timer.start()

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()


def _environment(outer: Mapping[str, str], archive: Path) -> dict[str, str]:
    """What a user would set, and nothing that a user happens to have set."""
    kept = {name: value for name, value in outer.items() if not name.startswith(OURS)}
    package = str(Path(__file__).parents[2])
    searched = [package, *(path for path in outer.get("PYTHONPATH", "").split(os.pathsep) if path)]
    return {**kept, "MODELDATA_ARCHIVE": str(archive), "PYTHONPATH": os.pathsep.join(searched)}


class Sent(NamedTuple):
    """A request that was answered. `seconds`: as the client saw it."""

    correlation_id: str
    rows: list[Row]
    answers: list[float]
    seconds: float


def send(url: str, rows: list[Row], run: str, *, clients: int, batch: int) -> list[Sent]:
    """Ask about each row twice, alone and in a batch, from `clients` at once. All of them, or an error."""
    plan = list(_requests(rows, run, batch))
    random.Random(0).shuffle(plan)
    with ThreadPoolExecutor(clients, thread_name_prefix="client") as pool:
        parts = [pool.submit(_client, url, plan[number::clients]) for number in range(clients)]
        try:
            return [sent for part in parts for sent in part.result()]
        except httpx.HTTPError as error:
            raise ModelDataError("ask the example service", url, cause=str(error) or type(error).__name__) from error


def _requests(rows: list[Row], run: str, batch: int) -> Iterator[tuple[str, list[Row]]]:
    for number, row in enumerate(rows):
        yield f"{run}-biopsy-{number:03}", [row]
    for number, start in enumerate(range(0, len(rows), batch)):
        yield f"{run}-batch-{number:02}", rows[start : start + batch]


def _client(url: str, plan: list[tuple[str, list[Row]]]) -> list[Sent]:
    with httpx.Client(base_url=url, timeout=30, trust_env=False) as client:
        return [_ask(client, correlation_id, rows) for correlation_id, rows in plan]


def _ask(client: httpx.Client, correlation_id: str, rows: list[Row]) -> Sent:
    alone = "-biopsy-" in correlation_id
    headers = {"x-correlation-id": correlation_id}
    started = time.perf_counter()
    answer = client.post("/score" if alone else "/score/batch", json=rows[0] if alone else rows, headers=headers)
    seconds = time.perf_counter() - started
    answer.raise_for_status()
    return Sent(correlation_id, rows, [answer.json()] if alone else answer.json(), seconds)
