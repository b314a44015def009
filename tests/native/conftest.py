from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from tests.native.place import Place


@pytest.fixture(autouse=True)
def no_flask(monkeypatch: pytest.MonkeyPatch) -> None:
    """What another test of this process imported must not choose the way: Flask is asked for ids."""
    monkeypatch.delitem(sys.modules, "flask", raising=False)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    place = Place(tmp_path_factory.mktemp("both"))
    yield place
    place.archive.close(0)
