"""A disk that keeps the case of a name and looks names up without it, as NTFS, APFS, SMB and rclone do. On a real folder."""

from __future__ import annotations

import os
from pathlib import Path

from modeldata.spool.files import Files


class FoldingFiles(Files):
    """Paths below `root` find what is there by a name in any case. A new name stays as it was given."""

    def __init__(self, root: Path | str) -> None:
        self._root = str(root)

    def _real(self, path: str) -> str:
        if not path.startswith(self._root + os.sep):
            return path
        real = self._root
        for name in path[len(self._root) + 1 :].split(os.sep):
            known = os.listdir(real) if os.path.isdir(real) else []
            real = os.path.join(real, next((there for there in known if there.casefold() == name.casefold()), name))
        return real

    def open(self, path: str, flags: int, mode: int = 0o600) -> int:
        return super().open(self._real(path), flags, mode)

    def stat(self, path: str) -> os.stat_result:
        return super().stat(self._real(path))

    def rename(self, source: str, target: str) -> None:
        super().rename(self._real(source), self._real(target))

    def link(self, source: str, target: str) -> None:
        super().link(self._real(source), self._real(target))

    def unlink(self, path: str) -> None:
        super().unlink(self._real(path))

    def mkdir(self, path: str, mode: int = 0o700) -> None:
        super().mkdir(self._real(path), mode)

    def listdir(self, path: str) -> list[str]:
        return super().listdir(self._real(path))

    def sync_folder(self, path: str) -> None:
        super().sync_folder(self._real(path))


def folded_siblings(root: Path | str) -> list[str]:
    """Names that such a disk would take for one, of everything below `root`."""
    found = []
    for folder, below, files in os.walk(root):
        seen: dict[str, str] = {}
        for name in (*below, *files):
            other = seen.setdefault(name.casefold(), name)
            found += [os.path.join(folder, name)] if other != name else []
    return found
