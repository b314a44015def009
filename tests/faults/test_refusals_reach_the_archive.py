"""Promise 3: what was refused is reported, also by a process that was killed while the spool was full (matrix H6)."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from modeldata.spool.files import Files
from modeldata.testing import Died, Fault, FaultyFiles
from tests.support.audits import audit_of
from tests.support.ledger import assert_exactly_once
from tests.support.scripts import drain, modeldata, run
from tests.support.service import NOON, Service, delivered_on_disk, ship_all

SERVICE = """
import os, signal, threading
from modeldata import Archive
archive = Archive("a", ship="off", fsync="never", min_free_bytes=0, spool_max_bytes=400_000)
inputs = archive.collector("m", "inputs", ["n"])
others = archive.collector("m", "others", ["n"])
"""
LIVES = {
    "full": "for n in range(300): inputs.collect(['x' * 5000])",
    "two collectors, two reasons": """
for n in range(200):
    inputs.collect(["x" * 5000])
    others.collect(["y" * 9000])
    others.collect(object)
""",
    "bad data alone": """
inputs.collect([1])
for n in range(50):
    inputs.collect(object)
""",
    "small rows go on": """
for n in range(300):
    inputs.collect(["x" * 5000])
    inputs.collect([n])
""",
    "retired between": """
for n in range(300):
    inputs.collect(["x" * 5000])
archive._intake.writer.retire(archive._intake.writer.acquire())
""",
}
BOTH = ("retired between",)
"""Each end of these is another guard."""
ENDS = {"killed": "os.kill(os.getpid(), 9)", "closed": "archive.close(); os._exit(0)"}


@pytest.mark.sampled(2)
@pytest.mark.parametrize(
    ("life", "end"),
    [
        pytest.param(
            script,
            ending,
            id=f"{life}-{end}",
            marks=[] if life in BOTH or (end == "killed") == (at % 2 == 0) else pytest.mark.faults,
        )
        for at, (life, script) in enumerate(LIVES.items())
        for end, ending in ENDS.items()
    ],
)
def test_the_archive_knows_each_refusal_of_a_service_however_it_ended(tmp_path: Path, life: str, end: str) -> None:
    done = run(
        SERVICE + life + "\nimport json\nprint(json.dumps(archive.stats().dropped), flush=True)\n" + end, tmp_path, check=False
    )
    refused = json.loads(done.stdout)
    assert sum(refused.values()) >= 40
    drain(tmp_path / "a")
    report = json.loads(modeldata("audit", str(tmp_path / "a"), "--json").stdout)
    assert (report["verdict"], report["refused"]) == ("complete", refused)


def _life(files: FaultyFiles, archive: str) -> Service:
    service = Service(files, archive, most=400_000)
    try:
        for number in range(24):
            service.collect("inputs", number, pad=50_000 if number % 3 else 20, time_ns=NOON + number * 10**9)
            service.writer.growth.look_again()
        service.writer.close(NOON)
    except Died:
        pass
    return service


def test_a_death_at_any_operation_doubles_no_refusal_and_hides_at_most_the_last(tmp_path: Path) -> None:
    dry = FaultyFiles()
    whole = _life(dry, str(tmp_path / "dry"))
    assert sum(whole.writer.drops().values()) > 3
    for at in range(1, len(dry.operations) + 1):
        archive = str(tmp_path / "run")
        service = _life(FaultyFiles(Fault(at)), archive)
        ship_all(Files(), archive)
        assert_exactly_once(service.attempted, service.accepted, delivered_on_disk(archive))
        refused = sum(service.writer.drops().values())
        report = sum(audit_of(archive).refused.values())
        assert report <= refused
        where = dry.operations[at - 1][0]
        assert report == refused or where in ("store", "pwrite"), "only between clearing the tail and the frame that replaces it"
        shutil.rmtree(archive)


def test_the_tail_of_a_living_writer_is_not_read(tmp_path: Path) -> None:
    """It changes, and comes again as a frame; and rows are still to come before it."""
    archive = str(tmp_path / "a")
    service = Service(Files(), archive, most=400_000)
    while service.collect("inputs", 1, pad=9_000):
        pass
    ship_all(Files(), archive)
    assert service.collect("inputs", 2), "there is room for a small one in the same segment"
    service.writer.close(NOON)
    ship_all(Files(), archive)
    assert delivered_on_disk(archive) == service.accepted
    assert audit_of(archive).refused == {"spool_full": 1}
