"""One archive with planted facts for all tests that only ask."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from modeldata.spool.files import Files
from tests.ui import kit


@pytest.fixture(scope="session")
def planted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[kit.Row]]:
    """The folder that has `archive` and `spool`, and the rows of `inputs` that are there."""
    folder = tmp_path_factory.mktemp("planted")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Files, "sync", lambda self, fd: None)
        _, rows = kit.fill(folder)
        return folder, kit.kept(folder, rows)


@pytest.fixture
def ask(planted: tuple[Path, list[kit.Row]], tmp_path: Path) -> Iterator[kit.Asked]:
    yield kit.Asked(planted[0] / "archive", tmp_path / "cache")
