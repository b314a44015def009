"""An archive in this process whose clock is the test's, and what lies in one of its days."""

from __future__ import annotations

import csv
import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from modeldata import Archive
from modeldata.spool.files import Files
from modeldata.spool.lock import Leadership
from tests.support.service import worker_of

SECOND = 10**9
DAY = 86_400 * SECOND
MIDNIGHT = 1_795_392_000 * SECOND
"""2026-11-23 00:00 UTC."""
HEADER = "$Timestamp,$CorrelationId,$RequestId"
MIB = 1 << 20
Clock = Callable[[int], None]


def ship(archive: Archive, warn: Callable[[str], None] = pytest.fail) -> None:
    """As `modeldata ship --drain`, in this process: an interpreter for each look would be most of these tests' time."""
    leadership = Leadership.take(os.path.join(archive.settings.spool_folder(), "leader.lock"), Files())
    assert leadership is not None
    try:
        around = {"warn": warn, "monotonic": time.monotonic, "wall_ns": time.time_ns, "wait": lambda seconds: False}
        worker_of(archive.settings, leadership, **around).drain()
    finally:
        leadership.release()


def day_of(root: Path, day: str = "2026/11/23", identifier: str = "inputs") -> Path:
    return root / "unknown" / "unknown" / "unknown-m-unknown" / identifier / day


def spool8(root: Path) -> str:
    (note,) = root.glob(".modeldata-spool-*/spool.json")
    return str(json.loads(note.read_text())["spool"])[:8]


def listed(folder: Path) -> list[str]:
    """The day's files, as Spark and Hive see them."""
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith(("_", ".")))


def features_of(path: Path) -> list[tuple[str, ...]]:
    with path.open(newline="", encoding="utf-8") as file:
        return [tuple(row[3:]) for row in list(csv.reader(file))[1:]]
