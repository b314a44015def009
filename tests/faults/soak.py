"""Minutes of load and random faults, then the oracle: `python -m tests.faults.soak --seconds 600` (or `make soak`).

Load: four plain processes that collect in bulk, with threads, forks and children that end by `os._exit`; and a gunicorn service with
four workers that ends each worker after some requests. Faults, at random: SIGKILL of a worker of either kind, of the shipper,
SIGSTOP and SIGCONT of the shipper, outages of the archive, a spool with so small a limit that outages fill it.

At the end everything is drained and compared with what the workers noted: lost, doubled, foreign and mangled rows must be 0,
`modeldata audit` must find the archive complete, and `modeldata status` must tell the same numbers. One JSON line says what was done.
"""

from __future__ import annotations

import argparse
import ctypes
import http.client
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

from tests.faults.ledger import FEATURES, Book, compare
from tests.support.scripts import SOURCE, environment

ROOT = Path(__file__).parents[2]
WORKERS = 4
SPOOL_BYTES = 256 << 20
KILL_SECONDS = 0.1
ROWS_A_SECOND = 4_000
"""Of one plain worker: together less than what the shipper and its kills let through on one core."""
EXCHANGE = 2
DRAIN_SECONDS = 300.0


# the load


def work(folder: str, name: str) -> None:
    """A plain worker: collects until it is killed, or ends by itself in one of several ways."""
    from modeldata import ModelDataCollector

    chance = random.Random(name)
    collectors = [ModelDataCollector("m", identifier, FEATURES) for identifier in ("inputs", "predictions")]
    book = Book(folder, name)
    threads = [
        threading.Thread(target=_collect_for_ever, args=(Book(folder, f"{name}t{n}"), collectors[1].collect), daemon=True)
        for n in range(chance.choice([0, 0, 0, 1, 2]))
    ]
    for thread in threads:
        thread.start()
    rows, began, children = 0, time.monotonic(), 0
    while True:
        dice = chance.random()
        many = 1 if dice < 0.5 else chance.randrange(2, 400)
        pad = "" if dice < 0.9 else "x" * chance.randrange(2_000) if dice < 0.998 else "y" * 400_000
        book.collect(chance.choice(collectors).collect, pad, many if len(pad) < 2_000 else 1)
        rows += many
        if dice < 0.004 and not threads:
            children += 1
            _child(folder, f"{name}c{children}", collectors[0].collect, by_c=dice < 0.002)
        if dice > 0.9995:
            os._exit(0)
        ahead = rows / ROWS_A_SECOND - (time.monotonic() - began)
        if ahead > 0:
            time.sleep(ahead)


def _collect_for_ever(book: Book, collect: object) -> None:
    while True:
        book.collect(collect)  # type: ignore[arg-type]
        time.sleep(0.005)


def _child(folder: str, name: str, collect: object, *, by_c: bool) -> None:
    """A forked child that collects and ends without a word."""
    pid = ctypes.CDLL(None).fork() if by_c else os.fork()
    if pid == 0:
        book = Book(folder, name)
        for _ in range(5):
            book.collect(collect)  # type: ignore[arg-type]
        os._exit(0)


def nursery(folder: str) -> None:
    """Forks a worker for each name on stdin and tells its pid; itself it never collects. Importing is paid for once."""
    import modeldata.collector  # noqa: F401

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.close(0)
            try:
                work(folder, line.strip())
            finally:
                os._exit(1)
        print(pid, flush=True)


_books: dict[int, Book] = {}


def application(environ: dict[str, object], start_response: object) -> list[bytes]:
    """What gunicorn serves: each request collects a row of inputs and some predictions."""
    from modeldata import ModelDataCollector

    book = _books.get(os.getpid())
    if book is None:
        folder = os.environ["SOAK_FOLDER"]
        book = _books[os.getpid()] = Book(folder, f"g{os.getpid()}-{os.urandom(4).hex()}")
    taken = book.collect(ModelDataCollector("m", "inputs", FEATURES).collect)
    taken += book.collect(ModelDataCollector("m", "predictions", FEATURES).collect, "z" * 30, 20)
    start_response("200 OK", [("Content-Type", "text/plain")])  # type: ignore[operator]
    return [str(taken).encode()]


# the faults


class Soak:
    """One run in one folder."""

    def __init__(self, folder: Path, seconds: float, seed: int) -> None:
        self.folder = folder
        self.archive = folder / "archive"
        self.seconds = seconds
        self.chance = random.Random(seed)
        self.faults: Counter[str] = Counter()
        self.requests = 0
        self.names = 0
        self.workers: list[int] = []
        self.over = threading.Event()
        path = [part for part in os.environ.get("PYTHONPATH", "").split(os.pathsep) if part]
        self.env = environment(
            PYTHONPATH=os.pathsep.join([*path, SOURCE, str(ROOT)]),
            MODELDATA_ARCHIVE=str(self.archive),
            MODELDATA_SPOOL=str(folder / "spool"),
            MODELDATA_SPOOL_MAX_BYTES=str(SPOOL_BYTES),
            MODELDATA_MIN_FREE_BYTES="0",
            MODELDATA_BATCH_SECONDS="0.2",
            SOAK_FOLDER=str(folder),
        )
        self.processes: list[subprocess.Popen[str]] = []

    def run(self) -> dict[str, object]:
        self.archive.mkdir()
        began = time.monotonic()
        try:
            self._load(began)
        finally:
            self._end()
        loaded = time.monotonic() - began
        return {**self._judge(), "loaded_seconds": round(loaded, 1), "seconds": round(time.monotonic() - began, 1)}

    def _load(self, began: float) -> None:
        self._nursery = self._start([sys.executable, "-m", "tests.faults.soak", "--nursery"], pipes=True)
        port = _free_port()
        command = [
            sys.executable, "-m", "gunicorn", "-w", str(WORKERS), "-b", f"127.0.0.1:{port}", "--max-requests", "300",
            "--max-requests-jitter", "200", "--graceful-timeout", "2", "--log-level", "critical", "tests.faults.soak:application",
        ]  # fmt: skip
        self._gunicorn = self._start(command)
        client = threading.Thread(target=self._ask, args=(port,), daemon=True)
        client.start()
        outage = 0.0
        self._outage_at = began + self.seconds * 0.1
        while (now := time.monotonic()) < began + self.seconds:
            self._keep_workers()
            self._one_fault()
            if outage and now >= outage:
                self._exchange()
                outage, self._outage_at = 0.0, now + self.chance.uniform(3, 20)
            elif not outage and now >= self._outage_at:
                self._exchange()
                self.faults["outages of the archive"] += 1
                outage = now + self.chance.uniform(0.5, 4)
            time.sleep(max(0.0, KILL_SECONDS - (time.monotonic() - now)))
        if outage:
            self._exchange()
        self.over.set()
        client.join(30)

    def _start(self, command: list[str], *, pipes: bool = False) -> subprocess.Popen[str]:
        pipe = subprocess.PIPE if pipes else subprocess.DEVNULL
        with (self.folder / "log").open("a") as log:
            process = subprocess.Popen(
                command, cwd=self.folder, env=self.env, stdin=pipe, stdout=pipe, stderr=log, text=True, start_new_session=True
            )
        self.processes.append(process)
        return process

    def _keep_workers(self) -> None:
        self.workers = [pid for pid in self.workers if self._ours(pid)]
        while len(self.workers) < WORKERS:
            self.names += 1
            assert self._nursery.stdin is not None and self._nursery.stdout is not None
            self._nursery.stdin.write(f"w{self.names}\n")
            self._nursery.stdin.flush()
            self.workers.append(int(self._nursery.stdout.readline()))

    def _ours(self, pid: int) -> bool:
        """Is it a living process of this run? Never trust a number alone."""
        try:
            return f"SOAK_FOLDER={self.folder}".encode() in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        except OSError:
            return False

    def _kill(self, pid: int, what: str, number: int = signal.SIGKILL) -> bool:
        if not self._ours(pid):
            return False
        with suppress(ProcessLookupError):
            os.kill(pid, number)
            self.faults[what] += 1
            return True
        return False

    def _one_fault(self) -> None:
        dice = self.chance.random()
        if dice < 0.75:
            self._kill(self.workers.pop(self.chance.randrange(len(self.workers))), "SIGKILL of a plain worker")
        elif dice < 0.88:
            children = self._children(self._gunicorn.pid)
            if children:
                self._kill(self.chance.choice(children), "SIGKILL of a gunicorn worker")
        else:
            leader = self._leader()
            if leader is None:
                return
            if dice < 0.96:
                self._kill(leader, "SIGKILL of the shipper")
            elif self._kill(leader, "SIGSTOP and SIGCONT of the shipper", signal.SIGSTOP):
                time.sleep(self.chance.uniform(0, 0.5))
                with suppress(ProcessLookupError):
                    os.kill(leader, signal.SIGCONT)

    @staticmethod
    def _children(pid: int) -> list[int]:
        try:
            return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
        except OSError:
            return []

    def _leader(self) -> int | None:
        for note in (self.folder / "spool").glob("*/leader.json"):
            with suppress(OSError, ValueError, KeyError):
                return int(json.loads(note.read_text())["pid"])
        return None

    def _exchange(self) -> None:
        """The archive's folder and a plain file change their names in one step: nothing can be reached below a file."""
        away = self.folder / "away"
        if not away.exists():
            away.write_text("an outage")
        here = -100
        failed = ctypes.CDLL(None, use_errno=True).renameat2(here, bytes(self.archive), here, bytes(away), EXCHANGE)
        assert failed == 0, os.strerror(ctypes.get_errno())

    def _ask(self, port: int) -> None:
        """Requests, one after another; a worker that dies under one is no news."""
        while not self.over.is_set():
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            try:
                connection.request("GET", "/")
                connection.getresponse().read()
                self.requests += 1
            except (OSError, http.client.HTTPException):
                time.sleep(0.01)
            finally:
                connection.close()
            time.sleep(0.003)

    # the end

    def _end(self) -> None:
        """Everything of this run is gone but, for a while, a shipper."""
        for process in self.processes:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(30)
        self._kill_all(lambda command: "ship" not in command)

    def _kill_all(self, chosen: object) -> None:
        for entry in os.listdir("/proc"):
            if entry.isdigit() and self._ours(int(entry)):
                with suppress(OSError):
                    os.kill(int(entry), signal.SIGCONT)
                    command = Path(f"/proc/{entry}/cmdline").read_bytes().decode(errors="replace").split("\0")
                    if chosen(command):  # type: ignore[operator]
                        os.kill(int(entry), signal.SIGKILL)

    def _judge(self) -> dict[str, object]:
        try:
            drained = self._modeldata("ship", "--drain", "--timeout", str(DRAIN_SECONDS))
            status = json.loads(self._modeldata("status", "--json").stdout)
            audit = self._modeldata("audit", str(self.archive), "--json")
        finally:
            self._kill_all(lambda command: True)
        count = compare(self.archive, self.folder)
        told = {key: status[key] for key in ("archived", "pending", "gaps", "damaged", "quarantined", "torn", "refused", "bytes")}
        if drained.returncode or audit.returncode:
            count.problem(f"{drained.stderr[-500:]} {audit.stdout[:500]} {audit.stderr[-500:]}")
        return {
            **count.as_dict(),
            "drain": drained.returncode,
            "audit": audit.returncode,
            "status": told,
            "kills": sum(times for what, times in self.faults.items() if what.startswith("SIGKILL")),
            "faults": dict(self.faults),
            "requests": self.requests,
            "workers": self.names,
        }

    def _modeldata(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        env = {name: value for name, value in self.env.items() if name != "SOAK_FOLDER"}
        command = [sys.executable, "-m", "modeldata", *arguments]
        return subprocess.run(command, env=env, timeout=2 * DRAIN_SECONDS, capture_output=True, text=True, check=False)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def problems(told: dict[str, object]) -> list[str]:
    """What is not as promised; none is the only good answer."""
    status = told["status"]
    assert isinstance(status, dict)
    wrong = [f"{name} = {told[name]}" for name in ("lost", "doubled", "foreign", "mangled", "drain", "audit") if told[name] != 0]
    wrong += [f"status: {name} = {status[name]}" for name in ("pending", "gaps", "damaged", "quarantined") if status[name] != 0]
    if status["archived"] != told["delivered"]:
        wrong.append(f"status tells of {status['archived']} archived rows, the files hold {told['delivered']}")
    return wrong


def soak(folder: Path, seconds: float, seed: int) -> dict[str, object]:
    return {"seed": seed, **Soak(folder, seconds, seed).run()}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4), "big"))
    parser.add_argument("--nursery", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.nursery:
        nursery(os.environ["SOAK_FOLDER"])
        return 0
    with tempfile.TemporaryDirectory(prefix="modeldata-soak-") as folder:
        told = soak(Path(folder), given.seconds, given.seed)
        print(json.dumps(told), flush=True)
        wrong = problems(told)
        if wrong:
            print("\n".join(wrong), file=sys.stderr)
            print((Path(folder) / "log").read_text()[-3000:], file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
