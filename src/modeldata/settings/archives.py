"""The URLs of archives as settings keep them. One that can't be opened is named at once, not by rows that pile up."""

from __future__ import annotations

import os

from modeldata import urls
from modeldata.errors import SettingsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def check_archive(url: str, *, opened: bool = True) -> str:
    """The URL of an archive as it is kept: local ones as absolute paths.

    Raises `SettingsError` for one that can't be opened: said at once, not by rows that pile up.

    opened: False accepts an archive without its library installed, for settings that are switched off.
    """
    low = url.lower()
    if "accountkey=" in low or "sharedaccesssignature=" in low:
        hint = "set AML_MODEL_DC_STORAGE to it; an archive is a path or URL"
        raise SettingsError("open the archive", cause="this is a connection string, not a URL", hint=hint)
    if urls.scheme_of(url):
        return _check_remote(url, opened)
    folder = urls.local_folder(url)
    if folder and "\0" not in folder:
        return urls.listable(absolute(folder))
    scheme = low.partition(":")[0]
    cause = "it names no folder of this host" if scheme == "file" else f"scheme {scheme!r} is not known"
    known = "known are a path, file://, " + ", ".join(f"{name}://" for name in urls.STORES)
    known += f"; a drive is {scheme}:/" if len(scheme) == 1 else ""
    raise SettingsError("open the archive", url, cause=cause, hint=f"{known}; set MODELDATA_ARCHIVE")


def _check_remote(url: str, opened: bool) -> str:
    try:
        location = urls.parse(url)
    except ValueError as error:
        hint = "for example az://container/prefix, s3://bucket/prefix, gs://bucket/prefix"
        raise SettingsError("open the archive", url, cause=str(error), hint=hint) from None
    library = urls.library_of(url)
    if opened and not _installed(library):
        raise SettingsError("open the archive", url, cause=f"{library} is not installed", hint=urls.install_hint(url))
    at = f"{location.container}@{location.host}" if location.host else location.container
    return f"{location.scheme}://{at}" + (f"/{location.prefix}" if location.prefix else "")


def _installed(module: str) -> bool:
    from importlib.util import find_spec

    try:
        return find_spec(module) is not None
    except ImportError:  # a parent of it
        return False


def unique(archives: Sequence[str]) -> list[str]:
    """Without a second spelling of the same folder: a link, another case where case does not count, a short or a long name."""
    by_folder: dict[object, str] = {}
    for url in archives:
        folder = None if urls.scheme_of(url) else urls.local_folder(url)
        by_folder.setdefault(_spelled_once(os.path.realpath(folder)) if folder else url, url)
    return list(by_folder.values())


def _spelled_once(folder: str) -> object:
    """The same for all spellings: the nearest folder above that is there, by its inode, and the names below it."""
    above, below = folder, ""
    while True:
        try:
            seen = os.stat(above)
        except OSError:
            parent, name = os.path.split(above)
            if parent == above:
                break
            above, below = parent, os.path.join(name, below)
            continue
        if seen.st_ino:
            return seen.st_dev, seen.st_ino, os.path.normcase(below)
        break  # a disk without inodes
    return os.path.normcase(folder)


def absolute(folder: str) -> str:
    try:
        return os.path.abspath(folder)
    except OSError as error:  # a relative path, and the working directory was removed
        raise SettingsError("find the folder", folder, cause=str(error), hint="give an absolute path") from error


def key_of(archives: str) -> str:
    """What a text of archives makes the name of a folder, here and in every earlier version."""
    from hashlib import sha256

    return sha256(archives.encode("utf-8", "surrogatepass")).hexdigest()[:16]
