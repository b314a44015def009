"""What is in `dist/`, installed in environments of their own and tried: `python -m tests.platforms.extras [EXTRA...]`.

On each Python that uv finds here and that we support: the sdist, compiled there; the pure wheel; and each extra, of the compiled
wheel where it is for this Python, else of the pure one. Versions are those of requirements-dev.txt.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
UV = str(Path(sys.executable).with_name("uv"))
OLDEST = (3, 11)

COLLECT = """
import csv, pathlib
from modeldata import Archive

archive = Archive("modeldata", ship="thread")
assert archive.collector("churn", "inputs", ["age"]).collect([34])
assert archive.flush(60)
archive.close()
(path,) = pathlib.Path("modeldata").rglob("data.csv")
assert [row["age"] for row in csv.DictReader(path.open())] == ["34"]
"""
WAY = """
from modeldata import native
ways = [native.find(part) for part in ("accelerator", "shipper")]
assert all((part is not None) is {compiled} for part, _ in ways), ways
"""
TRIED = {
    "azure": "import azure.identity; import modeldata.store.azure",
    "s3": "import boto3; import modeldata.store.objects",
    "cli": "import subprocess, sys; subprocess.run([sys.executable, '-m', 'modeldata', 'ls'], check=True)",
    "sql": "from modeldata import Archive; assert Archive('modeldata').sql('select age from churn_inputs').fetchall() == [(34,)]",
    "ui": "from modeldata.ui import app; app('modeldata')",
    "sidecar": "import uvicorn; import modeldata.service.sidecar.app",
    "spark": "import pyspark; import modeldata.spark",
    "sign": "import cryptography; import modeldata.ship.signing",
    "demo": "import subprocess, sys; subprocess.run([sys.executable, '-m', 'modeldata', 'demo'], check=True)",
}
"""What each extra is for, after a first row was archived."""


def extras() -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return list(project["optional-dependencies"])


def pythons() -> dict[str, str]:
    """One of each version that is on this machine, by the tag of its wheels."""
    listed = subprocess.run(
        [UV, "python", "list", "--only-installed", "--output-format", "json"], capture_output=True, text=True, check=True
    )
    found: dict[str, str] = {}
    for each in json.loads(listed.stdout):
        version = (each["version_parts"]["major"], each["version_parts"]["minor"])
        if version >= OLDEST and each["implementation"] == "cpython" and each["path"]:
            found.setdefault("cp{}{}".format(*version), each["path"])
    return found


def choices(tag: str, wanted: list[str]) -> Iterator[tuple[Path, str, bool]]:
    """(what is installed, which extra of it, is it compiled?)"""
    dist = ROOT / "dist"
    (pure,), (source,) = dist.glob("*-py3-none-any.whl"), dist.glob("*.tar.gz")
    compiled = next(dist.glob(f"*-{tag}-*.whl"), pure)
    if not wanted:
        yield source, "", True
        yield pure, "", False
    for extra in wanted or ["", *extras()]:
        yield compiled, extra, compiled is not pure


def tried(package: Path, extra: str, python: str, *, compiled: bool) -> str:
    """Install and try. What went wrong, or nothing."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        inside = str(place / "venv" / ("Scripts" if sys.platform == "win32" else "bin") / "python")
        wanted = f"{package}[{extra}]" if extra else str(package)
        constraints = str(ROOT / "requirements-dev.txt")
        steps = [
            [UV, "venv", "--quiet", "--python", python, str(place / "venv")],
            [UV, "pip", "install", "--quiet", "--python", inside, "--constraints", constraints, wanted],
            [inside, "-c", COLLECT],
            [inside, "-c", WAY.format(compiled=compiled)],
            *([[inside, "-c", TRIED[extra]]] if extra else []),
        ]
        for step in steps:
            env = {**os.environ, "MODELDATA_BUILD": "require"}
            done = subprocess.run(step, cwd=place, env=env, capture_output=True, text=True, check=False)
            if done.returncode:
                return done.stdout + done.stderr
    return ""


def main(wanted: list[str]) -> int:
    failed = 0
    for tag, python in pythons().items():
        for package, extra, compiled in choices(tag, wanted):
            trouble = tried(package, extra, python, compiled=compiled)
            failed += bool(trouble)
            print(f"{python} {package.name}[{extra}]: {'FAILED' if trouble else 'works'}\n{trouble}".rstrip(), flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
