"""On any platform: accepted rows outlive their process, are archived once, read, audited and erased, and every command answers."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

from tests.support.archive import data_files
from tests.support.scripts import drain, environment, modeldata

ROWS = 500
SERVICE = f"""
import sys, time
from modeldata import ModelDataCollector
inputs = ModelDataCollector("m", identifier="inputs", feature_names=["customer", "n"])
accepted = sum(inputs.collect([n % 10, n]) for n in range({ROWS}))
print(accepted, inputs.archive.stats() if accepted < {ROWS} else "", flush=True)
time.sleep(60)
"""


def killed_service(folder: Path) -> Path:
    """The archive of a service that was ended without a word when all its rows were accepted."""
    archive = folder / "archive"
    process = subprocess.Popen(
        [sys.executable, "-c", SERVICE],
        env=environment(MODELDATA_ARCHIVE=str(archive), MODELDATA_SHIP="off"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    accepted = process.stdout.readline().strip()
    process.kill()
    process.communicate()
    assert accepted == str(ROWS)
    return archive


def numbers(archive: Path) -> list[int]:
    """Column `n` of all rows, as the csv module reads them."""
    found = []
    for path in data_files(archive):
        with path.open(newline="", encoding="utf-8") as file:
            found += [int(row["n"]) for row in csv.DictReader(file)]
    return sorted(found)


def answer(archive: Path, *command: str) -> str:
    done = modeldata(*command, "--archive", str(archive))
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


def test_rows_of_a_killed_process_are_archived_once_and_can_be_erased(tmp_path: Path) -> None:
    archive = killed_service(tmp_path)
    drain(archive)
    drain(archive)
    assert numbers(archive) == list(range(ROWS))
    assert json.loads(answer(archive, "audit", "--json"))["rows"] == ROWS

    answer(archive, "erase", "--where", "customer = 7", "--yes")
    assert numbers(archive) == [n for n in range(ROWS) if n % 10 != 7]
    audit = modeldata("audit", "--json", "--archive", str(archive))
    assert audit.returncode == 3, "rows are missing, each with a reason"
    assert json.loads(audit.stdout)["rows"] == ROWS - ROWS // 10


def test_every_command_answers(tmp_path: Path) -> None:
    archive = killed_service(tmp_path)
    drain(archive)
    for command in ("status", "audit", "coverage", "ls", "head m/inputs", "stats m/inputs", "compact", "prune --older-than 1d"):
        answer(archive, *command.split())
    assert str(ROWS) in answer(archive, "query", "SELECT count(*) AS n FROM m_inputs")
    answer(archive, "export", "m/inputs", "-o", str(tmp_path / "rows.csv"))
    with (tmp_path / "rows.csv").open(newline="", encoding="utf-8") as file:
        assert sorted(int(row["n"]) for row in csv.DictReader(file)) == list(range(ROWS))
