"""Counts that took long to make, kept in the user's cache folder by what they were made from. What fails here costs time only."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from modeldata import windows

if TYPE_CHECKING:
    from collections.abc import Mapping

VERSION = "1"
"""Of what is kept: another version makes its own."""


def cache_folder(env: Mapping[str, str]) -> str | None:
    """Where the platform wants a user's cache to be; None where no home is known."""
    home = os.path.expanduser("~")
    if windows.HERE:
        base = windows.state_base(env, home)
    elif sys.platform == "darwin":
        base = os.path.join(home, "Library", "Caches")
    else:
        base = env.get("XDG_CACHE_HOME", "")
        base = base if os.path.isabs(base) else os.path.join(home, ".cache")
    return os.path.join(base, "modeldata", "ui") if os.path.isabs(base) else None


class Cache:
    """One archive's counts. A value is given back only under the stamp that it was kept with; one key has one value.

    In memory; on disk, too, where `folder` can be written. Only the user may read the files: values of columns are in them.
    """

    def __init__(self, archive: str, folder: str | None) -> None:
        self._folder = folder and os.path.join(folder, sha256(f"{VERSION}\n{archive}".encode()).hexdigest()[:24])
        self._memory: dict[str, tuple[str, Any]] = {}

    def get(self, key: str, stamp: str) -> Any:
        """What was kept; None where there is nothing, or something of another stamp."""
        held = self._memory.get(key) or self._load(key)
        return held[1] if held and held[0] == stamp else None

    def put(self, key: str, stamp: str, value: Any) -> None:
        """value: anything that JSON holds."""
        self._memory[key] = (stamp, value)
        if self._folder is None:
            return
        try:
            os.makedirs(self._folder, 0o700, exist_ok=True)
            fd, path = tempfile.mkstemp(dir=self._folder)
            with os.fdopen(fd, "w", encoding="utf-8") as file:
                json.dump([stamp, value], file)
            os.replace(path, self._path(key))
        except OSError:
            pass  # a full or read-only disk: memory has it

    def _load(self, key: str) -> tuple[str, Any] | None:
        if self._folder is None:
            return None
        try:
            with open(self._path(key), encoding="utf-8") as file:
                stamp, value = json.load(file)
        except (OSError, ValueError, TypeError):
            return None
        self._memory[key] = (str(stamp), value)
        return self._memory[key]

    def _path(self, key: str) -> str:
        return os.path.join(str(self._folder), sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:32] + ".json")
