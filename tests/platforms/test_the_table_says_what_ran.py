"""docs/platforms.md shows what docs/platforms.jsonl has."""

from __future__ import annotations

from pathlib import Path

import pytest

from . import page, recorder


def test_the_drawn_table_is_what_the_results_say() -> None:
    shown = page.PAGE.read_text(encoding="utf-8")
    assert page.drawn(shown) == shown, "run: python -m tests.platforms.page"


def test_a_run_of_a_later_patch_release_takes_the_place_of_an_earlier_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "RESULTS", tmp_path / "results.jsonl")
    recorder.write([])
    run = {"system": "Debian 13", "libraries": "pinned", "tests": "spool", "passed": 1}
    for python in ("3.14.8", "3.14.8t", "3.14.10"):
        recorder.note({**run, "python": python})
    assert [kept["python"] for kept in recorder.results()] == ["3.14.10", "3.14.8t"]
