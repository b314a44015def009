"""Each row of group B has a test that exists."""

from __future__ import annotations

import ast
from pathlib import Path

from .matrix import REASONS, ROWS

ROOT = Path(__file__).parents[1]


def test_every_row_of_group_b_has_a_test() -> None:
    assert {f"B{number}" for number in range(1, 18)} <= set(ROWS)
    assert set(REASONS) <= set(ROWS) and all(ROWS.values()) and all(REASONS.values())


def test_every_test_that_the_matrix_names_exists() -> None:
    for row, names in ROWS.items():
        for name in names:
            file, _, start = name.partition("::")
            tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
            made = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
            assert any(one.startswith(start.partition("[")[0]) for one in made), f"{row}: no test begins with {name}"
