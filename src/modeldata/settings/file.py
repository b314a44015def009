"""`modeldata.toml`: settings for what runs in a folder. Read when settings are built, never by `collect()`.

`MODELDATA_CONFIG` names the file; without, it is `modeldata.toml` in the working directory, if there is one.
"""

from __future__ import annotations

import os
import stat

from modeldata import urls
from modeldata.errors import SettingsError
from modeldata.settings.archives import absolute
from modeldata.settings.heads import LOG, is_key_text
from modeldata.settings.table import SETTINGS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

VARIABLE = "MODELDATA_CONFIG"
NAME = "modeldata.toml"
PATHS = ("archive", "spool", "credentials", "heads", "heads_key", "config_map")
"""Settings that may be paths: relative ones begin at the file's folder."""


class SettingsFile:
    """The path of a settings file, and the values in it by the names of the settings."""

    __slots__ = ("path", "values")

    def __init__(self, path: str, values: Mapping[str, object]) -> None:
        """Raises `SettingsError` for what is not a setting, and for a key."""
        self.path = path
        self.values = {name: self._kept(name, value) for name, value in values.items()}

    def _kept(self, name: str, value: object) -> object:
        if name not in SETTINGS:
            raise self.error(f"{name!r:.80} is no setting", _meant(name))
        given = value if isinstance(value, list) and name == "archive" else [value]
        texts = [text for text in given if isinstance(text, str)]
        if name not in PATHS or not texts or len(texts) < len(given):
            return value
        if name == "heads_key" and is_key_text(texts[0]):
            raise self.error("it holds a private key", "keep the key in a file of its own; heads_key is its path")
        if name == "archive":
            return urls.SEPARATOR.join(urls.listable(self._resolved(url)) for text in texts for url in urls.split(text))
        return self._resolved(texts[0])

    def _resolved(self, text: str) -> str:
        local = urls.local_folder(text)
        return os.path.join(os.path.dirname(self.path), local) if local and text != LOG else text

    def error(self, cause: str, hint: str) -> SettingsError:
        return SettingsError("read the settings", self.path, cause=cause, hint=hint)


NO_FILE = SettingsFile("", {})


def find_file(env: Mapping[str, str]) -> SettingsFile:
    """The settings file that counts here; `NO_FILE` where there is none. Raises `SettingsError` for one that is not valid.

    One in the working directory has to belong to this user or to root: a folder that others can write must not say where rows go.
    """
    named = env.get(VARIABLE, "").strip()
    try:
        # Without waiting: in the working directory, the name may be a pipe.
        fd = os.open(named or NAME, os.O_RDONLY | (0 if named else getattr(os, "O_NONBLOCK", 0)))
    except (FileNotFoundError, NotADirectoryError) as error:
        if not named:
            return NO_FILE
        raise _unread(named, error) from None
    except OSError as error:
        if not named and not os.path.lexists(NAME):
            return NO_FILE  # a working directory that this user can't look into, as in many containers, has no file for them
        raise _unread(named or NAME, error) from None
    with os.fdopen(fd, "rb") as file:
        path = absolute(named or NAME)
        if not named:
            _check_owner(path, os.fstat(fd))
        try:
            return SettingsFile(path, _parsed(file.read(), path))
        except OSError as error:
            raise _unread(path, error) from None


def _check_owner(path: str, status: os.stat_result) -> None:
    cause = "" if stat.S_ISREG(status.st_mode) else "it is not a file"
    if not cause and hasattr(os, "geteuid"):
        if status.st_uid not in (0, os.geteuid()):
            cause = "it belongs to another user"
        elif status.st_mode & stat.S_IWOTH:
            cause = "every user can write it"
    if cause:
        raise SettingsError("read the settings", path, cause=cause, hint=f"set {VARIABLE} to its path if you trust it")


def _parsed(data: bytes, path: str) -> dict[str, object]:
    import tomllib  # here: most services have no file

    try:
        return tomllib.loads(data.decode("utf-8-sig"))
    except ValueError as error:
        raise SettingsError("read the settings", path, cause=f"not valid TOML: {error}", hint="see docs/settings.md") from None


def _meant(name: str) -> str:
    from difflib import get_close_matches

    near = get_close_matches(name.lower().removeprefix("modeldata_"), SETTINGS, 1)
    return f"did you mean {near[0]!r}?" if near else "known are " + ", ".join(SETTINGS)


def _unread(path: str, error: OSError) -> SettingsError:
    cause, hint = error.strerror or str(error), f"`modeldata init` writes one; {VARIABLE} names it"
    return SettingsError("read the settings", path, cause=cause, hint=hint)
