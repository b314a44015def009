"""The house: words that say nothing are no names for what lives over some lines."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "modeldata"
SAY_NOTHING = {"one", "made", "found", "told"}
FEW_LINES = 5


def long_lived(tree: ast.AST) -> list[str]:
    """Names of `SAY_NOTHING` in a function, from their first line to their last; those of a comprehension live in it alone."""
    lives: list[str] = []
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef):
            lines: dict[str, set[int]] = {}
            for name, line in _names(function):
                lines.setdefault(name, set()).add(line)
            lives += [f"{function.name}: {name}" for name, at in lines.items() if max(at) - min(at) >= FEW_LINES]
    return lives


def _names(node: ast.AST) -> list[tuple[str, int]]:
    """(name, line) below a node; not of comprehensions that bind the name themselves."""
    own: set[str] = set()
    if isinstance(node, (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)):
        own = {name.id for part in node.generators for name in ast.walk(part.target) if isinstance(name, ast.Name)}
    found: list[tuple[str, int]] = []
    for child in ast.iter_child_nodes(node):
        text = child.id if isinstance(child, ast.Name) else child.arg if isinstance(child, ast.arg) else ""
        if text in SAY_NOTHING:
            found.append((text, child.lineno))  # type: ignore[attr-defined] # names and arguments have lines
        found += _names(child)
    return [pair for pair in found if pair[0] not in own]


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("*.py")), ids=lambda path: str(path.relative_to(SOURCE)))
def test_names_that_live_long_are_nouns(path: Path) -> None:
    assert not long_lived(ast.parse(path.read_text(encoding="utf-8")))


def test_a_name_that_says_nothing_is_noticed() -> None:
    body = "\n".join(["def read():", "    found = 1", *(["    pass"] * 4), "    return found"])
    assert long_lived(ast.parse(body)) == ["read: found"]
    assert not long_lived(ast.parse("def read(rows):\n    a = [one for one in rows]\n\n\n\n\n    return [one for one in a]"))
