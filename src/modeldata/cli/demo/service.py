"""The example service as the demo sees it: where its files are, a process that runs it, clients that ask it."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import httpx

from modeldata.errors import ModelDataError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

START_SECONDS = 120.0
"""The longest to wait for the service; on a cold disk the import of scikit-learn takes most of it."""
STOP_SECONDS = 10.0
OURS = ("MODELDATA_", "AML_MODEL_DC_", "SERVICE_NAME")
"""Variables that would change what the demo shows."""

Row = dict[str, float]


def example_folder() -> Path:
    """The example `fastapi_service`: beside this file where it was installed, in `examples/` of a clone."""
    installed = Path(__file__).with_name("files")
    return installed if installed.is_dir() else Path(__file__).parents[4] / "examples" / "fastapi_service"


class Measured(NamedTuple):
    """What the service measured, see `server.py`. Times in nanoseconds."""

    calls: list[tuple[str, int, int, int, bool]]
    requests: list[tuple[str, int]]


class Service:
    """The example in a process of its own, on a free port of this host. A context manager: the process ends with it."""

    def __init__(self, archive: Path) -> None:
        self._environment = _environment(os.environ, archive)
        self.url = ""

    def __enter__(self) -> Service:
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "modeldata.cli.demo.server", str(example_folder())],
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # Ctrl-C is for us; the service leaves when its standard input ends
        )
        try:
            self.url = f"http://127.0.0.1:{self._port()}"
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.returncode is None:
            self._end()

    def _port(self) -> int:
        assert self._process.stdout is not None
        with _Alarm(START_SECONDS, self._process):
            line = self._process.stdout.readline()
        if not line.strip().isdecimal():
            raise ModelDataError("start the example service", str(example_folder()), cause="it ended", hint="see above")
        return int(line)

    def stop(self) -> Measured:
        """Let it answer what it has begun and leave. What it measured."""
        output = self._end()
        try:
            return Measured(**json.loads(output))
        except ValueError as error:
            raise ModelDataError("stop the example service", cause="it did not say what it measured") from error

    def _end(self) -> str:
        """Close its standard input and wait; whatever happens, no process stays behind. What it printed."""
        try:
            return self._process.communicate(timeout=STOP_SECONDS)[0]
        except BaseException as error:
            self._process.kill()
            self._process.wait()
            if not isinstance(error, subprocess.TimeoutExpired):
                raise
            return ""


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
    package = str(Path(__file__).parents[3])
    searched = [package, *(path for path in outer.get("PYTHONPATH", "").split(os.pathsep) if path)]
    return {**kept, "MODELDATA_ARCHIVE": str(archive), "PYTHONPATH": os.pathsep.join(searched)}


class Sent(NamedTuple):
    """A request that was answered."""

    correlation_id: str
    rows: list[Row]
    answers: list[float]


def send(url: str, rows: list[Row], run: str, *, clients: int, batch: int) -> list[Sent]:
    """Ask about each row twice, alone and in a batch, from `clients` at once. All of them, or an error."""
    plan = list(_requests(rows, run, batch))
    random.Random(0).shuffle(plan)
    leave = threading.Event()
    with ThreadPoolExecutor(clients, thread_name_prefix="client") as pool:
        parts = [pool.submit(_client, url, plan[number::clients], leave) for number in range(clients)]
        try:
            return [sent for part in parts for sent in part.result()]
        except httpx.HTTPError as error:
            raise ModelDataError("ask the example service", url, cause=str(error) or type(error).__name__) from error
        finally:
            leave.set()  # Ctrl-C, or one client failed: the others need not go on


def call_of(run: str, number: int) -> str:
    """The correlation id of a row that is sent alone."""
    return f"{run}-row-{number:03}"


def _requests(rows: list[Row], run: str, batch: int) -> Iterator[tuple[str, list[Row]]]:
    for number, row in enumerate(rows):
        yield call_of(run, number), [row]
    for number, start in enumerate(range(0, len(rows), batch)):
        yield f"{run}-batch-{number:02}", rows[start : start + batch]


def _client(url: str, plan: list[tuple[str, list[Row]]], leave: threading.Event) -> list[Sent]:
    with httpx.Client(base_url=url, timeout=30, trust_env=False) as client:
        return [_ask(client, correlation_id, rows) for correlation_id, rows in plan if not leave.is_set()]


def _ask(client: httpx.Client, correlation_id: str, rows: list[Row]) -> Sent:
    alone = "-batch-" not in correlation_id
    headers = {"x-correlation-id": correlation_id}
    answer = client.post("/score" if alone else "/score/batch", json=rows[0] if alone else rows, headers=headers)
    answer.raise_for_status()
    return Sent(correlation_id, rows, [answer.json()] if alone else answer.json())
