"""Calls of Windows programs. Each has three pipes (Python 3.13 ends at once without them) and an end in time."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

FOLDER = Path("/usr/lib/wine")
WINE, SERVER = FOLDER / "wine64", FOLDER / "wineserver64"
NO_DIALOGS = "mscoree=;mshtml=;winemenubuilder.exe="
"""Parts of Wine that ask the user what to install, and wait for the answer."""


class Wine:
    """A Windows of its own, in the folder `prefix`."""

    def __init__(self, prefix: Path) -> None:
        self.prefix = prefix

    def call(self, *command: str, timeout: float, env: Mapping[str, str] | None = None) -> tuple[int, str]:
        """(exit status, output and errors). Raises TimeoutExpired after `timeout` seconds, the programs ended."""
        process = subprocess.Popen(
            [WINE, *command],
            env={**self._environment(), **(env or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
        )
        try:
            output, _ = process.communicate("", timeout)
        except subprocess.TimeoutExpired:
            self.end()
            process.kill()
            process.communicate()
            raise
        return process.returncode, output

    def end(self) -> None:
        """End all programs of this Windows, also those that outlived their call."""
        subprocess.run([SERVER, "-k"], env=self._environment(), capture_output=True, timeout=60, check=False)

    def _environment(self) -> dict[str, str]:
        ours = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "PYTHONPATH", "VIRTUAL_ENV")}
        settings = {"WINEPREFIX": str(self.prefix), "WINEARCH": "win64", "WINEDEBUG": "-all", "WINEDLLOVERRIDES": NO_DIALOGS}
        return ours | settings


@contextmanager
def windows(prefix: Path) -> Iterator[Wine]:
    """A Windows for a while: nothing of it runs on afterwards."""
    wine = Wine(prefix)
    try:
        yield wine
    finally:
        wine.end()


def windows_path(path: Path) -> str:
    """How Windows spells a path of this machine: drive Z is its root."""
    return "Z:" + str(path.absolute()).replace("/", "\\")
