"""One row, folder, file or answer never stops the others; what a store says is checked."""

from __future__ import annotations

from tests.faults.mutant import Mutant
from tests.faults.mutant import one as _one

_FOLDER = "tests/faults/test_one_folder_stops_no_other.py"

ROWS: dict[str, tuple[str, tuple[str, ...]]] = {
    "H50": (
        "a folder or a file of the archive takes nothing: another owner, a link, a fifo, a socket",
        ("faults/test_one_folder_stops_no_other.py::",),
    ),
}
"""Row of the matrix → (the fault in a few words, beginnings of the tests that show it)."""

MUTANTS: tuple[Mutant, ...] = (
    _one(
        "one folder's trouble is told from everybody's",
        "ship/send.py",
        "        if not self._store.works(self._place.spool8):",
        "        if False:",
        _FOLDER + "::test_an_archive_that_takes_nothing_at_all_parks_nothing",
    ),
    _one(
        "what was parked of a round that is sent again is forgotten",
        "ship/pipeline.py",
        "        self.parked.forget_round(intent)\n",
        "",
        _FOLDER + "::test_a_shipper_killed_between_parking_and_commit_parks_once",
    ),
    _one(
        "what comes later for a folder waits behind what is parked for it",
        "ship/pipeline.py",
        "return {folder: self.held[folder] for folder in {item.folder for item in self.parked.items()}}",
        "return {}",
        _FOLDER + "::test_rows_of_a_folder_that_opens_again_keep_their_order",
    ),
    _one(
        "flush is not true while rows wait alone",
        "shared.py",
        "not state.parked and ",
        "",
        _FOLDER + "::test_rows_that_wait_alone_are_pending_and_flush_is_not_true",
    ),
)
