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
from modeldata.settings.file import VARIABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

START_SECONDS = 120.0
"""The longest to wait for the service; on a cold disk the import of scikit-learn takes most of it."""
SAY_SECONDS = 5.0
"""How often to say that it still starts."""
STOP_SECONDS = 10.0
OURS = ("MODELDATA_", "AML_MODEL_DC_", "SERVICE_NAME")
"""Variables that would change what the demo shows."""

Row = dict[str, float]


def example_folder() -> Path:
    """The example `fastapi_service`: beside this file where it was installed, in `examples/` of a clone."""
    installed = Path(__file__).with_name("files")
    return installed if installed.is_dir() else Path(__file__).parents[4] / "examples" / "fastapi_service"


class Call(NamedTuple):
    """One `collect()`. In nanoseconds: what it took; what its thread ran of that; what it waited for a core."""

    identifier: str
    rows: int
    took: int
    ran: int
    queued: int
    accepted: bool


class Measured(NamedTuple):
    """What the service measured, see `server.py`. Times in nanoseconds; `cpu` is that of the whole service."""

    calls: list[Call]
    requests: list[tuple[str, int]]
    cpu: int


class Service:
    """The example in a process of its own, on a free port of this host. A context manager: the process ends with it."""

    def __init__(self, archive: Path, say: Callable[[str], None]) -> None:
        self._environment = _environment(os.environ, archive)
        self._say = say
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
        """The port that it listens at: its first line that is a number. Other lines are shown."""
        assert self._process.stdout is not None
        with _Start(self._process, self._say) as start:
            for line in self._process.stdout:
                if line.strip().isdecimal():
                    return int(line)
                self._say(line.rstrip())
        cause = start.late or f"it ended with exit status {self._process.wait()}"
        raise ModelDataError("start the example service", str(example_folder()), cause=cause, hint="it printed what stands above")

    def stop(self) -> Measured:
        """Let it answer what it has begun and leave. What it measured."""
        output = self._end()
        try:
            measured = json.loads(output)
            return Measured([Call(*call) for call in measured["calls"]], measured["requests"], measured["cpu"])
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


class _Start:
    """Watches a process that starts: says now and then that it still does, and kills it when it takes too long.

    A read from its pipe then ends, and `late` says why.
    """

    def __init__(self, process: subprocess.Popen[str], say: Callable[[str], None]) -> None:
        self._process, self._say = process, say
        self._started = threading.Event()
        self.late = ""

    def __enter__(self) -> _Start:
        threading.Thread(target=self._watch, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._started.set()

    def _watch(self) -> None:
        waited = 0.0
        while not self._started.wait(SAY_SECONDS):
            waited += SAY_SECONDS
            if waited >= START_SECONDS:
                self.late = f"it did not listen within {waited:.0f} s"
                self._process.kill()
                return
            self._say(f"Still starting after {waited:.0f} s: a cold disk gives scikit-learn slowly.")


def _environment(outer: Mapping[str, str], archive: Path) -> dict[str, str]:
    """What a user would set, and nothing that a user happens to have set."""
    kept = {name: value for name, value in outer.items() if not name.startswith(OURS)}
    package = str(Path(__file__).parents[3])
    searched = [package, *(path for path in outer.get("PYTHONPATH", "").split(os.pathsep) if path)]
    return {**kept, "MODELDATA_ARCHIVE": str(archive), VARIABLE: os.devnull, "PYTHONPATH": os.pathsep.join(searched)}


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
