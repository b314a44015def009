"""A disk on which another program has files open, as Windows shows it: they can be read, and not removed, replaced or written."""

from __future__ import annotations

import os

from modeldata.spool.files import Files
from modeldata.spool.held import SHARING


def sharing_violation(path: str) -> PermissionError:
    error = PermissionError(13, "The process cannot access the file because it is being used by another process", path)
    error.winerror = SHARING  # type: ignore[attr-defined,unused-ignore] # only Windows' own errors are declared with one
    return error


class HeldFiles(Files):
    """`held`: ends of paths that another program has open; it may be changed at any time."""

    def __init__(self, *held: str) -> None:
        self.held = set(held)
        self.refusals = 0

    def _ask(self, path: str) -> None:
        if path.endswith(tuple(self.held)):
            self.refusals += 1
            raise sharing_violation(path)

    def open(self, path: str, flags: int, mode: int = 0o600) -> int:
        if flags & (os.O_RDWR | os.O_WRONLY):
            self._ask(path)
        return super().open(path, flags, mode)

    def unlink(self, path: str) -> None:
        self._ask(path)
        super().unlink(path)

    def rename(self, source: str, target: str) -> None:
        self._ask(source)
        self._ask(target)
        super().rename(source, target)
