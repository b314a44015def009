"""What is killed is a process and not the machine: nothing here waits for a disk. And the stores of `tests/stores`."""

from __future__ import annotations

import pytest

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
