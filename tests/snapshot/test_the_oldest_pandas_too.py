"""The oldest pandas that we promise to read keeps its frames otherwise inside: the two ways are compared there as well."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PANDAS = Path(sys.prefix) / "pandas-2.2"
"""Made by `make setup`."""


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="pandas 2.2 has no wheels for this Python")
def test_both_ways_to_a_frame_are_one_with_pandas_2_2() -> None:
    assert PANDAS.is_dir(), f"{PANDAS} is missing: `make setup` installs it"
    here = Path(__file__).parent
    tests = [here / "test_both_ways_to_a_frame_are_one.py", here.parent / "native/test_both_ways_store_the_same_frames.py"]
    path = os.pathsep.join([str(PANDAS), *sys.path])
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *map(str, tests)]

    done = subprocess.run(command, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
