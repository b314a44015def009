"""The library's own source, as the house tests look at it: its modules, and what each of them imports."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import NamedTuple

SOURCE = Path(__file__).parents[2] / "src"


class Import(NamedTuple):
    """`importer` asks for `module`, at its top or in a function."""

    importer: str
    module: str
    at_top: bool


def module_name(path: Path) -> str:
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {module_name(path): path for path in sorted((SOURCE / "modeldata").rglob("*.py"))}


def room(module: str) -> str:
    """The folder or file right below `modeldata`."""
    return module.split(".")[1] if "." in module else module


@cache
def tree_of(module: str) -> ast.Module:
    return ast.parse(FILES[module].read_text(encoding="utf-8"))


@cache
def imports_of(importer: str) -> tuple[Import, ...]:
    """What is imported when the code runs; what only a type checker sees is free."""
    return tuple(_walk(importer, tree_of(importer), at_top=True))


def _walk(importer: str, node: ast.AST, *, at_top: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test):
            for other in child.orelse:
                yield from _walk(importer, other, at_top=at_top)
            continue
        if isinstance(child, ast.Import):
            yield from (Import(importer, alias.name, at_top) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            assert child.level == 0, f"{importer}: relative imports hide their room"
            for alias in child.names:
                inner = f"{child.module}.{alias.name}"
                yield Import(importer, inner if inner in FILES else str(child.module), at_top)
        else:
            inside = isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
            yield from _walk(importer, child, at_top=at_top and not inside)


ALL = [item for name in FILES for item in imports_of(name)]
"""Every import in the library, of our modules and of others."""


def graph() -> dict[str, set[str]]:
    """Each of our modules, and those of ours that it imports anywhere."""
    edges: dict[str, set[str]] = {name: set() for name in FILES}
    for item in ALL:
        if item.module in FILES and item.module != item.importer:
            edges[item.importer].add(item.module)
    return edges


def circle_in(edges: dict[str, set[str]]) -> list[str] | None:
    """One circle, first and last module the same; None where there is none."""
    try:
        TopologicalSorter(edges).prepare()
    except CycleError as error:
        return list(reversed(error.args[1]))
    return None


def private_names(tree: ast.Module) -> list[str]:
    """Names with a leading underscore that this source takes out of our modules: imported, or reached by `module._name`."""
    modules: dict[str, str] = {}
    names = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and str(node.module).split(".")[0] == "modeldata":
            for alias in node.names:
                modules[alias.asname or alias.name] = f"{node.module}.{alias.name}"
                if _is_private(alias.name):
                    names.append(f"{node.module}.{alias.name}")
        elif isinstance(node, ast.Import):
            modules |= {alias.asname or alias.name: alias.name for alias in node.names if alias.name.startswith("modeldata")}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and _is_private(node.attr) and ast.unparse(node.value) in modules:
            names.append(f"{modules[ast.unparse(node.value)]}.{node.attr}")
    return names


def _is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")
