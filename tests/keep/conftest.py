"""What is killed is a process and not the machine: nothing here waits for a disk. And the stores of `tests/stores`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from modeldata.cli import run as run_command
from modeldata.cli.ctrl_c import CtrlC
from modeldata.spool.files import Files
from tests.stores.conftest import (  # noqa: F401 # fixtures
    _no_credentials_of_the_machine,
    azurite_proxy,
    azurite_server,
    backend,
    gcs_and_proxy,
    moto_and_proxy,
    rclone_and_proxy,
)


@pytest.fixture(autouse=True)
def _no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Files, "sync", lambda self, fd: None)
    monkeypatch.setattr(Files, "sync_folder", lambda self, path: None)


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """`modeldata` with these arguments, beside the archive: exit code, stdout, stderr."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["modeldata", *arguments])
        try:
            code = run_command(CtrlC())
        except SystemExit as end:
            code = int(end.code or 0)
        return code, *capsys.readouterr()

    return run
