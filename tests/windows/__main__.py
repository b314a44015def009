"""`python -m tests.windows [suite ...] [--python 3.13]`: the suites under CPython for Windows, and how many tests passed."""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import NamedTuple

from tests.windows.environment import CACHE, DISTRIBUTIONS, PREFIX, environment, prepare, python
from tests.windows.wine import Wine, windows, windows_path

SUITES = ["names", "format", "request", "settings", "snapshot", "spool", "encode", "read", "keep", "e2e", "faults"]
SMOKE = ["windows/test_smoke.py"]
SECONDS, TEST_SECONDS = 1800, 900
"""The longest that a suite and a test may take: in Wine both take long on a busy machine."""
SYSTEM = "Windows 10 (Wine 8)"
"""As the table of docs/platforms.md names it."""
CHOICE = "not soak and not spark and not services"


class Counts(NamedTuple):
    """How the tests of a suite ended. `lost`: the process ended before its report."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    lost: bool = False


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.windows", description=__doc__)
    parser.add_argument("suites", nargs="*", help="folders or files below tests/")
    parser.add_argument("--python", choices=sorted(DISTRIBUTIONS), action="append", dest="versions")
    parser.add_argument("-k", dest="words", default="", help="as pytest's")
    parser.add_argument("--smoke", action="store_true", help="only that rows are collected, shipped, read and erased")
    asked = parser.parse_args()
    suites = SMOKE if asked.smoke else asked.suites or SUITES
    bad = False
    for version in asked.versions or sorted(DISTRIBUTIONS):
        prepare(version)
        with windows(PREFIX) as wine:
            for suite in suites:
                counts = run(wine, version, suite, asked.words)
                bad |= counts.lost or counts.failed > 0
    return int(bad)


def run(wine: Wine, version: str, suite: str, words: str) -> Counts:
    """One suite in one process of its own. What pytest says is shown where a test failed."""
    report = CACHE / f"report-{version}.xml"
    report.unlink(missing_ok=True)
    options = [
        "-q",
        "-m",
        CHOICE,
        "-p",
        "no:cacheprovider",
        f"--timeout={TEST_SECONDS}",
        f"--junit-xml={windows_path(report)}",
        *(["-k", words] if words else []),
    ]
    if not words and "/" not in suite:
        options += ["-p", "tests.platforms.recorder", "--system", SYSTEM, "--libraries", "pinned"]
    began = time.monotonic()
    try:
        command = [python(version), "-m", "pytest", *options, f"tests/{suite}"]
        _, output = wine.call(*command, timeout=SECONDS, env=environment(version))
    except subprocess.TimeoutExpired as error:
        output = f"no end after {SECONDS} s: {error.output!r}"
    counts = counts_of(report)
    took = round(time.monotonic() - began)
    print(
        f"Python {version} for Windows, tests/{suite}: {counts.passed} passed, {counts.failed} failed, {counts.skipped} skipped, {took} s"
    )
    if counts.failed or counts.lost:
        print(output)
    sys.stdout.flush()
    return counts


def counts_of(report: Path) -> Counts:
    if not report.exists():
        return Counts(lost=True)
    (suite,) = ElementTree.parse(report).getroot().iter("testsuite")
    ran, failed, errors, skipped = (int(suite.attrib[name]) for name in ("tests", "failures", "errors", "skipped"))
    return Counts(ran - failed - errors - skipped, failed + errors, skipped)


if __name__ == "__main__":
    sys.exit(main())
