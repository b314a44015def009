"""A tag on what is built must be the package's version: `python -m tests.house.release`. Without a tag, any version may be built."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import modeldata

ROOT = Path(__file__).parents[2]


def trouble(tags: list[str], version: str) -> str:
    """What is wrong; empty where the tags that begin with `v` and the version agree."""
    wrong = [tag for tag in tags if tag.startswith("v") and tag != f"v{version}"]
    return f"this is tagged {', '.join(wrong)}, but __version__ is {version}: they must agree" if wrong else ""


def tags_here() -> list[str]:
    """Of the commit that is checked out; none outside of a clone."""
    done = subprocess.run(["git", "tag", "--points-at", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.split()


if __name__ == "__main__":
    sys.exit(trouble(tags_here(), modeldata.__version__) or None)
