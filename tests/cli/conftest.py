"""One archive for all tests that only read; each test works in a folder beside it, with no setting of the machine's."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from modeldata.spool.files import Files

from .kit import fill


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Files, "sync", lambda self, fd: None)
        fill(folder)
    return folder


@pytest.fixture(autouse=True)
def _no_settings_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("MODELDATA_", "AML_MODEL_DC")):
            monkeypatch.delenv(name)


@pytest.fixture
def here(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with a copy of the archive in `modeldata`, where every command looks first."""
    shutil.copytree(made / "archive", tmp_path / "modeldata")
    monkeypatch.chdir(tmp_path)
    return tmp_path
