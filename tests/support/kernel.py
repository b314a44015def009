"""A service and its shipper as processes of their own, for faults that only a real kernel has."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

from tests.support.archive import assert_complete
from tests.support.ledger import assert_noted_once
from tests.support.scripts import SOURCE, environment

ROOT = Path(__file__).parents[2]
CHANGING = "write,pwrite64,fsync,fdatasync,rename,renameat2,unlink,ftruncate,fallocate,link,mkdir"
"""What a shipper changes the world with. It sends nothing over a network."""
PREPARE = """
    import json, os, signal, subprocess, sys
    from modeldata import Archive
    from tests.support.ledger import FEATURES, Book
    archive = Archive("modeldata")
    inputs = archive.collector("m", "inputs", FEATURES)
    predictions = archive.collector("m", "predictions", FEATURES)
"""


def kernel_environment(**extra: str) -> dict[str, str]:
    path = [*os.environ.get("PYTHONPATH", "").split(os.pathsep), SOURCE, str(ROOT)]
    kept = {"MODELDATA_SHIP": "off", "MODELDATA_MIN_FREE_BYTES": "0", **extra}
    return environment(PYTHONPATH=os.pathsep.join(part for part in path if part), **kept)


def run_alone(command: list[str], folder: Path, timeout: float = 120, **env: str) -> subprocess.CompletedProcess[str]:
    """Run `command` in a process group that is gone afterwards, whatever happened."""
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=kernel_environment(**env),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        out, err = process.communicate(timeout=timeout)
    finally:
        end_group(process)
        process.wait()
    return subprocess.CompletedProcess(command, process.returncode, out, err)


def end_group(process: subprocess.Popen[str]) -> None:
    """End a process and those that it started. Windows has no such groups: there it is the process alone."""
    if sys.platform == "win32":
        process.kill()
        return
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def service_script(folder: Path, code: str, name: str = "service.py") -> list[str]:
    (folder / name).write_text(textwrap.dedent(PREPARE) + textwrap.dedent(code), encoding="utf-8")
    return [sys.executable, str(folder / name)]


def ship_command(folder: Path, *extra: str) -> list[str]:
    return [sys.executable, "-m", "modeldata", "ship", "--archive", str(folder / "modeldata"), *extra]


def drain_folder(folder: Path) -> None:
    done = run_alone(ship_command(folder, "--drain"), folder)
    assert done.returncode == 0, done.stdout + done.stderr


def assert_once(folder: Path) -> int:
    count = assert_noted_once(folder / "modeldata", folder)
    assert assert_complete(folder / "modeldata") == count.delivered
    assert not list((folder / "modeldata").rglob("*.seg"))
    return count.delivered
