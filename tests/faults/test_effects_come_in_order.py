"""Frozen, then sent, then committed, then removed: each step is durable before the next one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from modeldata.settings import Settings
from modeldata.spool.files import Files
from modeldata.testing import Died, FaultyFiles
from tests.support.service import (
    Service,
    new_pipeline,
    ship_all,
    sink_of,
)


class _Journal(FaultyFiles):
    """Remembers effects in their order, with paths for descriptors, and what of it was not yet made durable."""

    def __init__(self) -> None:
        super().__init__()
        self.names: dict[int, str] = {}
        self.events: list[tuple[str, str]] = []
        self.unsynced: set[str] = set()

    def open(self, path: str, flags: int, mode: int = 0o600) -> int:
        new = flags & os.O_CREAT and not os.path.exists(path)
        fd = super().open(path, flags, mode)
        self.names[fd] = path
        if new:
            self._changed(os.path.dirname(path))
        return fd

    def _changed(self, path: str) -> None:
        self.unsynced.add(path)

    def pwrite(self, fd: int, data: bytes | memoryview, offset: int) -> int:
        self._note("write", self.names[fd])
        self._changed(self.names[fd])
        return super().pwrite(fd, data, offset)

    def sync(self, fd: int) -> None:
        super().sync(fd)
        self.unsynced.discard(self.names[fd])

    def sync_folder(self, path: str) -> None:
        super().sync_folder(path)
        self.unsynced.discard(path)

    def rename(self, source: str, target: str) -> None:
        if source in self.unsynced:
            self.events.append(("named before it was durable", target))
        super().rename(source, target)
        self._changed(os.path.dirname(target))

    def unlink(self, path: str) -> None:
        self._note("unlink", path)
        super().unlink(path)

    def _note(self, what: str, path: str) -> None:
        self.events.append((what, path))


def _journal_of_a_round(archive: str, check: str) -> tuple[_Journal, list[set[str]]]:
    """What a round does, and what was not durable each time something happened to a path that holds `check`."""
    service = Service(Files(), archive)
    for number in range(5):
        assert service.collect("inputs", number)
    service.kill()
    seen: list[set[str]] = []

    class Watched(_Journal):
        def _note(self, what: str, path: str) -> None:
            super()._note(what, path)
            if check in path and ".owner" not in path:
                seen.append(set(self.unsynced))

    files = Watched()
    ship_all(files, archive)
    assert seen, f"nothing happened to {check}"
    return files, seen


def _ends(paths: set[str]) -> set[str]:
    return {os.path.basename(path) for path in paths}


def test_staging_and_intent_are_durable_before_the_first_byte_is_sent(tmp_path: Path) -> None:
    archive = str(tmp_path / "a")
    files, seen = _journal_of_a_round(archive, "data.csv")
    sink = Settings.build({}, archive=archive).sink_key()
    assert not _ends(seen[0]) & {"staging", "staging.tmp", "intent", "intent.tmp", sink}
    hasty = {os.path.basename(path) for what, path in files.events if what.startswith("named before")}
    assert hasty <= {"attempt"}, "a count of deaths that a power cut takes costs nothing"
    written = [os.path.basename(path) for what, path in files.events if what == "write"]
    assert written.index("staging.tmp") < written.index("intent.tmp") < written.index("data.csv")


def test_rows_are_durable_in_the_archive_before_the_checkpoint_says_so(tmp_path: Path) -> None:
    _, seen = _journal_of_a_round(str(tmp_path / "a"), "checkpoint.")
    assert not _ends(seen[0]) & {"data.csv", "data.csv.jsonl", "23", "_manifest"}


def test_the_checkpoint_is_durable_before_a_segment_goes(tmp_path: Path) -> None:
    files, seen = _journal_of_a_round(str(tmp_path / "a"), ".seg")
    assert ("unlink", str(files.events[-1][1])) in files.events
    assert not _ends(seen[-1]) & {"checkpoint.a", "checkpoint.b"}


def test_a_segment_is_removed_only_after_the_checkpoint_is_durable(tmp_path: Path) -> None:
    files, _ = _journal_of_a_round(str(tmp_path / "a"), ".seg")
    events = [(what, os.path.basename(path)) for what, path in files.events]
    removed = next(index for index, (what, name) in enumerate(events) if what == "unlink" and name.endswith(".seg"))
    assert ("write", "data.csv") in events[:removed]
    assert {("write", "checkpoint.a"), ("write", "checkpoint.b")} & set(events[:removed])


def test_an_intent_that_was_committed_is_only_cleared(tmp_path: Path) -> None:
    """Dead between the checkpoint and the clean-up; then somebody else's rows came into that file, as is right."""
    archive = str(tmp_path / "a")
    service = Service(Files(), archive)
    assert service.collect("inputs", 1)
    sink = sink_of(archive)

    class DieAtClear(FaultyFiles):
        def unlink(self, path: str) -> None:
            if path.endswith("/intent"):
                self.die()
            super().unlink(path)

    with pytest.raises(Died):
        new_pipeline(DieAtClear(), archive).step()
    assert (sink / "intent").exists()
    before = new_pipeline(Files(), archive)
    generation = before._generation

    assert before.step().rows == 0

    assert not (sink / "intent").exists()
    assert before._generation == generation, "nothing was committed again"
    assert sum(before.state.archived.values()) == 1
    service.kill()
