"""Our tests on other versions of Python and of the libraries: `python -m tests.platforms.pythons [NAME ...] [-- ARGUMENTS OF PYTEST]`.

Each Python comes from the Debian that has it, set up by debootstrap in `.pythons/`. The clone is mounted in it at its own path. The
mounts are seen by the process that made them only, and end with it: `make clean` can remove the folder at any time.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
HOME = ROOT / ".pythons"
MIRROR = "http://deb.debian.org/debian"
SCRIPTS = Path("/usr/share/debootstrap/scripts")
ALL = ("-m", "not faults and not soak and not spark and not browser and not services")
NO_WHEELS = (
    "encode/test_csv_is_read_alike", "encode/test_files_are_read_alike", "encode/test_json_lines_are_strict",
    "encode/test_values_come_back", "snapshot/test_arrow_data_keeps_its_types", "snapshot/test_bad_data_is_refused_with_a_reason",
    "snapshot/test_many_arrow_frames_are_one", "snapshot/test_no_subclass_is_believed",
    "snapshot/test_rows_of_every_kind_are_rows", "spool/test_the_default_spool_is_in_a_safe_place",
)  # fmt: skip
"""Tests with duckdb, polars, pydantic or typer, which have (or need what has) no wheels for a Python without a lock."""
FOLDERS = ("names", "request", "settings", "snapshot", "spool", "encode")
LANES = (*(f"tests/{folder}" for folder in FOLDERS), *(f"--ignore=tests/{file}.py" for file in NO_WHEELS))


@dataclass(frozen=True)
class Place:
    suite: str
    system: str
    python: str
    libraries: str = "pinned"
    tests: tuple[str, ...] = ()

    @property
    def root(self) -> Path:
        return HOME / self.suite


PLACES = {
    "3.11": Place("bookworm", "Debian 12", "python3.11"),
    "3.11-lowest": Place("bookworm", "Debian 12", "python3.11", "lowest"),
    "3.13": Place("trixie", "Debian 13", "python3.13"),
    "3.13t": Place("trixie", "Debian 13", "/opt/python3.13t/bin/python3.13t", "threads", LANES),
    "3.14": Place("forky", "Debian 14 (testing)", "python3.14"),
}
REQUIREMENTS = {"pinned": "requirements-dev.txt", "lowest": "requirements-lowest.txt", "threads": "requirements-threads.txt"}

ENTER = """
root=$1 clone=$2; shift 2
mount --bind "$root" "$root"
mkdir -p "$root$clone"
mount --bind "$clone" "$root$clone"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount --bind /sys "$root/sys"
for file in /etc/hosts /etc/resolv.conf /etc/ssl/certs/ca-certificates.crt; do cp "$file" "$root$file"; done
exec chroot "$root" env -C "$clone" "$@"
"""
BUILD = f"""
test -x /opt/python3.13t/bin/python3.13t && exit
echo "deb-src {MIRROR} trixie main" > /etc/apt/sources.list.d/source.list
apt-get -qq update
apt-get -qq install --no-install-recommends gcc g++ make dpkg-dev libssl-dev zlib1g-dev libffi-dev libsqlite3-dev libbz2-dev liblzma-dev > /dev/null
mkdir -p /opt/source && cd /opt/source
apt-get -qq source --download-only python3.13
tar -xf python3.13_*.orig.tar.xz --strip-components 1
./configure --quiet --disable-gil --prefix=/opt/python3.13t
make -s -j2 > make.log 2>&1
make -s install > install.log 2>&1
"""


def inside(root: Path, *command: str) -> int:
    """Run a command in a Debian of ours, from the clone. What it prints is seen."""
    variables = {
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": "/root",
        "UV_CACHE_DIR": str(HOME / "cache"),
        "LC_ALL": "C.UTF-8",
    }
    enter = ["unshare", "--mount", "--fork", "--kill-child", "sh", "-ec", ENTER, "enter", str(root), str(ROOT)]
    return subprocess.run([*enter, *command], env={**os.environ, **variables, "DEBIAN_FRONTEND": "noninteractive"}).returncode


def set_up(name: str, place: Place) -> str:
    """Make what is missing of a place. Returns the path of its interpreter."""
    if not place.root.exists():
        _debootstrap(place)
    if place.python.startswith("/opt/"):
        _do(place.root, "sh", "-ec", BUILD)
    uv, folder = str(ROOT / ".venv/bin/uv"), HOME / "envs" / name
    python = str(folder / "bin/python")
    if not folder.exists():
        _do(place.root, uv, "--quiet", "venv", "--seed", "--python", place.python, str(folder))
    install = (uv, "--quiet", "pip", "install", "--python", python)
    _do(place.root, *install, "-r", REQUIREMENTS[place.libraries])
    _do(place.root, *install, "--no-deps", "--editable", ".")
    _do(place.root, *install, "--no-deps", "--target", str(folder / "azureml"), "-r", "requirements-azureml.txt")
    if "3.14" not in name:
        _do(place.root, *install, "--no-deps", "--target", str(folder / "pandas-2.2"), "-r", "requirements-pandas22.txt")
    return python


def _debootstrap(place: Place) -> None:
    """The folder has its name only when it is whole."""
    part = place.root.with_suffix(".part")
    shutil.rmtree(part, ignore_errors=True)
    python = f"python{place.python.rpartition('python')[2].removesuffix('t')}"
    include = f"--include={python},ca-certificates,git,procps,strace"
    script = SCRIPTS / (place.suite if (SCRIPTS / place.suite).exists() else "sid")
    command = ["debootstrap", "--variant=minbase", include, place.suite, str(part), MIRROR, str(script)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    part.rename(place.root)


def _do(root: Path, *command: str) -> None:
    if inside(root, *command) != 0:
        raise SystemExit(f"make pythons: failed in {root}: {' '.join(command)}")


def missing() -> str:
    """What this machine lacks, for a person to read. debootstrap itself is installed where it can be."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "root on a Debian machine: it sets up other versions of Debian in .pythons/"
    if shutil.which("debootstrap") is None and shutil.which("apt-get"):
        subprocess.run(["apt-get", "-qq", "update"], check=True)
        subprocess.run(["apt-get", "-qq", "install", "debootstrap"], check=True)
    return ", ".join(program for program in ("debootstrap", "unshare", "chroot") if shutil.which(program) is None)


def run(name: str, arguments: list[str]) -> bool:
    place = PLACES[name]
    print(f"== Python {name} on {place.system}, libraries: {place.libraries}", flush=True)
    python = set_up(name, place)
    recorder = ["-p", "tests.platforms.recorder", "--system", place.system, "--libraries", place.libraries]
    quiet = ["-q", "-p", "no:cacheprovider"]
    return inside(place.root, python, "-m", "pytest", *quiet, *recorder, *ALL, *(arguments or place.tests)) == 0


def main(arguments: list[str]) -> int:
    if lacking := missing():
        print(f"make pythons needs: {lacking}", file=sys.stderr)
        return 1
    split = arguments.index("--") if "--" in arguments else len(arguments)
    failed = [name for name in arguments[:split] or PLACES if not run(name, arguments[split + 1 :])]
    print(f"failed on: {', '.join(failed)}" if failed else "passed on each Python")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
