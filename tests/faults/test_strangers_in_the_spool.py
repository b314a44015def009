"""Links, second names, fifos and files that were left half made in the spool."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from modeldata.spool.files import Files
from modeldata.spool.lock import Leadership
from modeldata.testing import Died, Fault, FaultyFiles
from tests.support.scripts import environment
from tests.support.service import (
    Service,
    delivered_on_disk,
    new_pipeline,
    only_segment,
    segments_of,
    settings_of,
    ship_all,
    sink_of,
    spool_of,
    worker_of,
)


@pytest.mark.posix("links, which a user of Windows may not make")
def test_a_link_planted_in_the_spool_is_not_followed(tmp_path: Path) -> None:
    """At the name of a segment, of staging and of a checkpoint: the target keeps its bytes, and nothing of it is read."""
    archive = str(tmp_path / "a")
    service = Service(Files(), archive)
    assert service.collect("inputs", 1)
    service.kill()
    real = only_segment(archive)
    victim = tmp_path / "victim"
    victim.write_bytes(real.read_bytes())
    planted = real.with_name("f" * 32 + "-000001.seg")
    planted.symlink_to(victim)
    sink = sink_of(archive)
    sink.mkdir()
    precious = tmp_path / "precious"
    precious.write_text("mine")
    (sink / "staging.tmp").symlink_to(precious)
    with pytest.raises(OSError, match=os.strerror(errno.ELOOP)):
        new_pipeline(Files(), archive).step()
    assert precious.read_text() == "mine"
    (sink / "staging.tmp").unlink()

    pipeline = new_pipeline(Files(), archive)
    assert pipeline.step().rows == 1

    assert planted.is_symlink() and victim.exists()
    assert delivered_on_disk(archive) == service.accepted


@pytest.mark.posix("named pipes in a folder")
@pytest.mark.timeout(60)
def test_a_second_name_or_a_fifo_in_the_spool_is_left_alone(tmp_path: Path) -> None:
    archive = str(tmp_path / "a")
    service = Service(Files(), archive)
    assert service.collect("inputs", 1)
    service.kill()
    other = Service(Files(), str(tmp_path / "b"))
    assert other.collect("inputs", 2)
    other.kill()
    segments = segments_of(archive)
    os.link(only_segment(str(tmp_path / "b")), segments / ("e" * 32 + "-000001.seg"))
    os.mkfifo(segments / ("d" * 32 + "-000001.seg"))
    (segments / ("c" * 32 + "-000001.seg")).mkdir()
    for garbage in (".DS_Store", "x.seg~", "copy of a.seg"):
        (segments / garbage).write_bytes(b"garbage")

    done = subprocess.run(
        [sys.executable, "-m", "modeldata", "ship", "--drain", "--archive", archive],
        env=environment(MODELDATA_SHIP="off"), timeout=30, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert delivered_on_disk(archive) == service.accepted
    assert len(list(segments.iterdir())) == 6, "what is not ours is not removed"


def test_files_that_death_left_half_made_do_not_pile_up(tmp_path: Path) -> None:
    """A writer that dies while it makes a segment leaves a file without a name of a segment: somebody must take it away."""
    archive = str(tmp_path / "a")
    first = Service(Files(), archive)
    assert first.collect("inputs", 0)
    first.kill()
    for at in range(1, 8):
        service = Service(FaultyFiles(Fault(at)), archive)
        try:
            service.collect("inputs", at)
        except Died:
            continue
        service.kill()
    for left in segments_of(archive).glob("*.new"):
        os.utime(left, (0, 0))  # of long ago: a writer that lives may be about to name its own
    ship_all(Files(), archive)
    lead = Leadership.take(str(spool_of(archive) / "leader.lock"), Files())
    assert lead is not None
    worker_of(settings_of(archive), lead).run(leave_when_idle=True)
    lead.release()
    assert list(segments_of(archive).iterdir()) == []
