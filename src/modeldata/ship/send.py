"""The items of a round on their way: each until it is known to be there, or known to be the one that can't land."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING

from modeldata.ship.failure_report import failure_text
from modeldata.ship.placement import Placements
from modeldata.ship.split import split_item
from modeldata.spool.files import replace_file
from modeldata.store import Conflict, FileFull, Rejected, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from modeldata.ship.outbox import Intent, Outbox, OutboxItem
    from modeldata.spool.files import Files
    from modeldata.spool.folder import SpoolFolder
    from modeldata.store import WriteStore

    Held = dict[str, Unavailable]
    Keep = Callable[[Intent], None]
    Finish = Callable[[Intent, list[OutboxItem], Placements], None]

TRIED = 8
"""So many folders in a row that take nothing, and the store is asked whether it takes anything."""


class Sender:
    """Sends what is frozen to one store."""

    def __init__(
        self, place: SpoolFolder, store: WriteStore, files: Files, warn: Callable[[str], None], check_lead: Callable[[str], None]
    ) -> None:
        """check_lead: raises where this process leads no more; asked before anything is sent."""
        self._place = place
        self._store = store
        self._files = files
        self._warn = warn
        self._check_lead = check_lead

    def send(
        self, intent: Intent, outbox: Outbox, held: Held, keep: Keep, why: Held | None = None, finish: Finish | None = None
    ) -> list[OutboxItem]:
        """Every item that can land now. Returns the others, in their order: `held` has their folders, each with the reason.

        keep: makes a changed intent durable; called before anything is sent to a place that was not in it. why: gets the new
        reasons, once it is known that the store takes other files. Raises `Unavailable` where it takes none: then all waits.
        finish: called before the record of the round is sent, with what did not land.
        """
        placements = Placements(intent.after, self._store, self._place, held)
        before = set(held)
        waiting: list[OutboxItem] = []
        index = 0
        works = False
        while index < len(intent.items):  # a refused item becomes two
            if finish is not None and intent.items[index].record:
                finish(intent, waiting, placements)
            if intent.items[index].folder not in held and not self._try(intent, index, placements, outbox, held, keep):
                continue  # it is gone; the next one has its place
            if intent.items[index].folder in held:
                waiting.append(intent.items[index])
            else:
                works = True
            index += 1
            if why is not None and not works and len(held) - len(before) >= TRIED:
                works = self._works(held, before)
        if why is not None and len(held) > len(before) and (works or self._works(held, before)):
            self._tell({folder: error for folder, error in held.items() if folder not in before}, why)
        return waiting

    def _works(self, held: Held, before: set[str]) -> bool:
        """Does the store take other files? Then it is the trouble of those folders alone. Raises the first trouble where not."""
        if not self._store.probe(self._place.spool8):
            raise next(error for folder, error in held.items() if folder not in before)
        return True

    def _tell(self, new: Held, why: Held) -> None:
        for folder, error in new.items():
            self._warn(f"waits alone, while the rest is archived: {folder}: {failure_text(error)}")
        why.update(new)

    def _try(self, intent: Intent, index: int, placements: Placements, outbox: Outbox, held: Held, keep: Keep) -> bool:
        """False: the item was given up, and is not among the others any more."""
        try:
            if not intent.items[index].placed:
                placements.place(intent, index)
                keep(intent)
            return self._until_there(intent, index, placements, outbox, keep, log=False) and self._until_there(
                intent, index, placements, outbox, keep, log=True
            )
        except Unavailable as error:
            if not error.path_only:
                raise
            held[intent.items[index].folder] = error
            return True

    def _until_there(self, intent: Intent, index: int, placements: Placements, outbox: Outbox, keep: Keep, *, log: bool) -> bool:
        """The rows, or (once those are there) the manifest line, of one item. An item gets another
        file where its own is no longer ours, decided durably first. False: its one row was set aside."""
        while True:
            self._check_lead("send a batch")
            try:
                self._put(intent.items[index], placements, outbox, log)
                return True
            except Conflict as foreign:
                if not isinstance(foreign, FileFull):
                    self._warn(f"foreign_change: {foreign}; going on in another file")
                placements.move(intent, index, log=log)
                keep(intent)
            except Rejected as refused:
                if log or not intent.items[index].path:
                    raise not_taken(intent.items[index].folder, refused.cause) from refused
                single = intent.items[index].rows == 1
                split_item(intent, index, placements, outbox, partial(self._set_aside, str(refused), outbox))
                keep(intent)
                if single:
                    return False

    def _put(self, item: OutboxItem, placements: Placements, outbox: Outbox, log: bool) -> None:
        if item.whole and (log or item.path):
            self._store.put(item.log if log else item.path, item.line() if log else outbox.read(item))
        elif log:
            self._store.append(item.log, item.log_start, item.line())
        elif item.path and self._store.append(item.path, item.start, outbox.read(item)):
            placements.seal(item.path)

    def _set_aside(self, refused: str, outbox: Outbox, item: OutboxItem) -> None:
        """Keep a row that the store will never take."""
        path = os.path.join(self._place.quarantine, f"refused-{item.entry.batch.replace('.', '-')}.bin")
        replace_file(self._files, path, outbox.read_all(item))
        self._warn(f"quarantined: {path}: 1 row: {refused}")


def not_taken(folder: str, cause: str = "it took nothing when it was last tried") -> Unavailable:
    """Why a folder is held."""
    error = Unavailable("archive", folder, cause=cause)
    error.path_only = True
    return error
