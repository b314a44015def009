"""SIGKILL as the last byte of an answer leaves: what a caller has read is in the archive."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.service.kit import read
from tests.service.servers import ask
from tests.support.scripts import environment

SERVER = """
import os, signal, socket, sys
import uvicorn
from modeldata import Archive, Recorder
from modeldata.service.asgi import Archiving

async def score(scope, receive, send):
    body = (await receive())["body"]
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json"),
                                                                        (b"content-length", str(len(body)).encode())]})
    await send({"type": "http.response.body", "body": body})

recorded = Archiving(score, Recorder("m", archive=Archive(sys.argv[1], format="jsonl", ship="off")))

async def killed(scope, receive, send):
    async def last(message):
        await send(message)
        if message["type"] == "http.response.body":
            os.kill(os.getpid(), signal.SIGKILL)
    await recorded(scope, receive, last)

listening = socket.create_server(("127.0.0.1", 0))
print(listening.getsockname()[1], flush=True)
uvicorn.Server(uvicorn.Config(killed, log_level="critical", lifespan="off")).run(sockets=[listening])
"""


def _answered_and_killed(folder: Path, number: int) -> int | None:
    """What the caller read, of a server that died while it read."""
    process = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(folder)], stdout=subprocess.PIPE, text=True, env=environment(), cwd=folder
    )
    assert process.stdout is not None
    port = int(process.stdout.readline())
    try:
        status, _, body = ask(port, "/predict", {"n": number})
        assert status == 200
    except ConnectionError:
        return None  # the kill was quicker than the kernel of the caller: nobody was answered
    finally:
        assert process.wait(30) == -signal.SIGKILL
        process.stdout.close()
    return int(json.loads(body)["n"])


@pytest.mark.posix("SIGKILL")
@pytest.mark.parametrize("times", [2, pytest.param(200, marks=[pytest.mark.faults, pytest.mark.timeout(1800)])])
def test_no_answered_request_is_missing(tmp_path: Path, times: int) -> None:
    answered = [_answered_and_killed(tmp_path, number) for number in range(times)]
    numbers = {number for number in answered if number is not None}
    rows = read(tmp_path)
    assert numbers
    for name in ("inputs", "predictions"):
        assert numbers <= {row["n"] for row in rows[name]}
    assert len({row["$RequestId"] for row in rows["requests"]}) == len(rows["requests"]) >= len(numbers)
