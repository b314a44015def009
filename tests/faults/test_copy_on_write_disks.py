"""Promise 1 on file systems that copy on write: reserved room may be gone when it is written (matrix H2).

Needs mkfs.btrfs, mkfs.xfs and root, with loop devices. Where they can't be had the tests fail and say so.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.support.archive import features
from tests.support.scripts import environment

pytestmark = pytest.mark.faults

DISKS = {"btrfs": ("mkfs.btrfs -q", 160), "xfs": ("mkfs.xfs -q -m reflink=1", 320)}
FILLS = """
import os, shutil, subprocess, sys
from modeldata import Archive
archive = Archive("a", ship="off", min_free_bytes=0)
inputs = archive.collector("m", "inputs", ["n", "pad"])
taken = []
def collect(numbers, size):
    for n in numbers:
        if inputs.collect([n, os.urandom(size // 2).hex()]):
            taken.append(n)
        if n % 50 == 0:
            os.sync()
collect(range(20), 200)
for folder, _, names in os.walk("a"):
    for name in names:
        if name.endswith(".seg"):
            subprocess.run(["cp", "--reflink=always", os.path.join(folder, name), "backup-" + name], check=True)
os.sync()
size = 1 << 20
with open("filler", "wb", 0) as filler:
    while size >= 512:
        try:
            filler.write(os.urandom(size))
        except OSError:
            size //= 2
os.sync()
collect(range(20, 600), 200)
collect(range(600, 700), 20_000)
assert len(taken) + sum(archive.stats().dropped.values()) == 700
os.unlink("filler")
os.sync()
archive._intake.writer.growth.look_again()
collect(range(700, 720), 200)
assert taken[-20:] == list(range(700, 720)), (taken[-30:], archive.stats().dropped)
archive.close()
subprocess.run([sys.executable, "-m", "modeldata", "ship", "--drain", "--archive", "a"], check=True)
shutil.copytree("a", sys.argv[1], ignore=shutil.ignore_patterns(".modeldata-spool*"))
print(*taken)
"""


@pytest.fixture(params=DISKS)
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Path]:
    """A command that makes and mounts a disk at `m`, seen by nobody else."""
    make, megabytes = DISKS[request.param]
    if shutil.which(make.split()[0]) is None or os.geteuid() != 0:
        pytest.fail(f"{make.split()[0]} and root are needed (Debian: apt-get install btrfs-progs xfsprogs)")
    return f"truncate -s {megabytes}M img && {make} img && mkdir m && mount -o loop img m", tmp_path


def test_a_full_disk_whose_segments_are_shared_with_a_backup_kills_no_service(disk: tuple[str, Path]) -> None:
    prepare, folder = disk
    script = folder / "service.py"
    script.write_text(textwrap.dedent(FILLS), encoding="utf-8")
    shell = f'{prepare} && cd m && {{ "$0" ../service.py ../archived; status=$?; cd ..; umount m; exit $status; }}'
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", shell, sys.executable], cwd=folder, env=environment(), timeout=240,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"ended with {done.returncode}\n{done.stdout}\n{done.stderr}"
    taken = [int(n) for n in done.stdout.splitlines()[-1].split()]
    assert sorted(int(n) for n, _ in features(folder / "archived")) == taken
