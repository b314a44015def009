"""docs/fault-matrix.md, made from the tables that the tests hold true: `python -m tests.faults.page`."""

from __future__ import annotations

from pathlib import Path

from tests.faults.matrix import OPEN, REASONS, ROWS
from tests.faults.mutants_list import MUTANTS
from tests.faults.titles import TITLES
from tests.stores import matrix as stores

PAGE = Path(__file__).parents[2] / "docs" / "fault-matrix.md"
HEAD = """# The fault matrix: what is broken on purpose, and the test that looks on

Made by `python -m tests.faults.page` from the tables in `tests/faults/` and `tests/stores/`; a test keeps it true. Tests are below
`tests/`, named by how they begin. Unless a test says otherwise it expects: lost = 0, doubled = 0, foreign = 0, mangled = 0.

| row | fault | shown by |
|---|---|---|
"""
GUARDS = """
## Guards, and the tests that notice when one is switched off

`make mutants` takes each away in a copy of the source and expects at least one of these to fail.

| guard | where | tests |
|---|---|---|
"""


def page() -> str:
    lines = [f"| {row} | {TITLES[row]} | {_shown(row)} |" for row in TITLES]
    guards = []
    for mutant in MUTANTS:
        files = ", ".join(dict.fromkeys(f"`{file}`" for file, _, _ in mutant.changes))
        tests = ", ".join(f"`{test.removeprefix('tests/').replace('::', ' ')}`" for test in mutant.tests)
        guards.append(f"| {mutant.guard} | {files} | {tests} |")
    return HEAD + "\n".join(lines) + "\n" + GUARDS + "\n".join(guards) + "\n"


def _shown(row: str) -> str:
    tests = dict.fromkeys([*ROWS.get(row, ()), *stores.ROWS.get(row, ())])
    if tests:
        shown = ", ".join(f"`{name.replace('::', ' ').strip()}`" for name in tests)
        return shown + (f". Not tested: {stores.REASONS[row]}" if row in stores.REASONS else "")
    return f"not tested: {REASONS[row]}" if row in REASONS else f"open: {OPEN[row]}"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
