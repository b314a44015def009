"""Load and random faults for a while, then the oracle (fault matrix A1, A3, A10, A11, C3, D5, D15, H76; see `soak`)."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from .soak import problems, soak


def _told(folder: Path, seconds: float, seed: int) -> dict[str, object]:
    report = soak(folder, seconds, seed)
    print(json.dumps(report))
    assert not problems(report), report
    return report


KINDS = (
    "SIGKILL of a plain worker", "SIGKILL of a gunicorn worker", "outages of the archive", "renames of the archive", "backups",
    "SIGSTOP and SIGCONT of the shipper", "closed descriptors",
)  # fmt: skip


@pytest.mark.timeout(300)
def test_twenty_seconds_of_load_and_random_faults_lose_and_double_nothing(tmp_path: Path) -> None:
    report = _told(tmp_path, 20, 20)
    faults = report["faults"]
    assert isinstance(faults, dict)
    assert int(str(report["kills"])) > 30 and int(str(report["accepted"])) > 5_000, report
    for kind in KINDS:
        assert faults.get(kind, 0) > 0, report


@pytest.mark.soak
@pytest.mark.timeout(7200)
def test_a_long_soak_loses_and_doubles_nothing(tmp_path: Path) -> None:
    seconds = float(os.environ.get("SOAK_SECONDS", "600"))
    report = _told(tmp_path, seconds, int.from_bytes(os.urandom(4), "big"))
    assert int(str(report["kills"])) > seconds, report
