"""A shipper without the memory for what waits (fault matrix A9): a real limit, set in its process once everything is imported."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from modeldata.spool.files import Files
from modeldata.spool.lock import Leadership
from tests.support.ledger import assert_exactly_once
from tests.support.service import (
    NOON,
    Service,
    delivered_on_disk,
    settings_of,
    ship_all,
    worker_of,
)

SHIPPER = """
import resource, sys
from tests.support.service import new_pipeline
from modeldata.spool.files import Files
import pyarrow as pa
pa.set_memory_pool(pa.system_memory_pool())
archive, spare = sys.argv[1], int(sys.argv[2])
pipeline = new_pipeline(Files(), archive)
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
used = int(status["VmSize"].split()[0]) * 1024
resource.setrlimit(resource.RLIMIT_AS, (used + spare, used + spare))
try:
    while pipeline.step().more:
        pass
except MemoryError:
    print("no memory")
else:
    print("done")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the limit and /proc are Linux's")
@pytest.mark.posix("limits of a process")
def test_rows_that_a_shipper_has_no_memory_for_stay_and_are_archived_once_by_the_next(tmp_path: Path) -> None:
    outcomes = set()
    for spare_mib in (0, 1, 4, 12, 24, 48, 200):
        archive = str(tmp_path / f"archive-{spare_mib}")
        service = Service(Files(), archive)
        for number in range(400):
            assert service.collect("inputs", number, NOON, pad=20_000)
        service.writer.close(NOON)
        done = subprocess.run(
            [sys.executable, "-c", SHIPPER, archive, str(spare_mib << 20)],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        outcomes.add(done.stdout.strip() or "died")

        ship_all(Files(), archive)

        assert_exactly_once(service.attempted, service.accepted, delivered_on_disk(archive))
    assert "done" in outcomes and outcomes & {"no memory", "died"}, outcomes


def test_a_shipper_that_runs_out_of_memory_loses_nothing_and_tries_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from modeldata.ship import pipeline as module

    archive = str(tmp_path / "a")
    service = Service(Files(), archive)
    for number in range(20):
        assert service.collect("inputs", number)
    service.kill()
    whole, failures = module.encode_groups, []

    def scarce(*arguments: object) -> object:
        if len(failures) < 3:
            failures.append(1)
            raise MemoryError
        return whole(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "encode_groups", scarce)
    lead = Leadership.take(str(tmp_path / "lock"), Files())
    assert lead is not None
    worker = worker_of(settings_of(archive), lead)
    assert [worker.attempt() for _ in range(4)] == [False, False, False, True]
    lead.release()
    assert delivered_on_disk(archive) == service.accepted
