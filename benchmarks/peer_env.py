"""The peers' own environment, `.venv-bench`: made again when requirements.txt changes, so that ours stays clean.

What can't be installed is left out and named with the reason; the others run.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
VENV = ROOT / ".venv-bench"
PYTHON = str(VENV / "bin" / "python")
PINNED, WANTED = Path(__file__).with_name("requirements.txt"), Path(__file__).with_name("requirements.in")
STAMP = VENV / "ready.json"


def prepare() -> dict[str, str]:
    """Makes the environment if need be. Returns what is missing in it, and why."""
    made_of = hashlib.sha256(PINNED.read_bytes() + sys.version.encode()).hexdigest()
    if STAMP.exists():
        stamp = json.loads(STAMP.read_text())
        if stamp["made_of"] == made_of and not stamp["missing"]:
            return {}
    shutil.rmtree(VENV, ignore_errors=True)
    _uv("venv", "--quiet", "--python", sys.executable, str(VENV), check=True)
    missing = _install()
    STAMP.write_text(json.dumps({"made_of": made_of, "missing": missing}))
    return missing


def _install() -> dict[str, str]:
    if not _pip("-r", str(PINNED)).returncode:
        return {}
    missing = {}
    for line in WANTED.read_text().splitlines():
        if line and not line.startswith("#"):
            done = _pip("-c", str(PINNED), line)
            if done.returncode:
                missing[line] = " ".join(done.stderr.split())[-300:]
    return missing


def _pip(*arguments: str) -> subprocess.CompletedProcess[str]:
    return _uv("pip", "install", "--quiet", "--compile-bytecode", "--python", PYTHON, *arguments)


def _uv(*arguments: str, check: bool = False) -> subprocess.CompletedProcess[str]:
    beside = Path(sys.executable).with_name("uv")
    uv = str(beside) if beside.exists() else shutil.which("uv") or "uv"
    return subprocess.run([uv, *arguments], capture_output=True, text=True, check=check)
