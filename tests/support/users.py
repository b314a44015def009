"""Programs run as other users of this machine: only root can, so tests that need it are left out elsewhere."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.scripts import environment

SERVICE, STRANGER, VOLUME_GROUP = 51_001, 51_002, 52_000
"""Ids that no file of the machine names."""
root_only = pytest.mark.skipif(
    not hasattr(os, "getuid") or os.getuid() != 0 or shutil.which("setpriv") is None, reason="needs root and setpriv"
)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder of root's that every user can look into, unlike pytest's own."""
    with tempfile.TemporaryDirectory(prefix="users-") as made:
        os.chmod(made, 0o755)
        yield Path(made)


def made(path: Path, mode: int, user: int = 0, group: int = 0) -> Path:
    """A folder with this owner, group and mode."""
    path.mkdir()
    os.chown(path, user, group)
    path.chmod(mode)
    return path


def as_user(user: int, *command: str, groups: tuple[int, ...] = (), **env: str) -> subprocess.CompletedProcess[str]:
    others = f"--groups={','.join(map(str, groups))}" if groups else "--clear-groups"
    return subprocess.run(
        ["setpriv", f"--reuid={user}", f"--regid={user}", others, *command],
        env={**environment(), "HOME": "/nonexistent", "XDG_STATE_HOME": "", **env}, capture_output=True, text=True, timeout=60, check=False, cwd="/",
    )  # fmt: skip


def python_as(user: int, code: str, *arguments: str, groups: tuple[int, ...] = (), **env: str) -> str:
    """What a script printed that this user ran."""
    done = as_user(user, sys.executable, "-c", code, *arguments, groups=groups, **env)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()
