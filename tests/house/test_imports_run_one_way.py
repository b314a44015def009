"""Imports follow the data and never run back. The order is declared here; the code is held against it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

SOURCE = Path(__file__).parents[2] / "src"

ORDER = (
    "names", "declared", "interrupts", "errors", "parsing", "urls", "settings", "stats", "request", "identity",  # words
    "snapshot", "spool",                                            # service side
    "store", "columns", "encode", "ship",                           # shipper side
    "read", "keep", "ready", "spark",
    "shared", "debug", "metrics", "archive", "collector", "modeldata",        # what a user imports
    "testing", "cli", "__main__",
)  # fmt: skip
"""A room may import what stands before it."""

LATE = {("archive", "collector"): "Archive.collector() makes one"}
"""Imports against the order, inside a function, with their reasons."""

SHIPPER_SIDE = ("store", "columns", "encode", "ship", "read", "keep", "debug", "metrics", "cli", "testing")
SERVICE_MODULES_OF_SHIP = {"modeldata.ship"} | {f"modeldata.ship.{name}" for name in ("policy", "spawn", "start", "trouble")}
"""What starts a shipper runs in the service."""

CHEAP = {
    "__future__", "_thread", "atexit", "collections", "contextvars", "errno", "fcntl", "functools", "itertools", "mmap", "msgpack",
    "msvcrt", "operator", "os", "stat", "struct", "sys", "time", "weakref", "xxhash", "zlib",
}  # fmt: skip
"""All that a service may have to load, besides ourselves, before its first `collect()`."""


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
    return module.split(".")[1] if "." in module else module


def imports_of(importer: str) -> Iterator[Import]:
    """What is imported when the code runs; what only a type checker sees is free."""
    yield from _walk(importer, ast.parse(FILES[importer].read_text(encoding="utf-8")), at_top=True)


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


ALL = [one for name in FILES for one in imports_of(name)]
OURS = [one for one in ALL if one.module.split(".")[0] == "modeldata" and room(one.importer) != room(one.module)]


def test_each_room_has_its_place_in_the_order() -> None:
    assert sorted({room(name) for name in FILES}) == sorted(ORDER)


def test_a_room_imports_only_rooms_before_it() -> None:
    back = [
        one
        for one in OURS
        if ORDER.index(room(one.module)) > ORDER.index(room(one.importer))
        and (one.at_top or (room(one.importer), room(one.module)) not in LATE)
    ]
    assert not back


def test_each_exception_is_still_needed() -> None:
    met = {(room(one.importer), room(one.module)) for one in OURS if not one.at_top}
    assert set(LATE) <= met


def loaded_by(start: str) -> set[str]:
    """Our modules that importing `start` runs: itself, the packages above it, and what all of these import at their top."""
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        name = waiting.pop()
        above = [".".join(name.split(".")[:depth]) for depth in range(1, name.count(".") + 2)]
        for module in above:
            if module in FILES and module not in seen:
                seen.add(module)
                waiting += [one.module for one in imports_of(module) if one.at_top]
    return seen


def test_what_a_service_imports_has_nothing_of_the_shippers_side() -> None:
    heavy = {name for name in loaded_by("modeldata") if room(name) in SHIPPER_SIDE}
    assert heavy <= SERVICE_MODULES_OF_SHIP


@pytest.mark.parametrize("module", sorted(loaded_by("modeldata")))
def test_what_a_service_imports_is_cheap(module: str) -> None:
    outside = {one.module.split(".")[0] for one in imports_of(module) if one.at_top} - {"modeldata"}
    assert outside <= CHEAP
