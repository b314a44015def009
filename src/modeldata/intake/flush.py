"""Waiting until what this process wrote into a spool is in the archive."""

from __future__ import annotations

import os
import time

from modeldata.errors import ModelDataError
from modeldata.interrupts import spare

TYPE_CHECKING = False
if TYPE_CHECKING:
    from modeldata.settings import Settings
    from modeldata.ship.checkpoint import Progress
    from modeldata.spool.files import Files
    from modeldata.spool.folder import SpoolFolder
    from modeldata.spool.writer import Writer

POLL_SECONDS = 0.02


class Flush:
    """Knows which spool a writer used last, and whether accepted rows went with one that was removed."""

    def __init__(self, settings: Settings, writer: Writer, files: Files) -> None:
        self._settings = settings
        self._writer = writer
        self._files = files
        self._opened: tuple[SpoolFolder, tuple[int, int]] | None = None
        self._archived = 0
        """Accepted rows that a `wait` has seen in the archive."""
        self._lost = False

    def note_loss(self) -> None:
        """Before a spool is opened again: did rows go with the last one?"""
        if self._opened is not None and _is_gone(*self._opened):
            self._lost = self._lost or self._accepted() > self._archived

    def note_opened(self, place: SpoolFolder) -> None:
        self._opened = place, _inode(place.segments)

    def wait(self, timeout: float | None) -> bool:
        """As `Archive.flush`. Bounded by looks as well as by the clock, which may stand still."""
        if self._opened is None:
            return not self._writer.growth.refusing  # a spool that can't be opened may hold rows of earlier processes
        place = self._writer.place or self._opened[0]
        seconds = self._settings.exit_timeout if timeout is None else timeout
        deadline = time.monotonic() + seconds
        awaited = self._awaited(place)
        accepted = self._accepted()
        self._ask_for_shipping(place)
        looks = 1 + int(min(max(seconds, 0.0), 1e9) / POLL_SECONDS)
        while not self._lost and not (accepted > self._archived and _is_gone(*self._opened)):
            if self._all_archived(place, awaited):
                self._archived = max(self._archived, accepted)
                return True
            looks -= 1
            if looks <= 0 or time.monotonic() >= deadline:
                return False
            self._writer.tend()
            time.sleep(POLL_SECONDS)
        self._lost = True
        return False

    def _accepted(self) -> int:
        return sum(self._writer.accepted().values())

    def _awaited(self, place: SpoolFolder) -> dict[str, int | None]:
        """This process's segments → the offset up to which they must be archived; None: to their end."""
        from modeldata.spool.reader import segment_names

        positions = self._writer.positions()
        ours = [name for name in segment_names(place, self._files) if name.startswith(self._writer.process)]
        return {name: positions.get(name) for name in ours} | positions

    def _ask_for_shipping(self, place: SpoolFolder) -> None:
        try:
            fd = self._files.open(place.flush_request, os.O_WRONLY | os.O_CREAT)
            self._files.close(fd)
            os.utime(place.flush_request)
        except OSError as error:
            spare(error)  # then it ships when it is due
        self._writer.tend(now=True)

    def _all_archived(self, place: SpoolFolder, awaited: dict[str, int | None]) -> bool:
        from modeldata.ship.status import load_state

        try:
            states = [load_state(self._settings.only(url), place, self._files) for url in self._settings.archives]
        except ModelDataError:
            return False  # `stats()` and `doctor` say why
        written = self._writer.positions()
        return all(not state.parked and _archived_in(state, place, awaited, written) for state in states)


def _archived_in(state: Progress, place: SpoolFolder, awaited: dict[str, int | None], written: dict[str, int]) -> bool:
    for name, position in awaited.items():
        offset = state.offsets.get(name, 0)
        if offset == -1 or (position is not None and offset >= position):
            continue
        if name not in written and not os.path.exists(os.path.join(place.segments, name)):
            continue  # its writer has left it, and then only a shipper that has archived it removes it
        return False
    return True


def _is_gone(place: SpoolFolder, inode: tuple[int, int]) -> bool:
    """Was the spool that we wrote to removed, or replaced by another?"""
    return _inode(place.segments) != inode


def _inode(path: str) -> tuple[int, int]:
    try:
        seen = os.stat(path)
    except OSError as error:
        spare(error)
        return 0, 0
    return seen.st_dev, seen.st_ino
