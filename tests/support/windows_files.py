"""A disk that answers as Windows does without POSIX semantics. On a real folder, for several users who share one `WindowsFiles`.

A file that is open may be renamed, and nothing may be renamed onto it. One that is removed while it is open keeps its name until
the last one closes it, and nobody opens it meanwhile.
"""

from __future__ import annotations

from collections import Counter

from modeldata.spool.files import Files
from modeldata.windows import ACCESS_DENIED


def access_denied(path: str) -> PermissionError:
    error = PermissionError(13, "Access is denied", path)
    error.winerror = ACCESS_DENIED  # type: ignore[attr-defined,unused-ignore] # only Windows' own errors are declared with one
    return error


class WindowsFiles(Files):
    """`refusals`: (verb, path) of what was refused. `replaced`: targets that could be waited for."""

    def __init__(self) -> None:
        self._inodes: dict[int, int] = {}
        self._open: Counter[int] = Counter()
        self._leaving: dict[int, str] = {}
        """Inode → the name that goes when the file is closed."""
        self.refusals: list[tuple[str, str]] = []
        self.replaced: list[str] = []

    def _refuse_if(self, verb: str, path: str, held: bool) -> None:
        if held:
            self.refusals.append((verb, path))
            raise access_denied(path)

    def _inode(self, path: str) -> int | None:
        try:
            return super().stat(path).st_ino
        except FileNotFoundError:
            return None

    def open(self, path: str, flags: int, mode: int = 0o600) -> int:
        self._refuse_if("open", path, self._inode(path) in self._leaving)
        fd = super().open(path, flags, mode)
        self._inodes[fd] = super().fstat(fd).st_ino
        self._open[self._inodes[fd]] += 1
        return fd

    def close(self, fd: int) -> None:
        inode = self._inodes.pop(fd)
        self._open[inode] -= 1
        super().close(fd)
        if not self._open[inode] and inode in self._leaving:
            super().unlink(self._leaving.pop(inode))

    def rename(self, source: str, target: str) -> None:
        inode = self._inode(target)
        self._refuse_if("rename", target, inode is not None and (self._open[inode] > 0 or inode in self._leaving))
        self._refuse_if("rename", source, self._inode(source) in self._leaving)
        super().rename(source, target)

    def replace(self, source: str, target: str) -> None:
        self.replaced.append(target)
        super().replace(source, target)

    def link(self, source: str, target: str) -> None:
        self._refuse_if("link", source, self._inode(source) in self._leaving)
        super().link(source, target)

    def unlink(self, path: str) -> None:
        inode = self._inode(path)
        self._refuse_if("unlink", path, inode in self._leaving)
        if inode is not None and self._open[inode]:
            self._leaving[inode] = path
        else:
            super().unlink(path)
