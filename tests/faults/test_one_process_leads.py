"""One process leads a spool; what it forked, and what lost the lock, commits nothing."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from modeldata.errors import ModelDataError
from modeldata.settings import Settings
from modeldata.ship.pipeline import Pipeline
from modeldata.spool.files import Files
from modeldata.spool.folder import open_place
from modeldata.spool.lock import Leadership
from modeldata.spool.reader import OpenSegment
from modeldata.store.local import LocalStore
from tests.support.scripts import environment
from tests.support.service import (
    NOON,
    Service,
    new_pipeline,
    segments_of,
)


def test_one_process_leads_and_the_next_one_only_after_it(tmp_path: Path) -> None:
    path = str(tmp_path / "leader.lock")
    code = (
        "import sys; from modeldata.spool.files import Files; from modeldata.spool.lock import Leadership; "
        "lead = Leadership.take(sys.argv[1], Files()); print(lead is not None, flush=True); lead and input()"
    )
    command = [sys.executable, "-c", code, path]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, env=environment(), text=True, **pipes) as first:  # type: ignore[call-overload]
        try:
            assert first.stdout.readline() == "True\n"
            assert Leadership.taken(path, Files())
            assert Leadership.take(path, Files()) is None
        finally:
            first.kill()
            first.wait(30)
    assert not Leadership.taken(path, Files())
    mine = Leadership.take(path, Files())
    assert mine is not None
    assert Leadership.take(path, Files()) is None, "nor another thread of this process"
    mine.release()


@pytest.mark.posix("fork")
def test_a_forked_child_leads_nothing(tmp_path: Path) -> None:
    lead = Leadership.take(str(tmp_path / "leader.lock"), Files())
    assert lead is not None and lead.intact()
    child = os.fork()
    if child == 0:
        os._exit(0 if not lead.intact() and not Leadership.held_here else 1)
    assert os.waitpid(child, 0)[1] == 0
    lead.release()


def test_a_leader_whose_lock_was_replaced_commits_nothing(tmp_path: Path) -> None:
    archive = str(tmp_path / "a")
    service = Service(Files(), archive)
    assert service.collect("inputs", 1)
    settings = Settings.build({}, archive=archive, min_free_bytes=0)
    place = open_place(settings.spool_folder(), Files(), b"\2" * 16, NOON)
    lead = Leadership.take(place.leader_lock, Files())
    assert lead is not None
    pipeline = Pipeline(
        place, LocalStore(archive, Files()), settings, files=Files(), warn=lambda text: None, may_commit=lead.intact
    )
    os.unlink(place.leader_lock)
    Path(place.leader_lock).touch()

    with pytest.raises(ModelDataError, match="another process took the lead"):
        pipeline.step()

    assert new_pipeline(Files(), archive)._generation == 0
    lead.release()
    service.kill()


@pytest.mark.posix("fork")
def test_a_forked_child_lets_go_of_its_parents_segments_at_once(tmp_path: Path) -> None:
    """Not only when it collects: a child that never does must not keep its dead parent's segments from being finished."""
    archive = str(tmp_path / "a")
    service = Service(Files(), archive)
    assert service.collect("inputs", 1)
    asked, report = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(report, b"1" if not service.writer.lanes and service.writer.ours[0] else b"0")
        signal.pause()
    try:
        assert os.read(asked, 1) == b"1"
        (name,) = [path.name for path in segments_of(archive).iterdir()]
        place = service.writer.place
        assert place is not None
        segment = OpenSegment(place, name, Files())
        assert segment.alive, "the parent lives"
        segment.close()
        service.kill()
        segment = OpenSegment(place, name, Files())
        assert not segment.alive, "the child holds what its parent let go"
        segment.close()
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def test_who_let_go_of_the_lead_has_it_no_more_though_a_full_disk_took_no_new_mark(tmp_path: Path) -> None:
    """The next leader of this process then has the same mark, and may have the same descriptor."""

    class Full(Files):
        def pwrite(self, fd: int, data: bytes | memoryview, offset: int) -> int:
            raise OSError(errno.ENOSPC, "full")

    path = str(tmp_path / "leader.lock")
    first = Leadership.take(path, Files())
    assert first is not None and first.intact()
    first.release()
    second = Leadership.take(path, Full())
    assert second is not None and second.intact()
    assert not first.intact()
    second.release()
