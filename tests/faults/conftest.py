"""What a fault of a real kernel needs; where it can't be had the tests fail and say so."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest


def _only_on_posix(what: str) -> None:
    if os.name == "nt":
        pytest.skip(f"POSIX: {what}")


@pytest.fixture(scope="session")
def strace() -> list[str]:
    """The command; installed where it is missing."""
    _only_on_posix("strace")
    if shutil.which("strace") is None:
        installed = subprocess.run(["apt-get", "install", "-y", "-q", "strace"], capture_output=True, text=True, check=False)
        if installed.returncode:
            pytest.fail("strace is needed and apt-get can't install it: " + installed.stderr[-300:])
    tried = subprocess.run(["strace", "-f", "-o", os.devnull, "true"], capture_output=True, text=True, check=False)
    if tried.returncode:
        pytest.fail("strace is there but may not trace (ptrace is forbidden here): " + tried.stderr)
    return ["strace", "-f"]  # without --seccomp-bpf: version 6.1 then never sends the signal that is to be injected


@pytest.fixture(scope="session")
def private_mounts() -> list[str]:
    """What a command is begun with so that it may mount, seen by nobody else and gone with it."""
    _only_on_posix("mounts of a process alone")
    tried = ""
    for way in (["unshare", "-m"], ["unshare", "-rm"]):
        test = [*way, "sh", "-c", "mount -t tmpfs -o size=64k none /mnt"]
        done = subprocess.run(test, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return way
        tried += done.stderr
    pytest.fail(f"a small disk is needed: run as root, or where user namespaces are allowed: {tried}")
