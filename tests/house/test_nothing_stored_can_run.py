"""No pickle, nowhere: neither in what we ship nor in the examples that users copy."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = sorted([*(ROOT / "src").rglob("*.py"), *(ROOT / "examples").rglob("*.py")])
MODULES = {"pickle", "_pickle", "cPickle", "cloudpickle", "dill", "joblib", "marshal", "shelve", "jsonpickle"}
NAMES = {"eval", "exec", "read_pickle", "to_pickle", "allow_pickle", "loads_pickle"}


def words(tree: ast.AST) -> set[str]:
    """Modules that are imported, and names, attributes and keywords that are used."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.update(alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            found.add(str(node.module).split(".")[0])
        elif isinstance(node, ast.Name):
            found.add(node.id)
        elif isinstance(node, ast.Attribute):
            found.add(node.attr)
        elif isinstance(node, ast.keyword) and node.arg:
            found.add(node.arg)
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_is_pickled_or_run_from_text(path: Path) -> None:
    assert not words(ast.parse(path.read_text(encoding="utf-8"))) & (MODULES | NAMES)


def test_the_check_would_see_a_pickle() -> None:
    seen = words(ast.parse("import joblib\nfrom pickle import loads\nnumpy.load(f, allow_pickle=True)\neval('1')"))
    assert {"joblib", "pickle", "allow_pickle", "eval"} <= seen
