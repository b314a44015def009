"""Stores: where batches land. The port is in `port.py`, with one module for each kind of store.

A new kind of store: its module here, and a line in `modeldata.urls.STORES`. A library that it needs is an extra in
`pyproject.toml`. `modeldata.testing.StoreConformance` says whether it keeps what the port promises.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING

from modeldata import urls
from modeldata.errors import ModelDataError, SettingsError
from modeldata.store.port import Conflict, FileFull, ReadStore, Rejected, Store, Unavailable, Unreadable, WriteStore

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from modeldata.settings import Settings
    from modeldata.spool.files import Files

__all__ = [
    "Conflict", "FileFull", "ReadStore", "Rejected", "Store", "Unavailable", "Unreadable", "WriteStore", "open_for", "open_store",
]  # fmt: skip


def _environment() -> Mapping[str, str]:
    return os.environ


def _ignore(text: str) -> None:
    return


def open_store(
    url: str, files: Files, *, credentials: Callable[[], Mapping[str, str]] = _environment, insecure: bool = False
) -> Store:
    """The store that one URL names. Nothing is asked of it yet.

    credentials: the variables that each cloud's own tools would look at; asked again after the store refused what they gave.
    insecure: let credentials travel over plain http to other hosts than this one.

    Raises `ValueError` for a URL that is not valid, `ImportError` where the library for it is not installed.
    """
    scheme = urls.scheme_of(url)
    if not scheme:
        from modeldata.store.local import LocalStore

        folder = urls.local_folder(url)
        assert folder is not None  # settings were checked
        return LocalStore(folder, files)
    module, name, *_ = urls.STORES[scheme]
    kind = getattr(import_module(f"modeldata.store.{module}"), name)
    store: Store = kind(urls.parse(url), credentials, insecure=insecure)
    return store


def open_for(settings: Settings, files: Files, warn: Callable[[str], None] = _ignore) -> Store:
    """The store of settings with one archive, with the credentials that they name.

    Raises `SettingsError` where its library is not installed, or is and can't be loaded.
    """
    from modeldata.store.credentials import Credentials

    credentials = Credentials(settings.credentials, files, warn)
    try:
        return open_store(settings.archive, files, credentials=credentials, insecure=settings.allow_insecure)
    except ModelDataError:
        raise
    except Exception as error:  # a library that is broken may raise anything when it is imported
        cause = f"its library can't be loaded: {error or type(error).__name__}"
        hint = urls.install_hint(settings.archive)
        raise SettingsError("open the archive", settings.archive, cause=cause, hint=hint) from error
