"""Where a store's keys come from: the environment, and a file that an operator may change while we run."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from modeldata import windows
from modeldata.errors import SettingsError, remember_secret
from modeldata.spool.files import read_all

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from modeldata.spool.files import Files


class Credentials:
    """The variables that each cloud's own tools would look at, as they are at the time of the call.

    Those in the file (`NAME=value` a line, `#` begins a comment, quotes around a value are taken off) win over the environment's.
    Raises `SettingsError` from the call where the file can't be read.
    """

    def __init__(self, path: str | None, files: Files, warn: Callable[[str], None], env: Mapping[str, str] | None = None) -> None:
        self._path = path
        self._files = files
        self._warn = warn
        self._env = os.environ if env is None else env
        self._warned = False

    def __call__(self) -> Mapping[str, str]:
        if self._path is None:
            return self._env
        try:
            fd = self._files.open(self._path, os.O_RDONLY)
        except OSError as error:
            hint = "MODELDATA_CREDENTIALS names a file with lines NAME=value"
            raise SettingsError("read the credentials", self._path, cause=error.strerror or str(error), hint=hint) from error
        try:
            seen = self._files.fstat(fd)
            text = read_all(self._files, fd, seen.st_size).decode("utf-8", "replace")
        finally:
            self._files.close(fd)
        if not windows.HERE and stat.S_IMODE(seen.st_mode) & 0o077 and not self._warned:
            self._warned = True
            self._warn(f"others may read the credentials in {self._path}: chmod 600 {self._path}")
        values = parse(text)
        for name, value in values.items():
            remember_secret(name, value)
        return {**self._env, **values}


def parse(text: str) -> dict[str, str]:
    """`NAME=value` lines → values by name."""
    values = {}
    for line in text.splitlines():
        name, equals, value = line.strip().removeprefix("export ").partition("=")
        if equals and not name.startswith("#"):
            value = value.strip()
            quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "\"'"
            values[name.strip()] = value[1:-1] if quoted else value
    return values


def first_of(env: Mapping[str, str], names: Iterable[str]) -> tuple[str, str]:
    """The first of these variables that says something, and what; empty where none does."""
    return next(((name, value) for name in names if (value := env.get(name, "").strip())), ("", ""))
