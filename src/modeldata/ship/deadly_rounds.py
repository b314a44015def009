"""Which round is being encoded: a round that has killed its shipper is found by the next one.

A row at which a library crashes would kill every shipper that meets it, and no row would be archived any more. So a small file
in the sink says that a round is being encoded. Whoever finds it there again and again encodes that round in another process.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, NamedTuple

from modeldata.spool.files import read_file, replace_file

if TYPE_CHECKING:
    from modeldata.spool.files import Files

ATTEMPT = "attempt"
DEATHS = 2
"""So many attempts of one round that never ended: one alone may be any kill."""
CAREFUL_ROUNDS = 1000
"""For so many rounds, a collector that had a row set aside is encoded in another process."""


class _Note(NamedTuple):
    """What the file says. `deadly`: collectors with a row that killed an encoder, and in which round that was last."""

    round: int = 0
    tries: int = 0
    deadly: dict[str, int] = {}  # noqa: RUF012 - of a tuple, and never changed


class DeadlyRounds:
    """The file in one sink. Only the leader may have one. It is a hint: where it can't be written or read, shipping goes on."""

    def __init__(self, folder: str, files: Files) -> None:
        self._path = os.path.join(folder, ATTEMPT)
        self._files = files
        self._number, self._deaths = -1, 0
        self._deadly: dict[str, int] = {}

    def begin(self, number: int) -> bool:
        """Note that round `number` is being encoded. True where that has not ended for `DEATHS` times."""
        before = self._load()
        if number != self._number:  # else this very process tried it, and lives: its note may not have been taken back
            self._deaths = before.tries if before.round == number else 0
            self._number = number
        self._deadly = {stream: last for stream, last in before.deadly.items() if last + CAREFUL_ROUNDS > number}
        self._save(self._deaths + 1)
        return self._deaths >= DEATHS

    def is_deadly(self, stream: str) -> bool:
        """Has a row of this collector killed an encoder not long ago?"""
        return stream in self._deadly

    def killed(self, stream: str) -> None:
        """A row of this collector killed an encoder."""
        self._deadly[stream] = self._number

    def failed(self) -> None:
        """The encoding ended with an error that is known. It does not count, but what died before does."""
        if self._deaths:
            self._save(self._deaths)
        else:
            self.end()

    def end(self) -> None:
        """All is encoded."""
        if self._deadly:
            self._save(0)
            return
        try:
            self._files.unlink(self._path)
        except OSError:
            pass  # it could not be written, or an operator removed it

    def _load(self) -> _Note:
        try:
            note = json.loads(read_file(self._files, self._path))
            deadly = {str(stream): int(last) for stream, last in note["deadly"].items()}
            return _Note(int(note["round"]), int(note["tries"]), deadly)
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return _Note()

    def _save(self, tries: int) -> None:
        note = json.dumps({"round": self._number, "tries": tries, "deadly": self._deadly}).encode("utf-8")
        try:
            replace_file(self._files, self._path, note, durable=False)  # it matters where a process dies, not where a host does
        except OSError:
            pass  # a full disk must not stop us from freeing it
