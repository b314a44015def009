"""The files of a local archive by their names, behind links as well; and how its errors are said."""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING

from modeldata.format.names import OWN_FOLDER
from modeldata.settings.folders import SPOOL_PREFIX
from modeldata.spool.held import refusal, refusal_hint
from modeldata.store.port import Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from modeldata.spool.files import Files

UNDER_WAY = ".under-way"
"""Ends the hidden name of a file that is not whole yet."""
DEEPEST = 32
"""Folders above a file, at most. An archive has eleven; a link or a stranger may lead much deeper."""
OF_THE_DISK = frozenset((errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC), errno.EMFILE, errno.ENFILE, errno.ENOMEM))
"""Troubles that no other file would be spared."""


class Walk:
    """Every file below a folder but what is in a spool, as paths with `/`. Raises `Unavailable`.

    Links to folders elsewhere are followed (an old year on a larger disk). No folder is listed twice, and what is in the
    archive only under its own name: a link leads nowhere round in circles. What lies deeper than `DEEPEST` is passed over.
    """

    def __init__(self, root: str, files: Files, wanted: Callable[[str], bool] | None) -> None:
        self._root = root
        self._files = files
        self._wanted = wanted or (lambda folder: True)
        self._seen: set[tuple[int, int]] = set()
        """Device and inode of the folders that were listed so far."""

    def below(self, folder: str) -> Iterator[str]:
        """Its files, by name."""
        try:
            names = self._files.listdir(local_path(self._root, folder))
        except FileNotFoundError:
            return
        except OSError as error:
            raise unavailable("list the archive", local_path(self._root, folder), error) from error
        for name in names:
            path = f"{folder}/{name}" if folder else name
            if name.startswith(SPOOL_PREFIX) or name.endswith(UNDER_WAY) or path == OWN_FOLDER:
                continue
            entry = self._followed(path)
            if entry is None or (stat.S_ISDIR(entry.st_mode) and (entry.st_dev, entry.st_ino) in self._seen):
                continue
            if not stat.S_ISDIR(entry.st_mode):
                yield path
            elif path.count("/") < DEEPEST and self._wanted(path):
                self._seen.add((entry.st_dev, entry.st_ino))
                yield from self.below(path)

    def _followed(self, path: str) -> os.stat_result | None:
        """What is there; of a link to a folder, what it leads to. None for what is gone, or is listed under a name of its own."""
        full = local_path(self._root, path)
        try:
            entry = self._files.stat(full)
        except FileNotFoundError:
            return None  # compaction took it since it was listed
        except OSError as error:
            raise unavailable("list the archive", full, error) from error
        if not stat.S_ISLNK(entry.st_mode):
            return entry
        target = os.path.realpath(full)
        try:
            followed = self._files.stat(target)
        except OSError as error:
            if "." in os.path.basename(path):
                return entry  # it stands for a file, and is met again when that is read
            hint = "mount what it leads to, or remove the link: rows behind it can't be seen"
            cause = f"it is a link to {target}: {error.strerror or error}"
            raise Unavailable("list the archive", full, cause=cause, hint=hint) from error
        if not stat.S_ISDIR(followed.st_mode):
            return entry
        return None if _meet(target, os.path.realpath(self._root)) else followed


def local_path(root: str, path: str) -> str:
    """Where a path of the archive is on this machine."""
    return os.path.join(root, *path.split("/")) if path else root


def _meet(first: str, second: str) -> bool:
    """Is one of two folders the other, or in it? Not on two drives."""
    try:
        return os.path.commonpath([first, second]) in (first, second)
    except ValueError:
        return False


def unavailable(operation: str, path: str, error: OSError, of_one: type[Unavailable] = Unavailable) -> Unavailable:
    """of_one: the error for trouble with this path alone."""
    kind = Unavailable if error.errno in (*OF_THE_DISK, errno.ENOENT, errno.ESTALE) else of_one
    trouble = kind(operation, path, cause=refusal(error), hint=refusal_hint(error))
    trouble.path_only = error.errno not in OF_THE_DISK
    return trouble
