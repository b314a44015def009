"""A call of 200 MB is archived by a shipper with 1 GiB of memory over what it needs to start, or refused at the call (A9)."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import pytest

SERVICE = """
import sys
import numpy as np
from modeldata import Archive
CALLS = {
    "numbers": lambda: np.arange(26_000_000, dtype="<f8").reshape(-1, 50),
    "rows": lambda: [[number, "x" * 1_000] for number in range(200_000)],
    "wide text": lambda: [[number, "x" * 1_000_000] for number in range(200)],
}
archive = Archive(sys.argv[1], ship="off", fsync="never", min_free_bytes=0)
taken = archive.collector("m", "in").collect(CALLS[sys.argv[2]]())
print(taken, sum(archive.stats().dropped.values()))
archive.close(0)
"""
SHIPPER = """
import resource, sys, time
import pyarrow as pa
from tests.support.service import new_pipeline
from modeldata.spool.files import Files
pa.set_memory_pool(pa.system_memory_pool())
pipeline = new_pipeline(Files(), sys.argv[1], lambda text: print(text, file=sys.stderr))
def status():
    return dict(line.split(":", 1) for line in open("/proc/self/status"))
used = int(status()["VmSize"].split()[0]) * 1024
resource.setrlimit(resource.RLIMIT_AS, (used + (1 << 30), used + (1 << 30)))
while pipeline.step().rows:
    pipeline.remove(pipeline.finished())
print(sum(pipeline.state.archived.values()), pipeline.state.quarantined, (int(status()["VmPeak"].split()[0]) * 1024 - used) >> 20)
"""
ROWS = {"numbers": 520_000, "rows": 200_000, "wide text": 200}


def _run(code: str, *arguments: str) -> list[str]:
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False, timeout=1500)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.split()


def _first_cells(archive: Path) -> list[float]:
    csv.field_size_limit(1 << 30)
    made: list[float] = []
    for path in archive.rglob("data*.csv"):
        with path.open(newline="", encoding="utf-8") as file:
            next(reader := csv.reader(file))
            made += [float(row[3]) for row in reader]
    return sorted(made)


@pytest.mark.faults
@pytest.mark.timeout(3600)
@pytest.mark.skipif(sys.platform != "linux", reason="the limit and /proc are Linux's")
@pytest.mark.parametrize("kind", ROWS)
@pytest.mark.posix("limits of a process")
def test_a_call_of_200_mb_is_archived_with_one_gib_or_refused(tmp_path: Path, kind: str) -> None:
    archive = tmp_path / "archive"
    taken, refused = _run(SERVICE, str(archive), kind)
    if taken == "False":
        assert int(refused) == ROWS[kind]
        return
    archived, quarantined, peak_mib = map(int, _run(SHIPPER, str(archive)))

    print(f"{kind}: {peak_mib} MiB over what it needs to start")
    assert (archived, quarantined) == (ROWS[kind], 0)
    step = 50 if kind == "numbers" else 1
    assert _first_cells(archive) == [float(step * number) for number in range(ROWS[kind])]
