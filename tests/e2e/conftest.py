"""An archive into which this process collects and which only the test ships, and the clock of its calls."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from modeldata import Archive
from tests.e2e.kit import DAY, MIDNIGHT, Clock


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "a"


@pytest.fixture
def archive(root: Path) -> Iterator[Archive]:
    """Collects in this process; only `drain` ships."""
    made = Archive(root, ship="off", min_free_bytes=0)
    yield made
    made.close(0)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Sets the time of the calls that follow."""

    def at(time_ns: int) -> None:
        monkeypatch.setattr("modeldata.collector.time_ns", lambda: time_ns)

    at(MIDNIGHT + DAY // 2)
    return at
