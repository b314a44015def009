"""Batches that could not land: the rest of a round; its other batches are in the archive.

A batch for a folder that takes nothing (another owner, a link in a file's place, a key that is refused) must stop no other. It is
frozen bytes by then, and its place may have been tried, so it stays as it is: a small round of its own, beside the round under
way, sent again until it lands. What comes later for the same folder is parked behind it, so that files keep their order.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from modeldata.ship.checkpoint import Progress
from modeldata.ship.outbox import INTENT, Intent, Outbox, OutboxItem
from modeldata.spool.files import read_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from modeldata.spool.files import Files

PREFIX = "parked-"
COPIES = 2
"""The frames of what is parked may be gone from the spool, so its bytes are kept twice: one damaged byte costs no row."""


class ParkedRound(NamedTuple):
    """What is left of one round."""

    number: int
    outbox: Outbox
    intent: Intent


class ParkedRounds:
    """The rests in one sink, in the order of their rounds. Only the leader may change them."""

    def __init__(self, folder: str, files: Files, warn: Callable[[str], None]) -> None:
        self._folder = folder
        self._files = files
        numbers = _numbers(folder, files)
        self._next = 1 + max(numbers, default=0)
        self.rests: list[ParkedRound] = []
        self._sweep(numbers)
        for number in numbers:
            intent = _load(folder, files, number)
            if intent is None:
                warn(f"can't be read, and its rows wait: {os.path.join(folder, f'{PREFIX}{number}.{INTENT}')}")
            else:
                self.rests.append(ParkedRound(number, self._outbox(number), intent))

    def __bool__(self) -> bool:
        return bool(self.rests)

    def _sweep(self, numbers: list[int]) -> None:
        """Remove bytes without an intent: whoever parked or landed them died on the way, and the round under way has them."""
        for name in _names(self._folder, self._files):
            if name.removeprefix(PREFIX).partition(".")[0] not in map(str, numbers):
                self._files.unlink(os.path.join(self._folder, name))

    def _outbox(self, number: int) -> Outbox:
        return Outbox(self._folder, self._files, f"{PREFIX}{number}.", COPIES)

    def items(self) -> Iterable[OutboxItem]:
        return (item for rest in self.rests for item in rest.intent.items)

    def rows(self) -> int:
        return sum(item.rows for item in self.items())

    def bytes_with(self, more: Iterable[OutboxItem]) -> int:
        """What is parked takes so much of the disk, `more` included."""
        return COPIES * sum(item.size for item in (*self.items(), *more))

    def add(self, intent: Intent, waiting: list[OutboxItem], source: Outbox) -> None:
        """Keep `waiting` of a round, durably. The round can be committed then. Raises OSError."""
        outbox = self._outbox(self._next)
        staging = outbox.begin()
        try:
            staged = [item._replace(at=staging.add(source.read_all(item))) if item.path else item for item in waiting]
            rest = Intent(intent.round, [item._replace(staged="staging") for item in staged], Progress())
            outbox.freeze(rest, staging)
        finally:
            staging.close()
        self.rests.append(ParkedRound(self._next, outbox, rest))
        self._next += 1

    def keep(self, rest: ParkedRound, items: list[OutboxItem]) -> None:
        """Only `items` of a rest are left, where they are now; with none it is removed. Raises OSError."""
        where = self.rests.index(rest)
        if items:
            intent = rest.intent._replace(items=items)
            rest.outbox.rewrite(intent)
            self.rests[where] = rest._replace(intent=intent)
        else:
            rest.outbox.clear()
            del self.rests[where]

    def forget_round(self, intent: Intent) -> None:
        """A round that is not committed yet will be sent in whole: what was parked of it is in it."""
        batches = {item.entry.batch for item in intent.items}
        for rest in list(self.rests):
            if any(item.entry.batch in batches for item in rest.intent.items):
                self.keep(rest, [])


def _numbers(folder: str, files: Files) -> list[int]:
    ends = f".{INTENT}"
    found = [name.removeprefix(PREFIX).removesuffix(ends) for name in _names(folder, files) if name.endswith(ends)]
    return sorted(int(number) for number in found if number.isdigit())


def _names(folder: str, files: Files) -> list[str]:
    try:
        return [name for name in files.listdir(folder) if name.startswith(PREFIX)]
    except FileNotFoundError:
        return []


def _load(folder: str, files: Files, number: int) -> Intent | None:
    try:
        return Intent.unpack(read_file(files, os.path.join(folder, f"{PREFIX}{number}.{INTENT}")))
    except (OSError, ValueError):
        return None


def outboxes(folder: str, files: Files) -> list[Outbox]:
    """All rounds that a sink keeps: the one under way, then what was parked. For any process."""
    parked = [Outbox(folder, files, f"{PREFIX}{number}.", COPIES) for number in _numbers(folder, files)]
    return [Outbox(folder, files), *parked]


def parked_rows(folder: str, files: Files) -> int:
    """Rows that are parked in a sink: counted as archived by its checkpoint, and not there yet. For any process.

    At least 1 where something is parked that can't be read.
    """
    found = [_load(folder, files, number) for number in _numbers(folder, files)]
    return sum(1 if intent is None else sum(item.rows for item in intent.items) for intent in found)
