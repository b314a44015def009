"""Programs as a user would write them, run in processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Mapping
from pathlib import Path

SOURCE = str(Path(__file__).parents[2] / "src")
OURS = ("MODELDATA_", "AML_MODEL_DC", "SERVICE_NAME")
SWITCH = "MODELDATA_NATIVE"
"""Says how the tests are run, in all their processes."""


def environment(**extra: str) -> dict[str, str]:
    """This process's environment without any setting of ours, and with `extra`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS) or name == SWITCH}
    return {**kept, "PYTHONFAULTHANDLER": "1", **extra}


def run(
    code: str, folder: Path, env: Mapping[str, str] | None = None, timeout: float = 120, check: bool = True
) -> subprocess.CompletedProcess[str]:
    """Run `code` as a script in `folder`."""
    script = folder / f"script_{abs(hash(code))}.py"
    script.write_text(textwrap.dedent(code), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(script)], cwd=folder, env=environment(**(env or {})), timeout=timeout,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if check:
        assert done.returncode == 0, done.stdout + done.stderr
    return done


def modeldata(*arguments: str, env: Mapping[str, str] | None = None, timeout: float = 120) -> subprocess.CompletedProcess[str]:
    """Run the command line."""
    return subprocess.run(
        [sys.executable, "-m", "modeldata", *arguments], env=environment(**(env or {})), timeout=timeout,
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def drain(archive: Path, *extra: str) -> None:
    """Archive everything that waits beside `archive`."""
    done = modeldata("ship", "--drain", "--archive", str(archive), *extra)
    assert done.returncode == 0, done.stdout + done.stderr


def wait_until(true: Callable[[], object], seconds: float = 60, what: str = "") -> None:
    """Wait for a condition; fails with what was waited for."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what or true}"
        time.sleep(0.02)
