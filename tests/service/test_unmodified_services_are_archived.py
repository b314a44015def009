"""`modeldata run`: real servers, started by their own commands, with an application that knows nothing of us."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from modeldata.service.launch.command import SITE, environment_of
from tests.service.kit import features, read
from tests.service.servers import ask
from tests.support.scripts import environment

APPLICATIONS = """
import sitecustomize, sys
assert sitecustomize.OF_THE_USER and "modeldata" not in sys.modules or "uvicorn" in sys.modules or "gunicorn" in sys.modules
from fastapi import FastAPI
from flask import Flask, request

asgi = FastAPI()
wsgi = Flask(__name__)

@asgi.post("/predict")
def predict(rows: list[dict[str, float]]) -> dict[str, list[float]]:
    return {"scores": [2 * row["x"] for row in rows]}

@asgi.post("/fail")
def fail() -> None:
    raise RuntimeError("broken")

@wsgi.post("/predict")
def score():
    return {"scores": [2 * row["x"] for row in request.get_json()]}

@wsgi.post("/fail")
def break_it():
    raise RuntimeError("broken")
"""
BIN = Path(sys.executable).parent
SERVERS = {
    "uvicorn": [str(BIN / "uvicorn"), "service:asgi", "--fd", "{fd}"],
    "gunicorn": [str(BIN / "gunicorn"), "service:wsgi", "-b", "fd://{fd}", "-w", "2"],
    "gunicorn with uvicorn": [str(BIN / "gunicorn"), "service:asgi", "-b", "fd://{fd}", "-k", "uvicorn_worker.UvicornWorker"],
    "werkzeug": [sys.executable, "-c", "import sys, service; from werkzeug.serving import make_server;"
                 " make_server('127.0.0.1', 0, service.wsgi, fd={fd}).serve_forever()"],
}  # fmt: skip


@pytest.mark.posix("a socket that is handed on")
@pytest.mark.parametrize("server", SERVERS)
def test_a_server_of_its_own_command_is_archived(tmp_path: Path, server: str) -> None:
    (tmp_path / "service.py").write_text(APPLICATIONS)
    (tmp_path / "user").mkdir()
    (tmp_path / "user" / "sitecustomize.py").write_text("OF_THE_USER = True")
    archive = tmp_path / "archive"
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    command = [part.format(fd=listening.fileno()) for part in SERVERS[server]]
    searched = [str(tmp_path / "user"), str(tmp_path), os.environ.get("PYTHONPATH", "")]
    around = environment(MODELDATA_FORMAT="jsonl", MODELDATA_SHIP="off", PYTHONPATH=os.pathsep.join(searched))
    ours = [sys.executable, "-m", "modeldata", "run", "--model", "m", "--archive", str(archive)]
    process = subprocess.Popen(
        [*ours, "--path", "/predict", "--path", "/fail", "--", *command], env=around, cwd=tmp_path,
        pass_fds=[listening.fileno()], stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        answers = [ask(port, "/predict", [{"x": float(number)}], x_correlation_id=f"c-{number}") for number in range(20)]
        failed = ask(port, "/fail", {})
    finally:
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=60)
        listening.close()
    assert [answer[2].replace(b"\n", b"").replace(b" ", b"") for answer in answers] == [
        f'{{"scores":[{2.0 * number}]}}'.encode() for number in range(20)
    ], said
    assert failed[0] == 500
    rows = read(archive)
    assert sorted(features(rows["inputs"])) == [(float(number),) for number in range(20)], said
    pairs = {row["$RequestId"] for row in rows["inputs"]}
    assert pairs == {row["$RequestId"] for row in rows["predictions"]} and len(pairs) == 20
    assert [row["status"] for row in rows["requests"] if row["route"] == "/fail"] == [500]
    assert len(rows["requests"]) == 21


def test_the_environment_keeps_what_was_there() -> None:
    once = environment_of({"PYTHONPATH": "/a:/b", "HOME": "/h"}, "m", ["/p"], 0.5, None)
    assert once["PYTHONPATH"].split(os.pathsep) == [SITE, "/a", "/b"] and once["HOME"] == "/h"
    assert environment_of(once, "m", ["/p"], 0.5, None) == once


def test_a_command_that_is_not_there_is_said(tmp_path: Path) -> None:
    ours = [sys.executable, "-m", "modeldata", "run", "--", "no-such-command"]
    done = subprocess.run(ours, env=environment(), cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "") and "could not run no-such-command" in done.stderr
