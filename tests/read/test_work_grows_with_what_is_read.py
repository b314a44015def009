"""Four times the batches, columns or schemas cost four times the work, whatever is asked.

What is counted is how often each function is called: none may be called more than five times as often (and a few times more).
"""

from __future__ import annotations

import sys
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modeldata import Archive
from modeldata.read.follow import Follower
from modeldata.read.newest import newest
from modeldata.read.query import ReadQuery
from modeldata.read.question import request_of
from modeldata.spool.files import Files
from modeldata.store import open_for
from tests.read.kit import Shipped

FEW, TIMES = 8, 4
SLACK = 60
"""Calls that are not worth a look: of imports and caches, which happen once."""


def _batches(shipped: Shipped, size: int) -> None:
    for number in range(size):
        for identifier in ("a", "b"):
            shipped.collect(identifier, {"v": number, "w": "text"}, ids=f"id{number}")
        shipped.ship()


def _columns(shipped: Shipped, size: int) -> None:
    for identifier in ("a", "b"):
        shipped.collect(identifier, np.arange(20.0 * size).reshape(2, 10 * size), ids="id")
        shipped.collect(identifier, {f"k{at}": at for at in range(10 * size)}, ids="id")
    shipped.ship()


def _schemas(shipped: Shipped, size: int) -> None:
    for number in range(size):
        for identifier in ("a", "b"):
            shipped.collect(identifier, {"v": number, f"k{number}": number}, ids=f"id{number}")
        shipped.ship()


def _query(archive: Archive) -> ReadQuery:
    store = open_for(archive.settings, Files())
    return ReadQuery.of(store, archive.settings.archives[0], request_of("m", "a", {}))


def _followed(archive: Archive) -> object:
    """All rows at once, as if they had come after the first look."""
    follower = Follower(_query(archive), 0)
    follower._seen.clear()
    follower._lengths.clear()
    rows = follower.look(2**62)
    assert rows is not None and rows.num_rows
    return rows


QUESTIONS: dict[str, Callable[[Archive], object]] = {
    "read": lambda archive: archive.read("m", "a"),
    "pylist": lambda archive: archive.scan("m", "a").to_pylist(),
    "count": lambda archive: archive.scan("m", "a", end="2100-01-01").count(),
    "newest": lambda archive: newest(_query(archive), 3),
    "follow": _followed,
    "collectors": lambda archive: archive.collectors(),
    "join": lambda archive: archive.join("m", "a", "b"),
    "sql": lambda archive: archive.sql("select * from m_a").fetchall(),
}
LOOKS = 5
"""DuckDB's threads ask for a table once, or six times: what is too much is so at each look."""
ARCHIVES = {"batches": _batches, "columns": _columns, "schemas": _schemas}


def _calls(ask: Callable[[Archive], object], archive: Archive) -> Counter[str]:
    calls: Counter[str] = Counter()

    def count(frame: Any, event: str, function: Any) -> None:
        if event == "call":
            calls[f"{frame.f_code.co_filename}:{frame.f_code.co_firstlineno} {frame.f_code.co_name}"] += 1
        elif event == "c_call":
            calls[f"{getattr(function, '__module__', '')}.{function.__qualname__}"] += 1

    threading.setprofile(count)
    sys.setprofile(count)
    try:
        ask(archive)
    finally:
        sys.setprofile(None)
        threading.setprofile(None)  # type: ignore[arg-type] # it takes None, as sys.setprofile does
    return calls


@pytest.mark.parametrize("file_format", ["csv", "parquet"])
@pytest.mark.parametrize("what", ARCHIVES)
def test_no_function_is_called_more_often_than_there_is_more_to_read(tmp_path: Path, what: str, file_format: str) -> None:
    archives = []
    for size in (FEW, FEW * TIMES):
        shipped = Shipped(str(tmp_path / f"archive{size}"), tmp_path / f"spool{size}", file_format)
        ARCHIVES[what](shipped, size)
        archives.append(shipped.archive)
    for name, ask in QUESTIONS.items():
        ask(archives[0])  # imports and caches
        steep: set[str] | None = None
        for _ in range(LOOKS):
            few, many = (_calls(ask, archive) for archive in archives)
            assert few and many
            found = {call for call, times in many.items() if times > (TIMES + 1) * few[call] + SLACK}
            steep = found if steep is None else steep & found
            if not steep:
                break
        assert not steep, f"{name}: called too often with {FEW * TIMES}"
