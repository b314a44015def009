"""Each extra of the wheel in `dist/`, installed in an environment of its own and tried: `python -m tests.platforms.extras [EXTRA...]`.

On each Python that uv finds here and that we support; versions are those of requirements-dev.txt.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import tomllib
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
TRIED = {
    "azure": "import azure.identity; import modeldata.store.azure",
    "s3": "import boto3; import modeldata.store.objects",
    "cli": "import subprocess, sys; subprocess.run([sys.executable, '-m', 'modeldata', 'ls'], check=True)",
    "sql": "from modeldata import Archive; assert Archive('modeldata').sql('select age from churn_inputs').fetchall() == [(34,)]",
    "ui": "from modeldata.ui import app; app('modeldata')",
    "sidecar": "from modeldata.service.sidecar.app import Sidecar; from modeldata import Archive; Sidecar(Archive('modeldata'), 'm', None)",
    "spark": "import pyspark; import modeldata.spark",
    "sign": "import cryptography; import modeldata.ship.signing",
    "demo": "import subprocess, sys; subprocess.run([sys.executable, '-m', 'modeldata', 'demo'], check=True)",
}
"""What each extra is for, after a first row was archived."""


def extras() -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return list(project["optional-dependencies"])


def pythons() -> list[str]:
    """One of each version that is on this machine."""
    listed = subprocess.run(
        [UV, "python", "list", "--only-installed", "--output-format", "json"], capture_output=True, text=True, check=True
    )
    found: dict[tuple[int, int], str] = {}
    for each in json.loads(listed.stdout):
        version = (each["version_parts"]["major"], each["version_parts"]["minor"])
        if version >= OLDEST and each["implementation"] == "cpython" and each["path"]:
            found.setdefault(version, each["path"])
    return list(found.values())


def tried(wheel: Path, extra: str, python: str) -> str:
    """Install and try. What went wrong, or nothing."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        inside = str(place / "venv" / ("Scripts" if sys.platform == "win32" else "bin") / "python")
        wanted = f"{wheel}[{extra}]" if extra else str(wheel)
        constraints = str(ROOT / "requirements-dev.txt")
        steps = [
            [UV, "venv", "--quiet", "--python", python, str(place / "venv")],
            [UV, "pip", "install", "--quiet", "--python", inside, "--constraints", constraints, wanted],
            [inside, "-c", COLLECT],
            *([[inside, "-c", TRIED[extra]]] if extra else []),
        ]
        for step in steps:
            done = subprocess.run(step, cwd=place, capture_output=True, text=True, check=False)
            if done.returncode:
                return done.stdout + done.stderr
    return ""


def main(wanted: list[str]) -> int:
    wheel = max((ROOT / "dist").glob("*.whl"))
    failed = 0
    for python in pythons():
        for extra in wanted or ["", *extras()]:
            trouble = tried(wheel, extra, python)
            failed += bool(trouble)
            print(f"{python} [{extra}]: {'FAILED' if trouble else 'works'}\n{trouble}".rstrip(), flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
