"""What a platform does otherwise is chosen once: no other module asks whether this is Windows."""

from __future__ import annotations

import ast

import pytest

from tests.house.source import FILES, tree_of

CHOOSING = {"modeldata.windows", "modeldata.spool.files", "modeldata.spool.posix", "modeldata.spool.kernel_lock"}
"""The module about Windows, the one that takes it or the other, and what only the other has."""
NAMES_OF_WINDOWS = {"win32", "nt", "Windows", "cygwin"}


def questions(tree: ast.AST) -> list[str]:
    """Places where a module asks which platform this is: `os.name`, `platform.system()`, a comparison with a name of Windows."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and ast.unparse(node) in ("os.name", "platform.system"):
            found.append(f"line {node.lineno}: {ast.unparse(node)}")
        elif isinstance(node, ast.Compare):
            names = {part.value for part in ast.walk(node) if isinstance(part, ast.Constant) and isinstance(part.value, str)}
            found += [f"line {node.lineno}: {ast.unparse(node)}"] if names & NAMES_OF_WINDOWS else []
    return found


def test_no_module_asks_for_windows_but_those_that_choose() -> None:
    asking = {name: found for name in FILES if name not in CHOOSING and (found := questions(tree_of(name)))}
    assert not asking, "take what `modeldata.windows` offers, or a call of `Files`"


@pytest.mark.parametrize(
    "source", ["if os.name == 'nt': pass", "x = sys.platform.startswith('x') or sys.platform == 'win32'", "platform.system()"]
)
def test_a_question_is_found(source: str) -> None:
    assert questions(ast.parse(source))
