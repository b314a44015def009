"""The services of a soak: a nursery with its processes, gunicorn and a client. See `soak`."""

from __future__ import annotations

import http.client
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

WORKERS = 4


class Services:
    """What collects. `start` and `stop` may take turns; `keep` replaces what has died."""

    def __init__(self, folder: Path, env: dict[str, str], chance: random.Random, archives: Callable[[], list[str]]) -> None:
        self.folder = folder
        self.env = env
        self.chance = chance
        self.archives = archives
        """The spellings by which the archive can be reached just now."""
        self.ship = "off"
        """How processes ship, by turns: each starts a shipper ("auto"), or the service with a thread is the only one ("off")."""
        self.side = "side-0"
        self.requests = self.names = 0
        self.workers: list[int] = []
        self.gunicorn = self.thread = 0
        self._processes: list[subprocess.Popen[str]] = []
        self._port = _free_port()
        self._over = threading.Event()
        self._client = threading.Thread(target=self._ask, daemon=True)

    def start(self) -> None:
        self.ship = "auto" if self.ship == "off" else "off"
        env = {**self.env, "MODELDATA_SHIP": self.ship}
        self._nursery = self._run([sys.executable, "-m", "tests.faults.soak_load"], env, pipes=True)
        command = [
            sys.executable, "-m", "gunicorn", "-w", str(WORKERS), "-b", f"127.0.0.1:{self._port}", "--max-requests", "300",
            "--max-requests-jitter", "200", "--graceful-timeout", "2", "--log-level", "critical", "tests.faults.soak_load:application",
        ]  # fmt: skip
        archive = self.chance.choice(self.archives())
        self.gunicorn = self._run(command, {**env, "MODELDATA_ARCHIVE": archive}).pid
        if not self._client.ident:
            self._client.start()

    def _run(self, command: list[str], env: dict[str, str], *, pipes: bool = False) -> subprocess.Popen[str]:
        pipe = subprocess.PIPE if pipes else subprocess.DEVNULL
        with (self.folder / "log").open("a") as log:
            process = subprocess.Popen(
                command, cwd=self.folder, env=env, stdin=pipe, stdout=pipe, stderr=log, text=True, start_new_session=True
            )
        self._processes.append(process)
        return process

    def stop(self) -> None:
        """All of them are gone, without a word. Shippers, which are in sessions of their own, live on."""
        for process in self._processes:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate(timeout=30)
        self._processes.clear()
        self.workers.clear()

    def end(self) -> None:
        self._over.set()
        self._client.join(30)
        self.stop()

    def keep(self) -> None:
        self.workers = [pid for pid in self.workers if self.ours(pid)]
        while len(self.workers) < WORKERS:
            self.workers.append(self.fork("plain"))
        if not self.ours(self.thread):
            self.thread = self.fork("shipping_thread")

    def fork(self, kind: str) -> int:
        """A process more, of one of `soak_load.KINDS`."""
        self.names += 1
        assert self._nursery.stdin is not None and self._nursery.stdout is not None
        self._nursery.stdin.write(f"{kind} w{self.names} {self.chance.choice(self.archives())} {self.side}\n")
        self._nursery.stdin.flush()
        return int(self._nursery.stdout.readline())

    def gunicorn_workers(self) -> list[int]:
        try:
            return [int(pid) for pid in Path(f"/proc/{self.gunicorn}/task/{self.gunicorn}/children").read_text().split()]
        except OSError:
            return []

    def ours(self, pid: int) -> bool:
        """Is it a living process of this run? Never trust a number alone."""
        try:
            return f"SOAK_FOLDER={self.folder}".encode() in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        except OSError:
            return False

    def signal(self, pid: int, number: int) -> bool:
        if self.ours(pid):
            with suppress(ProcessLookupError):
                os.kill(pid, number)
                return True
        return False

    def kill_all(self, chosen: Callable[[list[str]], bool]) -> None:
        """Every process of this run with such a command."""
        for entry in os.listdir("/proc"):
            if entry.isdigit() and self.signal(int(entry), signal.SIGCONT):
                with suppress(OSError):
                    command = Path(f"/proc/{entry}/cmdline").read_bytes().decode(errors="replace").split("\0")
                    if chosen(command):
                        self.signal(int(entry), signal.SIGKILL)

    def _ask(self) -> None:
        """Requests, one after another; a worker that dies under one is no news."""
        while not self._over.is_set():
            connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=5)
            try:
                connection.request("GET", "/")
                connection.getresponse().read()
                self.requests += 1
            except (OSError, http.client.HTTPException):
                time.sleep(0.01)
            finally:
                connection.close()
            time.sleep(0.003)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
