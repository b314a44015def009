"""From the name of an attempt to the name of a data file, inside the store: no byte passes through the driver.

Each `move` may be repeated until it returns: a name has one content for ever, so what an earlier try left is what is wanted.
"""

from __future__ import annotations

import os
import shutil
import time
from typing import TYPE_CHECKING, Protocol

from modeldata import urls
from modeldata.spool.files import Files, give_name, make_folders, settle
from modeldata.store import Unavailable, open_for
from modeldata.store.credentials import Credentials
from modeldata.store.local import FOLDER_MODE
from modeldata.urls import local_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from azure.storage.blob import ContainerClient

    from modeldata.settings import Settings
    from modeldata.store import Store
    from modeldata.store.object_auth import Client
    from modeldata.urls import Location

COPY_SECONDS = 600.0
"""The longest that a copy inside a storage account may take; there it is seldom more than a moment."""
LOOK_SECONDS = 0.2
OPERATION = "move a file inside the archive"


class Mover(Protocol):
    """How the files of one store get other names."""

    at_once: int
    """Moves that are best under way at once."""

    def move(self, source: str, target: str) -> None:
        """`target` has what `source` had, durably; `source` may be there still. Raises `Unavailable`."""

    def clear(self, folder: str) -> None:
        """Nothing is left below `folder`. Raises `Unavailable`."""

    def folders(self, folder: str) -> set[str]:
        """The names of the folders in `folder`, also of those with unfinished files only. Raises `Unavailable`."""


def mover_of(settings: Settings, files: Files | None = None) -> Mover:
    """The mover for the one archive of `settings`. files: the disk of a local one."""
    scheme = urls.scheme_of(settings.archive)
    if not scheme:
        folder = local_folder(settings.archive)
        assert folder is not None  # settings were checked
        return _Local(folder, files or Files())
    credentials = Credentials(settings.credentials, Files(), lambda text: None)
    kind = _Azure if scheme in urls.AZURE else _Objects
    return kind(settings, urls.parse(settings.archive), credentials)


def below(settings: Settings, folder: str) -> Store:
    """The store of one folder of the archive, so that only that is listed."""
    if urls.scheme_of(settings.archive):
        return open_for(settings.only(f"{settings.archive}/{folder}"), Files())
    root = local_folder(settings.archive) or ""
    return open_for(settings.only(urls.listable(os.path.join(root, *folder.split("/")))), Files())


class _Local:
    at_once = 1

    def __init__(self, root: str, files: Files) -> None:
        self._root = root
        self._files = files
        self._made: set[str] = set()

    def move(self, source: str, target: str) -> None:
        hidden, path = (os.path.join(self._root, *one.split("/")) for one in (source, target))
        try:
            self._make(os.path.dirname(path))
            try:
                give_name(self._files, hidden, path)
            except FileExistsError:
                self._files.unlink(hidden)
            except FileNotFoundError:
                self._files.stat(path)  # an earlier try went through; else it is an executor's file that is not here
            self._files.sync_folder(os.path.dirname(path))
        except OSError as error:
            raise Unavailable(OPERATION, path, cause=error.strerror or str(error)) from error

    def _make(self, folder: str) -> None:
        if folder not in self._made:
            make_folders(self._files, folder, FOLDER_MODE)
            settle(self._files, folder)
            self._made.add(folder)

    def clear(self, folder: str) -> None:
        """With what a killed worker left under a hidden name, and the folder itself."""
        path = os.path.join(self._root, *folder.split("/"))
        try:
            shutil.rmtree(path)
        except FileNotFoundError:
            return
        except OSError as error:
            raise Unavailable("remove what is left of a call", path, cause=error.strerror or str(error)) from error

    def folders(self, folder: str) -> set[str]:
        path = os.path.join(self._root, *folder.split("/"))
        try:
            return set(self._files.listdir(path))
        except FileNotFoundError:
            return set()
        except OSError as error:
            raise Unavailable("list the archive", path, cause=error.strerror or str(error)) from error


class _Remote:
    at_once = 8

    def __init__(self, settings: Settings, location: Location, credentials: Callable[[], Mapping[str, str]]) -> None:
        self._settings = settings
        self._location = location
        self._credentials = credentials
        self._insecure = settings.allow_insecure

    def clear(self, folder: str) -> None:
        store = below(self._settings, folder)
        for path in list(store.walk()):
            store.remove(path)

    def folders(self, folder: str) -> set[str]:
        return {path.partition("/")[0] for path in below(self._settings, folder).walk()}

    def _failed(self, target: str, cause: str, hint: str) -> Unavailable:
        return Unavailable(OPERATION, f"{self._location.container}/{self._location.key(target)}", cause=cause, hint=hint)


class _Objects(_Remote):
    """S3 and GCS copy on their side."""

    _client: Client | None = None

    def move(self, source: str, target: str) -> None:
        import obstore

        from modeldata.store.object_auth import open_client
        from modeldata.store.object_errors import failure_of

        try:
            if self._client is None:
                self._client, _ = open_client(self._location, self._credentials(), insecure=self._insecure)
            obstore.copy(self._client, self._location.key(source), self._location.key(target))
            return
        except Exception as error:  # of the library: whatever it is, the next try may go well
            failure = failure_of(error)
        raise self._failed(target, failure.cause, failure.hint)


class _Azure(_Remote):
    """The account copies on its side."""

    _container: ContainerClient | None = None

    def move(self, source: str, target: str) -> None:
        from modeldata.store.azure_errors import failure_of

        try:
            said = self._copy(self._opened(), source, target)
        except Exception as error:  # of the SDK: its text may have a signed URL
            failure = failure_of(error, time.time())
            cause, hint = failure.cause, failure.hint
        else:
            if said == "success":
                return
            cause, hint = f"the copy ended as {said!r}", ""
        raise self._failed(target, cause, hint)

    def _copy(self, container: ContainerClient, source: str, target: str) -> str:
        blob = container.get_blob_client(self._location.key(target))
        said = str(blob.start_copy_from_url(container.get_blob_client(self._location.key(source)).url)["copy_status"])
        deadline = time.monotonic() + COPY_SECONDS
        while said == "pending" and time.monotonic() < deadline:
            time.sleep(LOOK_SECONDS)
            said = str(blob.get_blob_properties().copy.status)
        return said

    def _opened(self) -> ContainerClient:
        if self._container is None:
            from modeldata.store.azure_auth import access, open_container

            env = self._credentials()
            found = access(self._location, env, insecure=self._insecure)
            self._container = open_container(found, self._location.container, env)
        return self._container
