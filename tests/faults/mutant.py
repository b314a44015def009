"""A guard, how it is switched off, and the tests that must notice. See `mutants`."""

from __future__ import annotations

from typing import NamedTuple


class Mutant(NamedTuple):
    """`changes`: (file below src/modeldata, text that is there exactly once, what replaces it)."""

    guard: str
    changes: tuple[tuple[str, str, str], ...]
    tests: tuple[str, ...]

    @property
    def compiled(self) -> bool:
        """Is the guard one of the compiled part?"""
        return any(file.startswith("native/") for file, _, _ in self.changes)


def one(guard: str, file: str, old: str, new: str, *tests: str) -> Mutant:
    return Mutant(guard, ((file, old, new),), tests)
