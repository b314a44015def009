"""`make native-sanitized`: the compiled part built with AddressSanitizer and UBSan, and its tests run against a copy of `src/`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from hatch_build import compile_into

ROOT = Path(__file__).parents[2]
OPTIONS = ["-g", "-O1", "-fno-omit-frame-pointer", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]


def main(options: list[str]) -> int:
    compiler = os.environ.get("CC", "gcc")
    library = subprocess.run([compiler, "-print-file-name=libasan.so"], capture_output=True, text=True, check=True).stdout.strip()
    with tempfile.TemporaryDirectory(prefix="sanitized-") as folder:
        source = Path(folder, "src")
        shutil.copytree(ROOT / "src", source, ignore=shutil.ignore_patterns("__pycache__", "*.so"))
        compile_into(Path(folder), source / "modeldata/native", *OPTIONS)
        env = {
            **os.environ,
            "LD_PRELOAD": library,
            "ASAN_OPTIONS": "detect_leaks=0",  # Python itself keeps what it has till the end
            "PYTHONMALLOC": "malloc",  # each object its own piece of memory, so that none hides in another
            "PYTHONPATH": os.pathsep.join([str(source), str(ROOT)]),
        }
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "-m",
            "not faults",
            *options,
            str(ROOT / "tests/native"),
        ]
        return subprocess.run(command, cwd=ROOT, env=env, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
