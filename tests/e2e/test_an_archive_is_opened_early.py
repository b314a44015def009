"""`Archive.open`: what the first row would wait for is done when the service starts."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from modeldata import Archive
from modeldata.spool.files import Files
from modeldata.spool.growth import Growth
from tests.support.archive import rows
from tests.support.service import ship_all


def test_after_open_the_first_row_makes_no_file_and_imports_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = Archive(tmp_path, ship="off")
    collector = archive.collector("m", "inputs", ["n"])
    assert archive.open() is True
    before = set(sys.modules)
    monkeypatch.setattr(Growth, "new_segment", lambda *_: pytest.fail("a segment was made"))
    assert collector.collect([1])
    assert set(sys.modules) == before
    monkeypatch.undo()
    archive.close(0)
    ship_all(Files(), str(tmp_path))
    assert [row["n"] for row in rows(tmp_path)] == ["1"]


def test_open_says_that_no_row_can_be_accepted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("no folder")
    archive = Archive(tmp_path / "archive", spool=tmp_path / "file", ship="off")
    assert archive.open() is False
    assert "no row can be accepted now" in caplog.text and str(tmp_path / "file") in caplog.text


@pytest.mark.posix("fork")
def test_a_closed_archive_is_not_opened_and_a_forked_child_opens_its_own(tmp_path: Path) -> None:
    archive = Archive(tmp_path, ship="off")
    assert archive.open()
    child = os.fork()
    if not child:
        os._exit(0 if archive.open() and archive.collector("m").collect([1]) else 1)
    assert os.waitpid(child, 0)[1] == 0
    archive.close(0)
    assert archive.open() is False
