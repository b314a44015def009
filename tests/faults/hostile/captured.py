"""Values on their way into a frame: other threads, hostile subclasses, rows of every kind."""

from __future__ import annotations

from tests.faults.mutant import Mutant

ROWS: dict[str, tuple[str, tuple[str, ...]]] = {}
"""Row of the matrix → (the fault in a few words, beginnings of the tests that show it)."""

MUTANTS: tuple[Mutant, ...] = ()
