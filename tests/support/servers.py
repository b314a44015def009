"""Real servers for a small scoring app, and clients that remember which rows were answered as accepted. Linux: it reads /proc."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.support.archive import assert_complete, data_files, features
from tests.support.scripts import environment, wait_until

APP = """
import json, os
from modeldata import ModelDataCollector

inputs = ModelDataCollector("m", "inputs", ["number", "text"])
predictions = ModelDataCollector("m", "predictions", ["number", "score"])
if os.environ.get("COLLECT_AT_IMPORT"):
    assert inputs.collect([f"import-{os.getpid()}", "in"])

def score(number):
    if not number:
        return b"{}"
    accepted = [inputs.collect([number, f"in,{number}"]), predictions.collect([number, int(number) * 2])]
    return json.dumps({"accepted": accepted, "pid": os.getpid()}).encode()

def wsgi(environ, start_response):
    body = score(environ["QUERY_STRING"])
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]

async def asgi(scope, receive, send):
    assert scope["type"] == "http"
    body = score(scope["query_string"].decode())
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
"""
GUNICORN_CONF = """
import os, sys
def pre_fork(server, worker):
    print("threads before the fork:", len(os.listdir("/proc/self/task")), file=sys.stderr, flush=True)
"""
HEADERS = {
    "inputs": b"$Timestamp,$CorrelationId,$RequestId,number,text\n",
    "predictions": b"$Timestamp,$CorrelationId,$RequestId,number,score\n",
}


class Sent:
    """What clients asked for and what they were answered. `unknown`: no answer came, so such a row is there once or not at all."""

    def __init__(self) -> None:
        self.accepted: dict[str, set[int]] = {"inputs": set(), "predictions": set()}
        self.refused = 0
        self.unknown: set[int] = set()
        self.pids: Counter[int] = Counter()
        self.asked = 0


class Server:
    """A server of `folder/app.py` that archives to `folder/archive`. Made by `serving`, which ends it whatever happens."""

    def __init__(self, folder: Path, command: list[str], env: Mapping[str, str]) -> None:
        self.archive = folder / "archive"
        (folder / "app.py").write_text(APP, encoding="utf-8")
        (folder / "gunicorn.conf.py").write_text(GUNICORN_CONF, encoding="utf-8")
        self._log = folder / "server.log"
        self._env = environment(MODELDATA_ARCHIVE=str(self.archive), PYTHONWARNINGS="default::DeprecationWarning", **env)
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                command, cwd=folder, env=self._env, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        self.port = 0
        self._sent = Sent()

    def log(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")

    def wait_until_it_answers(self) -> None:
        wait_until(self._listens, what="the server listens")
        wait_until(self._answers, what="the server answers")

    def _listens(self) -> bool:
        assert self.process.poll() is None, self.log()
        found = re.search(r"http://127\.0\.0\.1:(\d+)", self.log())
        self.port = int(found[1]) if found else 0
        return self.port != 0

    def _answers(self) -> bool:
        assert self.process.poll() is None, self.log()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request("GET", "/")
            return connection.getresponse().read() == b"{}"
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def send(self, requests: int, clients: int = 8, at: Mapping[int, Callable[[Sent], None]] | None = None) -> Sent:
        """Ask `requests` times, each number once, and never again. `at[i]` is called before the i-th request of this call.

        Returns what all calls so far were answered.
        """
        first = self._sent.asked
        self._sent.asked += requests
        numbers = iter(range(first, first + requests))
        lock = threading.Lock()
        failures: list[BaseException] = []

        def client() -> None:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
            try:
                while True:
                    with lock:
                        number = next(numbers, None)
                        if number is None:
                            return
                        before = (at or {}).get(number - first)
                        if before is not None:
                            before(self._sent)
                    report = self._ask(connection, number)
                    with lock:
                        self._remember(number, report)
            except BaseException as error:  # an assertion here must fail the test, not only its thread
                failures.append(error)
            finally:
                connection.close()

        threads = [threading.Thread(target=client, daemon=True) for _ in range(clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(180)
            assert not thread.is_alive(), "a client got no end"
        if failures:
            raise failures[0]
        return self._sent

    def _ask(self, connection: http.client.HTTPConnection, number: int) -> dict[str, object] | None:
        """The answer; None where there was none."""
        try:
            connection.request("POST", f"/score?{number}", body=b"")
            response = connection.getresponse()
            body = response.read()
        except (OSError, http.client.HTTPException):
            connection.close()  # the next request opens it again
            return None
        assert response.status == 200, body
        report: dict[str, object] = json.loads(body)
        return report

    def _remember(self, number: int, report: dict[str, object] | None) -> None:
        if report is None:
            self._sent.unknown.add(number)
            return
        answers = report["accepted"]
        assert isinstance(answers, list)
        for identifier, accepted in zip(("inputs", "predictions"), answers, strict=True):
            if accepted:
                self._sent.accepted[identifier].add(number)
            else:
                self._sent.refused += 1
        self._sent.pids[int(str(report["pid"]))] += 1

    def stop(self, number: int = signal.SIGTERM, seconds: float = 60) -> int:
        """Send the master a signal and wait for its end; its exit status."""
        self.process.send_signal(number)
        return self.process.wait(seconds)

    def workers(self) -> list[int]:
        """The master's living children."""
        return [int(pid) for pid in Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()]

    def shippers(self) -> list[int]:
        """The processes that ship this archive, by what the kernel says of them."""
        return sorted(pid for pid, command in self._processes() if b"\0ship\0" in command)

    def _processes(self) -> Iterator[tuple[int, bytes]]:
        mark = f"MODELDATA_ARCHIVE={self.archive}\0".encode()
        for name in os.listdir("/proc"):
            if not name.isdigit() or int(name) == os.getpid():
                continue
            try:
                if mark not in Path("/proc", name, "environ").read_bytes() + b"\0":
                    continue
                if b") Z " not in Path("/proc", name, "stat").read_bytes():
                    yield int(name), Path("/proc", name, "cmdline").read_bytes()
            except OSError:
                continue  # gone, or not ours

    def wait_until_all_is_shipped(self) -> None:
        """The child that ships leaves by itself when no writer lives and nothing is pending."""
        wait_until(lambda: not self.shippers(), seconds=60, what="the shipper has left")

    def end(self) -> None:
        """Kill what is left of the server and its shippers."""
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait(30)

        def all_gone() -> bool:
            left = [pid for pid, _ in self._processes()]
            for pid in left:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            return not left

        wait_until(all_gone, what="every process of the server is gone")

    def shipper_log(self) -> str:
        found = list(self.archive.glob(".modeldata-spool-*/shipper.log"))
        return "".join(path.read_text(encoding="utf-8") for path in found)

    def assert_each_accepted_row_is_there_once(self, sent: Sent, *, at_import: int = 0) -> None:
        """Read by the csv module: each accepted row once, whole; nobody else's; one `data.csv` a day, its header first and once."""
        for identifier in HEADERS:
            found = Counter(features(self.archive, identifier))
            imported = [one for one in found.elements() if one[0].startswith("import-")]
            assert len(imported) == len(set(imported)) == (at_import if identifier == "inputs" else 0)
            expected = Counter(_row(identifier, number) for number in sent.accepted[identifier])
            perhaps = Counter(_row(identifier, number) for number in sent.unknown)
            assert not expected - found, "rows are lost"
            assert not found - expected - perhaps - Counter(imported), "rows are foreign, mangled or there twice"
            files = data_files(self.archive, identifier)
            assert [path.name for path in files] == ["data.csv"] * len({path.parent for path in files})
            for path in files:
                content = path.read_bytes()
                assert content.startswith(HEADERS[identifier]) and content.count(b"$Timestamp") == 1
                assert content.endswith(b"\n")
        assert_complete(self.archive)

    def assert_no_complaint(self) -> None:
        log = self.log() + self.shipper_log()
        assert "Traceback" not in log and "Error" not in log, log
        assert "fork() may lead to deadlocks" not in log and "multi-threaded" not in log, log
        assert "not collected" not in log, log


def _row(identifier: str, number: int) -> tuple[str, ...]:
    """What `APP` collects for a request of this number."""
    return str(number), f"in,{number}" if identifier == "inputs" else str(number * 2)


@contextmanager
def serving(folder: Path, command: list[str], **env: str) -> Iterator[Server]:
    """A server that answers. At the end of the block it and its shippers are killed, unless they have left by themselves."""
    server = Server(folder, [sys.executable, "-m", *command], env)
    try:
        server.wait_until_it_answers()
        yield server
    finally:
        server.end()


def gunicorn(worker: str, *options: str, workers: int = 4) -> list[str]:
    """The command for `serving`: gunicorn with workers of this class, on a free port."""
    application = "app:asgi" if "uvicorn" in worker.lower() else "app:wsgi"
    return [
        "gunicorn", "--bind", "127.0.0.1:0", "--workers", str(workers), "--worker-class", worker,
        *options, application,
    ]  # fmt: skip


def uvicorn(*options: str, workers: int = 2) -> list[str]:
    """The command for `serving`: uvicorn with spawned workers, on a free port."""
    return ["uvicorn", "--host", "127.0.0.1", "--port", "0", "--workers", str(workers), *options, "app:asgi"]
