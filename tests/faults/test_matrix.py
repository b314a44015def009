"""Each row of the fault matrix has a test that exists, or a reason."""

from __future__ import annotations

import ast
import functools
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.scripts import SOURCE

from . import hostile
from .matrix import OPEN, REASONS, ROWS
from .page import PAGE, page

ROOT = Path(__file__).parents[2]
LAST = {"A": 12, "C": 18, "D": 16, "E": 8, "F": 10, "G": 10}
"""How many rows each group of reliability.md §3 has. Group B is the remote stores'."""


def test_every_row_of_the_matrix_is_in_exactly_one_table() -> None:
    rows = {f"{group}{number}" for group, last in LAST.items() for number in range(1, last + 1)}
    rows |= set(hostile.ROWS)
    tables = [set(ROWS), set(REASONS), set(OPEN)]
    assert set.union(*tables) == rows
    assert sum(map(len, tables)) == len(rows), "a row has one answer"
    assert all(ROWS.values()) and all(REASONS.values()) and all(OPEN.values())


@functools.cache
def _tests_of(file: str) -> frozenset[str]:
    """Functions, and methods as `Class::function`, of one file."""
    found = set[str]()
    for node in ast.parse((ROOT / "tests" / file).read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.ClassDef):
            found |= {node.name, *(f"{node.name}::{item.name}" for item in node.body if isinstance(item, ast.FunctionDef))}
    return frozenset(found)


@pytest.mark.parametrize("row", ROWS)
def test_every_test_that_the_matrix_names_exists(row: str) -> None:
    for name in ROWS[row]:
        file, _, test = name.partition("::")
        beginning = test.partition("[")[0]
        assert any(found == beginning or ("[" not in test and found.startswith(beginning)) for found in _tests_of(file)), name


@pytest.mark.faults
def test_every_test_that_the_matrix_names_is_collected() -> None:
    path = os.pathsep.join([*os.environ.get("PYTHONPATH", "").split(os.pathsep), SOURCE, str(ROOT)])
    files = sorted({f"tests/{name.partition('::')[0]}" for names in ROWS.values() for name in names})
    missing = [file for file in files if not (ROOT / file).is_file()]
    assert not missing
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", "-m", "", *files],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=False, timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    collected = [line for line in done.stdout.splitlines() if "::" in line]
    for row, names in ROWS.items():
        for name in names:
            assert any(one.startswith(f"tests/{name}") for one in collected), f"{row}: no test begins with {name}"


def test_the_page_about_the_matrix_says_what_the_tables_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run `python -m tests.faults.page`"
