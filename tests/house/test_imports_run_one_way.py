"""Imports follow the data and never run back. The order is declared here; the code is held against it."""

from __future__ import annotations

import ast

import pytest

import modeldata
from tests.house.source import ALL, FILES, circle_in, graph, imports_of, private_names, room, tree_of

FLOORS = (
    # what any module may know
    ("interrupts", "keywords", "notebook"),
    ("windows",),
    ("urls",),
    ("errors", "stats"),
    ("format", "listening", "parsing"),
    ("native",),
    ("identity", "request_id", "settings"),
    # the service's side
    ("snapshot",),
    ("spool",),
    # the shipper's side
    ("store", "columns"),
    ("encode",),
    ("ship",),
    # what is done with an archive
    ("catalog",),
    ("read",),
    ("keep", "spark"),
    # what a user imports
    ("ready",),
    ("intake",),
    ("debug", "metrics"),
    ("collector",),
    ("archive",),
    ("service",),
    ("modeldata",),
    # around the library
    ("ui",),
    ("testing", "cli"),
    ("__main__",),
)
"""Folders and files right below `modeldata`, from the ground up. Each may import what stands on a floor below its own."""

LEVEL = {name: level for level, floor in enumerate(FLOORS) for name in floor}

SHIPPER_SIDE = ("store", "columns", "encode", "ship", "catalog", "read", "keep", "debug", "metrics", "cli", "testing", "ui")
SERVICE_MODULES_OF_SHIP = {"modeldata.ship"} | {
    f"modeldata.ship.{name}" for name in ("policy", "spawn", "stop", "supervisor", "failure_report")
}
"""What starts a shipper runs in the service."""

CHEAP = {
    "__future__", "_thread", "atexit", "collections", "contextvars", "errno", "fcntl", "functools", "itertools", "mmap", "msgpack",
    "msvcrt", "operator", "os", "stat", "struct", "sys", "time", "weakref", "xxhash", "zlib",
}  # fmt: skip
"""All that a service may have to load, besides ourselves, before its first `collect()`."""
CALLS_OF_WINDOWS = {"_winapi", "ctypes", "ntpath"}
"""Loaded under Windows only (but for `ntpath`, which is small): there is no other way to open a file that may be renamed."""

BETWEEN_ROOMS = [item for item in ALL if item.module.split(".")[0] == "modeldata" and room(item.importer) != room(item.module)]


# Rooms


def test_each_room_has_one_floor() -> None:
    floors = [name for floor in FLOORS for name in floor]
    assert len(floors) == len(LEVEL)
    assert {room(name) for name in FILES} == set(floors)


def test_a_room_imports_only_rooms_on_floors_below_it() -> None:
    assert not [item for item in BETWEEN_ROOMS if LEVEL[room(item.module)] >= LEVEL[room(item.importer)]]


# Modules


def test_no_modules_import_each_other_in_a_circle_not_even_inside_functions() -> None:
    assert circle_in(graph()) is None


def test_a_circle_is_found() -> None:
    assert circle_in({"a": {"b"}, "b": {"c"}, "c": {"b"}}) in (["b", "c", "b"], ["c", "b", "c"])


def test_no_module_takes_a_private_name_of_another() -> None:
    assert not [(name, private) for name in FILES for private in private_names(tree_of(name))]


def test_a_private_name_is_found_however_it_is_taken() -> None:
    source = """
        from modeldata.a import _b, c
        from modeldata import d as e
        import modeldata.f
        e._g, modeldata.f._h, c.__name__, self._i
    """
    names = private_names(ast.parse("if True:" + source))
    assert names == ["modeldata.a._b", "modeldata.d._g", "modeldata.f._h"]


# What a service loads


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
                waiting += [item.module for item in imports_of(module) if item.at_top]
    return seen


def test_what_a_service_imports_has_nothing_of_the_shippers_side() -> None:
    heavy = {name for name in loaded_by("modeldata") if room(name) in SHIPPER_SIDE}
    assert heavy <= SERVICE_MODULES_OF_SHIP


@pytest.mark.parametrize("module", sorted(loaded_by("modeldata")))
def test_what_a_service_imports_is_cheap(module: str) -> None:
    outside = {item.module.split(".")[0] for item in imports_of(module) if item.at_top} - {"modeldata"}
    assert outside <= CHEAP | (CALLS_OF_WINDOWS if module == "modeldata.windows" else set())


def test_no_module_has_the_name_of_something_public() -> None:
    assert {room(module) for module in FILES} & set(modeldata.__all__) == set()
