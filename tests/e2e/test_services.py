"""Real servers, forked workers, real requests: every accepted row once, one file, one header (fault matrix A1, A7, D1, D15)."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.archive import assert_complete, data_files, features
from tests.support.scripts import drain, environment, wait_until

APP = """
from modeldata import ModelDataCollector

inputs = ModelDataCollector("m", "inputs", ["n", "text"])
predictions = ModelDataCollector("m", "predictions", ["n", "score"])

def app(environ, start_response):
    number = int(environ["PATH_INFO"][1:])
    taken = inputs.collect([number, "asked"], f"order-{number}") and predictions.collect([number, number / 2], f"order-{number}")
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "1")])
    return [b"1" if taken else b"0"]

async def asgi(scope, receive, send):
    assert scope["type"] == "http"
    number = int(scope["path"][1:])
    taken = inputs.collect([number, "asked"], f"order-{number}") and predictions.collect([number, number / 2], f"order-{number}")
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1")]})
    await send({"type": "http.response.body", "body": b"1" if taken else b"0"})
"""
COLLECT_IN_MASTER = "\nassert inputs.collect([-1, 'master'])\n"


class Server:
    """A server in a process group of its own."""

    def __init__(self, folder: Path, command: list[str], port: int) -> None:
        self.port = port
        self.log = folder / "server.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command, cwd=folder, env=environment(MODELDATA_ARCHIVE=str(folder / "archive"), PYTHONWARNINGS="default"),
                stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip

    def answers(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True

    def stop(self, number: int = signal.SIGTERM) -> None:
        if self.process.poll() is None:
            self.process.send_signal(number)
            self.process.wait(60)

    def kill(self) -> None:
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait(30)

    def send(self, numbers: range, clients: int = 6) -> list[int]:
        """Each number once, over kept-alive connections; those that were answered as accepted."""

        def client(own: range) -> list[int]:
            accepted = []
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
            for number in own:
                try:
                    connection.request("GET", f"/{number}")
                    if connection.getresponse().read() == b"1":
                        accepted.append(number)
                except (OSError, http.client.HTTPException):
                    connection.close()  # that worker died or left: the next request opens anew
            connection.close()
            return accepted

        with ThreadPoolExecutor(clients) as pool:
            return [number for part in pool.map(client, [numbers[n::clients] for n in range(clients)]) for number in part]


@contextmanager
def serving(folder: Path, *options: str, app: str = APP, uvicorn: bool = False) -> Iterator[Server]:
    (folder / "service.py").write_text(app)
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    if uvicorn:
        command = [sys.executable, "-m", "uvicorn", "service:asgi", "--port", str(port), "--log-level", "warning", *options]
    else:
        command = [
            sys.executable,
            "-m",
            "gunicorn",
            "-b",
            f"127.0.0.1:{port}",
            "--keep-alive",
            "75",
            "--log-level",
            "warning",
            *options,
        ]
    server = Server(folder, command, port)
    try:
        wait_until(server.answers, 90, "the server answers")
        yield server
    finally:
        server.kill()


def _assert_archived(archive: Path, accepted: list[int], *, exactly: bool = True) -> None:
    for identifier in ("inputs", "predictions"):
        found = [int(row[0]) for row in features(archive, identifier) if int(row[0]) >= 0]
        assert len(found) == len(set(found)), "twice"
        assert set(accepted) <= set(found), f"lost: {sorted(set(accepted) - set(found))[:5]}"
        if exactly:
            assert set(found) == set(accepted)
        (file,) = data_files(archive, identifier)
        content = file.read_bytes()
        assert file.name == "data.csv"
        assert content.startswith(b"$Timestamp,$CorrelationId,$RequestId,n,") and content.count(b"$Timestamp") == 1
    assert_complete(archive)


def _archived_by_itself(archive: Path, rows: int) -> None:
    wait_until(
        lambda: all(
            len(data_files(archive, one)) == 1 and len(features(archive, one)) >= rows for one in ("inputs", "predictions")
        ),
        90,
        "the child process archives everything without being asked",
    )


@pytest.mark.parametrize("preload", [(), ("--preload",)], ids=["no preload", "preload"])
def test_four_gunicorn_workers_5000_requests_then_sigterm(tmp_path: Path, preload: tuple[str, ...]) -> None:
    with serving(tmp_path, "-w", "4", *preload, "service:app") as server:
        accepted = server.send(range(5_000))
        server.stop()

    assert len(accepted) == 5_000
    assert server.process.returncode == 0
    _archived_by_itself(tmp_path / "archive", 5_000)
    drain(tmp_path / "archive")
    _assert_archived(tmp_path / "archive", accepted)
    assert "Traceback" not in server.log.read_text()


@pytest.mark.parametrize("preload", [(), ("--preload",)], ids=["no preload", "preload"])
@pytest.mark.parametrize(
    "options",
    [("-k", "gthread", "--threads", "4"), ("-k", "gevent"), ("-k", "uvicorn_worker.UvicornWorker")],
    ids=["gthread", "gevent", "uvicorn"],
)
def test_every_kind_of_worker(tmp_path: Path, options: tuple[str, ...], preload: tuple[str, ...]) -> None:
    target = "service:asgi" if "uvicorn" in options[1] else "service:app"
    with serving(tmp_path, "-w", "2", *options, *preload, target) as server:
        accepted = server.send(range(400))
        server.stop()

    assert len(accepted) == 400
    drain(tmp_path / "archive")
    _assert_archived(tmp_path / "archive", accepted)
    assert "Traceback" not in server.log.read_text()


def test_uvicorn_with_spawned_workers(tmp_path: Path) -> None:
    with serving(tmp_path, "--workers", "2", uvicorn=True) as server:
        accepted = server.send(range(400))
        server.stop()
    assert len(accepted) == 400
    drain(tmp_path / "archive")
    _assert_archived(tmp_path / "archive", accepted)


def test_a_master_that_collects_before_it_forks(tmp_path: Path) -> None:
    with serving(tmp_path, "-w", "3", "--preload", "service:app", app=APP + COLLECT_IN_MASTER) as server:
        accepted = server.send(range(300))
        server.stop()
    drain(tmp_path / "archive")
    _assert_archived(tmp_path / "archive", accepted)
    assert ("-1", "master") in features(tmp_path / "archive", "inputs")
    assert "multi-threaded" not in server.log.read_text(), "no thread of ours is there when the master forks"


def test_workers_that_come_and_go_all_the_time(tmp_path: Path) -> None:
    with serving(tmp_path, "-w", "3", "--max-requests", "10", "--max-requests-jitter", "5", "service:app") as server:
        accepted = server.send(range(500))
        server.stop()
    assert len(accepted) > 400
    drain(tmp_path / "archive")
    _assert_archived(tmp_path / "archive", accepted, exactly=False)


def _processes(archive: Path, word: bytes) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if word in (entry / "cmdline").read_bytes() and str(archive).encode() in (entry / "environ").read_bytes():
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


def test_killed_workers_and_killed_shippers_lose_and_double_nothing(tmp_path: Path) -> None:
    archive = tmp_path / "archive"
    with serving(tmp_path, "-w", "3", "service:app") as server:
        accepted: list[int] = []
        for turn in range(4):
            accepted += server.send(range(turn * 300, turn * 300 + 300))
            for pid in _processes(archive, b"--child"):
                os.kill(pid, signal.SIGKILL)
            (worker, *_) = [pid for pid in _processes(archive, b"gunicorn") if pid != server.process.pid]
            os.kill(worker, signal.SIGKILL)
        more = iter(range(5_000, 50_000))

        def one_leads_again() -> bool:
            accepted.extend(server.send(range(number := next(more), number + 1), clients=1))
            return len(_processes(archive, b"--child")) == 1

        wait_until(one_leads_again, 60, "one shipper leads again, as long as somebody collects")
        server.stop()
    drain(archive)
    _assert_archived(archive, accepted, exactly=False)
