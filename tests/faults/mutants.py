"""Does the suite notice when a guard is gone? `make mutants` (python -m tests.faults.mutants [word in a guard's name ...]).

Each guard is switched off, one at a time, by replacing text in a copy of `src/`; the tests named beside it run against the copy. At least
one must fail. Without any change all of them must pass. A guard whose text is not found exactly once is an error: the list must be kept
true. Exit status 0 only when every guard is caught.
"""

from __future__ import annotations

import concurrent.futures
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from hatch_build import compile_into

from tests.faults.mutants_list import MUTANTS, Mutant

ROOT = Path(__file__).parents[2]
SECONDS = 600
WHOLE_SECONDS = 1800
"""All tests that are named, once, with every guard in place."""


def run(source: Path, tests: tuple[str, ...], *options: str, seconds: int = SECONDS) -> tuple[int, str]:
    """The exit status of pytest for `tests` against the package in `source`, and its last lines."""
    inherited = [part for part in os.environ.get("PYTHONPATH", "").split(os.pathsep) if part and not part.endswith("src")]
    env = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(source), str(ROOT), *inherited]),
        "PYTHONDONTWRITEBYTECODE": "1",
        "MODELDATA_MUTANT": "1",
    }
    command = [
        sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-m", "not faults and not soak and not services",
        "--override-ini", "timeout=240", f"--basetemp={source.parent / 'tmp'}", *options, *tests,
    ]  # fmt: skip
    process = subprocess.Popen(
        command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )
    try:
        out, _ = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        return -1, f"not done in {seconds} s"
    finally:
        try:
            os.killpg(process.pid, 9)
        except ProcessLookupError:
            pass
        process.wait()
    return process.returncode, out


def loaded_from(source: Path) -> bool:
    """Do the tests really see the copy? Also where the package is installed for editing."""
    env = {**os.environ, "PYTHONPATH": str(source)}
    command = [sys.executable, "-c", "import modeldata; print(modeldata.__file__)"]
    return subprocess.run(command, env=env, capture_output=True, text=True, check=True, cwd="/").stdout.startswith(str(source))


def copy_of_source(folder: str) -> Path:
    """Without the compiled part: a guard in Python must not be hidden by the same guard in C."""
    source = Path(folder, "src")
    shutil.copytree(ROOT / "src", source, ignore=shutil.ignore_patterns("__pycache__", "*.so"))
    return source


def try_one(mutant: Mutant) -> tuple[str, str, float]:
    """(what came of it, details, seconds)"""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        source = copy_of_source(folder)
        for file, old, new in mutant.changes:
            path = source / "modeldata" / file
            text = path.read_text(encoding="utf-8")
            if text.count(old) != 1:
                return "stale", f"{file}: found {text.count(old)} times instead of once: {old!r}", 0.0
            path.write_text(text.replace(old, new), encoding="utf-8")
        if mutant.compiled:
            compile_into(Path(folder), source / "modeldata/native")
        if not loaded_from(source):
            return "broken", "the copy is not what the tests would load", 0.0
        status, out = run(source, mutant.tests)
    seconds = time.monotonic() - began
    failed = [line for line in out.splitlines() if line.startswith(("FAILED", "ERROR"))]
    if status == 1 and any(line.startswith("FAILED") for line in failed):
        return "caught", failed[0].partition(" - ")[0].removeprefix("FAILED "), seconds
    if status == 0:
        return "SURVIVED", ", ".join(mutant.tests), seconds
    return "broken", out[-1500:], seconds


def all_pass(chosen: list[Mutant], workers: str, *, compiled: bool) -> bool:
    """Do the tests of these guards pass where nothing is switched off?"""
    tests = tuple(sorted({test for mutant in chosen for test in mutant.tests}))
    print(f"{len(chosen)} guards, {len(tests)} tests{', with the compiled part' if compiled else ''}", flush=True)
    if not tests:
        return True
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        source = copy_of_source(folder)
        if compiled:
            compile_into(Path(folder), source / "modeldata/native")
        status, out = run(source, tests, "-n", workers, "--dist", "worksteal", seconds=WHOLE_SECONDS)
    if status:
        print(out[-4000:])
    return not status


def main(words: list[str]) -> int:
    workers = os.environ.get("WORKERS", str(os.cpu_count() or 1))
    chosen = [mutant for mutant in MUTANTS if not words or any(word in mutant.guard for word in words)]
    for compiled in (False, True):
        if not all_pass([mutant for mutant in chosen if mutant.compiled == compiled], workers, compiled=compiled):
            print("with every guard in place these tests must pass: nothing is shown until they do")
            return 2
    outcomes: dict[str, int] = {}
    with concurrent.futures.ThreadPoolExecutor(max_workers=int(workers)) as pool:
        for mutant, (outcome, details, seconds) in zip(chosen, pool.map(try_one, chosen), strict=True):
            outcomes[outcome] = outcomes.get(outcome, 0) + 1
            print(f"{outcome:8}  {mutant.guard:60}  {seconds:5.0f} s  {details}", flush=True)
    print(", ".join(f"{number} {outcome}" for outcome, number in sorted(outcomes.items())))
    return 0 if set(outcomes) <= {"caught"} else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
