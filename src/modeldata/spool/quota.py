"""How much disk a spool may take. Measured each time it grows, never only counted."""

from __future__ import annotations

import errno
import os

from modeldata.interrupts import spare

TYPE_CHECKING = False
if TYPE_CHECKING:
    from modeldata.spool.files import Files
    from modeldata.spool.folder import SpoolFolder

NO_SPACE = frozenset({errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)})
NO_FILES = frozenset({errno.EMFILE, errno.ENFILE})


BLOCK = 4096
SEGMENTS_IN_SPOOL = 16
"""A segment takes at most this part of the limit, so that giving up or shipping one makes room in time."""
SMALL_DISK_PART = 20
"""On a small file system a twentieth of it is kept free instead of `min_free`."""


class SpoolFull(Exception):
    """Rows can't be taken now. `reason` is what they are counted under."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason

    @classmethod
    def of(cls, error: OSError, path: str) -> SpoolFull:
        if error.errno in NO_SPACE:
            reason = "no_space"
        elif error.errno in NO_FILES:
            reason = "no_files"
        else:
            reason = "spool_unusable"
        return cls(reason, f"writing to the spool failed: {path}: {error.strerror or error}")


class Quota:
    """Limits of a spool, in bytes: `most` for all its files together, `min_free` left to the rest of the machine."""

    def __init__(self, most: int, min_free: int, files: Files) -> None:
        self.most = most
        self.min_free = min_free
        self._files = files

    def grant(self, place: SpoolFolder, smallest: int, usual: int) -> int:
        """The size of a new segment: `usual`, or less, down to `smallest`, near the limit. Raises `SpoolFull`."""
        left = self.most - used_bytes(place, self._files)
        if left < -(-smallest // BLOCK) * BLOCK:
            raise SpoolFull("spool_full", f"the spool holds {self.most:,} bytes, its limit: {place.folder}")
        granted = min(usual, left, max(smallest, self.most // SEGMENTS_IN_SPOOL))
        granted = min(granted, self._beside(place, smallest))
        return max(-(-smallest // BLOCK) * BLOCK, granted - granted % BLOCK)  # so that no tail lies in two pages

    def _beside(self, place: SpoolFolder, smallest: int) -> int:
        """How much the file system has for us, at least `smallest`. Raises `SpoolFull`."""
        try:
            free, total = self._files.free_bytes(place.folder)
        except OSError as error:
            spare(error)
            free = total = 0
        if total <= 0 or free < 0:  # below zero: the "all bits set" of a file system that does not know
            return self.most  # it does not say; a disk that is full says so when it is written
        kept = min(self.min_free, total // SMALL_DISK_PART)
        if free - smallest < kept:
            raise SpoolFull("no_space", f"only {free:,} bytes are free beside the spool, {kept:,} are kept: {place.folder}")
        return free - kept


def used_bytes(place: SpoolFolder, files: Files) -> int:
    """What the spool takes on disk now, in bytes."""
    total = 0
    folders = [place.segments, place.quarantine]
    try:
        folders += [os.path.join(place.sinks, name) for name in files.listdir(place.sinks)]
    except OSError as error:
        spare(error)  # no sink yet
    for folder in folders:
        try:
            names = files.listdir(folder)
        except OSError as error:
            spare(error)
            continue  # not made yet, or just removed
        for name in names:
            total += _size(files, os.path.join(folder, name))
    return total


def _size(files: Files, path: str) -> int:
    try:
        seen = files.stat(path)
    except OSError as error:
        spare(error)
        return 0  # shipped and removed meanwhile
    blocks = getattr(seen, "st_blocks", None)
    return int(blocks) * 512 if blocks else seen.st_size  # some file systems count none
