"""The servers and archives of `tests/stores`, for reading from every store."""

from __future__ import annotations

from tests.stores.conftest import (  # noqa: F401 # fixtures
    _no_credentials_of_the_machine,
    azurite_proxy,
    azurite_server,
    backend,
    gcs_and_proxy,
    moto_and_proxy,
    rclone_and_proxy,
)
