"""Each example, run as its first lines say."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support import archive, scripts

EXAMPLES = Path(__file__).parents[2] / "examples"
ROWS = 200
WINE = [13.2, 1.78, 2.14, 11.2, 100, 2.65, 2.76, 0.26, 1.28, 4.38, 1.05, 3.4]


def run(path: Path, folder: Path, *arguments: str) -> str:
    command = [sys.executable, str(path), *arguments]
    done = subprocess.run(
        command, cwd=folder, env=scripts.environment(), capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_plain_script_archives_before_it_leaves(tmp_path: Path) -> None:
    run(EXAMPLES / "plain_script.py", tmp_path, "here")
    assert len(archive.rows(tmp_path / "here", "inputs")) == 75
    assert set(archive.features(tmp_path / "here", "predictions")) == {("0",), ("1",), ("2",)}


def test_the_scoring_file_can_be_run_by_hand(tmp_path: Path) -> None:
    answers = json.loads(run(EXAMPLES / "fastapi_service/score.py", tmp_path))
    scripts.drain(tmp_path / "modeldata")
    predictions = archive.rows(tmp_path / "modeldata", "prediction")
    assert [float(row["malignant"]) for row in predictions] == answers
    assert {row["$CorrelationId"] for row in predictions} == {"by hand"}
    assert len(archive.rows(tmp_path / "modeldata", "inputs")) == len(answers)


@contextmanager
def gunicorn(folder: Path, port: int, *options: str) -> Iterator[None]:
    """The Flask example under gunicorn until the end of the `with`, then SIGTERM to its master."""
    command = [sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}", *options, "app:app"]
    with (folder / "gunicorn.log").open("wb") as log:
        environment = scripts.environment(MODELDATA_ARCHIVE=str(folder / "archive"))
        master = subprocess.Popen(command, cwd=EXAMPLES / "flask_gunicorn", env=environment, stdout=log, stderr=log)
    try:
        scripts.wait_until(lambda: master.poll() is not None or answers(port), 120, "gunicorn listens")
        yield
        master.send_signal(signal.SIGTERM)
        assert master.wait(60) == 0, (folder / "gunicorn.log").read_text()
    finally:
        master.kill()
        master.wait()


def answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def ask(port: int, number: int) -> list[int]:
    headers = {"content-type": "application/json", "x-correlation-id": f"c{number}", "x-request-id": f"r{number}"}
    body = json.dumps([*WINE, number]).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{port}/score", data=body, headers=headers)
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=120) as answer:
        report: list[int] = json.loads(answer.read())
    return report


@pytest.mark.skipif(os.name == "nt", reason="gunicorn forks")
@pytest.mark.parametrize("options", [(), ("--preload",)], ids=["fork then load", "preload"])
def test_four_gunicorn_workers_write_one_file(tmp_path: Path, options: tuple[str, ...]) -> None:
    port = free_port()
    with gunicorn(tmp_path, port, *options), ThreadPoolExecutor(8) as clients:
        report = list(clients.map(lambda number: ask(port, number), range(ROWS)))
    scripts.drain(tmp_path / "archive")

    inputs = {row["$CorrelationId"]: row for row in archive.rows(tmp_path / "archive", "inputs")}
    predictions = {row["$CorrelationId"]: row for row in archive.rows(tmp_path / "archive", "prediction")}
    assert len(archive.rows(tmp_path / "archive")) == 2 * ROWS
    for number in range(ROWS):
        call, asked = inputs[f"c{number}"], [float(value) for name, value in inputs[f"c{number}"].items() if name[0] != "$"]
        assert asked == [*WINE, number]
        assert [int(predictions[f"c{number}"]["cultivar"])] == report[number]
        assert call["$RequestId"] == predictions[f"c{number}"]["$RequestId"] == f"r{number}"
    days = Counter(path.parent for path in archive.data_files(tmp_path / "archive"))
    assert set(days.values()) == {1}, "one data.csv for each collector and day"
